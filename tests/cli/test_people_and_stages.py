"""The commands by which people move a version from shadow to champion, approve, refuse and mend."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import create
from workbench.cli import main
from workbench.evidence import Figure, Finding
from workbench.ledger import ModelVersion
from workbench.promotion import Identity

GOOD = {"f1": Figure(0.9, low=0.88, high=0.92)}
SHOWN = Figure(0.95, 0.9, 1.0, probability=0.99, target=0.8, needed=0.9)
FAIR = {f"disparate_impact.{name}": SHOWN for name in ("race", "sex")}


class Registry:
    """Aliases in memory."""

    def __init__(self):
        self.aliases, self.lost = {}, set()

    def set_alias(self, model, alias, version, generation):
        self.aliases[model, alias] = version, generation

    def clear_alias(self, model, alias, generation):
        self.aliases.pop((model, alias), None)

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def exists(self, model, version):
        return version not in self.lost

    def damage(self, version):
        return None


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def workspace(tmp_path, registry, monkeypatch):
    """A workspace with three versions by "author", and a registry in memory in place of MLflow."""
    from workbench.bench.engines import Engines

    root = tmp_path / "w"
    create(root)
    monkeypatch.setattr(Engines, "store", property(lambda _: registry))
    with open_bench(root) as bench:
        now = datetime.now(UTC) - timedelta(hours=1)
        for number in (1, 2, 3):
            subject = f"lending/{number}"
            texts = dict.fromkeys(("run_id", "source", "model_digest", "data_digest", "notebook_digest"), "x")
            version = ModelVersion(
                model="lending", version=number, feature_set="loan@1", threshold=0.5, parameters={}, metrics={},
                registered_at=now.isoformat(), registered_by="author", **texts,
            )  # fmt: skip
            said = {"subject": subject, "actor": "author", "why": "w", "now": now}
            bench.ledger.append("version.registered", body=version.as_body(), **said)
            for kind, figures in (("performance", GOOD), ("fairness", FAIR)):
                found = Finding(kind, subject, "pass", "good", figures, "d", "r", now.isoformat())
                bench.ledger.append("evidence.recorded", body=found.as_body(), **said)
    return root


@pytest.fixture
def run(workspace, monkeypatch):
    """A command as somebody; its exit code, its JSON or text, and what it said."""
    from workbench.bench.engines import Engines

    def ran(*arguments, by="lead", code=0):
        monkeypatch.setattr(Engines, "identity", property(lambda _: Identity(by, "os")))
        done = CliRunner().invoke(main, [*arguments, "--workspace", str(workspace)])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "--json" in arguments and done.stdout else done.output

    return ran


WHY = ("--why", "so that it is known")


def test_a_version_goes_all_the_way_by_commands(run):
    run("promote", "lending", "1", *WHY)
    assert "is in shadow (generation 1" in run("stage", "lending", "2", "--shadow", *WHY)
    assert "allows it" in run("stage", "lending", "2", "--canary", "0.05", *WHY, "--dry-run")
    assert run("stage", "lending", "2", "--canary", "0.05", *WHY, "--json")["weight"] == 0.05
    assert "may be 0.1" in run("stage", "lending", "2", "--canary", "0.9", *WHY, code=3)
    listed = run("models", "lending", "--json")
    assert [(one["version"], one["stage"], one["weight"]) for one in listed] == [
        (1, "champion", None),
        (2, "canary", 0.05),
        (3, "candidate", None),
    ]
    run("promote", "lending", "2", *WHY)
    assert "would go back to version 1" in run("rollback", "lending", *WHY, "--dry-run")
    run("rollback", "lending", *WHY)
    assert "would be retired" in run("retire", "lending", "3", *WHY, "--dry-run")
    run("retire", "lending", "3", *WHY)
    assert "is retired" in run("promote", "lending", "3", *WHY, code=2)


def test_a_champion_that_was_forged_is_listed_as_doubted(run, workspace):
    """Moved by somebody who has the database and the ledger's own library, and not its key."""
    run("promote", "lending", "1", *WHY)
    assert [one["doubt"] for one in run("models", "--json")] == [None] * 3
    assert "doubted" not in run("models")
    with open_bench(workspace) as bench:
        bench.ledger._database.execute("DROP TRIGGER moves_are_sealed")
        bench.ledger._sealing = lambda *_: None
        bench.promote("lending", 2, "trust me")
    forged, first, _ = (one["doubt"] for one in run("models", "lending", "--json"))
    assert (forged.partition(":")[0], first) == ("entry 12 moves lending/2 without the seal of the ledger's key", None)
    listed = run("models")
    assert "champion, doubted" in listed
    assert f"lending 2 as champion is doubted: {forged}\nhint: workbench ledger verify" in listed


