"""What the pages of decisions read and do, over a real ledger and the shipped policies; the gate has the last word."""

import pytest

from tests.views.conftest import Reader
from workbench.bench import create, open_bench
from workbench.errors import Denied, Misuse, NeedsPeople
from workbench.evidence import Figure, Finding
from workbench.evidence.tracing import particulars
from workbench.ledger import ModelVersion
from workbench.promotion import Declaration, Identity
from workbench.views import approvals_page
from workbench.views.deciding import Wish
from workbench.views.lineage_graph import label
from workbench.views.looking import stuck

WHY = "the audit of March convinces me"
PEOPLE = {
    "risk-officer": "approver",
    "auditor": "approver",
    "analyst": "analyst",
    "visitor": "viewer",
    "keeper": "admin",
}
MOVES = [
    Wish("promote", "lending", 1),
    Wish("stage", "lending", 1, "shadow"),
    Wish("stage", "lending", 1, "canary", 0.05),
    Wish("rollback", "lending", 1),
    Wish("retire", "lending", 1, ""),
]


class Registry:
    """A model registry in memory."""

    def __init__(self):
        self.aliases = {}

    def set_alias(self, model, alias, version, generation):
        self.aliases[model, alias] = (version, generation)

    def clear_alias(self, model, alias, generation):
        self.aliases.pop((model, alias), None)

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def exists(self, model, version):
        return True

    def damage(self, version):
        return None


class Told:
    """A workspace with a champion and candidates, its registry in memory; anybody can be made to act."""

    def __init__(self, bench):
        self.bench = bench
        bench.__dict__["_store"] = Registry()

    def by(self, name):
        self.bench.__dict__["identity"] = Identity(name, "proxy")
        return self.bench.decisions

    def register(self, model, number, *, race=0.92):
        at = self.bench.now()
        version = ModelVersion(
            model=model, version=number, run_id=f"r{number}", source="s", model_digest="m", data_digest="d",
            feature_set="loan@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=at.isoformat(), registered_by="analyst",
        )  # fmt: skip
        told = {"subject": version.subject, "actor": "analyst", "why": "trained", "now": at}
        self.bench.ledger.append("version.registered", body=version.as_body(), **told)
        impact = Figure(race, race - 0.05, race + 0.05, probability=0.99 if race > 0.85 else 0.2, target=0.8)
        for kind, figures in (
            ("performance", {"f1": Figure(0.93, 0.92, 0.94)}),
            ("fairness", {"disparate_impact.race": impact, "disparate_impact.sex": impact}),
        ):
            verdict = "pass" if race > 0.85 else "fail"
            found = Finding(kind, version.subject, verdict, "it was looked at", figures, "d", "r", at.isoformat())
            self.bench.ledger.append("evidence.recorded", body=found.as_body(), **told)


@pytest.fixture
def told(tmp_path):
    create(tmp_path / "w")
    with open_bench(tmp_path / "w") as bench:
        told = Told(bench)
        for number in (1, 2, 3):
            told.register("lending", number, race=0.75 if number == 3 else 0.92)
        told.by("lead").do(Wish("promote", "lending", 1), WHY)
        for name, role in PEOPLE.items():
            bench.desk.change_roles(name, [role], by=bench.identity, why="as it is organised", now=bench.now())
        yield told


def high_stakes(told):
    told.by("keeper")
    made = Declaration("lending", "high", "risk-officer")
    told.bench.gate.declare(made, actor="keeper", why="it decides about people", now=told.bench.now())


def test_what_a_role_may_not_do_is_refused_by_the_gate_too(told):
    """The page does not offer it; whoever calls all the same gets no further."""
    told.by("keeper").do(Wish("promote", "lending", 2), WHY)
    visitor = told.by("visitor")
    before = told.bench.ledger.heads(), len(told.bench.ledger.entries())
    for wish in MOVES:
        with pytest.raises(Misuse, match="visitor may not move a model"):
            visitor.do(wish, WHY)
    with pytest.raises(Misuse, match="visitor may not move a model"):
        visitor.judge(MOVES[0], WHY)
    for name in ("visitor", "analyst", "keeper"):
        with pytest.raises(Misuse, match="may not decide"):
            told.by(name).do(Wish("reject", "lending", 3), WHY)
    assert (told.bench.ledger.heads(), len(told.bench.ledger.entries())) == before


