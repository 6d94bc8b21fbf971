"""Sweeps on the command line: planned before anything starts, told while they run, gone on with after a stop."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from workbench.batch.lanes import Limits
from workbench.batch.sweeps import Child, Options
from workbench.bench import create
from workbench.cli import main
from workbench.cli.progress import Lines, LiveTable
from workbench.cli.sweep import Asked

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TAKES = """#p
n: int = 3  # how many, at least 1
rate: float = 0.1  # in (0, 1)
nap: float = 0.0  # seconds
label: str = "plain"  # title"""
HANDS_OVER = """import time, workbench
record = workbench.open_bench().record()
time.sleep(nap)
if n == 13:
    raise ValueError(f"<b>{n}</b> is no number of people")
record.metric("double", 2 * n)
record.sentence(f"Twice {n} is <i>{2 * n}</i>.")
record.close()"""


def ask(*command, **more):
    return CliRunner().invoke(main, [str(word) for word in command], **more)


def write_notebook(path, *cells):
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {"tags": ["parameters"]} if text.startswith("#p\n") else {},
            "outputs": [],
            "source": text.removeprefix("#p\n"),
        }
        for number, text in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench") / "w"
    create(root)
    return root


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return write_notebook(tmp_path_factory.mktemp("notebooks") / "twice it's.ipynb", TAKES, HANDS_OVER)


# before anything starts


def test_a_dry_run_prints_the_runs_and_begins_none(notebook, workspace):
    result = ask("run", notebook, "-p", "n=5", "--sweep", "rate=0.1:0.3:3", "--sweep", "label=x,y", "--dry-run",
                 "--workspace", workspace)  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert rows[0] == ["run", "rate", "label"]
    assert rows[2:] == [[str(n), *values] for n, values in enumerate(
        [["0.1", "x"], ["0.1", "y"], ["0.2", "x"], ["0.2", "y"], ["0.3", "x"], ["0.3", "y"]], start=1)]  # fmt: skip
    assert "6 runs, each with n = 5; none was begun" in result.stderr
    assert not (workspace / "reports" / "sweeps").exists()


def test_a_dry_run_as_json_is_what_each_run_is_given(notebook, workspace, tmp_path):
    (tmp_path / "runs.csv").write_text("n,label\n1,x\n2,\n")
    result = ask("run", notebook, "-p", "rate=0.5", "--file", tmp_path / "runs.csv", "--dry-run", "--json",
                 "--workspace", workspace)  # fmt: skip
    assert json.loads(result.stdout) == [{"rate": 0.5, "n": 1, "label": "x"}, {"rate": 0.5, "n": 2}]


def test_everything_wrong_is_told_at_once(notebook, workspace):
    result = ask("run", notebook, "-p", "n=1", "--sweep", "n=1,0", "--sweep", "rat=1", "--workspace", workspace)
    assert result.exit_code == 2
    assert "n is swept, and given one value by -p too" in result.stderr
    assert "value 2 of 2: n is '0'; it must be a whole number at least 1" in result.stderr
    assert "did you mean rate?" in result.stderr
    assert (
        f"hint: workbench params '{str(notebook).replace(chr(39), chr(39) + chr(34) + chr(39) + chr(34) + chr(39))}'"
        in result.stderr
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "2"], "--jobs is for a sweep"),
        (["--zip"], "--zip is for a sweep"),
        (["--grid"], "--grid is for a sweep"),
        (["--best", "f1"], "--best is for a sweep"),
        (["--retry-failed"], "--retry-failed is for a sweep"),
        (["--dry-run"], "--dry-run is for a sweep"),
        (["--resume", "last", "--key", "k"], "--resume names a sweep, and --key another"),
        (["--sweep", "n=1,2", "--retry-failed"], "--retry-failed goes with --resume"),
        (["--sweep", "n"], "--sweep 'n' gives no value"),
        (["--sweep", "n=1", "--sweep", "n=2"], "--sweep n is given twice"),
        (["--sweep", "n=1,2", "--file", "none.csv"], "do one of the two"),
        (["--file", "none.csv"], "none.csv cannot be read"),
        (["--resume", "last"], "there is no sweep 'last'"),
        (["--resume", "x", "-p", "n=1"], "does the rest of a sweep as it was planned"),
        (["--sweep", "n=1,2", "--best", ":min"], "--best names no metric"),
    ],
)
def test_options_that_do_not_go_together_are_refused_with_the_way_out(notebook, workspace, words, said):
    result = ask("run", notebook, *words, "--workspace", workspace)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hint:" in result.stderr


