"""People as the last gate: who may approve, what an approval is worth, and what makes it worth nothing."""

import dataclasses
import json
from datetime import timedelta

import pytest

from workbench.errors import Denied, EngineError, Misuse, NeedsPeople
from workbench.ledger.signing import SigningKey
from workbench.promotion import Declaration, Identity, Question, Requirement, queue
from workbench.promotion.approvals import GIVEN, Approval


def test_a_move_that_people_have_to_approve_waits_and_says_who_may(bank):
    with pytest.raises(NeedsPeople) as waiting:
        bank.promote(2, actor="analyst")
    assert bank.ledger.head("lending") is None
    assert "needed: 2 approvals by approver, at most 72 hours old" in waiting.value.message
    assert "who may: asker, first-officer, second-officer" in waiting.value.message
    assert waiting.value.hint.startswith(f"workbench approve {waiting.value.question[:12]}")
    assert waiting.value.missing == 2
    assert bank.kinds()[-1] == "approval.requested"


def test_the_same_question_asked_again_is_one_question(bank):
    assert bank.ask() == bank.ask()
    assert bank.kinds().count("approval.requested") == 1


def test_the_last_approval_lets_the_move_be_asked_again(bank):
    question = bank.ask()
    assert bank.approve(question, "first-officer") == (bank.ledger.entries()[-1], None)
    bank.ask()
    bank.approve(question, "second-officer")
    move = bank.promote(2, actor="asker")
    assert (move.version, move.generation) == (2, 1)
    entry = bank.ledger.entries(kind="promotion.granted")[0]
    told = entry.body["input"]["approvals"]
    assert [(a["by"], a["role"], a["source"]) for a in told] == [
        ("first-officer", "approver", "os"),
        ("second-officer", "approver", "os"),
    ]
    assert entry.body["question"] == question
    assert [bank.ledger.entries()[seq - 1].actor for seq in entry.body["approvals"]] == [
        "first-officer",
        "second-officer",
    ]


def test_the_last_approval_completes_the_move_when_it_is_asked_to(bank):
    question = bank.ask()
    assert bank.approve(question, "first-officer", then=True)[1] is None
    _, move = bank.approve(question, "second-officer", then=True)
    assert (move.version, bank.champion()) == (2, (2, 1))
    assert bank.ledger.entries(kind="promotion.granted")[0].why == "fairer and as good"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("analyst", "is its author"),
        ("ANALYST", "is its author"),
        ("asker", "asked for it"),
        (" Asker", "asked for it"),
        ("lead", "needs the role approver"),
        ("visitor", "needs the role approver"),
        ("nobody-knows", "needs the role approver"),
        ("workbench", "the machine calls itself"),
        ("", "is no name"),
        ("first\nofficer", "is no name"),
    ],
)
def test_some_may_not_approve(bank, name, words):
    bank.name_people(analyst=("analyst", "approver"))
    question = bank.ask()
    with pytest.raises(Misuse, match=words if name.strip() else "nobody is named"):
        bank.approve(question, name)
    assert bank.state(question).approvals == ()


