"""Laws of the replay: whoever was granted last holds the slot, and nothing else moves it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger import Head
from workbench.ledger.entry import GENESIS, chained
from workbench.ledger.heads import PROMOTIONS, fold


def entry(seq, kind, subject, body=None):
    return chained(
        seq=seq,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        kind=kind,
        subject=subject,
        actor="x",
        why="",
        body=body or {},
        key=None,
        prev=GENESIS,
    )


def granted(seq, subject, generation, kind="promotion.granted", **more):
    return entry(seq, kind, subject, {"generation": generation, "decision": {"decision": "allow"}, **more})


moves = st.lists(st.tuples(st.sampled_from(["lending", "a/b", "ü"]), st.integers(1, 99), st.sampled_from(PROMOTIONS)))


@given(moves, st.integers(0, 5))
def test_a_head_is_the_last_grant_and_its_generation_the_number_of_grants(grants, noise):
    entries, count, last = [], {}, {}
    for model, version, kind in grants:
        entries += [entry(len(entries) + 1, "promotion.denied", f"{model}/{version}") for _ in range(noise)]
        count[model] = count.get(model, 0) + 1
        last[model] = version
        entries.append(granted(len(entries) + 1, f"{model}/{version}", count[model], kind))
    heads = fold(entries)
    assert {model: head.version for (model, _), head in heads.items()} == last
    assert {model: head.generation for (model, _), head in heads.items()} == count


@given(moves)
def test_replaying_in_two_parts_leads_to_the_same_heads_as_at_once(grants):
    """The heads hold all of the past that a later move needs."""
    count, entries = {}, []
    for seq, (model, version, kind) in enumerate(grants, start=1):
        count[model] = count.get(model, 0) + 1
        entries.append(granted(seq, f"{model}/{version}", count[model], kind))
    whole = fold(entries)
    assert all(fold(entries[: head.seq])[name] == head for name, head in whole.items())


def test_slots_of_one_model_do_not_mix():
    heads = fold([granted(1, "lending/1", 1), granted(2, "lending/2", 1, kind="stage.granted", slot="canary")])
    assert heads["lending", "champion"].version == 1
    assert heads["lending", "canary"].version == 2


def test_a_canary_is_granted_a_share_widened_and_cleared_by_generations_of_its_own():
    line = [
        granted(1, "lending/1", 1),
        granted(2, "lending/2", 1, "stage.granted", slot="canary", weight=0.05),
        granted(3, "lending/2", 2, "stage.granted", slot="canary", weight=1),
        granted(4, "lending/2", 3, "stage.cleared", slot="canary"),
        granted(5, "lending/3", 4, "stage.granted", slot="canary"),
    ]
    story = [fold(line[:count])["lending", "canary"] for count in range(2, 6)]
    assert story == [
        Head("lending", "canary", 2, 1, 2, 0.05),
        Head("lending", "canary", 2, 2, 3, 1.0),
        Head("lending", "canary", None, 3, 4),
        Head("lending", "canary", 3, 4, 5),
    ]
    assert fold(line)["lending", "champion"] == Head("lending", "champion", 1, 1, 1)


def test_a_champion_can_be_cleared_and_its_generation_goes_on():
    heads = fold([granted(1, "lending/1", 1), granted(2, "lending/1", 2, "stage.cleared"), granted(3, "lending/4", 3)])
    assert heads["lending", "champion"] == Head("lending", "champion", 4, 3, 3)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([granted(1, "lending/1", 2)], "entry 1 moves lending to generation 2; it had to be 1"),
        ([granted(1, "lending/1", 1), granted(2, "lending/2", 1)], "entry 2 moves lending to generation 1"),
        ([granted(1, "lending", 1)], "a move needs"),
        ([granted(1, "lending/x", 1)], "a move needs"),
        ([granted(1, "lending/1", 1, decision={"decision": "deny"})], "without a decision that allows it"),
        ([granted(1, "lending/1", 1, decision=None)], "without a decision that allows it"),
        ([entry(1, "promotion.granted", "lending/1")], "generation None"),
        ([granted(1, "lending/1", 1, slot="canary")], "promotion.granted, which does not move the canary"),
        ([granted(1, "lending/1", 1, "stage.granted")], "stage.granted, which does not move the champion"),
        ([granted(1, "lending/1", 1, "stage.granted", slot="canary", weight=0)], "weight 0; it must lie in"),
        ([granted(1, "lending/1", 1, "stage.granted", slot="canary", weight=1.01)], "weight 1.01; it must lie in"),
        ([granted(1, "lending/1", 1, "stage.granted", slot="canary", weight=True)], "weight True; it must lie in"),
        ([granted(1, "lending/1", 1, "stage.granted", slot="canary", weight="0.1")], "weight '0.1'; it must lie in"),
        ([granted(1, "lending/1", 1, "stage.cleared", slot="canary")], "clears lending 1 from the canary, which it"),
        (
            [
                granted(1, "lending/1", 1, "stage.granted", slot="canary"),
                granted(2, "lending/2", 2, "stage.cleared", slot="canary"),
            ],
            "entry 2 clears lending 2 from the canary, which it does not hold",
        ),
    ],
)
def test_a_move_that_is_not_sound_is_named_by_its_number(entries, told):
    with pytest.raises(ValueError, match=told):
        fold(entries)
