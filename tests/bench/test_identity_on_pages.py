"""The proxy's header through a real Voila and a real Chromium: who comes by the proxy is known, nobody else."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from workbench.bench import create, open_bench, shipped
from workbench.bench.identity import SECRET_FILE, page_headers
from workbench.bench.settings import FILE
from workbench.engines import jupyter
from workbench.engines.servers import Servers
from workbench.errors import NeedsPeople
from workbench.evidence import Figure, Finding
from workbench.ledger import ModelVersion
from workbench.promotion import Declaration

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SETTING, SECRET, TOKEN = "proxy:X-Remote-User", "k7" * 20, "t0ken"
PEOPLE = {"risk-officer": "approver", "auditor": "approver", "analyst": "analyst", "visitor": "viewer"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


def candidate(bench):
    """A version of a model of high stakes, with all the evidence that the policy wants."""
    at = bench.now()
    version = ModelVersion(
        model="lending", version=1, run_id="r", source="s", model_digest="m", data_digest="d", feature_set="loan@1",
        notebook_digest="n", threshold=0.5, parameters={}, metrics={}, registered_at=at.isoformat(),
        registered_by="analyst",
    )  # fmt: skip
    told = {"subject": version.subject, "actor": "analyst", "why": "trained", "now": at}
    bench.ledger.append("version.registered", body=version.as_body(), **told)
    fair = Figure(0.95, 0.9, 0.99, probability=0.99, target=0.8)
    found = {
        "performance": {"f1": Figure(0.93, 0.92, 0.94)},
        "fairness": {"disparate_impact.race": fair, "disparate_impact.sex": fair},
    }
    for kind, figures in found.items():
        finding = Finding(kind, version.subject, "pass", "it was looked at", figures, "d", "r", at.isoformat())
        bench.ledger.append("evidence.recorded", body=finding.as_body(), **told)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A workspace behind a proxy, in which a question waits for two people."""
    root = tmp_path_factory.mktemp("behind") / "w"
    create(root)
    with open_bench(root) as bench:
        candidate(bench)
        for name, role in PEOPLE.items():
            bench.desk.change_roles(name, [role], by=bench.identity, why="as it is organised", now=bench.now())
        made = Declaration("lending", "high", "risk-officer")
        bench.gate.declare(made, actor="analyst", why="it decides about people", now=bench.now())
        with pytest.raises(NeedsPeople):
            bench.gate.promote("lending", 1, actor="analyst", why="the first that is fair", now=bench.now())
    settings = root / FILE
    settings.write_text(settings.read_text().replace('identity = "os"', f'identity = "{SETTING}"'))
    (root / SECRET_FILE).touch(mode=0o600)
    (root / SECRET_FILE).write_text(SECRET)
    return root


@contextlib.contextmanager
def voila(asked, run, prefix="/"):
    """The port of the workspace's pages, in a real Voila."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = jupyter.pages(
        asked,
        apps=shipped("notebooks") / "apps",
        template=shipped("templates"),
        port=port,
        token=TOKEN,
        run=run,
        environ={**os.environ, "HTTP_X_REMOTE_USER": "risk-officer", "HTTP_X_WORKBENCH_PROXY": SECRET},  # forged
        log=run / "pages.log",
        places=jupyter.Places(most=4, gb=1, idle=60),
        headers=page_headers(SETTING),
        prefix=prefix,
    )
    with Servers([server]) as servers:
        servers.start()
        servers.wait(120, on_answer=lambda *_: None)
        yield port


@pytest.fixture(scope="module")
def pages(asked, tmp_path_factory):
    """The address of the workspace's pages."""
    with voila(asked, tmp_path_factory.mktemp("run")) as port:
        yield f"http://127.0.0.1:{port}/voila/render"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(pages, browser):
    """Opens a page as a client that sends these headers."""
    contexts = []

    def opened(name, headers, width=1280):
        contexts.append(browser.new_context(viewport={"width": width, "height": 1000}, extra_http_headers=headers))
        page = contexts[-1].new_page()
        page.goto(f"{pages}/{name}.ipynb?token={TOKEN}")
        page.locator(".wb-page .wb-lead").wait_for(timeout=90_000)
        return page

    yield opened
    for context in contexts:
        context.close()


