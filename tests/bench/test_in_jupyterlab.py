"""The run form in a real JupyterLab and the run page in Voila, as a person uses them in Chromium."""

import json
import os
import re
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
record.close()
import plotly.graph_objects as go
go.Figure(go.Bar(y=[1, 3, 2]))"""

FREE_WHILE_IT_RUNS = """() => ["It runs now; you can go on working.", "| Idle"]
    .every(words => document.body.innerText.includes(words))"""


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
    content = {
        "cells": [cell(PARAMETERS, ["parameters"]), cell(FOUND), cell("workbench.form()")],
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (root / "notebooks" / "small one.ipynb").write_text(json.dumps(content))
    (root / ".run").mkdir(mode=0o700)
    return root


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def servers(workspace):
    """JupyterLab and the pages of the workspace, as `workbench up` starts them; yields the address of each."""
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
            places=jupyter.Places(),
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


def run_all_cells(page, address):
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".wb-run").wait_for(timeout=90_000)


def run_button(page):
    return page.locator(".wb-run").get_by_role("button", name="Run", exact=True)


def test_a_notebook_is_run_from_the_form_it_holds(servers, workspace, page):
    run_all_cells(page, f"{servers[0]}/lab/tree/notebooks/small%20one.ipynb?token=t0ken")
    seed = page.get_by_label("seed", exact=True)
    seed.fill("700")
    page.get_by_text("Must be a whole number in [0, 100].").wait_for()
    page.get_by_text("To run it, mend seed.").wait_for()
    assert run_button(page).is_disabled()
    shot(page, "lab-wrong")
    seed.fill("11")
    run_button(page).click()
    page.wait_for_function(FREE_WHILE_IT_RUNS)
    shot(page, "lab-running")
    page.get_by_text("With the seed 11 it came to 0.11.").wait_for(timeout=60_000)
    assert page.get_by_text("Since the last run").count() == 0
    assert re.fullmatch(r"\d+:\d\d", page.locator(".wb-running span").last.text_content())

    seed.fill("12")
    run_button(page).click()
    page.get_by_text("With the seed 12 it came to 0.12.").wait_for(timeout=60_000)
    page.get_by_text("Since the last run: 2 changes").wait_for()
    page.get_by_role("button", name="Show the report here").click()
    page.frame_locator("iframe.wb-report").get_by_text("With the seed 12 it came to 0.12.").wait_for()
    page.get_by_text("Since the last run").scroll_into_view_if_needed()
    shot(page, "lab-came")
    with page.context.expect_page() as opened:
        page.locator("a[href^='/files/reports/runs/']").click()
    opened.value.get_by_text("With the seed 12 it came to 0.12.").wait_for(timeout=30_000)
    opened.value.close()
    page.get_by_role("button", name="Show the whole comparison here").click()
    page.frame_locator("iframe[title='The whole comparison']").get_by_text("small one: two runs").wait_for()
    assert [cut_off(page, width) for width in (820, 1280)] == [[], []]
    shot(page, "lab-compared")

    run_button(page).click()
    page.get_by_text("Nothing was run: run ").wait_for(timeout=60_000)
    shot(page, "lab-reused")
    page.get_by_role("button", name="Run it all the same").click()
    page.get_by_text("Ran because it was asked to run afresh.").wait_for(timeout=60_000)
    assert page.get_by_text("workbench run 'small one' -p seed=12 --fresh").count() == 1
    assert page.outside == []
    assert page.wrong == []

    run_all_cells(page, f"{servers[0]}/lab/tree/notebooks/small%20one.ipynb")
    page.get_by_text("These are the values of the last time.").wait_for()
    assert page.get_by_label("seed", exact=True).input_value() == "12"


def test_the_keys_that_one_presses_in_a_form_are_no_commands_of_jupyterlab(servers, page):
    """Without this, "d" pressed twice on a tick deletes the cell that shows it."""
    run_all_cells(page, f"{servers[0]}/lab/tree/notebooks/small%20one.ipynb?token=t0ken")
    page.get_by_label("seed", exact=True).press("Enter")
    assert page.get_by_label("seed", exact=True).evaluate("field => field === document.activeElement")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for label in ("check", "since"):
        field = page.get_by_label(label, exact=True)
        for key in ("d", "d", "a", "x", "Enter"):
            field.press(key)
        assert field.evaluate("field => field === document.activeElement")
    page.get_by_role("button", name="spend").press("x")
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    shot(page, "lab-keys")


def test_fields_are_reached_in_their_order(servers, page):
    run_all_cells(page, f"{servers[0]}/lab/tree/notebooks/small%20one.ipynb?token=t0ken")
    page.get_by_label("since", exact=True).focus()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('.wb-field')?.innerText.split('\\n')[0] || ''"))
    assert [name for name in dict.fromkeys(reached) if name not in {"since", ""}] == ["name", "arms", "check"]


def test_the_run_page_takes_what_its_address_asks_for_and_checks_it(servers, page):
    query = "notebook=small%20one&seed=13&alpha=9&name=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&nosuch=1"
    page.goto(f"{servers[1]}/voila/render/run.ipynb?{query}&token=t0ken", wait_until="commit")
    page.locator(".wb-run").wait_for(timeout=90_000)
    assert page.get_by_label("seed", exact=True).input_value() == "13"
    assert page.get_by_label("alpha", exact=True).input_value() == "0.05"
    assert page.get_by_label("name", exact=True).input_value() == "<img src=x onerror=alert(1)>"
    page.get_by_text("alpha was left out: it must be a number in (0, 1)").wait_for()
    page.get_by_text("nosuch is no parameter of small one").wait_for()
    assert page.get_by_text("t0ken").count() == 0
    assert page.get_by_text("It runs as").count() == 1
    shot(page, "voila")
    run_button(page).click()
    page.get_by_text("With the seed 13 it came to 0.13.").wait_for(timeout=90_000)
    page.get_by_role("button", name="Show the report here").click()
    report = page.frame_locator("iframe.wb-report")
    report.get_by_text("With the seed 13 it came to 0.13.").wait_for()
    report.locator(".js-plotly-plot .bars").wait_for()  # its one script runs, in a frame that reaches nothing
    shot(page, "voila-came")
    assert [cut_off(page, width) for width in (820, 1280)] == [[], []]
    shot(page, "voila-1280")
    assert page.outside == []
    assert page.wrong == []


def test_the_run_page_opens_only_what_is_in_its_list(servers, page):
    asked = "..%2F..%2Fetc%2Fpasswd"
    page.goto(f"{servers[1]}/voila/render/run.ipynb?notebook={asked}&token=t0ken", wait_until="commit")
    page.get_by_text("The address asks for the notebook").wait_for(timeout=90_000)
    assert page.locator(".wb-run").count() == 0
    page.get_by_label("Notebook", exact=True).select_option("ab_test")
    page.locator(".wb-run").wait_for(timeout=30_000)
    assert page.locator(".wb-field").count() > 10
    shot(page, "voila-ab")
    assert [cut_off(page, width) for width in (820, 1280)] == [[], []]