def test_a_long_queue_is_listed_in_parts(run, workspace):
    from workbench.promotion import Question, Requirement

    needed = Requirement(1, ("approver",), why="a large loan")
    made = [Question("answer", f"prediction/p-{n}", {}, "p" * 64, (), needed) for n in range(55)]
    with open_bench(workspace) as bench, bench.ledger.transaction() as writer:
        for question in made:
            bench.desk.ask_within(writer, question, author="a", actor="workbench", why="held", now=bench.now())
    said = run("approvals")
    assert "50 of 55 are shown; more: workbench approvals --after 50" in said
    assert said.count("answer prediction p-") == 50
    rest = run("approvals", "--after", "50")
    assert "5 of 55 are shown; first: workbench approvals" in rest
    assert "p-54" in rest
    assert "0 of 55 are shown" in run("approvals", "--after", "60")
    assert [one["question"] for one in run("approvals", "--limit", "0", "--json")] == [one.digest for one in made]


def test_a_dry_run_ends_with_the_exit_code_that_the_move_would_end_with(run):
    """So that a script that asks first is not told that all is well."""
    run("promote", "lending", "1", *WHY, "--dry-run")
    run("promote", "lending", "1", *WHY)
    denied = ("stage", "lending", "2", "--canary", "0.9", *WHY)
    assert "denies it" in run(*denied, "--dry-run", code=3)
    assert run(*denied, "--dry-run", "--json", code=3)["decision"] == "deny"
    run(*denied, code=3)
    run("people", "add", "first", "--role", "approver", *WHY)
    run("declare", "lending", "--stakes", "high", *WHY)
    assert "waits for people" in run("promote", "lending", "2", *WHY, "--dry-run", code=5)
    assert run("promote", "lending", "2", *WHY, "--dry-run", "--json", code=5)["decision"] == "needs-people"
    assert run("approvals", "--json") == []
    run("promote", "lending", "2", *WHY, code=5)


@pytest.mark.parametrize("command", ["promote", "stage", "retire", "rollback"])
def test_the_help_of_a_move_says_how_a_dry_run_ends(command):
    said = " ".join(CliRunner().invoke(main, [command, "--help"]).output.split())
    assert "0 it would be made, 3 the policy denies it, 5 people have to approve it first" in said


def test_a_canary_that_is_worse_is_taken_out(run):
    run("promote", "lending", "1", *WHY)
    run("stage", "lending", "2", "--canary", "0.05", *WHY)
    assert "is out of canary" in run("stage", "lending", "2", "--out", *WHY)
    assert "neither in shadow nor the canary" in run("stage", "lending", "2", "--out", *WHY, code=2)
    assert "one of --shadow" in run("stage", "lending", "2", *WHY, code=2)


