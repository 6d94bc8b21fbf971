"""The pages in a real browser: nothing comes from outside, widgets work, places are limited, no kernel stays."""

import http.cookiejar
import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from workbench.batch.warm import Zygote
from workbench.batch.warm.identity import identify
from workbench.bench import shipped
from workbench.engines import jupyter
from workbench.engines.servers import Servers

pytestmark = pytest.mark.slow

PLOTLYS_OWN = "setData is not a function"  # plotly's renderer asks for what Voila's outputs lack; the figure is drawn
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDGETS = """
import os, ipywidgets as w
said, button = w.Label("not pressed"), w.Button(description="Press")
button.on_click(lambda _: setattr(said, "value", "pressed"))
secret = w.Label("secret: " + os.environ.get("SECRET", "unseen"))
token = w.Label(f"token: in {[name for name, value in os.environ.items() if 't0ken' in value]}")
seen = w.Label("workspace: " + os.environ["WORKBENCH_WORKSPACE"])
w.VBox([w.IntSlider(value=30, description="n"), button, said, secret, token, seen])
"""
TINY = """
import anywidget
class Tiny(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'tiny is here'; } }"
Tiny()
"""
GREEDY = """
import os, ipywidgets as w
kept, more, end = [], w.Button(description="More"), w.Button(description="End")
more.on_click(lambda _: kept.append(bytearray(os.urandom(1 << 20) * 700)))
end.on_click(lambda _: os._exit(3))
w.HBox([more, end])
"""
FIGURE = """
import plotly.graph_objects as go
go.Figure(go.Bar(y=[1, 3, 2]), layout={"height": 260})
"""
CELLS = [("markdown", "# Rehearsal"), ("code", WIDGETS), ("code", TINY), ("code", FIGURE)]


PRELOAD = ("ipywidgets", "anywidget", "plotly.graph_objects")
TOKEN = "t0ken"


class Pages:
    """A Voila with our template on a folder of pages."""

    def __init__(self, servers, port, zygote):
        self.servers, self.zygote = servers, zygote
        self.root = f"http://127.0.0.1:{port}/"

    def __call__(self, name, more=""):
        """The address of a page."""
        return f"{self.root}voila/render/{name}.ipynb?{more}token={TOKEN}"

    def kernels(self):
        (pid,) = self.servers.pids.values()
        forked = (self.zygote.status() or {"children": []})["children"] if self.zygote else []
        cold = {child for child in psutil.Process(pid).children() if is_kernel(child)}
        return cold | {psutil.Process(child) for child in forked if psutil.pid_exists(child)}


def is_kernel(process):
    try:
        return "ipykernel" in " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False


