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


def test_versions_that_are_judged_together_are_told_what_each_is_told_alone(bank):
    """With people's approvals of its own question, and with its own rejection."""
    question = bank.ask(2)
    for name in ("first-officer", "second-officer"):
        bank.approve(question, name)
    bank.ask(1)
    bank.gate.reject("lending", 3, actor="first-officer", why="too uneven", now=bank.later())
    versions = [("lending", number) for number in (3, 1, 2)]
    alone = [bank.gate.judge(*version, now=bank.now) for version in versions]
    assert bank.gate.verdicts(versions, now=bank.now) == alone
    assert [said.decision for said in alone] == ["deny", "needs-people", "allow"]
    assert bank.gate.verdicts([], now=bank.now) == []


def test_the_ledger_is_read_as_often_for_hundreds_of_versions_as_for_three(house, monkeypatch):
    def reads():
        seen, rows = [], type(house.ledger)._rows
        with monkeypatch.context() as patch:
            patch.setattr(type(house.ledger), "_rows", lambda self, *given: seen.append(given) or rows(self, *given))
            board(house.ledger)
        return len(seen)

    few = reads()
    for number in range(100):
        house.register(1, 2, model=f"model-{number}")
    assert reads() == few
    assert len(board(house.ledger)) == 203
