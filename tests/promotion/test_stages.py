"""The way of a version: shadow, canary in steps, champion, retired; every step gated, and nothing else possible."""

import itertools

import pytest

from workbench.errors import Denied, Misuse
from workbench.ledger.heads import fold
from workbench.promotion import Move, by_stage, side_by_side, trail
from workbench.promotion.board import board
from workbench.promotion.stages import FROM, STAGED, Past, leaves, stage_of, why_not


@pytest.fixture
def act(house):
    """An act of the gate on lending 2, an hour after the one before."""

    def acted(name, *arguments, **more):
        said = {"actor": "risk-officer", "why": "step by step", "now": house.later(), **more}
        return getattr(house.gate, name)("lending", *arguments, **said)

    return acted


def slots(house):
    """Who holds what by the ledger, and that the registry says the same."""
    heads = {head.slot: head for head in house.ledger.heads(cleared=True)}
    for slot, head in heads.items():
        expected = None if head.version is None else (head.version, head.generation)
        assert house.registry.alias("lending", slot) == expected
    assert {("lending", slot): head for slot, head in heads.items()} == fold(house.ledger.entries())
    return {slot: (head.version, head.weight) for slot, head in heads.items()}


def test_a_version_goes_from_shadow_through_canary_steps_to_champion(house, act):
    house.promote(1)
    house.audit(2)
    assert house.gate.stage_of("lending", 2) == "candidate"
    assert act("stage", 2, "shadow").slot == "shadow"
    assert slots(house) == {"champion": (1, None), "shadow": (2, None)}
    move = act("stage", 2, "canary", weight=0.05)
    assert (move.version, move.previous, move.generation, move.weight) == (2, None, 1, 0.05)
    assert slots(house) == {"champion": (1, None), "shadow": (None, None), "canary": (2, 0.05)}
    act("stage", 2, "canary", weight=0.25)
    assert slots(house)["canary"] == (2, 0.25)
    house.promote(2)
    assert slots(house) == {"champion": (2, None), "shadow": (None, None), "canary": (None, None)}
    assert house.gate.stage_of("lending", 1) == "former champion"
    assert house.ledger.verify().valid


def test_becoming_champion_clears_the_canary_in_the_same_transaction(house, act):
    act("stage", 2, "canary", weight=0.5)
    house.promote(2)
    granted, cleared = house.ledger.entries(kind=("promotion.granted", "stage.cleared"))
    assert cleared.seq == granted.seq + 1
    assert cleared.body["cause"] == granted.seq
    assert cleared.body["decision"] == granted.body["decision"]
    assert house.ledger.owed() == []


def test_what_is_taken_out_is_a_candidate_again(house, act):
    house.audit(2)
    act("stage", 2, "canary", weight=0.1)
    move = act("clear", "canary", why="twice the errors")
    assert (move.version, move.slot, move.generation) == (2, "canary", 2)
    assert slots(house) == {"canary": (None, None)}
    assert house.gate.stage_of("lending", 2) == "candidate"
    with pytest.raises(Misuse, match="no version of lending is in canary"):
        act("clear", "canary")


def test_what_is_retired_never_comes_back(house, act):
    house.promote(1)
    house.promote(2)
    act("stage", 3, "shadow")
    act("retire", 3)
    act("retire", 1)
    assert slots(house)["shadow"] == (None, None)
    assert house.gate.stage_of("lending", 3) == "retired"
    for version, step in itertools.product((1, 3), ("promote", "stage", "retire")):
        with pytest.raises(Misuse, match="is retired"):
            act(
                step, version, *(("canary",) if step == "stage" else ()), **({"weight": 0.1} if step == "stage" else {})
            )
    with pytest.raises(Misuse, match="first champion"):
        house.rollback()


def test_a_champion_is_neither_retired_nor_staged(house, act):
    house.promote(1)
    with pytest.raises(Misuse, match="is champion; promote another first"):
        act("retire", 1)
    with pytest.raises(Misuse, match="is champion already"):
        act("stage", 1, "canary", weight=0.1)