def test_one_person_in_two_spellings_is_one(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    for name in ("first-officer", "FIRST-Officer", "\uff46irst-officer "):
        with pytest.raises(Misuse, match=r"has approved .* already"):
            bank.approve(question, name)
    assert bank.state(question).missing == 1


def test_a_refusal_ends_the_question_with_its_reason(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.desk.refuse(question, by=Identity("second-officer", "os"), why="rural branches are left out", now=bank.later())
    with pytest.raises(Misuse, match="was refused by second-officer"):
        bank.approve(question, "asker")
    with pytest.raises(Denied, match="rural branches are left out"):
        bank.promote(2, actor="asker")
    bank.audit(2)
    assert bank.ask() != question


def test_who_may_not_approve_may_not_refuse(bank):
    question = bank.ask()
    for name in ("visitor", "lead", "analyst"):
        with pytest.raises(Misuse, match="may not decide"):
            bank.desk.refuse(question, by=Identity(name, "os"), why="no", now=bank.later())


def test_an_approval_that_was_withdrawn_counts_no_more(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.desk.withdraw(question, by=Identity("first-officer", "os"), why="the wrong year", now=bank.later())
    assert bank.state(question).missing == 2
    with pytest.raises(Misuse, match="has not approved"):
        bank.desk.withdraw(question, by=Identity("first-officer", "os"), why="again", now=bank.later())
    bank.approve(question, "first-officer")
    assert bank.state(question).missing == 1


def test_an_approval_expires(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.now += timedelta(hours=71)
    bank.approve(question, "second-officer")
    bank.now += timedelta(hours=2)
    ((approval, why),) = bank.state(question).void
    assert (approval.by, why) == ("first-officer", "it has expired")
    with pytest.raises(NeedsPeople):
        bank.promote(2, actor="asker")


@pytest.mark.parametrize("change", ["policy", "evidence", "champion", "champion's evidence", "stakes", "requirement"])
def test_whatever_is_judged_changes_voids_the_approvals(bank, change):
    bank.judge.asks["approvals"] = 0
    bank.promote(1, actor="asker")
    bank.judge.asks["approvals"] = 2
    question = bank.ask()
    for name in ("first-officer", "second-officer"):
        bank.approve(question, name)
    if change == "policy":
        (bank.policies / "promotion.rego").write_text("package promotion\n# stricter\n")
    elif change == "evidence":
        bank.audit(2)
    elif change.startswith("champion"):
        bank.judge.asks["approvals"] = 0
        bank.promote(3, actor="asker")
        bank.promote(1, actor="asker")
        bank.judge.asks["approvals"] = 2
    elif change == "stakes":
        bank.gate.declare(Declaration("lending", "high"), actor="lead", why="credit", now=bank.later())
    else:
        bank.judge.asks["hours"] = 24
    assert bank.ask() != question
    assert bank.ledger.head("lending").version == 1


def test_an_approval_of_one_version_is_none_of_another(bank):
    question = bank.ask(2)
    bank.approve(question, "first-officer")
    bank.approve(question, "second-officer")
    other = bank.ask(3)
    assert other != question
    given = bank.ledger.entries(kind=GIVEN)[0]
    replayed = {**given.body, "digest": other}
    bank.ledger.append(GIVEN, subject="lending/3", actor=given.actor, why="replayed", body=replayed, now=bank.later())
    told = {**given.body["approval"], "question": other}
    replayed = {"digest": other, "approval": told, "signature": given.body["signature"]}
    bank.ledger.append(GIVEN, subject="lending/3", actor=given.actor, why="forged", body=replayed, now=bank.later())
    state = bank.state(other)
    assert state.approvals == ()
    assert [why for _, why in state.void] == ["its signature is not this workspace's"]


@pytest.mark.parametrize("field", ["by", "role", "expires", "at", "stands_for", "source"])
def test_a_changed_approval_has_no_valid_signature(bank, field):
    question = bank.ask()
    bank.approve(question, "first-officer")
    body = json.loads(json.dumps(dict(bank.ledger.entries(kind=GIVEN)[0].body)))
    body["approval"][field] = {"by": "second-officer", "at": "2026-01-01T00:00:00+00:00"}.get(field, "changed")
    actor = body["approval"]["by"]
    bank.ledger.append(GIVEN, subject="lending/2", actor=actor, why="x", body=body, now=bank.later())
    assert all(a.by == "first-officer" and a.role == "approver" for a in bank.state(question).approvals)
    assert bank.state(question).missing >= 1


def test_an_approval_signed_by_another_key_is_none(bank, tmp_path):
    question = bank.ask()
    key = SigningKey.create(tmp_path / "another.key")
    now = bank.later()
    forged = Approval(question, "first-officer", None, "approver", "os", now.isoformat(), None)
    signature = {"public": key.public, "signature": key.sign(forged.message)}
    body = {"digest": question, "approval": forged.as_body(), "signature": signature}
    bank.ledger.append(GIVEN, subject="lending/2", actor="first-officer", why="x", body=body, now=now)
    assert bank.state(question).approvals == ()


def test_a_key_that_others_can_read_signs_nothing(bank, policies):
    question = bank.ask()
    bank.ledger.signing_key(now=bank.now)
    (policies.parent / "ledger.key").chmod(0o644)
    with pytest.raises(EngineError, match="others can read"):
        bank.approve(question, "first-officer")


def test_an_approval_outlives_the_rotation_of_the_key_that_signed_it(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.ledger.rotate_key(actor="lead", why="yearly", now=bank.later())
    assert [approval.by for approval in bank.state(question).approvals] == ["first-officer"]
    bank.approve(question, "second-officer")
    assert bank.promote(2, actor="asker").version == 2


def test_a_key_that_was_rotated_out_signs_nothing_later(bank, policies):
    question = bank.ask()
    bank.ledger.signing_key(now=bank.now)
    old = SigningKey.load(policies.parent / "ledger.key")
    bank.ledger.rotate_key(actor="lead", why="it was copied", now=bank.later())
    forged = Approval(question, "first-officer", None, "approver", "os", bank.later().isoformat(), None)
    signature = {"public": old.public, "signature": old.sign(forged.message)}
    body = {"digest": question, "approval": forged.as_body(), "signature": signature}
    bank.ledger.append(GIVEN, subject="lending/2", actor="first-officer", why="w", body=body, now=bank.now)
    ((_, why),) = bank.state(question).void
    assert why == "its signature is not this workspace's"


def test_an_approval_that_was_taken_back_is_worth_nothing_when_it_is_copied(bank):
    question = bank.ask()
    given, _ = bank.approve(question, "first-officer")
    bank.desk.withdraw(question, by=Identity("first-officer", "os"), why="too early", now=bank.later())
    bank.ledger.append(
        GIVEN, subject=given.subject, actor=given.actor, why=given.why, body=given.body, now=bank.later()
    )
    assert bank.state(question).approvals == ()
    bank.approve(question, "first-officer")
    assert bank.state(question).missing == 1


def test_who_may_only_approve_carries_out_what_another_asked_for(bank):
    bank.judge.asks.update(approvals=1, roles=["risk-officer"])
    bank.name_people(boss=("risk-officer",))
    question = bank.ask()
    _, move = bank.approve(question, "boss", then=True)
    assert move.version == 2


def test_what_an_asker_may_ask_no_more_is_not_carried_out(bank):
    bank.judge.asks["approvals"] = 1
    question = bank.ask()
    bank.name_people(asker=("viewer",))
    with pytest.raises(Misuse, match="asker may not move a model"):
        bank.approve(question, "first-officer", then=True)
    assert bank.ledger.head("lending") is None


@pytest.mark.parametrize(
    "name", ["asker\ufe0f", "ask\u034fer", "asker\u3164", "\u0430sker", "as\u03bder", "asker\u200b", "a\u2800"]
)
def test_a_name_that_looks_like_another_is_none(bank, name):
    with pytest.raises(Misuse, match="no name"):
        bank.desk.change_roles(name, ["approver"], by=Identity("lead", "os"), why="new", now=bank.later())


@pytest.mark.parametrize("name", ["Zoë", "Łukasz", "анна", "李", "O'Neil", "risk-officer@bank"])
def test_a_name_in_any_one_alphabet_is_a_name(bank, name):
    bank.desk.change_roles(name, ["approver"], by=Identity("lead", "os"), why="new", now=bank.later())
    assert bank.desk.roster().may(name, "approve")


def test_nobody_can_be_asked_under_a_key_that_something_else_was_given(bank, ledger):
    question = bank.ask()
    (asked,) = [found for found, _ in bank.desk.asked() if found.digest == question]
    other = dataclasses.replace(asked, subject="lending/3")
    ledger.append(
        "note", subject="x", actor="asker", why="w", body={}, now=bank.later(), key=f"question/{other.digest}"
    )
    with pytest.raises(Misuse, match="has the key of promote lending 3"):
        bank.desk.ask(other, author="analyst", actor="asker", why="w", now=bank.later())


def test_a_delegation_ends_at_a_time_of_one_place(bank):
    with pytest.raises(Misuse, match="no time zone"):
        bank.desk.delegate(
            "visitor",
            by=Identity("first-officer", "os"),
            until=bank.now.replace(tzinfo=None),
            why="away",
            now=bank.later(),
        )


def test_an_approval_of_somebody_whose_role_was_taken_counts_no_more(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.name_people(first_officer=())
    ((_, why),) = bank.state(question).void
    assert why == "the role or the delegation was taken away"


def test_an_approval_that_is_taken_back_while_the_policy_judges_stops_the_move(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.approve(question, "second-officer")

    asked = []

    def meanwhile():
        asked.append(1)
        if len(asked) == 2:
            bank.desk.withdraw(question, by=Identity("first-officer", "os"), why="wait", now=bank.later())

    bank.judge.before_answering = meanwhile
    with pytest.raises(Misuse, match="came meanwhile"):
        bank.promote(2, actor="asker")
    assert bank.ledger.head("lending") is None


# delegation


def delegate(bank, giver, to, days=7):
    return bank.desk.delegate(
        to, by=Identity(giver, "os"), until=bank.now + timedelta(days=days), why="leave", now=bank.later()
    )


def test_a_stand_in_approves_in_the_place_of_an_approver(bank):
    delegate(bank, "first-officer", "lead")
    question = bank.ask()
    bank.approve(question, "lead")
    (approval,) = bank.state(question).approvals
    assert (approval.by, approval.stands_for) == ("lead", "first-officer")


def test_a_stand_in_and_the_one_they_stand_in_for_are_one(bank):
    delegate(bank, "first-officer", "lead")
    question = bank.ask()
    bank.approve(question, "lead")
    with pytest.raises(Misuse, match="may not decide"):
        bank.approve(question, "first-officer")


def test_two_approvals_of_one_person_in_two_places_are_one(bank):
    delegate(bank, "first-officer", "second-officer")
    question = bank.ask()
    bank.approve(question, "second-officer")
    with pytest.raises(Misuse, match="already"):
        bank.approve(question, "second-officer")


@pytest.mark.parametrize(("giver", "to"), [("first-officer", "analyst"), ("first-officer", "asker")])
def test_nobody_approves_their_own_by_standing_in(bank, giver, to):
    delegate(bank, giver, to)
    question = bank.ask()
    with pytest.raises(Misuse, match=r"is its author|asked for it"):
        bank.approve(question, to)


def test_nobody_stands_in_for_the_author_or_the_asker(bank):
    delegate(bank, "asker", "lead")
    question = bank.ask()
    with pytest.raises(Misuse, match="may not decide"):
        bank.approve(question, "lead")


def test_a_delegation_is_not_handed_on(bank):
    delegate(bank, "first-officer", "lead")
    with pytest.raises(Misuse, match="lead may not decide"):
        delegate(bank, "lead", "visitor")


def test_a_delegation_ends(bank):
    delegate(bank, "first-officer", "lead", days=1)
    question = bank.ask()
    bank.approve(question, "lead")
    bank.now += timedelta(days=1)
    assert bank.state(question).approvals == ()
    delegate(bank, "first-officer", "lead")
    assert bank.state(question).missing == 1
    delegate(bank, "first-officer", "lead", days=0)
    assert bank.state(question).missing == 2


@pytest.mark.parametrize(("to", "days", "words"), [("First-Officer", 7, "themselves"), ("lead", 100, "may last 90")])
def test_a_delegation_that_makes_no_sense_is_refused(bank, to, days, words):
    with pytest.raises(Misuse, match=words):
        delegate(bank, "first-officer", to, days)


# roles


def test_the_first_to_name_anybody_becomes_admin(alone):
    entries = alone.desk.change_roles("officer", ["approver"], by=Identity("me", "os"), why="w", now=alone.later())
    assert [(e.body["person"], e.body["roles"]) for e in entries] == [("me", ["admin"]), ("officer", ["approver"])]
    with pytest.raises(Misuse, match="officer may not change people"):
        alone.desk.change_roles("x", ["admin"], by=Identity("officer", "os"), why="w", now=alone.later())


def test_the_last_admin_stays(bank):
    for roles in ((), ("approver",)):
        with pytest.raises(Misuse, match="last admin"):
            bank.name_people(lead=roles)


@pytest.mark.parametrize("role", ["", "Admin", "a b", "../x", "<b>", "x" * 41])
def test_a_role_that_is_none_is_refused(bank, role):
    with pytest.raises(Misuse, match="is no role"):
        bank.name_people(visitor=(role,))


def test_what_a_role_may_not_do_the_gate_refuses(bank):
    refused = [
        lambda name: bank.promote(2, actor=name),
        lambda name: bank.rollback(actor=name),
        lambda name: bank.gate.stage("lending", 2, "shadow", actor=name, why="w", now=bank.later()),
        lambda name: bank.gate.retire("lending", 2, actor=name, why="w", now=bank.later()),
        lambda name: bank.gate.declare(Declaration("lending", "high"), actor=name, why="w", now=bank.later()),
    ]
    before = len(bank.ledger.entries())
    for act in refused:
        with pytest.raises(Misuse, match=r"visitor may not|has no champion"):
            act("visitor")
    for name in ("visitor", "analyst", "lead"):
        with pytest.raises(Misuse, match="may not decide on what waits"):
            bank.reject(2, actor=name)
    assert len(bank.ledger.entries()) == before


def test_the_machine_may_ask_but_nobody_is_it(bank):
    assert bank.desk.roster().may("workbench", "ask")
    assert not bank.desk.roster().may("workbench", "approve")
    with pytest.raises(Misuse, match="the machine calls itself"):
        bank.name_people(Workbench=("approver",))


# alone


def test_whoever_is_alone_may_approve_their_own_where_little_is_at_stake(alone):
    alone.promote_waits = alone.ask(2, actor="analyst")
    alone.approve(alone.promote_waits, "analyst")
    assert alone.promote(2, actor="analyst").version == 2


def test_whoever_is_alone_may_not_approve_their_own_where_much_is_at_stake(alone):
    alone.gate.declare(Declaration("lending", "high"), actor="analyst", why="credit", now=alone.later())
    question = alone.ask(2, actor="analyst")
    with pytest.raises(Misuse, match="another has to approve"):
        alone.approve(question, "analyst")
    alone.approve(question, "somebody-else")
    assert alone.promote(2, actor="analyst").version == 2


# a policy that cannot count, names that are code, the queue


def test_a_policy_that_asks_for_more_than_it_asked_for_denies(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    bank.approve(question, "second-officer")
    bank.judge.evaluate = lambda *_: dataclasses.replace(bank.judge.ruling, allow=False, people=bank.judge.asks)
    with pytest.raises(Denied, match="asks for more"):
        bank.promote(2, actor="asker")


def test_a_policy_that_says_yes_too_early_is_not_believed(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    asks = bank.judge.asks

    def hasty(source, package, document):
        ruling = bank.judge.ruling
        return ruling if document["approvals"] else dataclasses.replace(ruling, allow=False, people=asks)

    bank.judge.evaluate = hasty
    with pytest.raises(NeedsPeople):
        bank.promote(2, actor="asker")


NASTY = ["<img src=x onerror=alert(1)>", "'; DROP TABLE entries; --", "../../etc/passwd", "$(reboot)", "`id`"]


@pytest.mark.parametrize("text", NASTY)
def test_a_name_or_a_reason_is_text_and_nothing_else(bank, text):
    bank.name_people(**{text: ("approver",)})
    bank.register(1, 2, model=text)
    question = bank.ask()
    entry = bank.gate.approve(question, by=Identity(text, "os"), why=text, now=bank.later())[0]
    assert (entry.actor, entry.why) == (text, text)
    assert bank.state(question).approvals[0].by == text
    with pytest.raises(NeedsPeople):
        bank.promote(1, model=text, why=text, actor="asker")
    assert bank.ledger.verify().valid


@pytest.mark.parametrize("name", ["", "abc", "%", "zzzzzz", "' OR 1=1 --"])
def test_what_names_no_question_is_refused(bank, name):
    bank.ask()
    with pytest.raises(Misuse, match=r"names no question|too short"):
        bank.approve(name, "first-officer")


def test_the_queue_says_who_is_missing(bank):
    question = bank.ask()
    bank.approve(question, "first-officer")
    (waiting,) = bank.gate.waiting(now=bank.now)
    assert (waiting.digest, waiting.in_words, waiting.state) == (question, "promote lending 2", "waiting")
    assert waiting.may == ("second-officer",)
    bank.approve(question, "second-officer")
    assert queue(bank.desk, now=bank.now)[0].state == "enough"
    bank.promote(2, actor="asker")
    assert queue(bank.desk, now=bank.now) == []


def test_approvals_are_used_once(bank):
    """The same share asked for again after the canary was taken out is another question."""
    bank.judge.asks["approvals"] = 0
    bank.promote(1, actor="asker")
    bank.judge.asks["approvals"] = 2
    stage = {"actor": "asker", "why": "careful", "weight": 0.05}
    for _ in range(2):
        with pytest.raises(NeedsPeople) as waiting:
            bank.gate.stage("lending", 2, "canary", now=bank.later(), **stage)
        bank.approve(waiting.value.question, "first-officer")
        _, move = bank.approve(waiting.value.question, "second-officer", then=True)
        assert (move.slot, move.weight) == ("canary", 0.05)
        with pytest.raises(Misuse, match="was done already"):
            bank.approve(waiting.value.question, "lead")
        bank.judge.asks["approvals"] = 0
        bank.gate.clear("lending", "canary", actor="asker", why="again", now=bank.later())
        bank.judge.asks["approvals"] = 2


def test_a_question_that_would_be_another_now_is_stale(bank):
    question = bank.ask()
    bank.audit(2)
    assert [one.state for one in bank.gate.waiting(now=bank.now)] == ["stale"]
    with pytest.raises(Misuse, match="changed since it was asked"):
        bank.approve(question, "first-officer")


def test_anything_can_wait_for_people(bank):
    """A prediction is asked about as a move is; whoever asked acts, and closes the question in the same commit."""
    needed = Requirement(1, ("approver",), hours=2, why="a large loan")
    question = Question("answer", "prediction/p-1", {"input": "i" * 64, "answer": "no"}, "p" * 64, (), needed)
    said = {"author": "lending/2", "actor": "workbench", "why": "held", "now": bank.later()}
    bank.desk.ask(question, **said)
    assert bank.desk.answers(question, now=bank.now).missing == 1
    assert [one.in_words for one in bank.gate.waiting(now=bank.now)] == ["answer prediction p-1"]
    with pytest.raises(Misuse, match="is no move of a model"):
        bank.approve(question.digest, "first-officer", then=True)
    assert bank.desk.answers(question, now=bank.now).missing == 1
    bank.approve(question.digest, "first-officer")
    assert bank.desk.answers(question, now=bank.now).enough
    with bank.ledger.transaction() as writer:
        done = writer.append(
            "prediction.released", subject="prediction/p-1", actor="workbench", why="approved", body={}, now=bank.now
        )
        bank.desk.close_within(writer, question, cause=done, now=bank.now)
    assert bank.gate.waiting(now=bank.now) == []
    assert not bank.desk.answers(question, now=bank.now).enough
    assert bank.desk.answers(question, now=bank.now).closed is not None
