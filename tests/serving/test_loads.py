"""A load that ended its process is counted, tried again a little later, and no more after some times in a row."""

import os
import signal

import pytest

from workbench.errors import EngineError
from workbench.ledger import Head
from workbench.serving.loads import DEADLY, Loads

CANARY = Head("lending", "canary", 2, 5, 40, 0.05)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'loads.db'}"


def killed_while_loading(url, head=CANARY):
    """Load in a process that is killed meanwhile."""
    child = os.fork()
    if child == 0:
        try:
            with Loads.open(url) as loads:
                for _ in range(2):  # what was cut off before is not tried at once
                    try:
                        with loads.noted(head):
                            os.kill(os.getpid(), signal.SIGKILL)
                    except EngineError:
                        continue
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_what_ended_its_process_some_times_in_a_row_is_loaded_no_more(url):
    with Loads.open(url) as loads:
        for number in range(1, DEADLY + 1):
            assert killed_while_loading(url)
            assert loads.killed(CANARY) == number
        assert not killed_while_loading(url)
        for _ in range(2):
            with pytest.raises(EngineError, match="it is not loaded again"), loads.noted(CANARY):
                pytest.fail("it was loaded")


def test_what_was_cut_off_is_tried_again_and_a_load_that_ends_well_clears_the_count(url):
    assert killed_while_loading(url)
    with Loads.open(url) as loads:
        with pytest.raises(EngineError, match="ended its process 1 of at most 3 times"), loads.noted(CANARY):
            pytest.fail("it was loaded at once")
        with loads.noted(CANARY):
            pass
        assert loads.killed(CANARY) == 0


def test_another_turn_in_the_slot_begins_at_none(url):
    assert killed_while_loading(url)
    again = Head("lending", "canary", 2, 6, 41, 0.1)
    with Loads.open(url) as loads:
        assert (loads.killed(CANARY), loads.killed(again)) == (1, 0)
        with loads.noted(again):
            pass
        assert loads.killed(CANARY) == 0, "what is over is forgotten"


def test_a_load_that_fails_or_was_left_on_purpose_has_ended_no_process(url):
    with Loads.open(url) as loads:
        with pytest.raises(ZeroDivisionError), loads.noted(CANARY):
            raise ZeroDivisionError
        with loads.noted(CANARY):
            assert loads.killed(CANARY) == 0, "its process lives"
            loads.leave()
        assert loads.killed(CANARY) == 0


def test_what_cannot_be_noted_is_not_loaded(url):
    with Loads.open(url) as loads:
        loads._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(EngineError, match="cannot be noted"), loads.noted(CANARY):
            pytest.fail("it was loaded")
