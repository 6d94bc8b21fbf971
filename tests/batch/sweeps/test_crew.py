"""The threads of a sweep: several at once, patient with what is transient, and gone when they are stopped."""

import random
import threading
from dataclasses import replace

import pytest

from workbench.batch.lanes import Stopped
from workbench.batch.sweeps import crew as crews
from workbench.batch.sweeps.crew import Crew, Quiet
from workbench.batch.sweeps.folder import Options
from workbench.batch.sweeps.results import Child
from workbench.errors import EngineError, Misuse

CHILDREN = [Child(number, {"seed": number}) for number in range(1, 7)]


class Noting(Quiet):
    """Remembers what it was told, and in which thread."""

    def __init__(self):
        self.told, self.threads = [], set()

    def began(self, number):
        self._note("began", number)

    def cells(self, number, done, total):
        self._note("cells", number, done, total)

    def again(self, child, seconds):
        self._note("again", child.number, child.error)

    def ended(self, child):
        self._note("ended", child.number)

    def _note(self, *words):
        self.told.append(words)
        self.threads.add(threading.current_thread())


def finished(child, on_cell, stop):
    on_cell(1, 2)
    return replace(child, status="finished")


def failing(*errors):
    """Fails with these errors, one after the other, and then finishes."""
    left = list(errors)

    def start(child, on_cell, stop):
        if left:
            return replace(child, status="failed", error=left.pop(0))
        return replace(child, status="finished")

    return start


def ended_by(start, children=CHILDREN, onlooker=None, **options):
    ended = []
    Crew(start, Options(**options), onlooker or Noting(), rng=random.Random(7)).run(children, ended.append)
    return ended


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(crews, "FIRST_PAUSE", 0.001)


@pytest.mark.parametrize("jobs", [1, 2, 50])
def test_every_run_ends_once_and_is_told_in_the_thread_that_waits(jobs):
    noting = Noting()
    ended = ended_by(finished, onlooker=noting, jobs=jobs)
    assert sorted(child.number for child in ended) == [1, 2, 3, 4, 5, 6]
    assert {child.attempts for child in ended} == {1}
    assert noting.threads == {threading.current_thread()}
    assert sorted(noting.told) == sorted(
        words for n in range(1, 7) for words in [("began", n), ("cells", n, 1, 2), ("ended", n)]
    )


def test_as_many_run_at_once_as_there_are_jobs():
    meet = threading.Barrier(3, timeout=5)

    def start(child, on_cell, stop):
        meet.wait()
        return replace(child, status="finished")

    assert len(ended_by(start, jobs=3)) == 6


def test_nothing_to_do_is_done_at_once():
    assert ended_by(finished, children=[]) == []


def test_what_is_named_as_transient_is_tried_again_as_often_as_allowed(quick):
    noting = Noting()
    start = failing("OperationalError", "OperationalError")
    (child,) = ended_by(start, CHILDREN[:1], noting, retries=2, transient=("OperationalError",))
    assert (child.status, child.attempts) == ("finished", 3)
    assert noting.told == [("began", 1), *[("again", 1, "OperationalError")] * 2, ("ended", 1)]


@pytest.mark.parametrize(
    ("errors", "retries", "attempts"),
    [(["ValueError"], 5, 1), (["OSError"] * 9, 2, 3), (["OSError", "ValueError"], 5, 2), (["OSError"], 0, 1)],
)
def test_what_is_not_transient_or_fails_too_often_has_failed(quick, errors, retries, attempts):
    (child,) = ended_by(failing(*errors), CHILDREN[:1], retries=retries, transient=("OSError",))
    assert (child.status, child.attempts) == ("failed", attempts)


def test_attempts_of_earlier_days_are_counted_too():
    (child,) = ended_by(finished, [replace(CHILDREN[0], status="failed", attempts=2)])
    assert child.attempts == 3


@pytest.mark.parametrize("kind", [EngineError, Misuse])
def test_a_failure_outside_the_notebook_fails_the_run_and_not_the_sweep(kind):
    def start(child, on_cell, stop):
        raise kind("the disk is \ud800 full")

    children = ended_by(start)
    assert {(child.status, child.error, child.sentence) for child in children} == {
        ("failed", kind.__name__, "the disk is ? full")
    }


def test_with_fail_fast_nothing_begins_after_a_failure():
    children = ended_by(failing("ValueError"), fail_fast=True, jobs=1)
    assert [(child.number, child.status) for child in children] == [(1, "failed")]


def test_what_nobody_foresaw_stops_the_sweep_and_is_raised():
    def start(child, on_cell, stop):
        if child.number == 1:
            raise RuntimeError("a defect")
        assert stop.wait(5)
        raise Stopped

    with pytest.raises(RuntimeError, match="a defect"):
        ended_by(start, jobs=3)


def test_an_interruption_stops_what_runs_and_keeps_what_had_ended():
    ended, running = [], threading.Barrier(3, timeout=5)

    class Interrupting(Noting):
        def ended(self, child):
            running.wait()
            raise KeyboardInterrupt

    def start(child, on_cell, stop):
        if child.number > 1:
            running.wait()
            assert stop.wait(5)
            raise Stopped
        return replace(child, status="finished")

    with pytest.raises(KeyboardInterrupt):
        Crew(start, Options(jobs=3), Interrupting(), rng=random.Random(7)).run(CHILDREN[:3], ended.append)
    assert [child.number for child in ended] == [1]


def test_a_lane_that_does_not_listen_is_stopped_between_two_cells():
    class Interrupting(Noting):
        def cells(self, number, done, total):
            raise KeyboardInterrupt

    heard = threading.Event()

    def start(child, on_cell, stop):
        on_cell(1, 3)
        assert stop.wait(5)
        with pytest.raises(Stopped):
            on_cell(2, 3)
        heard.set()
        raise Stopped

    with pytest.raises(KeyboardInterrupt):
        ended_by(start, CHILDREN[:1], Interrupting())
    assert heard.is_set()


def test_a_pause_before_another_attempt_is_cut_short_by_a_stop():
    class Interrupting(Noting):
        def again(self, child, seconds):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ended_by(failing("OSError"), CHILDREN[:1], Interrupting(), retries=1, transient=("OSError",))