def test_high_stakes_wait_for_two_people_and_then_move(run):
    run("people", "add", "first", "--role", "approver", *WHY)
    run("people", "add", "second", "--role", "approver", *WHY)
    run("declare", "lending", "--stakes", "high", "--owner", "first", "--objective", "p99_ms=50", *WHY)
    shown = run("declare", "lending", "--json")
    assert (shown["stakes"], shown["objectives"]) == ("high", {"p99_ms": 50.0})
    asked = run("promote", "lending", "1", *WHY, "--json", code=5)
    assert (asked["decision"], asked["missing"]) == ("needs-people", 2)
    name = asked["question"][:12]
    (waiting,) = run("approvals", "--json")
    assert (waiting["may"], waiting["missing"], waiting["state"]) == (["first", "second"], 2, "waiting")
    assert "asked for it" in run("approve", name, *WHY, code=2)
    assert "needs the role approver" in run("approve", name, *WHY, by="somebody", code=2)
    assert "1 more needed: second" in run("approve", name, *WHY, by="first")
    done = run("approve", name, *WHY, "--then-promote", "--json", by="second")
    assert (done["move"]["version"], done["missing"]) == (1, 0)
    assert "nothing waits" in run("approvals")


def test_a_refused_question_has_ended(run):
    run("people", "add", "first", "--role", "approver", *WHY)
    run("declare", "lending", "--stakes", "high", *WHY)
    name = run("promote", "lending", "1", *WHY, "--json", code=5)["question"]
    run("approve", name, *WHY, by="first")
    run("withdraw", name, *WHY, by="first")
    assert "first refused: promote lending 1" in run("refuse", name, "--why", "rural branches are left out", by="first")
    assert "rural branches are left out" in run("promote", "lending", "1", *WHY, code=3)
    assert run("approvals", "--json") == []
    assert [one["state"] for one in run("approvals", "--all", "--json")] == ["refused"]


def test_a_stand_in_is_named_and_ended(run):
    run("people", "add", "first", "--role", "approver", *WHY)
    assert "second stands in for first until" in run("delegate", "second", "--days", "3", *WHY, by="first")
    assert "second stands in for first no more" in run("delegate", "second", "--days", "0", *WHY, by="first")


def test_people_are_what_the_ledger_says(run):
    assert run("people", "list", "--json")["named"] is False
    run("people", "add", "first", "--role", "approver", "--role", "risk-officer", *WHY)
    told = run("people", "list", "--json")
    assert told["people"] == {"first": ["approver", "risk-officer"], "lead": ["admin"]}
    assert told["you"] == {"name": "lead", "source": "os", "roles": ["admin"]}
    assert "may not change people" in run("people", "add", "first", "--role", "admin", *WHY, by="first", code=2)
    assert "may not move a model" in run("promote", "lending", "1", *WHY, by="stranger", code=2)
    assert "last admin" in run("people", "remove", "lead", *WHY, code=2)
    assert "no role any more" in run("people", "remove", "first", *WHY)


@pytest.mark.parametrize("by", ["first", "stranger"])
def test_neither_a_window_that_the_gate_judges_by_nor_a_key_is_changed_by_whoever_asks(run, by):
    run("people", "add", "first", "--role", "analyst", *WHY)
    for command in (
        ("retention", "declare", "logs", "--days", "9999"),
        ("ledger", "key", "rotate"),
        ("retention", "hold", "logs"),
        ("key", "create", "shop-frontend", "--model", "lending"),
    ):
        assert "may not change people, the guard" in run(*command, *WHY, by=by, code=2)
        run(*command, *WHY, by="lead")


def test_reconciling_says_what_it_would_do_before_it_does(run, registry):
    assert "nothing to mend" in run("reconcile")
    run("promote", "lending", "1", *WHY)
    registry.aliases["lending", "champion"] = 3, 1
    assert "points at version 3" in run("reconcile", "--dry-run")
    assert registry.aliases["lending", "champion"] == (3, 1)
    looked = run("reconcile", "--dry-run", "--json")
    assert (len(looked["sentences"]), looked["mended"]) == (1, [])
    mended = run("reconcile", "--json")
    assert mended["found"][0]["kind"] == "moved"
    assert mended["mended"] == [mended["found"][0]["sentence"]]
    assert registry.aliases["lending", "champion"] == (1, 1)
    registry.lost.add(1)
    lost = run("reconcile", "--json")
    assert [found["kind"] for found in lost["found"]] == ["deleted"]
    assert (len(lost["sentences"]), lost["mended"]) == (1, []), "what only people can mend is not told as mended"