def test_who_is_asked_to_lower_the_stakes_sees_all_that_is_declared_with_it(told):
    high_stakes(told)
    made = Declaration("lending", "normal", "somebody else", {}, {"p99_ms": 9000})
    with pytest.raises(NeedsPeople):
        told.bench.gate.declare(made, actor="keeper", why="it decides about nobody", now=told.bench.now())
    reviewer = told.by("auditor")
    text = Reader(approvals_page(reviewer.read, reviewer.acts)).text
    assert "1 of them for you" in text
    assert "The stakes of lending are then normal. Declared with it: its owner is somebody else; " in text
    assert "key figures: none; objectives: p99_ms: 9000." in text
    assert "Why people are asked: “with normal stakes a model moves without the people who decide" in text


def test_a_head_that_no_seal_put_there_is_told_among_what_is_wrong(told):
    assert not any("doubted" in one.sentence for one in told.by("lead").read().wrong)
    ledger = told.bench.ledger
    ledger._database.execute("DROP TRIGGER moves_are_sealed")
    ledger._sealing = lambda *_: None  # as somebody writes it who has the database and not the key
    told.by("keeper").do(Wish("promote", "lending", 2), WHY)
    first = told.by("lead").read().wrong[0]
    assert (first.about, first.hint) == ("lending 2", "workbench ledger verify")
    assert first.sentence.startswith("stands as champion, and is doubted: entry ")
    doubts = {one.version.version: one.doubt for one in told.by("lead").read().candidates}
    assert (bool(doubts.pop(2)), set(doubts.values())) == (True, {""})
    found = told.by("lead").trace("lending", 2)
    (forged,) = (node for node in found.nodes.values() if node.facts.get("what") == "promotion.granted")
    assert particulars(forged).startswith("doubted: entry ")
    assert label(forged)[0] == "doubted: promotion granted"
    assert "doubt" not in str(told.by("lead").trace("lending", 1).as_json())


def test_only_an_approver_answers_a_question_whatever_calls(told):
    high_stakes(told)
    assert "People are asked" in told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    (asked,) = told.by("visitor").read().waiting
    for name in ("visitor", "analyst", "keeper"):
        decisions = told.by(name)
        (seen,) = decisions.read().waiting
        assert not (seen.yours and "approve" in decisions.read().you.may)
        with pytest.raises(Misuse):
            decisions.approve(asked.open.digest, WHY, False)
        with pytest.raises(Misuse):
            decisions.refuse(asked.open.digest, WHY)


def test_a_stranger_sees_nothing_and_learns_no_names(told):
    stranger = told.by("stranger")
    reads = [stranger.read, lambda: stranger.story("lending", 1), lambda: stranger.trace("lending", 1)]
    reads += [lambda: stranger.card("lending", 1), lambda: stranger.certificate("lending", 1)]
    reads += [lambda: stranger.verdicts([("lending", 1)])]
    for read in reads:
        with pytest.raises(Misuse, match="stranger may not look") as refused:
            read()
        assert "risk-officer" not in refused.value.told()