WEAK = """() => {
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => sum + share * linear(rgb[i] / 255), 0);
  const ground = node => {
    for (let each = node; each; each = each.parentElement) {
      const found = parts(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll('body *')) {
    const words = [...node.childNodes].filter(one => one.nodeType === 3).map(one => one.data.trim()).join(' ').trim();
    if (!words || !node.checkVisibility() || node.closest('style, script, noscript, option, .wb-said')) continue;
    const look = getComputedStyle(node), ink = parts(node.closest('svg') ? look.fill : look.color);
    const [low, high] = [light(ink), light(ground(node))].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) weak.push([words.slice(0, 40), ratio.toFixed(2), node.className.baseVal ?? node.className]);
  }
  return weak;
}"""  # texts of less than 4.5 to 1 on what is painted below them; WCAG 2.2, 1.4.3


def by_proxy(name):
    return {"X-Remote-User": name, "X-Workbench-Proxy": SECRET}


def test_an_approver_who_comes_by_the_proxy_answers_in_their_own_name_with_the_keyboard(visit, asked):
    page = visit("approvals", by_proxy("auditor"), width=820)
    assert "You act as auditor (approver), told by the proxy before the pages." in page.inner_text("body")
    assert "1 question waits for people, 1 of them for you." in page.inner_text("body")
    wide = "[...document.querySelectorAll('.wb-page *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert page.evaluate(f"{wide}.length") == 0
    page.get_by_label("Your reason to promote lending 1, or not to (required)").focus()
    page.keyboard.type("the audit convinces me")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Approve
    page.get_by_role("button", name="Yes, I approve to promote lending 1").wait_for()
    page.keyboard.press("Enter")  # it has the focus
    page.get_by_text("1 more needed.").first.wait_for(timeout=30_000)
    with open_bench(asked) as bench:
        (given,) = bench.ledger.entries(kind="approval.given")
        assert (given.actor, given.why) == ("auditor", "the audit convinces me")
        assert given.body["approval"]["source"] == "proxy"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_text_is_legible_by_day_and_in_the_dark(visit, look):
    for name in ("promotions", "approvals"):
        page = visit(name, by_proxy("risk-officer"))
        page.emulate_media(color_scheme=look)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.wait_for_timeout(300)
        assert page.evaluate(WEAK) == []
        grounds = page.evaluate(
            "['html', '.wb-page'].map(of => getComputedStyle(document.querySelector(of)).colorScheme)"
        )
        assert grounds == ["light dark", look]
        assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 252, 253)") == (
            look == "light"
        )


def test_a_viewer_who_comes_by_the_proxy_may_look_and_has_nothing_to_press(visit):
    page = visit("promotions", by_proxy("visitor"))
    text = page.inner_text("body")
    assert "You act as visitor (viewer)" in text
    assert "You may look; deciding is for others." in text
    words = set(page.get_by_role("button").all_inner_texts())
    assert words == {"Refresh", "Its story", "Lineage", "Model card"}


def test_who_does_not_come_by_the_proxy_is_nobody_and_sees_nothing(visit):
    """Not by a header of their own, and not by what the server's environment was forged to say."""
    text = visit("promotions", {"X-Remote-User": "risk-officer"}).inner_text("body")
    assert "Nothing can be shown yet." in text
    assert "Nobody vouches for you" in text
    assert "lending" not in text
    assert "You act as" not in text


def test_pages_live_behind_a_prefix_and_are_told_who_comes_by_the_proxy_alone(asked, browser, nginx, tmp_path):
    prefix = "/team/workbench/"
    with (
        voila(asked, tmp_path, prefix) as port,
        nginx(
            tmp_path, {prefix: f"http://127.0.0.1:{port}"}, X_Remote_User="auditor", X_Workbench_Proxy=SECRET
        ) as door,
        browser.new_context(extra_http_headers=by_proxy("risk-officer")) as context,  # a forgery, which it replaces
    ):
        page = context.new_page()
        here = f"127.0.0.1:{door}{prefix}"
        with page.expect_websocket(timeout=90_000) as socketed:
            page.goto(f"http://{here}voila/render/approvals.ipynb?token={TOKEN}", timeout=90_000)
        page.locator(".wb-page .wb-lead").wait_for(timeout=90_000)
        assert "You act as auditor (approver), told by the proxy before the pages." in page.inner_text("body")
        assert socketed.value.url.startswith(f"ws://{here}")
        page.wait_for_function("document.querySelectorAll('.jupyter-widgets').length > 0", timeout=90_000)
        assert not socketed.value.is_closed(), "the kernel's channel is open"
        links = page.eval_on_selector_all("nav a, a.wb-name", "found => found.map(one => one.href)")
        assert links and all(link.startswith(f"http://{here}") for link in links)