@pytest.mark.parametrize(
    ("slot", "weight", "words"),
    [
        ("champion", None, "no slot 'champion'"),
        ("<b>", None, "no slot '<b>'"),
        ("shadow", 0.5, "answers nobody"),
        ("canary", None, r"must lie in \(0, 1\)"),
        ("canary", 0.0, r"must lie in \(0, 1\)"),
        ("canary", 1.0, r"must lie in \(0, 1\)"),
        ("canary", -0.1, r"must lie in \(0, 1\)"),
        ("canary", float("nan"), r"must lie in \(0, 1\)"),
        ("canary", True, r"must lie in \(0, 1\)"),
    ],
)
def test_a_slot_or_a_share_that_makes_no_sense_is_refused(house, act, slot, weight, words):
    with pytest.raises(Misuse, match=words):
        act("stage", 2, slot, weight=weight)
    assert house.kinds() == []


def test_two_are_never_in_one_slot(house, act):
    act("stage", 2, "canary", weight=0.1)
    with pytest.raises(Misuse, match="lending 2 is in canary; two cannot be"):
        act("stage", 3, "canary", weight=0.1)
    with pytest.raises(Misuse, match=r"is in canary at 0\.1 of the traffic already"):
        act("stage", 2, "canary", weight=0.1)
    with pytest.raises(Misuse, match="does not go back to shadow"):
        act("stage", 2, "shadow")


@pytest.mark.parametrize("step", ["stage", "clear", "retire"])
def test_a_denied_step_is_an_entry_and_moves_nothing(house, act, step):
    act("stage", 2, "canary", weight=0.1)
    house.judge.deny()
    with pytest.raises(Denied, match="policy 'stage' denies it"):
        act(step, *{"stage": (2, "canary"), "clear": ("canary",), "retire": (2,)}[step],
            **({"weight": 0.2} if step == "stage" else {}))  # fmt: skip
    assert house.kinds() == ["stage.granted", "stage.denied"]
    assert house.ledger.entries(kind="stage.denied")[0].body["action"] == step
    assert slots(house) == {"canary": (2, 0.1)}


def test_the_policy_is_told_where_to_and_with_which_share(house, act):
    house.promote(1)
    act("stage", 2, "canary", weight=0.05)
    act("stage", 2, "canary", weight=0.1)
    package, document = house.judge.asked[-1]
    assert package == "stage"
    told = {name: document[name] for name in ("action", "slot", "weight", "stakes", "author", "stage", "approvals")}
    assert told == {
        "action": "stage",
        "slot": "canary",
        "weight": 0.1,
        "stakes": "normal",
        "author": "analyst",
        "stage": "canary",
        "approvals": [],
    }
    assert document["slots"] == {
        "shadow": None,
        "canary": {"version": 2, "generation": 1, "weight": 0.05},
        "champion": {"version": 1, "generation": 1, "weight": None},
    }


def test_a_step_with_the_same_key_is_done_once(house, act):
    first = act("stage", 2, "canary", weight=0.1, key="k")
    assert act("stage", 2, "canary", weight=0.1, key="k") == first
    for more in ({"weight": 0.2}, {"weight": 0.1, "slot": "other"}):
        with pytest.raises(Misuse, match="belongs to entry"):
            act("stage", 3 if "slot" in more else 2, "canary", weight=more["weight"], key="k")
    out = act("clear", "canary", key="c")
    assert act("clear", "canary", key="c") == out
    gone = act("retire", 2, key="r")
    assert isinstance(gone, Move)
    assert act("retire", 2, key="r") == gone


def test_a_canary_that_was_judged_against_another_champion_is_not_moved(house, act):
    house.promote(1)
    house.judge.before_answering = lambda: (setattr(house.judge, "before_answering", lambda: None), house.promote(3))
    with pytest.raises(Misuse, match="moved meanwhile: version 3 is champion"):
        act("stage", 2, "canary", weight=0.1)


