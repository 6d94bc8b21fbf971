"""The run form in a real JupyterLab and the run page in Voila, as a person uses them in Chromium."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from workbench.bench import create, shipped
from workbench.engines import jupyter
from workbench.engines.servers import Servers

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("SCREENSHOTS")  # a folder to look at them
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (.ci/run installs Debian's)"),
]

PARAMETERS = """from datetime import date
from typing import Literal

seed: int = 7  # of the draws, 0 to 100
alpha: float = 0.05  # significance level, in (0, 1)
metric: Literal["visits", "spend"] = "visits"  # what is compared
since: date = date(2026, 1, 1)  # first day that counts
name: str = "<b>rand</b>"  # name of the experiment
arms: list[str] = ["0 %", "25 %"]  # arms that are compared
check: bool = True  # whether PyMC is asked the same question"""
FOUND = """import workbench
bench = workbench.open_bench()
record = bench.record()
record.metric("f1", seed / 100)
record.sentence(f"With the seed {seed} it came to {seed / 100}.")
record.close()"""


def cell(source, tags=()):
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"c{len(source)}",
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source,
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with one small notebook that ends with a form of itself."""
    root = tmp_path_factory.mktemp("lab") / "w"
    create(root)
    cells = [cell("workbench.form()"), cell(FOUND)]
    content = {
        "cells": [cell(PARAMETERS, ["parameters"]), cell(FOUND), cell("workbench.form()")],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    del cells
    (root / "notebooks" / "small one.ipynb").write_text(json.dumps(content))
    (root / ".run").mkdir(mode=0o700)
    return root


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def servers(workspace):
    """JupyterLab and the pages of the workspace; yields the address of each."""
    run, lab_port, pages_port = workspace / ".run", free_port(), free_port()
    (run / "lab.token").write_text("t0ken")
    own = {name: str(run / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environ = {**os.environ, **own, "PYTHONPATH": str(ROOT), "WORKBENCH_MLFLOW": "http://127.0.0.1:5000"}
    started = [
        jupyter.lab(
            workspace,
            settings=shipped("templates") / "jupyterlab",
            port=lab_port,
            token_file=run / "lab.token",
            environ=environ,
            log=run / "lab.log",
        ),
        jupyter.pages(
            workspace,
            apps=shipped("notebooks") / "apps",
            template=shipped("templates"),
            port=pages_port,
            token="t0ken",
            run=run,
            environ=environ,
            log=run / "pages.log",
        ),
    ]
    with Servers(started) as running:
        running.start()
        running.wait(120, on_answer=lambda *_: None)
        yield f"http://127.0.0.1:{lab_port}", f"http://127.0.0.1:{pages_port}"


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1280, "height": 1000})
        opened.outside, opened.wrong = [], []
        opened.on("request", lambda request: remember(opened.outside, request.url))
        opened.on("console", lambda m: opened.wrong.append(m.text) if m.type == "error" else None)
        opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
        yield opened
        browser.close()


def remember(outside, url):
    if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:")):
        outside.append(url)


def shot(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def cut_off(page, width):
    """What of the form reaches beyond the right edge of a window of this width."""
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(500)
    return page.evaluate(
        """() => [...document.querySelectorAll('.wb-page *')].filter(e => e.getClientRects().length)
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"""
    )


def test_a_notebook_is_run_from_the_form_it_holds(servers, page):
    page.goto(f"{servers[0]}/lab/tree/notebooks/small%20one.ipynb?token=t0ken")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    shot(page, "lab-0")
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).wait_for(timeout=90_000)
    seed = page.get_by_label("seed", exact=True)
    seed.scroll_into_view_if_needed()
    shot(page, "lab-1")
    seed.fill("700")
    page.get_by_text("Must be a whole number in [0, 100].").wait_for()
    assert page.locator(".wb-run").get_by_role("button", name="Run", exact=True).is_disabled()
    shot(page, "lab-2")

    print(page.evaluate("""() => { const out=[]; const walk=(e,d)=>{ const r=e.getBoundingClientRect(); out.push(' '.repeat(d)+e.className+' '+Math.round(r.height)+'x'+Math.round(r.width)+' m'+getComputedStyle(e).margin+' p'+getComputedStyle(e).padding); if(d<7) for(const c of e.children) walk(c,d+1)}; walk(document.querySelector('.wb-given'),0); return out.join('\\n') }"""))
    print(page.evaluate("JSON.stringify([...document.querySelectorAll('.wb-page')].map(e => [e.dataset, e.className]))"), page.wrong)
    print(page.evaluate("document.querySelector('.wb-running').outerHTML")[:3000])
    # keys are the form's own
    seed.press("Enter")
    assert seed.evaluate("e => e === document.activeElement")
    seed.fill("11")
    tick = page.get_by_label("check", exact=True)
    tick.focus()
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    tick.press("d"); tick.press("d"); tick.press("a"); tick.press("Enter")
    assert tick.evaluate("e => e === document.activeElement")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    tick.press("Space")
    page.get_by_role("button", name="spend").focus()
    page.keyboard.press("b")
    page.keyboard.press("Space")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    shot(page, "lab-3")
    page.get_by_text("-p seed=11 -p metric=spend -p check=false").wait_for()
    run = page.locator(".wb-run").get_by_role("button", name="Run", exact=True)
    run.click()
    page.get_by_text("It runs now; you can go on working.").wait_for()
    page.wait_for_timeout(1500)
    run.scroll_into_view_if_needed()
    shot(page, "lab-4")
    page.get_by_text("With the seed 11 it came to 0.11.").wait_for(timeout=60_000)
    page.get_by_text("With the seed 11 it came to 0.11.").scroll_into_view_if_needed()
    shot(page, "lab-5")
    seed.fill("12")
    run.click()
    page.get_by_text("With the seed 12 it came to 0.12.").wait_for(timeout=60_000)
    page.get_by_role("button", name="Show the report here").click()
    page.frame_locator("iframe.wb-report").get_by_text("With the seed 12 it came to 0.12.").wait_for()
    page.get_by_text("Since the last run").scroll_into_view_if_needed()
    shot(page, "lab-6")
    with page.context.expect_page() as opened:
        page.locator("a[href^='/files/']").click()
    opened.value.wait_for_timeout(2000)
    print(opened.value.url, opened.value.content()[:600])
    opened.value.get_by_text("With the seed 12 it came to 0.12.").wait_for(timeout=3_000)
    for width in (820, 1280):
        print(cut_off(page, width))
        seed.scroll_into_view_if_needed()
        shot(page, f"lab-{width}")
    print(page.outside, page.wrong)
    assert 0
