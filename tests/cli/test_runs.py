"""`workbench runs`, `diff` and `rerun`, and the cache behind `run`: real kernels, and the words people read."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.bench import create

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("test_cli_run", HERE / "test_run.py")
TWICE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TWICE)
ask, write_notebook = TWICE.ask, TWICE.write_notebook


@pytest.fixture
def empty(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


def test_an_empty_workspace_has_no_runs_and_says_so(empty):
    result = ask("runs", "--workspace", empty)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no run has ended yet\n")
    assert ask("runs", "weekly", "--failed", "--workspace", empty).stderr == "no run of weekly failed\n"
    assert json.loads(ask("runs", "--json", "--workspace", empty).stdout) == []


@pytest.mark.parametrize("command", [("diff", "weekly"), ("rerun", "weekly"), ("diff", "ab12", "cd34")])
def test_a_run_that_is_not_there_is_answered_with_the_way_to_those_that_are(empty, command):
    result = ask(*command, "--workspace", empty)
    assert result.exit_code == 2
    assert "there is no run" in result.stderr
    assert "workbench runs lists them" in result.stderr


@pytest.mark.parametrize("command", [("runs", "ab_tset"), ("runs", "ab_tset", "--json"), ("diff", "ab_tset~2"),
                                     ("diff", "ab12", "ab_tset"), ("rerun", "ab_tset.ipynb")])  # fmt: skip
def test_a_name_that_is_nearly_a_notebooks_is_answered_with_it(empty, command):
    result = ask(*command, "--workspace", empty)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "hint: did you mean ab_test?" in result.stderr


def test_a_notebook_without_a_run_is_told_how_to_get_one(empty):
    assert ask("runs", "ab_test", "--workspace", empty).stderr == "no run of ab_test has ended yet\n"
    result = ask("diff", "ab_test~99", "--workspace", empty)
    assert "hint: ab_test has finished no run yet: workbench run ab_test\n" in result.stderr


def test_a_damaged_index_is_told_by_the_doctor_and_made_anew(empty):
    index = empty / "reports" / "runs" / ".index.db"
    index.write_bytes(b"no database" * 1000)
    checks = json.loads(ask("doctor", "--json", "--workspace", empty).stdout)["checks"]
    (check,) = [check for check in checks if check["name"] == "index of runs"]
    assert (check["ok"], check["mend"]) == (False, "workbench runs --reindex")
    result = ask("runs", "--reindex", "--workspace", empty)
    assert result.stderr == "0 finished runs in the index\n"
    assert index.read_bytes().startswith(b"SQLite format 3")


def test_a_page_that_cannot_be_written_is_told(empty, monkeypatch):
    from workbench.bench import Bench

    monkeypatch.setattr(Bench, "compare", lambda self, one, other: None)
    monkeypatch.setattr("workbench.batch.comparison_page.comparison_page", lambda comparison: "")
    result = ask("diff", "weekly", "--html", empty / "no" / "folder.html", "--workspace", empty)
    assert result.exit_code == 4
    assert "cannot be written" in result.stderr


# with kernels


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with two finished runs of a notebook and what `run` said of each."""
    root = tmp_path_factory.mktemp("runs")
    create(root / "w")
    notebook = write_notebook(root / "w" / "notebooks" / "twice.ipynb", TWICE.READS, TWICE.HANDS_OVER)
    said = [ask("run", notebook, "-p", f"n={n}", "--workspace", root / "w") for n in (21, 22)]
    assert [each.exit_code for each in said] == [0, 0], said[0].output
    return root / "w", said


@pytest.mark.slow
def test_a_run_says_why_it_ran(place):
    _, said = place
    assert said[0].stderr == "ran because: nothing like it ran before\n"
    assert said[1].stderr == "ran because: parameter n was 21, is 22\n"


@pytest.mark.slow
def test_the_same_run_is_given_again_in_no_time_and_says_so(place):
    workspace, _ = place
    command = [sys.executable, "-m", "workbench", "run", "twice", "-p", "n=21", "--workspace", str(workspace)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert time.monotonic() - began < 5  # 0.2 seconds on a quiet machine
    assert done.stdout.startswith("Twice 21 is 42.")
    assert done.stderr.startswith("nothing was run: run ")
    told = json.loads(ask("run", "twice", "-p", "n=21", "--json", "--workspace", workspace).stdout)
    assert told["reused"]
    assert "had the same cells, parameters, inputs, code and environment" in told["because"]


@pytest.mark.slow
def test_runs_lists_what_ran_and_what_it_took(place):
    workspace, _ = place
    result = ask("runs", "twice", "--workspace", workspace)
    assert "Twice 22 is 44." in result.stdout
    listed = json.loads(ask("runs", "twice", "--json", "--workspace", workspace).stdout)
    assert [run["parameters"]["n"] for run in listed[-2:]] == [22, 21]
    assert all(run["status"] == "finished" and run["seconds"] > 0 for run in listed)


@pytest.mark.slow
def test_diff_tells_two_runs_apart_and_writes_a_page(place, tmp_path):
    workspace, _ = place
    first, second = (run["run_id"] for run in json.loads(ask("runs", "--json", "--workspace", workspace).stdout)[:2])
    page = tmp_path / "diff.html"
    result = ask("diff", second, first, "--html", page, "--workspace", workspace)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["n", "21", "22"] in rows
    assert ["double", "42", "44", "+2", "+4.76", "%"] in rows
    assert "twice: two runs" in page.read_text("utf-8")
    told = json.loads(ask("diff", second[:8], first[:8], "--json", "--workspace", workspace).stdout)
    assert told["parameters"] == [{"name": "n", "before": 21, "after": 22}]


@pytest.mark.slow
def test_a_run_is_reproduced_from_its_folder_and_one_that_is_not_is_told(place):
    workspace, _ = place
    chance = write_notebook(
        workspace / "notebooks" / "chance.ipynb",
        "#p\nn: int = 3",
        "import random, workbench\nrecord = workbench.open_bench().record()\nrecord.metric('x', random.random())",
        "record.close()",
    )
    assert ask("run", chance, "--workspace", workspace).exit_code == 0
    chance.unlink()
    other = ask("rerun", "chance", "--workspace", workspace)
    assert other.exit_code == 1
    assert "metric x: 0." in other.stdout
    same = ask("rerun", "twice", "--workspace", workspace)
    assert same.exit_code == 0, same.output
    assert same.stdout.startswith("the same: ")


@pytest.mark.slow
def test_a_run_that_reads_the_ledger_is_not_given_again(place):
    workspace, _ = place
    path = write_notebook(
        workspace / "notebooks" / "reads.ipynb",
        "#p\nn: int = 3",
        "import workbench\nbench = workbench.open_bench()\nlen(bench.ledger.entries())",
    )
    assert ask("run", path, "--workspace", workspace).exit_code == 0
    told = json.loads(ask("run", path, "--json", "--workspace", workspace).stdout)
    assert not told["reused"]
    assert "it reads the ledger, which changes" in told["because"]
