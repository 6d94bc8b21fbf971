"""What somebody tries who wants a version in use without the people that it needs."""

import sys
import unicodedata
from datetime import timedelta

import pytest

from workbench.errors import Misuse, NeedsPeople
from workbench.promotion import Identity, queue
from workbench.promotion.approvals import DELEGATED, GIVEN
from workbench.promotion.people import normal


def delegate(bank, giver, to, days=7):
    said = {"until": bank.now + timedelta(days=days), "why": "leave", "now": bank.later()}
    return bank.desk.delegate(to, by=Identity(giver, "os"), **said)


# one person under two names


def test_every_spelling_of_a_letter_is_one_letter():
    """Composed or taken apart, upper or lower, wide or narrow; and what is spelled in the one way stays so."""
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        if unicodedata.category(letter) in {"Cn", "Co", "Cs"}:
            continue
        told = normal(f"a{letter}b")
        assert normal(told) == told, ascii(letter)
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert normal(unicodedata.normalize(form, f"a{letter}b")) == told, (ascii(letter), form)
        if letter.upper().casefold() == letter.casefold():
            assert normal(f"a{letter.upper()}b") == told, ascii(letter)


@pytest.mark.parametrize(
    "name",
    [
        "first-officer ",
        "\tFIRST-OFFICER",
        "first\u2010officer",  # hyphen
        "first\u2011officer",  # one that does not break
        "first\u2013officer",  # en dash
        "first\u2212officer",  # minus
        "\uff46irst-officer",  # wide
        "first-o\ufb03cer",  # a ligature
    ],
)
def test_nobody_approves_twice_under_two_spellings(bank, name):
    question = bank.ask()
    bank.approve(question, "first-officer")
    with pytest.raises(Misuse, match=r"has approved .* already|is no name"):
        bank.approve(question, name)
    assert bank.state(question).missing == 1


@pytest.mark.parametrize(("name", "spelled"), [("Zoë", "Zoe\u0308"), ("O'Neil", "O\u2019Neil"), ("Åsa", "A\u030asa")])
def test_the_author_in_another_spelling_is_the_author(bank, name, spelled):
    bank.name_people(**{name: ("analyst", "approver")})
    question = bank.ask(actor=name)
    with pytest.raises(Misuse, match="asked for it"):
        bank.approve(question, spelled)


# who may no more


def test_who_lost_the_role_between_the_question_and_the_answer_may_not_answer(bank):
    question = bank.ask()
    bank.name_people(first_officer=("viewer",))
    with pytest.raises(Misuse, match="it needs the role approver"):
        bank.approve(question, "first-officer")
    with pytest.raises(Misuse, match="may not decide"):
        bank.desk.refuse(question, by=Identity("first-officer", "os"), why="no", now=bank.later())
    assert "first-officer" not in bank.gate.waiting(now=bank.now)[0].may


def test_who_stood_in_for_somebody_that_lost_the_role_counts_no_more(bank):
    delegate(bank, "first-officer", "lead")
    question = bank.ask()
    bank.approve(question, "lead")
    bank.approve(question, "second-officer")
    bank.name_people(first_officer=())
    assert bank.state(question).missing == 1
    with pytest.raises(NeedsPeople):
        bank.promote(2, actor="asker")


# standing in


def test_two_who_stand_in_for_each_other_are_two_and_no_more(bank):
    delegate(bank, "first-officer", "second-officer")
    delegate(bank, "second-officer", "first-officer")
    question = bank.ask()
    bank.approve(question, "first-officer")
    assert bank.state(question).missing == 1
    with pytest.raises(Misuse, match="already"):
        bank.approve(question, "first-officer")
    bank.approve(question, "second-officer")
    assert bank.promote(2, actor="asker").version == 2


def test_a_ring_of_delegations_gives_nobody_a_role(bank):
    delegate(bank, "first-officer", "lead")
    for giver, to in (("lead", "visitor"), ("visitor", "lead")):
        with pytest.raises(Misuse, match="may not decide"):
            delegate(bank, giver, to)
        body = {"to": to, "until": (bank.now + timedelta(days=7)).isoformat(), "source": "os"}  # and written by hand
        bank.ledger.append(DELEGATED, subject="people", actor=giver, why="w", body=body, now=bank.later())
    question = bank.ask()
    with pytest.raises(Misuse, match="may not decide"):
        bank.approve(question, "visitor")
    bank.approve(question, "lead")
    assert bank.state(question).approvals[0].stands_for == "first-officer"