def test_two_approvals_make_the_move_and_what_a_person_was_told_is_what_the_gate_does(told):
    """Whether a yes would count is said by the page as the desk then decides."""
    high_stakes(told)
    said = told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    assert said == (
        "People are asked to make lending 2 champion: 2 approvals are missing. "
        "Who may: auditor, risk-officer. Nothing moved yet."
    )
    (mine,) = told.by("analyst").read().waiting
    assert mine.why_not == "analyst is its author"
    (open_,) = told.by("auditor").read().waiting
    assert open_.yours
    assert "1 more needed." in told.by("auditor").approve(open_.open.digest, WHY, True)
    (done,) = told.by("auditor").read().waiting
    assert (done.why_not, done.yours) == ("auditor has approved it", False)
    with pytest.raises(Misuse, match="has approved"):
        told.by("auditor").approve(open_.open.digest, WHY, False)
    said = told.by("risk-officer").approve(open_.open.digest, WHY, True)
    assert "You approved: promote lending 2." in said
    assert "lending 2 is champion, generation 2." in said
    reading = told.by("visitor").read()
    assert reading.waiting == []
    assert reading.back == {"lending": 1}


def test_a_refusal_ends_the_question(told):
    high_stakes(told)
    told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    (asked,) = told.by("auditor").read().waiting
    assert "You refused: promote lending 2." in told.by("auditor").refuse(asked.open.digest, WHY)
    assert told.by("auditor").read().waiting == []
    assert told.by("analyst").judge(Wish("promote", "lending", 2), WHY).reasons[0].code == "refused"


def test_each_move_is_judged_first_and_told_in_words(told):
    analyst = told.by("analyst")
    before = len(told.bench.ledger.entries())
    assert analyst.judge(Wish("stage", "lending", 2, "canary", 0.05), WHY).allowed
    assert analyst.judge(Wish("stage", "lending", 2, "canary", 0.9), WHY).decision == "deny"
    assert len(told.bench.ledger.entries()) == before
    said = [
        analyst.do(Wish("stage", "lending", 2, "shadow"), WHY),
        analyst.do(Wish("stage", "lending", 2, "canary", 0.05), WHY),
        analyst.do(Wish("clear", "lending", 2, "canary"), WHY),
        analyst.do(Wish("promote", "lending", 2), WHY),
        analyst.do(Wish("rollback", "lending", 1), WHY),
        analyst.do(Wish("retire", "lending", 2, ""), WHY),
    ]
    assert [words.partition(". ")[0] for words in said] == [
        "lending 2 is in shadow, generation 1",
        "lending 2 is in canary at 5 % of the traffic, generation 1",
        "lending 2 is out of canary, generation 2",
        "lending 2 is champion, generation 2",
        "lending is back on version 1, generation 3",
        "lending 2 is retired",
    ]


def test_what_is_not_so_any_more_is_not_done(told):
    """A page that was read before another moved the model brings back nothing else than what it named."""
    analyst = told.by("analyst")
    analyst.do(Wish("promote", "lending", 2), WHY)
    with pytest.raises(Misuse, match="would not go back to version 2"):
        analyst.do(Wish("rollback", "lending", 2), WHY)
    with pytest.raises(Misuse, match="not in shadow any more"):
        analyst.do(Wish("clear", "lending", 2, "shadow"), WHY)
    with pytest.raises(Denied):
        analyst.do(Wish("promote", "lending", 3), WHY)


def test_what_is_wrong_is_named_with_what_helps(told):
    high_stakes(told)
    told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    told.register("lending", 2, race=0.9)  # newer evidence: it is another question
    wrong = {one.about: one for one in stuck_at(told.by("visitor"))}
    assert "its approvals count no more" in wrong["promote lending 2"].sentence
    told.bench.desk.change_roles("auditor", [], by=_admin(told), why="left", now=told.bench.now())
    told.bench.desk.change_roles("risk-officer", [], by=_admin(told), why="left", now=told.bench.now())
    told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    wrong = [one.sentence for one in stuck_at(told.by("visitor"))]
    assert "nobody may approve it" in wrong


def stuck_at(decisions):
    return stuck(decisions.look(decisions.read().waiting))


def _admin(told):
    told.by("keeper")
    return told.bench.identity