@pytest.fixture(scope="module", params=["cold", "warm"])
def voila(request, tmp_path_factory):
    """Pages behind cold kernels and behind warm ones, at most two at once."""
    folder = tmp_path_factory.mktemp("pages")
    apps, run = folder / "apps", folder / "run"
    apps.mkdir()
    run.mkdir()
    notebook = {
        "cells": [_cell(kind, source) for kind, source in CELLS],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    failing = "raise ValueError('the inside of the house')"
    (apps / "rehearsal.ipynb").write_text(json.dumps(notebook))
    for name, source in {"failing": failing, "greedy": GREEDY}.items():
        (apps / f"{name}.ipynb").write_text(json.dumps({**notebook, "cells": [_cell("code", source)]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "SECRET": "of the server"}
    zygote = Zygote(identify(PRELOAD, environ)) if request.param == "warm" else None
    if zygote:
        zygote.start()
        jupyter.write_kernelspec(run / "kernels" / jupyter.KERNEL, jupyter.kernelspec(PRELOAD))
    server = jupyter.pages(
        folder,
        apps=apps,
        template=shipped("templates"),
        port=port,
        token=TOKEN,
        run=run,
        environ=environ,
        log=run / "pages.log",
        places=jupyter.Places(most=2, gb=0.5, idle=10),
        kernels=run if zygote else None,
    )
    with Servers([server]) as servers:
        servers.start()
        servers.wait(120, on_answer=lambda *_: None)
        pages = Pages(servers, port, zygote)
        yield pages
    if zygote:
        assert not zygote.status()["children"], "a kernel outlived its server"
        zygote.stop()


def _cell(kind, source):
    cell = {"cell_type": kind, "id": str(abs(hash(source)) % 10**8), "metadata": {}, "source": source}
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}


@pytest.fixture
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium (.ci/run installs Debian's)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


class Visit:
    """One tab that may reach this machine only, and remembers what it asked and what went wrong."""

    def __init__(self, browser, address):
        self.outside, self.wrong = [], []
        self.context = browser.new_context(viewport={"width": 1024, "height": 768})
        self.page = self.context.new_page()
        self.context.route("**/*", self._route)
        self.page.on("pageerror", lambda error: PLOTLYS_OWN in str(error) or self.wrong.append(str(error)))
        self.page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        self.status = self.page.goto(address, wait_until="commit").status

    def leave(self):
        """Close the page as a person does."""
        until(lambda: any(cookie["name"] == "_xsrf" for cookie in self.context.cookies()))
        self.page.goto("about:blank")

    def _route(self, route):
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()


def answered(address):
    """The whole answer to one who keeps cookies and runs no script."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    with urllib.request.build_opener(jar).open(address, timeout=60) as answer:
        return answer.read()


def until(check, *, seconds=15):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def no_viewer_is_there(voila):
    """Each test begins with all places free."""
    until(lambda: not voila.kernels(), seconds=40)


def test_a_page_draws_every_kind_of_widget_from_this_machine_alone(voila, browser, tmp_path):
    visit = Visit(browser, voila("rehearsal"))
    page = visit.page
    page.wait_for_selector(".wb-header", timeout=20_000)
    page.get_by_role("button", name="Press").click(timeout=60_000)
    page.get_by_text("pressed", exact=True).wait_for(timeout=20_000)
    page.get_by_text("tiny is here").wait_for(timeout=20_000)
    page.locator(".js-plotly-plot .bars").first.wait_for(timeout=20_000)
    assert page.locator("#wb-working").is_hidden()
    assert page.get_by_text("secret: unseen").count() == 1, "a viewer's kernel saw the server's environment"
    assert page.get_by_text("workspace: /").count() == 1
    assert page.locator("nav a[aria-current]").inner_text() == "Rehearsal"
    assert page.get_by_role("heading", name="Rehearsal").bounding_box()["y"] > 50, "the header hides the title"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than a tablet"
    assert "token" not in page.url
    assert page.locator(".jp-InputArea-editor").count() == 0
    page.screenshot(path=os.environ.get("SCREENSHOT", str(tmp_path / "page.png")))
    assert visit.outside == []
    assert visit.wrong == []
    visit.leave()


def test_a_kernel_sees_no_token_and_nothing_of_the_server(voila, browser):
    visit = Visit(browser, voila("rehearsal"))
    visit.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    (kernel,) = voila.kernels()
    first = Path(f"/proc/{kernel.pid}/environ").read_bytes()  # as it began: for a warm one, the zygote's
    for hidden in (b"of the server", TOKEN.encode(), b"JUPYTER_TOKEN"):
        assert hidden not in first
    assert visit.page.get_by_text("token: in", exact=False).inner_text() == "token: in []"
    visit.leave()


def test_a_kernel_goes_at_once_when_its_page_is_left(voila, browser):
    visit = Visit(browser, voila("rehearsal"))
    visit.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    (kernel,) = voila.kernels()
    visit.leave()
    until(lambda: not kernel.is_running())


def test_a_kernel_whose_page_went_without_a_word_goes_in_time(voila):
    answered(voila("rehearsal"))
    assert len(voila.kernels()) == 1
    until(lambda: not voila.kernels(), seconds=40)


def test_who_finds_no_place_is_told_and_gets_the_next_one(voila, browser):
    first, second = Visit(browser, voila("rehearsal")), Visit(browser, voila("rehearsal"))
    for visit in (first, second):
        visit.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    third = Visit(browser, voila("rehearsal"))
    third.page.get_by_text("All places are taken").wait_for(timeout=30_000)
    assert third.status == 503
    assert "2 pages are open" in third.page.inner_text("main, body")
    assert "Traceback" not in third.page.content()
    assert len(voila.kernels()) == 2
    first.page.reload(wait_until="commit")  # one's own place is kept
    first.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    second.leave()
    third.page.get_by_role("link", name="try again now").click()
    third.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    for visit in (first, third):
        assert visit.outside == []
        visit.leave()


def test_a_page_that_takes_too_much_memory_is_ended_and_says_so(voila, browser):
    visit = Visit(browser, voila("greedy"))
    visit.page.get_by_role("button", name="More").click(timeout=60_000)
    visit.page.get_by_text("took more than the 0.5 GB of memory").wait_for(timeout=30_000)
    until(lambda: not voila.kernels())


def test_a_page_whose_kernel_ends_says_so(voila, browser):
    visit = Visit(browser, voila("greedy"))
    visit.page.get_by_role("button", name="End").click(timeout=60_000)
    visit.page.get_by_text("kernel ended by itself").wait_for(timeout=30_000)
    assert not voila.kernels()


def test_a_page_that_fails_shows_nothing_of_its_inside(voila, browser):
    visit = Visit(browser, voila("failing"))
    visit.page.locator("#rendered_cells:not([hidden])").wait_for(timeout=60_000)
    assert "inside of the house" not in visit.page.content()
    assert visit.outside == []
    visit.leave()


def test_the_list_of_pages_is_ours_too(voila, browser):
    visit = Visit(browser, f"{voila.root}?token={TOKEN}")
    assert visit.page.get_by_role("link", name="Rehearsal").count() == 1
    assert visit.outside == []
    assert visit.wrong == []


def test_nobody_comes_in_without_the_token(voila):
    with urllib.request.urlopen(f"{voila.root}voila/render/rehearsal.ipynb", timeout=20) as answer:
        assert "/login" in answer.geturl()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{voila.root}voila/files/rehearsal.ipynb", timeout=20)
    assert not voila.kernels()


def test_a_template_cannot_be_chosen_from_the_address(voila, browser):
    visit = Visit(browser, voila("rehearsal", "template=lab&theme=dark&"))
    visit.page.locator(".wb-header").wait_for(timeout=30_000)
    assert visit.outside == []
    visit.leave()


def test_the_template_names_no_other_machine():
    for file in (shipped("templates") / "voila").rglob("*.*"):
        if file.is_file():
            text = Path(file).read_text("utf-8")
            assert "http:" not in text.replace("{{", ""), file
            assert "https:" not in text, file
