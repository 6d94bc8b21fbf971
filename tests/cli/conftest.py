"""The demo told once for all tests that need a workspace with a story in it."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from workbench import open_bench

KILLED_AT = """
import os, signal, sys, threading
from workbench.cli import main
demo = sys.modules["workbench.cli.demo"]
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


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """A demo killed at every boundary and in the middle of notebooks, then told to its end, and once again."""
    workspace = tmp_path_factory.mktemp("demo") / "w"
    first = run_killed(workspace, 0, 0.0)
    assert first.returncode == -9
    names = story_names(workspace)
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
