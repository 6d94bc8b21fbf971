"""A form finds the notebook it stands in, shows nothing in a run, and does with the bench what it says."""

import json
import os
import sys
import threading
import types
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

import workbench
from workbench.batch import Outcome, history
from workbench.batch.comparison_page import comparison_page
from workbench.bench import Bench, create
from workbench.bench.forms import asked_for, filling_of, notebook_here
from workbench.errors import EngineError, Misuse, WorkbenchError
from workbench.views.inputs import Inputs
from workbench.views.outcome import Change
from workbench.views.running import End, Running, in_background

PARAMETERS = "seed: int = 7  # of the draws, 0 to 100"


@pytest.fixture
def root(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def notebook(root):
    """A notebook of the workspace."""
    tagged = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": PARAMETERS}
    path = root / "notebooks" / "mine.ipynb"
    cell = {**tagged, "execution_count": None, "id": "a", "outputs": []}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def bench(root):
    """Makes a bench of the workspace that sees an environment."""
    opened = []

    def made(**environ):
        opened.append(Bench(root, environ=environ))
        return opened[-1]

    yield made
    for one in opened:
        one.close()


def finished(bench, run_id, name="mine", **body):
    body = {"name": name, "parameters": {}, "metrics": {}, "folder": run_id, "seconds": 1.0, "sentence": "", **body}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bench.ledger.append("run.finished", subject=f"run/{run_id}", actor="a", why="", body=body, now=now)


def test_jupyter_says_which_notebook_it_is_by_a_whole_path(root, notebook):
    assert notebook_here({"JPY_SESSION_NAME": str(notebook)}, root) == notebook.resolve()


def test_or_by_a_path_below_the_workspace(root, notebook):
    assert notebook_here({"JPY_SESSION_NAME": "notebooks/mine.ipynb"}, root) == notebook.resolve()


def test_or_below_the_current_folder(root, notebook, monkeypatch):
    monkeypatch.chdir(notebook.parent)
    assert notebook_here({"JPY_SESSION_NAME": "mine.ipynb"}, root) == notebook.resolve()


def test_vs_code_says_it_among_the_notebooks_own_names(root, notebook, monkeypatch):
    shell = types.SimpleNamespace(user_ns={"__vsc_ipynb_file__": str(notebook)})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert notebook_here({}, root) == notebook.resolve()


def test_outside_of_a_notebook_the_way_out_is_said(root):
    with pytest.raises(Misuse, match="stands in no notebook") as caught:
        notebook_here({}, root)
    assert 'workbench.form("ab_test")' in caught.value.hint


@pytest.mark.parametrize("told", ["notebooks/renamed.ipynb", "ledger.db", "workbench.toml", "7f3c-console-1"])
def test_a_notebook_that_was_renamed_is_said(root, told):
    with pytest.raises(Misuse, match="no notebook now") as caught:
        notebook_here({"JPY_SESSION_NAME": told}, root)
    assert "restart the kernel" in caught.value.hint


def test_a_form_in_the_notebook_it_runs_shows_nothing(bench, root):
    """The runner executes the cell of the form too; it must not fail there, nor open another."""
    assert bench(WORKBENCH_RUN=str(root / "reports")).form() is None


def test_a_form_may_be_asked_for_by_name(root):
    page = workbench.form("ab_test", workspace=root)
    assert "wb-page" in page._dom_classes


def test_a_notebook_that_is_not_there_is_said_with_those_that_are(root):
    with pytest.raises(Misuse, match="there is no notebook 'nosuch'") as caught:
        workbench.form("nosuch", workspace=root)
    assert "ab_test" in caught.value.hint


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {}),
        ("notebook=ab_test&seed=7", {"notebook": "ab_test", "seed": "7"}),
        ("name=%3Cb%3E&name=&x", {"name": "", "x": ""}),
        ("seed=1&seed=2", {"seed": "2"}),
        ("token=secret&template=lab&theme=dark&seed=7", {"seed": "7"}),
        ("&".join(f"a{n}=1" for n in range(500)), {}),
        ("%FF%00=%ZZ", {"�\0": "%ZZ"}),
    ],
)
def test_an_address_is_read_as_text_and_its_token_left_out(query, asked):
    assert asked_for({"QUERY_STRING": query}) == asked


def test_a_notebook_is_named_as_a_command_takes_it(bench, notebook, root, tmp_path):
    assert filling_of(bench(), notebook, {}).notebook == "mine"
    deep = root / "studies" / "mine.ipynb"
    deep.parent.mkdir()
    deep.write_bytes(notebook.read_bytes())
    assert filling_of(bench(), deep, {}).notebook == "studies/mine.ipynb"
    outside = tmp_path / "mine.ipynb"
    outside.write_bytes(notebook.read_bytes())
    assert filling_of(bench(), outside, {}).notebook == str(outside)


def test_what_was_kept_is_there_the_next_time(bench, notebook):
    filling_of(bench(), notebook, {}).doing.keep({"seed": "9"})
    assert filling_of(bench(), notebook, {}).kept == {"seed": "9"}


def test_a_path_is_looked_for_where_the_notebook_would(bench, notebook):
    exists = filling_of(bench(), notebook, {}).doing.exists
    assert exists(Path("workbench.toml"))
    assert not exists(Path("nosuch.csv"))
    assert not exists(Path("x" * 5000))


