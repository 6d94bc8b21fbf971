"""What a model's entries tell of its past: the line of champions, stages, standing rejections."""

from datetime import UTC, datetime

import pytest

from workbench.ledger import GENESIS
from workbench.ledger.entry import chained
from workbench.promotion import board, champions, stage
from workbench.promotion.history import rejection

LETTERS = {
    "P": "promotion.granted",
    "D": "promotion.denied",
    "R": "rollback.granted",
    "d": "rollback.denied",
    "X": "candidate.rejected",
    "E": "evidence.recorded",
}


def told(story, model="lending"):
    """Entries from a story such as "P1 P2 R1": a letter for what happened, and the version."""
    return [
        chained(
            seq=seq,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            kind=LETTERS[word[0]],
            subject=f"{model}/{word[1:]}",
            actor="risk-officer",
            why="w",
            body={},
            key=None,
            prev=GENESIS,
        )
        for seq, word in enumerate(story.split(), start=1)
    ]


@pytest.mark.parametrize(
    ("story", "line"),
    [
        ("", []),
        ("P1", [1]),
        ("P1 P2 P3", [1, 2, 3]),
        ("P1 P2 P3 R2", [1, 2]),
        ("P1 P2 P3 R2 R1", [1]),
        ("P1 P2 R1 P3", [1, 3]),
        ("P1 P2 R1 P2", [1, 2]),
        ("P1 P2 P1 R2", [1, 2]),
        ("P1 D2 X3 E4 d5", [1]),
        ("P10 P9", [10, 9]),
    ],
)
def test_the_line_of_champions_is_what_one_can_go_back_along(story, line):
    assert champions("lending", told(story)) == line


@pytest.mark.parametrize(
    ("story", "stages"),
    [
        ("", "candidate candidate"),
        ("P1", "champion candidate"),
        ("P1 P2", "former-champion champion"),
        ("P1 P2 R1", "champion former-champion"),
        ("D1", "candidate candidate"),
        ("X1", "rejected candidate"),
        ("X1 E2", "rejected candidate"),
        ("X1 E1", "candidate candidate"),
        ("X1 E1 X1", "rejected candidate"),
        ("P1 P2 X1", "rejected champion"),
        ("P1 P2 X1 E1", "former-champion champion"),
        ("P1 X2 P1", "champion rejected"),
    ],
)
def test_a_version_stands_where_the_entries_put_it(story, stages):
    found = [stage("lending", number, told(story)).replace(" ", "-") for number in (1, 2)]
    assert " ".join(found) == stages


@pytest.mark.parametrize(
    ("story", "seq"), [("", None), ("X1", 1), ("X2", None), ("X1 E1", None), ("X1 E2", 1), ("E1 X1", 2), ("X1 E1 X1", 3)]
)
def test_a_rejection_stands_until_evidence_comes_after_it(story, seq):
    found = rejection("lending", 1, told(story))
    assert (found.seq if found else None) == seq


@pytest.mark.parametrize("other", ["lending/eu", "churn", ""])
def test_entries_about_another_model_tell_nothing(other):
    entries = told("P1 P2 X1 E1", other)
    assert champions("lending", entries) == []
    assert stage("lending", 1, entries) == "candidate"
    assert rejection("lending", 1, entries) is None


# the board


def test_the_board_shows_the_champion_first_and_then_the_newest_candidate(house):
    house.register(4, 5)
    house.register(1, model="churn")
    for version in (1, 2):
        house.promote(version)
    house.reject(5)
    found = house.audit(3)
    shown = board(house.ledger, lambda model, version: house.gate.judge(model, version, now=house.later()))
    assert [(c.version.model, c.version.version, c.stage) for c in shown] == [
        ("churn", 1, "candidate"),
        ("lending", 2, "champion"),
        ("lending", 4, "candidate"),
        ("lending", 3, "candidate"),
        ("lending", 1, "former champion"),
        ("lending", 5, "rejected"),
    ]
    decisions = {c.version.version: c.decision for c in shown if c.version.model == "lending"}
    assert decisions[2] is None
    assert [reason.code for reason in decisions[5].reasons] == ["rejected"]
    assert decisions[3].allowed
    assert next(c for c in shown if c.version.version == 3).findings == {"fairness": found}


def test_the_board_of_one_model_shows_only_that_one(house):
    house.register(1, model="churn")
    shown = board(house.ledger, lambda model, version: house.gate.judge(model, version, now=house.later()), "churn")
    assert [c.version.subject for c in shown] == ["churn/1"]
