"""`workbench held` lists, shows and decides what waits for people."""

import json

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench.workspace import create
from workbench.cli import main
from workbench.serving.held import Held
from workbench.serving.review import ask_all


@pytest.fixture
def call(tmp_path):
    """Call a command of `held` in a workspace where one answer waits."""
    create(tmp_path / "house")
    with open_bench(tmp_path / "house") as bench:
        held = [Held.sample(at=bench.now(), stakes="normal")]
        bench.held_store.add(held)
        ask_all(bench.ledger, bench.desk, held, now=bench.now())
    return lambda *given: CliRunner().invoke(main, ["held", *given, "--workspace", str(tmp_path / "house")])


def test_what_waits_is_listed_with_its_reason_and_shown_with_its_evidence(call):
    (one,) = json.loads(call("list", "--json").stdout)
    assert (one["id"], one["missing"], one["requirement"]["roles"]) == ("p1", 1, ["reviewer"])
    assert "close to" in call("list").stdout
    shown = call("show", "p1").stdout
    assert "income" in shown
    assert "it waits" in shown


def test_a_decision_is_made_once_and_told(call):
    made = call("decide", "p1", "--change", "--to", "no", "--why", "the papers are missing", "--json")
    assert json.loads(made.stdout)["decided"]["answer"] is False
    again = call("decide", "p1", "--confirm", "--why", "fits")
    assert (again.exit_code, "changed already" in again.stderr) == (2, True)
    assert "no answer waits" in call("list").stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["p1", "--why", "w"], "--confirm"),
        (["p1", "--change", "--why", "w"], "--to"),
        (["p1", "--change", "--to", "maybe", "--why", "w"], "yes, no or a number"),
        (["p9", "--confirm", "--why", "w"], "no answer 'p9' is held"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_the_way_out(call, given, told):
    found = call("decide", *given)
    assert found.exit_code == 2
    assert told in found.stderr
