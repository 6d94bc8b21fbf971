"""A sweep that is killed at any step and gone on with: nothing is lost, and nothing is done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can kill"),
]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What a workspace held at the end, for each point at which the sweep was killed."""
    command = [sys.executable, str(Path(__file__).with_name("swept.py")), str(tmp_path_factory.mktemp("killed"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_step_is_a_point(killed):
    """Three runs, each with its lane, its store, its entries and its note; a parent; and the end of the whole."""
    assert len(killed) >= 3 * 12 + 6


def test_each_run_is_finished_exactly_once(killed):
    for told in killed:
        assert told["statuses"] == ["finished", "finished"], told
        assert told["finished"] == ["", "/1", "/2", "/3"], told
        assert told["told"] == ["/1", "/2", "/3"], told
        assert told["running"] == [], told
        assert told["valid"], told


def test_only_what_was_on_its_way_is_executed_again(killed):
    for told in killed:
        kills = 2 if told["point"] % 3 == 0 else 1
        assert set(told["executed"]) == {1, 2, 3}
        assert len(told["executed"]) <= 3 + kills, told


def test_what_was_done_before_the_kill_is_no_other_sweeps(killed):
    for told in killed:
        assert told["children"] == [[number, "finished", False] for number in (1, 2, 3)], told
        assert (told["again"], told["same"], told["best"]) == (0, True, {"seed": 2}), told


def test_there_is_one_parent_and_one_entry_of_the_whole(killed):
    for told in killed:
        assert (told["parents"], told["orphans"], told["ended"]) == (1, [], 1), told
