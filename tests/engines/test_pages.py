"""The frame of the pages in a real browser: nothing comes from outside, widgets work, and no kernel stays."""

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
seen = w.Label("workspace: " + os.environ["WORKBENCH_WORKSPACE"])
w.VBox([w.IntSlider(value=30, description="n"), button, said, secret, seen])
"""
TINY = """
import anywidget
class Tiny(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'tiny is here'; } }"
Tiny()
"""
FIGURE = """
import plotly.graph_objects as go
go.Figure(go.Bar(y=[1, 3, 2]), layout={"height": 260})
"""
CELLS = [("markdown", "# Rehearsal"), ("code", WIDGETS), ("code", TINY), ("code", FIGURE)]


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    """Voila with our template on a folder of two pages; yields (address of one, token, the Servers)."""
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
    (apps / "rehearsal.ipynb").write_text(json.dumps(notebook))
    failing = {**notebook, "cells": [_cell("code", "raise ValueError('the inside of the house')")]}
    (apps / "failing.ipynb").write_text(json.dumps(failing))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = jupyter.pages(
        folder,
        apps=apps,
        template=shipped("templates"),
        port=port,
        token="t0ken",
        run=run,
        environ={**os.environ, "SECRET": "of the server"},
        log=run / "pages.log",
    )
    with Servers([server]) as servers:
        servers.start()
        servers.wait(120, on_answer=lambda *_: None)
        yield f"http://127.0.0.1:{port}/voila/render", "t0ken", servers


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
        self.page.goto(address, wait_until="commit")

    def _route(self, route):
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()


def kernels(servers):
    (pid,) = servers.pids.values()
    return {child for child in psutil.Process(pid).children() if "ipykernel" in " ".join(child.cmdline())}


def until(check, *, seconds=15):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_page_draws_every_kind_of_widget_from_this_machine_alone(voila, browser, tmp_path):
    render, token, _ = voila
    visit = Visit(browser, f"{render}/rehearsal.ipynb?token={token}")
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


def test_a_kernel_goes_when_its_page_is_left(voila, browser):
    render, token, servers = voila
    before = kernels(servers)
    visit = Visit(browser, f"{render}/rehearsal.ipynb?token={token}")
    visit.page.get_by_text("tiny is here").wait_for(timeout=60_000)
    (kernel,) = kernels(servers) - before
    until(lambda: any(cookie["name"] == "_xsrf" for cookie in visit.context.cookies()))
    visit.page.goto("about:blank")
    until(lambda: not kernel.is_running())


def test_a_page_that_fails_shows_nothing_of_its_inside(voila, browser):
    render, token, _ = voila
    visit = Visit(browser, f"{render}/failing.ipynb?token={token}")
    visit.page.locator("#rendered_cells:not([hidden])").wait_for(timeout=60_000)
    assert "inside of the house" not in visit.page.content()
    assert visit.outside == []


def test_the_list_of_pages_is_ours_too(voila, browser):
    render, token, _ = voila
    visit = Visit(browser, f"{render.removesuffix('voila/render')}?token={token}")
    assert visit.page.get_by_role("link", name="Rehearsal").count() == 1
    assert visit.outside == []
    assert visit.wrong == []


def test_nobody_comes_in_without_the_token(voila):
    render, _, servers = voila
    before = len(kernels(servers))
    with urllib.request.urlopen(f"{render}/rehearsal.ipynb", timeout=20) as answer:
        assert "/login" in answer.geturl()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{render.removesuffix('/render')}/files/rehearsal.ipynb", timeout=20)
    assert len(kernels(servers)) == before


def test_a_template_cannot_be_chosen_from_the_address(voila, browser):
    render, token, _ = voila
    visit = Visit(browser, f"{render}/rehearsal.ipynb?template=lab&theme=dark&token={token}")
    visit.page.locator(".wb-header").wait_for(timeout=30_000)
    assert visit.outside == []


def test_the_template_names_no_other_machine():
    for file in (shipped("templates") / "voila").rglob("*.*"):
        if file.is_file():
            text = Path(file).read_text("utf-8")
            assert "http:" not in text.replace("{{", ""), file
            assert "https:" not in text, file
