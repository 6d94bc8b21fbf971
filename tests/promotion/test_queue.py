"""A queue of thousands is read once, looked at a page at a time, and says of each question what it says alone."""

import dataclasses

import pytest

from workbench.errors import Misuse
from workbench.promotion import Identity, Question, Requirement, queue

NEEDED = Requirement(2, ("approver",), hours=72, why="it decides about people")


def asked(bank, number):
    """So many held answers, each a question of its own."""
    made = [
        Question("answer", f"prediction/p-{n}", {"input": f"{n:064x}"}, "p" * 64, (), NEEDED) for n in range(number)
    ]
    with bank.ledger.transaction() as writer:
        for question in made:
            bank.desk.ask_within(writer, question, author="lending/2", actor="asker", why="held", now=bank.later())
    return made


def counted(monkeypatch, ledger):
    """How often the ledger is read from now on."""
    reads, entries = [], ledger.entries
    monkeypatch.setattr(ledger, "entries", lambda **chosen: reads.append(chosen) or entries(**chosen))
    return reads


def test_every_question_is_told_as_it_is_told_alone(bank):
    made = asked(bank, 12)
    for question in made[:6]:
        bank.approve(question.digest, "first-officer")
    for question in made[:3]:
        bank.approve(question.digest, "second-officer")
    bank.desk.refuse(made[7].digest, by=Identity("first-officer", "os"), why="no", now=bank.later())
    bank.desk.withdraw(made[4].digest, by=Identity("first-officer", "os"), why="too early", now=bank.later())
    bank.ledger.rotate_key(actor="lead", why="yearly", now=bank.later())
    bank.approve(made[8].digest, "second-officer")
    alone = [bank.desk.answers(question, now=bank.now) for question in made]
    assert bank.desk.all_answers(now=bank.now, ended=True) == alone
    assert bank.desk.all_answers(now=bank.now) == [known for known in alone if not known.ended]
    assert bank.desk.all_answers(now=bank.now, subject="prediction/p-3") == [alone[3]]
    assert [one.state for one in queue(bank.desk, now=bank.now, ended=True)] == [
        *3 * ["enough"], *4 * ["waiting"], "refused", *4 * ["waiting"],
    ]  # fmt: skip


def test_a_long_queue_is_read_as_often_as_a_short_one(bank, monkeypatch):
    asked(bank, 3)
    reads = counted(monkeypatch, bank.ledger)
    queue(bank.desk, now=bank.now)
    few = len(reads)
    asked(bank, 300)
    reads.clear()
    assert len(queue(bank.desk, now=bank.now)) == 300
    assert len(reads) == few


def test_only_what_is_shown_is_judged_and_says_who_may(bank):
    for version in (2, 3):
        bank.ask(version)
    judged = len(bank.judge.asked)
    waiting = queue(bank.desk, now=bank.now)
    assert [one.may for one in waiting] == [(), ()]
    assert len(bank.judge.asked) == judged
    (first,) = bank.gate.look_at(waiting[:1], now=bank.now)
    assert (first.state, first.may) == ("waiting", ("first-officer", "second-officer"))
    bank.audit(3)
    assert bank.gate.look_at(waiting[1:], now=bank.now)[0].state == "stale"


def test_a_question_is_found_by_its_name_without_reading_the_others(bank, monkeypatch):
    made = asked(bank, 200)
    entries, found = bank.ledger.entries, []
    monkeypatch.setattr(bank.ledger, "entries", lambda **chosen: found.extend(entries(**chosen)) or entries(**chosen))
    question, entry = bank.desk.find(made[150].digest[:12].upper())
    assert (question, entry.subject) == (made[150], "prediction/p-150")
    assert len(found) == 1


def test_an_entry_that_only_looks_like_a_question_is_none(bank):
    """Whoever writes into the ledger under another question's key is not believed."""
    question = asked(bank, 1)[0]
    other = dataclasses.replace(question, subject="prediction/other")
    body = {"digest": other.digest, "question": question.as_body(), "author": "nobody"}
    said = {"subject": other.subject, "actor": "asker", "why": "w", "body": body, "now": bank.later()}
    bank.ledger.append("approval.requested", key=f"question/{other.digest}", **said)
    with pytest.raises(Misuse, match="none begins so"):
        bank.desk.find(other.digest)
    assert [one.digest for one in queue(bank.desk, now=bank.now)] == [question.digest]
