"""The launcher in a real JupyterLab: its cards in a real browser, and nobody else gets an answer."""

import contextlib
import json
import os
import re
import shutil
import socket
import urllib.error
import urllib.request

import pytest

from workbench.bench import create, shipped
from workbench.bench.lab import LINKS
from workbench.engines import jupyter
from workbench.engines.lab_extension import asked
from workbench.engines.servers import Servers
from workbench.errors import Misuse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = r"Free <img src=x onerror=alert(1)> costs $a$ and $\href{javascript:alert(1)}{b}$ *raises* `orders`"


def test_a_request_is_an_object_of_texts():
    found = {"template": "blank", "hypothesis": "", "owner": "", "date": "", "name": "x"}
    assert asked(b'{"template": "blank", "name": "x"}') == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{half",
        b"\xff",
        b"null",
        b"[]",
        b'"x"',
        b'{"template": 1}',
        b'{"path": "x"}',
        b'{"name": ["x"]}',
        b"[" * 10**5,
    ],
)
def test_any_other_request_is_refused(body):
    with pytest.raises(Misuse):
        asked(body)


def test_the_card_asks_no_other_machine():
    folder = shipped("templates") / "jupyterlab" / "labextensions" / "@workbench" / "launcher"
    build = json.loads((folder / "package.json").read_text("utf-8"))["jupyterlab"]["_build"]
    text = (folder / build["load"]).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text
    assert "https:" not in text
    assert "innerHTML" not in text


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab on a new workspace; yields (its address, the workspace)."""
    root = tmp_path_factory.mktemp("lab") / "w"
    with running(root) as port:
        yield f"http://127.0.0.1:{port}", root


@contextlib.contextmanager
def running(root, prefix="/"):
    """The port of a JupyterLab on a new workspace."""
    create(root)
    run = root / ".run"
    run.mkdir()
    (run / "lab.token").write_text("t0ken")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (run / LINKS).write_text(json.dumps([{"name": "Promotions", "url": f"http://127.0.0.1:{port}/api"}]))
    server = jupyter.lab(
        root,
        settings=shipped("templates") / "jupyterlab",
        port=port,
        token_file=run / "lab.token",
        environ=os.environ,
        log=run / "lab.log",
        prefix=prefix,
        proxied=prefix != "/",
    )
    with Servers([server]) as servers:
        servers.start()
        assert servers.wait(120, on_answer=lambda *_: None)
        yield port


def answered(address, body=None, **headers):
    """Status and JSON of a request."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.slow
def test_jupyterlab_lives_behind_a_prefix_and_under_the_name_of_a_proxy(nginx, tmp_path):
    """It answers under that prefix: its page, the scripts that the page names, the cards, and files but no stores."""
    named = {"Host": "data.example"}

    def read(address):
        with urllib.request.urlopen(urllib.request.Request(address, headers=named), timeout=60) as answer:
            return answer.read().decode()

    with (
        running(tmp_path / "w", prefix="/team/lab/") as port,
        nginx(tmp_path, {"/team/lab/": f"http://127.0.0.1:{port}"}) as door,
    ):
        there = f"http://127.0.0.1:{door}"
        text = read(f"{there}/team/lab/lab?token=t0ken")
        assert '"baseUrl": "/team/lab/"' in text
        scripts = re.findall(r'<script[^>]* src="([^"]+)"', text)
        assert scripts and all(script.startswith("/team/lab/static/") for script in scripts)
        assert read(f"{there}{scripts[0].partition('?')[0]}")
        cards = f"{there}/team/lab/workbench/launcher"
        assert answered(cards, **named, Authorization="token t0ken")[0] == 200
        assert answered(cards, **named)[0] == 403
        for name in ("ledger.db", "ledger.db-wal", "mlflow.db.lock"):
            (tmp_path / "w" / name).touch()
        (tmp_path / "w" / "keys").mkdir()
        _, listed = answered(f"{there}/team/lab/api/contents", **named, Authorization="token t0ken")
        assert {file["name"] for file in listed["content"]} == {"notebooks", "policies", "reports", "workbench.toml"}


@pytest.mark.slow
def test_only_who_has_the_token_is_answered_and_errors_are_words(lab):
    address, root = lab[0] + "/workbench/launcher", lab[1]
    token = {"Authorization": "token t0ken"}
    wanted = {"template": "blank", "hypothesis": "It holds", "name": "by-request"}
    assert answered(address)[0] == 403
    assert answered(address, wanted)[0] == 403
    assert answered(address, wanted, Authorization="token wrong")[0] == 403
    assert not (root / "notebooks" / "by-request.ipynb").exists()
    status, offered = answered(address, **token)
    assert (status, offered["links"]) == (200, [{"name": "Promotions", "url": f"{lab[0]}/api"}])
    assert answered(address, wanted, **token) == (200, {"path": "notebooks/by-request.ipynb"})
    status, told = answered(address, wanted, **token)
    assert (status, "exists already" in told["message"]) == (400, True)
    for wrong in ([1], {"template": {}}, {**wanted, "name": "../../x"}, b"{half", b"\xff"):
        status, told = answered(address, wrong, **token)
        assert (status, bool(told["message"])) == (400, True), wrong


