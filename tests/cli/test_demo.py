"""The story can be killed anywhere and told again: nothing is lost, nothing happens twice."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from workbench import open_bench

KILLED_AT = """
import os, signal, sys, threading
from workbench.cli import demo, main
step, seconds, workspace = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
story = demo._story
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def cut(bench):
    for number, (name, call) in enumerate(story(bench)):
        if number == step:
            threading.Timer(seconds, die).start() if seconds else die()
        yield name, call
demo._story = cut
main(["demo", "--workspace", workspace, "--json"])
"""
NOTEBOOKS = {"experiment", "train incumbent", "audit incumbent", "drift check"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A demo killed at every boundary and in the middle of notebooks, then told to its end, and once again."""
    workspace = tmp_path_factory.mktemp("demo") / "w"
    first = run_killed(workspace, 0, 0.0)
    assert first.returncode == -9
    names = [name for name in story_names(workspace)]
    for number, name in enumerate(names):
        if number:
            assert run_killed(workspace, number, 0.0).returncode == -9, f"before {name}"
            check_consistent(workspace)
        if name in NOTEBOOKS:
            assert run_killed(workspace, number, 2.0).returncode == -9, f"within {name}"
            check_consistent(workspace)
    return workspace, run_demo(workspace), run_demo(workspace)


def run_killed(workspace, step, seconds):
    command = [sys.executable, "-c", KILLED_AT, str(step), str(seconds), str(workspace)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def run_demo(workspace):
    command = [sys.executable, "-m", "workbench", "demo", "--workspace", str(workspace), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def story_names(workspace):
    from workbench.cli.demo import _story

    with open_bench(workspace) as bench:
        return [name for name, _ in _story(bench)]


def check_consistent(workspace):
    with open_bench(workspace) as bench:
        assert bench.ledger.verify().valid
        keys = Counter(entry.key for entry in bench.ledger.entries() if entry.key)
        assert all(count == 1 for count in keys.values())


@pytest.mark.slow
def test_it_ends_as_if_it_had_never_been_killed(told):
    _, story, _ = told
    outcomes = {step["name"]: step["outcome"] for step in story["steps"]}
    assert outcomes["promote incumbent"] == "promoted"
    assert outcomes["promote challenger"] == "denied"
    assert outcomes["promote fairer"] == "promoted"
    assert outcomes["roll back"] == "rolled back"
    assert story["ledger"]["valid"]
    assert story["champion"] == {"model": "lending", "version": 1}


@pytest.mark.slow
def test_telling_it_again_repeats_nothing(told):
    _, story, again = told
    assert again["ledger"] == story["ledger"]
    assert [s["run_id"] for s in again["steps"]] == [s["run_id"] for s in story["steps"]]


@pytest.mark.slow
def test_three_versions_were_registered_and_no_more(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert [v.version for v in bench.ledger.versions("lending")] == [1, 2, 3]
        assert [v["version"] for v in bench.store.registered("lending")] == [1, 2, 3]


@pytest.mark.slow
def test_no_run_is_left_running_in_mlflow(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert bench.store.unfinished() == []


@pytest.mark.slow
def test_the_alias_follows_the_ledger(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        head = bench.ledger.head("lending")
        assert bench.store.alias("lending", "champion") == (head.version, head.generation)
        assert bench.ledger.owed() == []


@pytest.mark.slow
def test_every_reported_file_is_there_and_shows_no_code(told):
    from pathlib import Path

    _, story, _ = told
    reports = [Path(step["report"]) for step in story["steps"] if step["report"]]
    assert len(reports) == 8
    for report in reports:
        text = report.read_text("utf-8")
        assert "open_bench" not in text


@pytest.mark.slow
def test_each_held_out_application_was_answered_once(told):
    workspace, story, _ = told
    served = next(step for step in story["steps"] if step["name"] == "serve")["figures"]
    with open_bench(workspace) as bench:
        rows = bench.log.rows(model="lending")
    assert len({row.id for row in rows}) == len(rows) == served["applications"]
