"""The board shows every version once, where it stands, with what is known and what the policy says."""

import pytest

from workbench.policy import Decision
from workbench.promotion import board, judged

ALLOWED = Decision("allow", (), "promotion", "p", "i")


@pytest.fixture
def asked():
    return []


@pytest.fixture
def shown(house, asked):
    """The board as (version, stage), with what the policy was asked about noted."""

    def verdicts(versions):
        asked.extend(versions)
        return [ALLOWED for _ in versions]

    return lambda model=None: judged(board(house.ledger, model), verdicts)


def places(candidates):
    return [(c.version.model, c.version.version, c.stage) for c in candidates]


def test_nothing_registered_is_an_empty_board(ledger):
    assert board(ledger) == []


def test_the_champion_comes_first_then_candidates_the_newest_first(house, shown):
    house.register(4)
    house.promote(1)
    house.promote(2)
    house.reject(4)
    assert places(shown()) == [
        ("lending", 2, "champion"),
        ("lending", 3, "registered"),
        ("lending", 1, "former champion"),
        ("lending", 4, "rejected"),
    ]


def test_the_policy_is_asked_about_every_version_but_the_champion(house, shown, asked):
    house.promote(2)
    decisions = {c.version.version: c.decision for c in shown()}
    assert decisions == {1: ALLOWED, 2: None, 3: ALLOWED}
    assert sorted(asked) == [("lending", 1), ("lending", 3)]


def test_each_version_shows_its_newest_evidence_of_each_kind(house, shown):
    house.audit(2, value=0.7)
    newest = house.audit(2, value=0.9)
    performance = house.audit(2, "performance")
    found = {c.version.version: c.findings for c in shown()}
    assert found == {1: {}, 2: {"fairness": newest, "performance": performance}, 3: {}}


def test_one_models_board_shows_no_other(house, shown):
    house.register(1, model="lending/eu")
    house.register(1, model="churn")
    assert {c.version.model for c in shown()} == {"lending", "lending/eu", "churn"}
    assert {c.version.model for c in shown("lending")} == {"lending"}


@pytest.mark.parametrize("model", ["<script>alert(1)</script>", "'; DROP TABLE heads; --", "ü\n🦉", "%"])
def test_a_name_on_the_board_is_the_name_that_was_given(house, shown, model):
    house.register(1, 2, model=model)
    house.promote(1, model=model)
    assert places(shown(model)) == [(model, 1, "champion"), (model, 2, "registered")]