def test_fresh_is_kept_for_when_it_goes_on():
    said = dict.fromkeys(Asked.__dataclass_fields__) | {"swept": ("n=1",), "fail_fast": False}
    begun = Asked(**said).options(Options(), Limits(), fresh=True)
    assert begun.fresh
    assert Asked(**said).options(begun, Limits(), fresh=False) == begun


def test_without_a_notebook_and_without_a_sweep_to_resume_it_says_so(workspace):
    for words in ([], ["--sweep", "n=1"]):
        result = ask("run", *words, "--workspace", workspace)
        assert result.exit_code == 2
        assert "Missing argument 'NOTEBOOK'" in result.stderr


def test_where_no_sweep_was_begun_the_way_to_one_is_told(workspace):
    result = ask("sweeps", "--workspace", workspace)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "workbench run NOTEBOOK --sweep" in result.stderr
    assert json.loads(ask("sweeps", "--json", "--workspace", workspace).stdout) == []


# while it runs


def children(*statuses):
    return [Child(n, {"label": "[red]x"}, status, sentence="it is [b]away[/b]") for n, status in enumerate(statuses, 1)]


def test_lines_tell_failures_at_once_and_the_rest_now_and_then(capsys):
    done = children("finished", "failed", "finished", "finished")
    lines = Lines(done, 4, jobs=2)
    for child in done:
        lines.began(child.number)
        lines.ended(child)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("1 of 4 runs done, about 0 s left")
    assert told[1] == "failed: run 2 (label = [red]x): it is [b]away[/b]"
    assert told[2] == "4 of 4 runs done, 1 failed"
    assert len(told) == 3


def test_the_live_table_shows_what_runs_and_takes_no_text_for_markup():
    from rich.console import Console

    console = Console(record=True, width=120)
    done = children("finished", "failed")
    table = LiveTable(done, 5, jobs=2, console=console)
    table.began(1)
    table.cells(1, 2, 7)
    console.print(table.drawn())
    table.ended(done[0])
    table.began(2)
    table.again(done[1], 4.2)
    table.ended(done[1])
    console.print(table.drawn())
    told = console.export_text()
    assert "run 1" in told and "2/7 cells" in told and "label = [red]x" in told
    assert "run 2 (label = [red]x): it is [b]away[/b]; tried again in 4 s" in told
    assert "5 of 5 runs done, 1 failed" in told


# with real kernels