def test_nothing_that_somebody_wrote_is_obeyed_by_the_terminal_of_who_reads_it(run, workspace):
    """A reason that clears the screen, and one that turns the order of the letters of what follows."""
    run("promote", "lending", "1", "--why", "fine \x1b[2J\u202e so it is")
    with open_bench(workspace) as bench:
        assert bench.ledger.entries(kind="promotion.granted")[0].why == "fine \x1b[2J\u202e so it is"
    shown = run("ledger", "show", "lending")
    assert "fine  [2J  so it is" in shown
    with sqlite3.connect(workspace / "ledger.db") as client:
        client.execute("DROP TRIGGER entries_are_not_updated")
        client.execute("UPDATE entries SET subject = 'lend\x1b[2J\u202eing/1' WHERE kind = 'promotion.granted'")
    client.close()
    for command, code in ((("ledger", "verify"), 4), (("ledger", "show"), 0), (("reconcile",), 0)):
        told = run(*command, code=code)
        assert "\x1b" not in told
        assert "\u202e" not in told


@pytest.mark.parametrize("text", ["<b>x</b>", "'; DROP TABLE entries; --", "../../x", "$(reboot)"])
def test_a_name_on_the_command_line_is_text_and_nothing_else(run, text):
    run("people", "add", text, "--role", "approver", "--why", text)
    assert (
        text in run("people", "list", "--json")["people"]
        or text.casefold() in run("people", "list", "--json")["people"]
    )
    run("declare", text, "--stakes", "high", "--kpi", f"{text}={text}", "--why", text)
    assert run("declare", text, "--json")["kpis"] == {text: text}
    assert "has no version" in run("promote", text, "1", "--why", text, code=2)
    assert "too short" in run("approve", text[:3], "--why", text, code=2)


@pytest.mark.slow
def test_the_guard_comes_and_goes_by_commands(tmp_path):
    """With MLflow itself: its own client is refused."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    root = tmp_path / "w"
    create(root)

    def run(*arguments):
        done = CliRunner().invoke(main, [*arguments, "--workspace", str(root)])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert len(run("guard", "install", *WHY, "--dry-run", "--json")["would_make"]) == 8
    assert run("guard", "status", "--json") == {
        "wanted": False,
        "installed": False,
        "missing": [],
        "untrue": [],
        "unknown": [],
        "further": [],
    }
    assert run("guard", "install", *WHY, "--json")["kind"] == "guard.installed"
    assert run("guard", "status", "--json") == {
        "wanted": True,
        "installed": True,
        "missing": [],
        "untrue": [],
        "unknown": [],
        "further": [],
    }
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("lending")
    client.create_model_version("lending", "/models/x")
    with pytest.raises(MlflowException, match="the ledger did not grant this"):
        client.set_registered_model_alias("lending", "champion", "1")
    assert run("guard", "remove", *WHY, "--json")["kind"] == "guard.removed"
    client.set_registered_model_alias("lending", "champion", "1")
    with open_bench(root) as bench:
        bench.guard.install([])  # a removal that was marked as done and never was, or another workspace's
    done = CliRunner().invoke(main, ["guard", "status", "--workspace", str(root)])
    assert "a guard stands that this ledger wants no more" in done.output


def test_what_a_cut_off_move_owes_is_paid_before_the_next(run, registry, workspace, monkeypatch):
    run("promote", "lending", "1", *WHY)
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "set_alias", lambda *_: None)  # as if it had been killed before the alias
        run("stage", "lending", "2", "--shadow", *WHY)
    with open_bench(workspace) as bench:
        assert [effect.payload["alias"] for effect in bench.ledger.owed()] == ["shadow"]
    run("retire", "lending", "3", *WHY)
    assert registry.aliases["lending", "shadow"] == (2, 1)
    with open_bench(workspace) as bench:
        assert bench.ledger.owed() == []