@pytest.mark.slow
def test_a_page_of_another_site_cannot_begin_a_notebook_in_the_users_name(lab):
    """A browser sends its cookie with a forged request too, but not the XSRF token."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(f"{lab[0]}/lab?token=t0ken", timeout=30).close()
    browser.open(f"{lab[0]}/workbench/launcher", timeout=30).close()
    forged = json.dumps({"template": "blank", "hypothesis": "x", "name": "forged"}).encode()
    with pytest.raises(urllib.error.HTTPError) as refused:
        browser.open(f"{lab[0]}/workbench/launcher", forged, timeout=30)
    refused.value.close()
    assert refused.value.code == 403
    assert not (lab[1] / "notebooks" / "forged.ipynb").exists()


@pytest.fixture
def page(lab):
    """JupyterLab in a browser, at a new launcher; at its end nothing was asked of another machine."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium (.ci/run installs Debian's)")
    from playwright.sync_api import sync_playwright

    outside, wrong = [], []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.on("request", lambda r: None if r.url.startswith(local) else outside.append(r.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(f"{lab[0]}/lab?token=t0ken&reset")
        card(page, "New Experiment").wait_for(timeout=60_000)
        yield page
        browser.close()
    assert outside == []
    assert wrong == []


def ask_palette(page, command):
    """Run a command by the palette, which closes when what is still opening takes the keyboard away: then once more."""
    from playwright.sync_api import TimeoutError as TooLong

    page.get_by_text("| Idle").wait_for(timeout=90_000)  # the kernel is there, and the notebook keeps still
    for _ in range(20):
        page.keyboard.press("Control+Shift+C")
        with contextlib.suppress(TooLong):
            page.locator(".lm-CommandPalette-input:visible").fill(command, timeout=3_000)
            page.locator(".lm-CommandPalette-item.lm-mod-active", has_text=command).wait_for(timeout=3_000)
            break
    page.keyboard.press("Enter")


def card(page, label):
    return page.locator(".jp-LauncherCard", has_text=label)


def cells_of(path):
    return json.loads(path.read_text("utf-8"))["cells"]


@pytest.mark.slow
def test_a_card_begins_an_experiment_and_the_run_form_is_put_below_its_parameters(lab, page, tmp_path):
    root = lab[1]
    shown = {text.strip() for text in page.locator(".jp-LauncherCard").all_inner_texts()}
    assert {"New Audit", "New Blank", "New Experiment", "New Model", "Run Form", "Promotions"} <= shown
    page.screenshot(path=os.environ.get("SCREENSHOT", str(tmp_path / "launcher.png")))

    card(page, "New Experiment").click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Create").click()
    dialog.get_by_role("alert").filter(has_text="the hypothesis is missing").wait_for()
    dialog.get_by_label("What do you expect").fill(HOSTILE)
    dialog.get_by_label("Name of the notebook").fill("free shipping")
    dialog.get_by_label("Who answers for it").fill("Ada <b>")
    dialog.get_by_role("button", name="Create").click()

    title = page.locator(".jp-Notebook .jp-RenderedMarkdown").first
    title.get_by_text("Owner:").wait_for(timeout=60_000)
    assert f"Hypothesis: {HOSTILE}" in title.inner_text()
    assert "Owner: Ada <b>" in title.inner_text()
    assert title.locator("img, b, code, em, mjx-container, a[href*=javascript]").count() == 0
    made = json.loads((root / "notebooks" / "free-shipping.ipynb").read_text("utf-8"))
    assert made["metadata"]["workbench"]["hypothesis"] == HOSTILE

    ask_palette(page, "Workbench: Run Form")
    form = page.locator(".jp-Notebook .jp-CodeCell", has_text="workbench.form()")
    form.locator(".jp-OutputArea-output").first.wait_for(timeout=60_000)
    cells = cells_of(root / "notebooks" / "free-shipping.ipynb")
    at = next(number for number, cell in enumerate(cells) if "workbench.form()" in "".join(cell["source"]))
    assert cells[at - 1]["metadata"]["tags"] == ["parameters"]
    page.screenshot(path=str(tmp_path / "form.png"))


@pytest.mark.slow
def test_without_a_notebook_the_run_form_asks_for_one_and_opens_in_a_scratch_notebook(lab, page):
    card(page, "Run Form").click()
    page.locator(".jp-Dialog select").select_option("train")
    page.get_by_role("button", name="Open its form").click()
    form = page.locator(".jp-Notebook .jp-CodeCell", has_text='workbench.form("train")')
    form.locator(".jp-OutputArea-output").first.wait_for(timeout=60_000)
    (scratch,) = lab[1].glob("Untitled*.ipynb")
    assert "".join(cells_of(scratch)[0]["source"]) == 'import workbench\n\nworkbench.form("train")'


@pytest.mark.slow
def test_a_card_of_a_page_opens_it_in_a_tab_of_its_own(lab, page):
    with page.context.expect_page() as opened:
        card(page, "Promotions").click()
    assert opened.value.url == f"{lab[0]}/api"