def test_a_delegation_holds_up_to_its_end_and_not_at_it(bank):
    entry = delegate(bank, "first-officer", "lead", days=1)
    question = bank.ask()
    bank.approve(question, "lead")
    asked, _ = bank.desk.find(question)
    end = bank.now.fromisoformat(entry.body["until"])
    assert bank.desk.answers(asked, now=end - timedelta(microseconds=1)).missing == 1
    assert bank.desk.answers(asked, now=end).missing == 2


def test_an_author_does_not_approve_through_whoever_stands_in_for_them(bank):
    bank.name_people(analyst=("analyst", "approver"))
    delegate(bank, "analyst", "lead")
    question = bank.ask()
    with pytest.raises(Misuse, match="may not decide"):
        bank.approve(question, "lead")
    delegate(bank, "first-officer", "lead")  # in another's place they may
    bank.approve(question, "lead")
    assert bank.state(question).approvals[0].stands_for == "first-officer"


# written into the ledger by hand


@pytest.mark.parametrize("until", ["2099-01-01T00:00:00", "never", None, 7, ["2099"]])
def test_a_delegation_that_cannot_be_read_ends_the_one_before_and_stops_nobody_else(bank, until):
    delegate(bank, "first-officer", "lead")
    question = bank.ask()
    bank.approve(question, "lead")
    body = {"to": "Lead", "until": until}
    bank.ledger.append(DELEGATED, subject="people", actor="first-officer", why="w", body=body, now=bank.later())
    assert bank.state(question).missing == 2
    bank.approve(question, "second-officer")
    assert [one.answers.missing for one in queue(bank.desk, now=bank.now)] == [1]


@pytest.mark.parametrize("field", ["at", "expires"])
@pytest.mark.parametrize("told", ["2026-01-01T00:00:00", "soon", 7])
def test_an_approval_of_no_time_counts_for_nothing_and_stops_nobody_else(bank, field, told):
    question = bank.ask()
    given, _ = bank.approve(question, "first-officer")
    key = bank.ledger.signing_key(now=bank.now)
    from workbench.promotion.approvals import Approval

    forged = Approval(**{**given.body["approval"], "by": "second-officer", field: told})
    signature = {"public": key.public, "signature": key.sign(forged.message)}
    body = {"digest": question, "approval": forged.as_body(), "signature": signature}
    bank.ledger.append(GIVEN, subject="lending/2", actor="second-officer", why="w", body=body, now=bank.later())
    assert [approval.by for approval in bank.state(question).approvals] == ["first-officer"]
    assert [one.answers.missing for one in queue(bank.desk, now=bank.now)] == [1]


def test_an_approval_that_is_dated_ahead_counts_for_nothing_yet(bank):
    question = bank.ask()
    asked, _ = bank.desk.find(question)
    ahead = bank.now + timedelta(days=30)
    bank.desk.approve(question, by=Identity("first-officer", "os"), why="w", now=ahead)
    ((_, why),) = bank.desk.answers(asked, now=bank.later()).void
    assert why == "it is dated from the future"


def test_approvals_of_a_version_that_was_done_do_not_bring_it_back(bank):
    """The same version asked for again after a rollback is another question: the first approvals are used up."""
    question = bank.ask()
    for name in ("first-officer", "second-officer"):
        bank.approve(question, name)
    bank.promote(2, actor="asker")
    bank.judge.asks["approvals"] = 0
    bank.promote(3, actor="asker")
    bank.judge.asks["approvals"] = 2
    again = bank.ask()
    assert again != question
    assert bank.state(again).approvals == ()
    for given in bank.ledger.entries(kind=GIVEN):  # replayed as they are, and under the new question's name
        said = {"subject": given.subject, "actor": given.actor, "why": given.why, "now": bank.later()}
        bank.ledger.append(GIVEN, body=given.body, **said)
        bank.ledger.append(GIVEN, body={**given.body, "digest": again}, **said)
    assert bank.state(again).approvals == ()
    with pytest.raises(NeedsPeople):
        bank.promote(2, actor="asker")