def workbench(*words, **more):
    command = [sys.executable, "-m", "workbench", *(str(word) for word in words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.fixture(scope="module")
def ran(notebook, workspace):
    """A sweep of two runs and one that fails, two at the same time: (exit code, stdout, stderr)."""
    words = ["--sweep", "n=21,4,13", "--jobs", "2", "--best", "double:min", "--json", "--workspace", workspace]
    process = workbench("run", notebook, *words)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_sweep_tells_each_run_the_best_and_its_failures(ran, workspace):
    code, out, err = ran
    assert code == 1, err
    told = json.loads(out)
    assert [(run["parameters"], run["status"], run["metrics"]) for run in told["runs"]] == [
        ({"n": 21}, "finished", {"double": 42.0}),
        ({"n": 4}, "finished", {"double": 8.0}),
        ({"n": 13}, "failed", {}),
    ]
    assert all(Path(run["report"]).is_file() for run in told["runs"])
    assert (told["status"], told["best"]["number"]) == ("failed", 2)
    assert "failed: run 3 (n = 13): cell 3 failed: ValueError: <b>13</b> is no number of people" in err
    assert f"--resume {told['sweep']} --workspace {workspace} --retry-failed" in err


@pytest.mark.slow
def test_mlflow_shows_one_parent_with_its_children(ran, workspace):
    from workbench import open_bench

    with open_bench(workspace) as bench:
        (begun,) = bench.store.attempts(f"sweep/{json.loads(ran[1])['sweep']}")  # (it imports mlflow quietly)
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{workspace / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    (parent,) = [run for run in runs if "workbench.sweep" in run.data.tags]
    assert parent.info.run_id == begun
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.status for run in below) == ["FAILED", "FINISHED", "FINISHED"]
    assert parent.data.params == {"n": "21, 4, 13"}
    assert parent.data.tags["workbench.sweep.best_value"] == "double = 8.0"
    assert {"index.html", "summary.csv"} <= {file.path for file in client.list_artifacts(parent.info.run_id)}


@pytest.mark.slow
def test_what_is_done_is_not_run_again_and_the_rest_is_told(ran, workspace):
    before = sorted((workspace / "reports" / "runs").glob("2*"))
    result = ask("run", "--resume", "last", "--workspace", workspace)
    assert result.exit_code == 1
    assert "nothing is left to run" in result.stderr
    assert sorted((workspace / "reports" / "runs").glob("2*")) == before
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["2", "4", "8", "finished"] in [row[:4] for row in rows]
    assert "The lowest double is 8, of run 2: n = 4." in result.stdout
    listed = json.loads(ask("sweeps", "--json", "--workspace", workspace).stdout)
    assert [(each["finished"], each["failed"], each["running"]) for each in listed] == [(2, 1, False)]


@pytest.mark.slow
def test_runs_of_another_sweep_stand_for_the_same_content(ran, notebook, workspace):
    """It comes last of those that list the sweeps: it begins one of its own."""
    before = sorted((workspace / "reports" / "runs").glob("2*"))
    told = json.loads(ask("run", notebook, "--sweep", "n=4,21", "--json", "--workspace", workspace).stdout)
    assert (told["status"], told["reused"]) == ("finished", 2)
    assert [run["metrics"] for run in told["runs"]] == [{"double": 8.0}, {"double": 42.0}]
    assert sorted((workspace / "reports" / "runs").glob("2*")) == before


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (.ci/run installs Debian's)")
def test_the_page_loads_nothing_sorts_by_keyboard_and_leads_to_the_reports(ran, tmp_path):
    from playwright.sync_api import sync_playwright

    asked, wrong = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        address = Path(json.loads(ran[1])["page"]).as_uri()
        page.goto(address)
        assert page.locator("h1").inner_text() == "Sweep of twice it's"
        first = page.locator(".runs tbody tr td:first-child")
        assert first.all_inner_texts() == ["2", "1", "3"]
        page.get_by_role("button", name="run", exact=True).focus()
        page.keyboard.press("Enter")
        assert first.all_inner_texts() == ["1", "2", "3"]
        page.keyboard.press("Enter")
        assert first.all_inner_texts() == ["3", "2", "1"]
        page.get_by_role("button", name="double").click()
        assert first.all_inner_texts() == ["2", "1", "3"], "what has no value stands last"
        page.screenshot(path=os.environ.get("SCREENSHOT", str(tmp_path / "page.png")), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert asked == [address]
        page.locator(".runs tbody a").first.click()
        assert "Twice 4 is <i>8</i>." in page.locator(".said").inner_text()
        browser.close()
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["inline", "warm", "cold"])
def test_ctrl_c_stops_cleanly_leaves_no_kernel_and_says_how_to_go_on(notebook, tmp_path, kernel):
    root = tmp_path / "w"
    create(root)
    process = workbench("run", notebook, "--sweep", "nap=0,30,31,32", "--jobs", "2", "--kernel", kernel,
                        "--workspace", root)  # fmt: skip
    end = time.monotonic() + 120
    while len(list((root / "reports" / "runs").glob("2*"))) < 3:  # one has ended, two are on their way
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.2)
    time.sleep(2)
    kernels = [found for found in psutil.process_iter(["cwd"]) if found.info["cwd"] == str(root)]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "stopped; no kernel is left" in err
    assert "3 runs left to do: workbench run --resume " in err
    assert kernels and not any(kernel.is_running() for kernel in kernels)
    assert "4 runs: 1 finished, 3 not run yet." in out


@pytest.mark.slow
def test_a_bench_sweeps_from_python_and_gives_a_table(notebook, tmp_path):
    from workbench import open_bench

    create(tmp_path / "w")
    with open_bench(tmp_path / "w") as bench:
        result = bench.sweep(notebook, {"n": [1, 2]}, parameters={"label": "y"}, jobs=1, best="double")
    assert result.status == "finished", result.children
    assert list(result.frame()["double"]) == [2.0, 4.0]
    assert result.best.parameters == {"n": 2}