def test_the_last_run_is_the_newest_of_the_same_notebook(bench, notebook):
    one = bench()
    last = filling_of(one, notebook, {}).doing.last
    assert last() is None
    finished(one, "r1")
    finished(one, "r2")
    finished(one, "r3", name="other")
    assert last() == "r2"


def test_the_last_run_is_found_behind_a_long_sweep_of_another_notebook(bench, notebook, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    one = bench()
    finished(one, "r1")
    for number in range(20):
        finished(one, f"s{number}", name="other")
    assert filling_of(one, notebook, {}).doing.last() == "r1"


def test_two_runs_are_compared_by_parameters_and_metrics(bench, notebook):
    one = bench()
    finished(one, "aaaa1111", parameters={"seed": 7, "old": 1}, metrics={"f1": 0.9})
    finished(one, "bbbb2222", parameters={"seed": 8}, metrics={"f1": 0.9, "auc": 0.8})
    compare = filling_of(one, notebook, {}).doing.compare
    assert compare("aaaa1111", "bbbb2222") == [
        Change("parameter", "old", 1, None),
        Change("parameter", "seed", 7, 8),
        Change("metric", "auc", None, 0.8),
    ]
    assert compare("aaaa1111", "nosuch") == []


def test_the_whole_comparison_is_the_page_of_workbench_diff(bench, notebook, root):
    one = bench()
    for run_id, seed in (("aaaa1111", 7), ("bbbb2222", 8)):
        finished(one, run_id, parameters={"seed": seed})
        folder = root / "reports" / "runs" / run_id
        folder.mkdir(parents=True)
        (folder / "notebook.ipynb").write_bytes(notebook.read_bytes())
    page = filling_of(one, notebook, {}).doing.read_comparison("aaaa1111", "bbbb2222")
    assert page == comparison_page(one.compare("aaaa1111", "bbbb2222"))
    assert "mine: two runs" in page


def test_a_comparison_with_a_run_whose_folder_is_gone_is_refused_in_words(bench, notebook):
    one = bench()
    for run_id in ("aaaa1111", "bbbb2222"):
        finished(one, run_id)
    with pytest.raises(WorkbenchError, match="aaaa1111"):
        filling_of(one, notebook, {}).doing.read_comparison("aaaa1111", "bbbb2222")


@pytest.mark.parametrize("afresh", [False, True])
def test_a_run_may_be_an_earlier_one_unless_it_is_asked_for_afresh_and_can_be_stopped(bench, notebook, afresh):
    one, told, stop = bench(), {}, threading.Event()
    one.run_path = lambda path, values, **more: told.update(more, path=path, values=values)
    filling_of(one, notebook, {}).doing.run({"seed": 8}, print, stop, afresh=afresh)
    assert told == {"path": notebook, "values": {"seed": 8}, "on_cell": print, "stop": stop, "reuse": not afresh}


def outcome(root, report="report.html"):
    folder = root / "reports" / "runs" / "a b"
    return Outcome("r1", "mine", "finished", folder / "notebook.ipynb", folder / report, {}, "")


def test_links_are_made_only_where_somebody_serves_them(bench, notebook, root):
    place = filling_of(bench(), notebook, {}).doing.place(outcome(root))
    assert (place.report, place.report_link, place.run_link) == ("reports/runs/a b/report.html", "", "")
    served = bench(WORKBENCH_FILES="/files", WORKBENCH_MLFLOW="http://127.0.0.1:5000/")
    place = filling_of(served, notebook, {}).doing.place(outcome(root))
    assert place.report_link == "/files/reports/runs/a%20b/report.html"
    assert place.run_link == "http://127.0.0.1:5000/#/runs/r1"


def test_a_report_that_is_gone_is_said(bench, notebook, root):
    with pytest.raises(EngineError, match="cannot be read"):
        filling_of(bench(), notebook, {}).doing.read_report(outcome(root))


@pytest.mark.slow
def test_a_run_that_is_stopped_leaves_no_kernel_and_no_entry(bench, notebook, root):
    """A cell that would take minutes is ended, its kernel is gone, and the ledger knows nothing of it."""
    content = json.loads(notebook.read_text())
    for number, source in enumerate(("1 + 1", "import time\ntime.sleep(300)")):
        content["cells"].append({**content["cells"][0], "id": f"c{number}", "metadata": {}, "source": source})
    notebook.write_text(json.dumps(content))
    (root / "workbench.toml").write_text('kernel = "cold"')
    one = bench(PATH=os.environ["PATH"], PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    before = set(psutil.Process().children(recursive=True))
    ended, ends = threading.Event(), []
    running = Running(Inputs(), in_background)

    def work(on_cell, stop):
        def followed(done, total):
            on_cell(done, total)
            if done == total - 1:  # the last one is going to sleep
                running.stop.click()

        return filling_of(one, notebook, {}).doing.run({"seed": 8}, followed, stop, afresh=False)

    running.announce()
    running.start(work, lambda end: (ends.append(end), ended.set()))
    assert ended.wait(120)
    for thread in threading.enumerate():
        if thread.name == "workbench-run":
            thread.join(10)
    assert ends == [End(stopped=True)]
    assert one.ledger.entries() == []
    _, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=2)
    assert not [one for one in left if "ipykernel" in " ".join(one.cmdline())]