def test_what_was_turned_down_is_not_staged_but_may_be_taken_out(house, act):
    act("stage", 2, "canary", weight=0.1)
    house.reject(2)
    with pytest.raises(Denied, match="turned it down"):
        act("stage", 2, "canary", weight=0.2)
    act("clear", "canary")
    act("retire", 2)


def test_a_rollback_to_the_canary_empties_its_slot(house, act):
    house.promote(2)
    house.promote(3)
    act("stage", 2, "canary", weight=0.1)
    assert house.rollback().version == 2
    assert slots(house)["canary"] == (None, None)


def test_an_alias_of_a_cleared_slot_that_somebody_sets_is_taken_away(house, act):
    act("stage", 2, "canary", weight=0.1)
    act("clear", "canary")
    house.registry.aliases["lending", "canary"] = (3, 0)
    assert house.reconcile() == [
        "the alias canary of lending pointed at version 3 (generation 0); it was taken away: nobody holds the canary"
    ]
    assert house.registry.alias("lending", "canary") is None
    assert house.reconcile() == []


# what is told


def test_the_board_has_a_column_for_every_stage(house, act):
    house.register(4, 5)
    house.promote(1)
    act("stage", 2, "shadow")
    act("stage", 3, "canary", weight=0.1)
    house.audit(4)
    columns = by_stage(board(house.ledger))
    found = {stage: [c.version.version for c in some] for stage, some in columns.items() if some}
    assert found == {"champion": [1], "shadow": [2], "canary": [3], "candidate": [4], "registered": [5]}
    assert columns["canary"][0].weight == 0.1


def test_the_trail_reads_as_words(house, act):
    house.audit(2)
    act("stage", 2, "canary", weight=0.05)
    act("stage", 2, "canary", weight=0.125)
    house.promote(2)
    told = [step.what for step in trail(house.ledger, "lending", 2)]
    assert told == [
        "registered",
        "fairness: pass",
        "in canary at 5\u00a0% of the traffic",
        "in canary at 12.5\u00a0% of the traffic",
        "champion",
        "out of canary",
    ]


def test_evidence_stands_side_by_side_with_the_champions(house):
    ours = {"fairness": house.audit(2, value=0.9)}
    theirs = {"fairness": house.audit(1, value=0.8), "drift": house.audit(1, "drift", value=0.1)}
    rows = side_by_side(ours, theirs)
    assert [(row.kind, row.name) for row in rows] == [
        ("drift", "disparate_impact.race"),
        ("fairness", "disparate_impact.race"),
    ]
    assert rows[0].candidate is None
    assert rows[0].difference is None
    assert rows[1].difference == pytest.approx(0.1)


# the machine itself


def test_every_act_has_a_meaning_somewhere_and_none_for_what_is_retired():
    for action, stages in FROM.items():
        assert stages
        assert "retired" not in stages
        assert why_not(action, "retired") == "it is retired"


@pytest.mark.parametrize("held", [{}, {"champion": 1}, {"canary": 1, "shadow": 2}, {"champion": 2, "shadow": 1}])
def test_a_granted_act_leaves_a_version_in_at_most_one_slot(held):
    for action, version, slot in itertools.product(("promote", "stage", "retire"), (1, 2, 3), STAGED):
        where = {"promote": "champion", "stage": slot, "retire": ""}[action]
        after = dict(held)
        for left in leaves(action, version, where, held):
            after[left] = None
        if where and action != "retire":
            after[where] = version
        assert sum(1 for holder in after.values() if holder == version) <= 1 or held.get("champion") == version


def test_a_champion_is_champion_whatever_else_is_said_of_it():
    for past in (Past(retired=True), Past(rejected=True), Past(evidence=True, was_champion=True)):
        assert stage_of(1, {"champion": 1, "canary": 1}, past) == "champion"