def test_the_story_and_the_card_are_told_to_whoever_may_look(told):
    visitor = told.by("visitor")
    assert [step.what for step in visitor.story("lending", 1)][-1] == "champion"
    card = visitor.card("lending", 1)
    assert (card.name, card.kind) == ("lending-1.card.html", "text/html")
    assert "version:lending/1" in visitor.trace("lending", 1).nodes
    told.register("a/../b", 1)
    assert visitor.card("a/../b", 1).name == "a-b-1.card.html"


def test_a_page_shows_of_thousands_the_moves_and_what_is_the_viewers_first(told):
    from workbench.bench.decisions import SHOWN
    from workbench.promotion import Question, Requirement

    bench = told.bench
    told.by("keeper")
    with bench.ledger.transaction() as writer:
        for n in range(SHOWN + 20):
            needed = Requirement(1, ("auditor",) if n % 2 else ("approver",), why="a large loan")
            paid = Question("pay", f"invoice/p-{n}", {}, "p" * 64, (), needed)
            bench.desk.ask_within(writer, paid, author="a", actor="workbench", why="large", now=bench.now())
    high_stakes(told)
    told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    reading = told.by("risk-officer").read()
    assert (len(reading.waiting), reading.left) == (SHOWN, 21)
    assert reading.waiting[0].open.in_words == "promote lending 2"
    yours = [one.yours for one in reading.waiting]
    assert yours == sorted(yours, reverse=True)
    assert sum(yours) == 1 + (SHOWN + 20) // 2
    (paid,) = [one for one in reading.waiting if one.open.in_words == "pay invoice p-0"]
    (shown,) = told.by("risk-officer").look([paid])
    assert shown.open.may == ("auditor", "risk-officer")


def test_held_answers_are_counted_and_left_to_the_page_that_has_their_evidence(told):
    from workbench.serving.held import Held
    from workbench.serving.review import ask_all

    bench = told.bench
    ask_all(bench.ledger, bench.desk, [Held.sample(id=f"p{n}") for n in range(3)], now=bench.now())
    reading = told.by("risk-officer").read()
    assert (reading.waiting, reading.answers, reading.left) == ([], 3, 0)


def test_no_question_is_judged_by_reading_and_one_that_is_looked_at_is(told, monkeypatch):
    high_stakes(told)
    told.by("analyst").do(Wish("promote", "lending", 2), WHY)
    officer, judged = told.by("risk-officer"), []
    current = type(told.bench.gate).is_current
    monkeypatch.setattr(
        type(told.bench.gate), "is_current", lambda *given, now: judged.append(1) or current(*given, now=now)
    )
    (asked,) = officer.read().waiting
    assert (judged, asked.open.may) == ([], ())
    (looked,) = officer.look([asked])
    assert (judged, looked.open.may) == ([1], ("auditor", "risk-officer"))
    assert looked.yours
    with pytest.raises(Misuse, match="stranger may not look"):
        told.by("stranger").look([asked])


@pytest.mark.parametrize(
    ("held", "verdict", "other", "given"),
    [
        ({}, "confirm", None, "p1 was confirmed: its caller gets the answer yes."),
        ({}, "change", False, "p1 was changed: its caller gets the answer no."),
        ({}, "refuse", None, "p1 was refused: its caller gets no answer."),
        ({"answer": None, "threshold": None}, "change", 0.25, "p1 was changed: its caller gets 0.25."),
    ],
)
def test_a_decision_on_a_held_answer_says_what_its_caller_gets(told, held, verdict, other, given):
    from workbench.serving.held import Held
    from workbench.serving.review import ask_all

    bench = told.bench
    told.by("keeper")
    bench.desk.change_roles("risk-officer", ["reviewer"], by=bench.identity, why="she reviews", now=bench.now())
    waiting = [Held.sample(at=bench.now(), **held)]
    bench.held_store.add(waiting)
    ask_all(bench.ledger, bench.desk, waiting, now=bench.now())
    told.by("risk-officer")
    assert bench.held.decided("p1", verdict, WHY, other).startswith(f"{given} Ledger entry ")
