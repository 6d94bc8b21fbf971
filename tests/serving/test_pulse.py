"""A process hangs after some questions without a yes, whatever time has passed, and comes back more and more slowly."""

from workbench.serving.pulse import ASK, HUNG, MISSES, SLOWEST, STARTING, STEADY, Pulse


def answering(at=0.0):
    pulse = Pulse()
    pulse.started(at)
    pulse.heard(True, at=at + 1, before=False)
    return pulse


def test_however_long_nobody_asked_nothing_hangs():
    pulse = answering()
    assert not pulse.hangs_at(1e6)
    pulse.heard(False, at=1e6, before=True)
    assert not pulse.hangs_at(2e6), "the one question that was under way when who asks was stopped"
    pulse.heard(True, at=2e6, before=True)
    assert pulse.missed == 0


def test_three_misses_in_a_row_are_a_hang_and_a_yes_between_begins_anew():
    pulse = answering()
    for said in (False, False, True, False, False):
        pulse.heard(said, at=10.0, before=True)
        assert not pulse.hangs_at(10.0)
    pulse.heard(False, at=10.0, before=True)
    assert pulse.hangs_at(10.0)
    pulse.killed()
    assert (pulse.hangs_at(10.0), pulse.hangs) == (False, 1), "it is killed once"
    assert pulse.patience * MISSES == HUNG


def test_one_that_starts_is_asked_at_once_and_has_its_time():
    pulse = Pulse()
    pulse.started(100.0)
    for _ in range(MISSES + 1):
        assert pulse.due(100.0)
        pulse.heard(False, at=100.0, before=False)
    assert not pulse.hangs_at(100.0 + STARTING)
    assert pulse.hangs_at(101.0 + STARTING)
    pulse.heard(True, at=102.0, before=False)
    assert not pulse.due(102.0) and pulse.due(102.0 + ASK)


def test_what_ends_again_and_again_is_started_more_and_more_slowly_and_at_once_after_a_good_time():
    pulse, waits = Pulse(), []
    for _ in range(12):
        pulse.started(0.0)
        pulse.ended(0.0)
        waits.append(pulse.again)
    assert waits[:3] == [0.1, 0.2, 0.4] and waits[-1] == SLOWEST
    assert not pulse.hangs_at(1e6), "what does not run does not hang"
    pulse.started(0.0)
    pulse.heard(True, at=1.0, before=False)
    assert not pulse.hangs_at(STEADY + 1)
    pulse.ended(STEADY + 2)
    assert pulse.again - (STEADY + 2) < 0.2
    assert pulse.restarts == 13
