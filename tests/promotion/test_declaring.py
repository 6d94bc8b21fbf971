"""What is at stake with a model is not lowered past the people whose yes it asks for."""

import pytest

from workbench.errors import Misuse, NeedsPeople
from workbench.promotion import Declaration, Identity, declaration


def declare(bank, stakes, *, actor="asker", owner="risk"):
    made = Declaration("lending", stakes, owner)
    return bank.gate.declare(made, actor=actor, why="as agreed", now=bank.later())


@pytest.fixture
def high(bank):
    """A bank whose model was declared to be of high stakes."""
    declare(bank, "high", actor="analyst")
    return bank


def lowered(bank, **more):
    """Ask to lower the stakes; the question's digest."""
    with pytest.raises(NeedsPeople) as waiting:
        declare(bank, "normal", **more)
    return waiting.value.question


def test_whoever_may_ask_for_moves_does_not_lower_the_stakes_by_themselves(high):
    """Otherwise an analyst declares them normal, and the next promotion asks nobody."""
    for actor in ("analyst", "asker", "lead"):  # an admin, too
        lowered(high, actor=actor)
    assert declaration(high.ledger, "lending").stakes == "high"
    assert high.kinds().count("model.declared") == 1
    assert high.kinds().count("approval.requested") == 1  # the same question, whoever asks it again


def test_two_others_approve_it_and_it_is_declared(high):
    question = lowered(high)
    with pytest.raises(Misuse, match="another has to approve"):
        high.approve(question, "asker")
    high.approve(question, "first-officer")
    with pytest.raises(NeedsPeople) as waiting:
        declare(high, "normal")
    assert (waiting.value.missing, "given: first-officer" in waiting.value.message) == (1, True)
    high.approve(question, "second-officer")
    entry = declare(high, "normal")
    assert declaration(high.ledger, "lending").stakes == "normal"
    (closed,) = high.ledger.entries(kind="approval.closed")
    assert closed.body == {"digest": question, "entry": entry.seq}


def test_approvals_are_used_up_and_are_for_this_very_declaration(high):
    question = lowered(high)
    for name in ("first-officer", "second-officer"):
        high.approve(question, name)
    assert lowered(high, owner="somebody else") != question
    declare(high, "normal")
    declare(high, "high")
    assert lowered(high) != question
    assert declaration(high.ledger, "lending").stakes == "high"


def test_a_question_about_a_declaration_that_was_replaced_is_stale(high):
    question = lowered(high)
    declare(high, "high", owner="another")
    (waiting,) = high.gate.waiting(now=high.later(), subject="lending")
    assert (waiting.digest, waiting.state, waiting.in_words) == (question, "stale", "lower the stakes of lending")
    with pytest.raises(Misuse, match="changed since it was asked"):
        high.approve(question, "first-officer")


def test_a_refusal_ends_it(high):
    question = lowered(high)
    high.desk.refuse(question, by=Identity("first-officer", "os"), why="not yet", now=high.later())
    with pytest.raises(Misuse, match="first-officer refused to lower the stakes of lending on"):
        declare(high, "normal")


def test_it_is_no_move_that_the_last_approval_could_make(high):
    with pytest.raises(Misuse, match="is no move of a model"):
        high.approve(lowered(high), "first-officer", then=True)


def test_everything_else_is_declared_at_once(high):
    declare(high, "high", owner="another")
    assert declaration(high.ledger, "lending").owner == "another"
    made = Declaration("churn", "normal")
    high.gate.declare(made, actor="analyst", why="new", now=high.later())
    assert declaration(high.ledger, "churn").stakes == "normal"


def test_where_nobody_was_named_the_workspace_is_whoevers_uses_it(alone):
    for stakes in ("high", "normal"):
        declare(alone, stakes)
    assert declaration(alone.ledger, "lending").stakes == "normal"
