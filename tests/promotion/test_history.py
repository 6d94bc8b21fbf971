"""What the entries say of a model's past, without a ledger."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger.entry import GENESIS, chained
from workbench.promotion.background import rejection
from workbench.promotion.history import champions, stage


def story(*steps, model="lending"):
    """Entries from steps like "promote 2", "rollback 1", "reject 2", "evidence 2", "deny 3"."""
    kinds = {
        "promote": "promotion.granted",
        "rollback": "rollback.granted",
        "deny": "promotion.denied",
        "reject": "candidate.rejected",
        "evidence": "evidence.recorded",
    }
    return [
        chained(
            seq=seq,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            kind=kinds[step.split()[0]],
            subject=f"{model}/{step.split()[1]}",
            actor="x",
            why="",
            body={},
            key=None,
            prev=GENESIS,
        )
        for seq, step in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ((), []),
        (("promote 1",), [1]),
        (("promote 1", "deny 2", "promote 3"), [1, 3]),
        (("promote 1", "promote 2", "rollback 1"), [1]),
        (("promote 1", "promote 2", "promote 3", "rollback 2", "rollback 1"), [1]),
        (("promote 1", "promote 2", "rollback 1", "promote 3"), [1, 3]),
        (("promote 1", "promote 2", "promote 1", "rollback 2"), [1, 2]),
        (("promote 1", "promote 2", "rollback 1", "promote 2", "rollback 1"), [1]),
        (("rollback 1",), [1]),
    ],
)
def test_the_way_back_leads_over_the_champions_that_were_not_left(steps, line):
    assert champions("lending", story(*steps)) == line


def test_another_models_past_is_its_own():
    entries = (
        story("promote 1", "promote 2") + story("promote 7", model="lending/eu") + story("promote 9", model="lend")
    )
    assert champions("lending", entries) == [1, 2]
    assert champions("lending/eu", entries) == [7]
    assert stage("lending", 7, entries) == "registered"


@given(st.lists(st.integers(1, 5), min_size=2).filter(lambda v: all(a != b for a, b in pairwise(v))))
def test_rolling_back_as_often_as_was_promoted_walks_the_same_way_backwards(versions):
    entries = story(*(f"promote {version}" for version in versions))
    walked = [versions[-1]]
    while len(line := champions("lending", entries)) > 1:
        walked.append(line[-2])
        entries += story(f"rollback {line[-2]}")
    assert walked == versions[::-1]


@pytest.mark.parametrize(
    ("steps", "one", "two"),
    [
        ((), "registered", "registered"),
        (("promote 1",), "champion", "registered"),
        (("promote 1", "promote 2"), "former champion", "champion"),
        (("promote 1", "promote 2", "rollback 1"), "champion", "former champion"),
        (("promote 1", "deny 2"), "champion", "registered"),
        (("promote 1", "reject 2"), "champion", "rejected"),
        (("promote 1", "reject 2", "evidence 1"), "champion", "rejected"),
        (("promote 1", "reject 2", "evidence 2"), "champion", "candidate"),
        (("promote 1", "promote 2", "reject 1"), "rejected", "champion"),
        (("promote 1", "promote 2", "reject 1", "evidence 1"), "former champion", "champion"),
        (("reject 2", "evidence 2", "reject 2"), "registered", "rejected"),
    ],
)
def test_a_version_stands_where_its_entries_put_it(steps, one, two):
    entries = story(*steps)
    assert (stage("lending", 1, entries), stage("lending", 2, entries)) == (one, two)


def test_a_rejection_stands_until_newer_evidence_comes(house):
    def standing(version):
        return rejection(house.ledger, f"lending/{version}")

    house.audit(2)
    turned_down = house.reject(2)
    assert standing(2) == turned_down
    house.audit(1)
    assert (standing(1), standing(2)) == (None, turned_down)
    house.audit(2)
    assert standing(2) is None
