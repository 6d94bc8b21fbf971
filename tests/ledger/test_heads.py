"""Laws of the replay: whoever was granted last holds the slot, and nothing else moves it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger.entry import GENESIS, chained
from workbench.ledger.heads import MOVES, fold


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


moves = st.lists(st.tuples(st.sampled_from(["lending", "a/b", "ü"]), st.integers(1, 99), st.sampled_from(MOVES)))


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
    heads = fold([granted(1, "lending/1", 1), granted(2, "lending/2", 1, slot="canary")])
    assert heads["lending", "champion"].version == 1
    assert heads["lending", "canary"].version == 2


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
    ],
)
def test_a_move_that_is_not_sound_is_named_by_its_number(entries, told):
    with pytest.raises(ValueError, match=told):
        fold(entries)
