"""A dry run is judged and told by the same code as the act itself, with its exit code, and keeps nothing."""

import json
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.cli import main
from workbench.promotion import Identity
from workbench.promotion.questions import Question, Requirement
from workbench.serving.held import Held
from workbench.serving.review import ask_all

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))

LOOKS = {  # changes nothing that counts: it looks, or writes a file or a folder that was asked for
    "doctor", "kernel status", "params", "sweeps", "runs", "diff", "schedule list", "ab", "power", "archive search",
    "archive show", "archive prior", "bandit table", "off-policy", "price table", "audit drift", "audit quality",
    "audit fairness", "audit performance", "audit cause", "models", "canary status", "approvals", "people list",
    "policy check", "policy test", "policy explain", "policy diff", "policy redecide", "guard status", "ledger show",
    "ledger verify", "ledger prove", "ledger export", "ledger key show", "lineage data", "lineage version",
    "lineage run", "lineage feature-set", "lineage decision", "lineage prediction", "lineage diff", "lineage export",
    "lineage reindex",
    "certificate", "verify", "card", "docpack", "key list", "held list", "held show", "monitor dashboards",
    "monitor metrics", "monitor rules", "incidents list", "incidents show", "replay",
}  # fmt: skip
BEGINS = {  # begins something of its own, which moves no model: a workspace, a server, a kernel, a run, a table
    "demo", "init", "up", "serve", "kernel install", "kernel start", "kernel stop", "new", "rerun", "schedule add",
    "schedule remove", "bandit init", "price start", "compile", "reload", "ledger checkpoint", "ledger witness",
}  # fmt: skip


def leaves(command=main, path=()):
    if isinstance(command, click.Group):
        if command.invoke_without_command and path:
            yield " ".join(path), command
        for name, child in command.commands.items():
            yield from leaves(child, (*path, name))
    else:
        yield " ".join(path), command


LEAVES = dict(leaves())


def options(command):
    return {text for parameter in command.params for text in parameter.opts}


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_prints_json_on_request_and_if_it_changes_what_counts_it_rehearses(name):
    """Whoever adds a command says here that it only looks, or gives it --dry-run."""
    given = options(LEAVES[name])
    assert "--json" in given, f"workbench {name} has no --json"
    assert ("--dry-run" in given) != (name in LOOKS | BEGINS), f"workbench {name}: --dry-run, or named above"


def test_no_command_is_named_that_is_not_there():
    assert set(LEAVES) >= LOOKS | BEGINS
    assert not LOOKS & BEGINS


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A workspace with a version, a question about one answer, an incident and a key."""
    root = TOLD.tell(tmp_path_factory.mktemp("story") / "w")
    with open_bench(root) as bench:
        TOLD.register(bench, number=2, run_id="c3" * 16)
        now = bench.now()
        held = [Held.sample(at=now, stakes="normal")]
        bench.held_store.add(held)
        ask_all(bench.ledger, bench.desk, held, now=now)
        for name in ("approved", "asked"):
            question = Question("act", f"lending/{name}", {}, "p" * 64, (), Requirement(1, ("approver",)))
            with bench.ledger.transaction() as writer:
                bench.desk.ask_within(writer, question, author="author", actor="author", why="w", now=now)
            if name == "approved":
                bench.desk.approve(question.digest, by=Identity("lead", "os"), why="good", now=now)
        bench.retention.hold("logs", "a claim")
        bench.keys.create("shop", ("lending",), actor="lead", why="w")
    return root


def facts(root):
    """What the commands below need to name."""
    with open_bench(root) as bench:
        asked = {entry.subject: entry.body["digest"] for entry in bench.ledger.entries(kind="approval.requested")}
        return {"ASKED": asked["lending/asked"], "APPROVED": asked["lending/approved"],
                "KEY": bench.keys.all()[0].id}  # fmt: skip


ACTS = [
    "declare lending --stakes high --why w",
    "declare lending --stakes high",
    "reject lending 2 --why w",
    "reject lending 1 --why w",  # it is champion
    "approve ASKED --why w",
    "approve ASKED --why w --then-promote",  # no move of a model
    "approve nothing --why w",
    "refuse ASKED --why w",
    "withdraw APPROVED --why w",
    "withdraw ASKED --why w",  # never approved
    "delegate second --days 3 --why w",
    "people add officer --role approver --why w",
    "people add officer --role NOROLE --why w",
    "people remove nobody --why w",
    "retention declare logs --days 180 --why w",
    "retention declare nothing --days 180 --why w",
    "retention hold model/lending --why w",
    "retention release logs --why w",
    "retention release model/lending --why w",  # not held
    "key revoke KEY --why w",
    "key revoke none --why w",
    "held decide p1 --change --to no --why w",
    "held decide p1 --confirm --why w",
    "held decide p9 --confirm --why w",
    "incidents ack none --why w",
    "incidents resolve none --why w",
    "archive decide nothing ship --why w",
]


@pytest.mark.parametrize("act", ACTS)
def test_a_dry_run_says_what_the_act_says_and_ends_as_it_ends_and_keeps_nothing(act, story, tmp_path, monkeypatch):
    from workbench.bench.engines import Engines

    root = TOLD.copied(story, tmp_path / "w")
    named = facts(root)
    monkeypatch.setattr(Engines, "identity", property(lambda _: Identity("lead", "os")))
    words = [named.get(word, word) for word in act.split()]

    def ran(*more):
        done = CliRunner().invoke(main, [*words, *more, "--workspace", str(root)])
        return done.exit_code, done.stdout

    def told():
        with open_bench(root) as bench:
            held = bench.held_store.find("p1")
            return list(bench.ledger.export()), held.decided

    before = told()
    rehearsed = ran("--dry-run")
    assert told() == before
    assert rehearsed == ran()
    assert (told() != before) == (rehearsed[0] == 0)


def test_a_rehearsed_key_is_none_and_json_says_that_it_was_a_dry_run(story, tmp_path):
    root = TOLD.copied(story, tmp_path / "w")
    for words in (["key", "create", "shop", "--model", "lending"], ["key", "rotate", facts(root)["KEY"]]):
        done = CliRunner().invoke(main, [*words, "--dry-run", "--json", "--workspace", str(root)])
        told = json.loads(done.stdout)
        assert (told["dry_run"], told["key"]) == (True, None)
        assert "nothing of what follows is kept" in done.stderr
    with open_bench(root) as bench:
        assert len(bench.keys.all()) == 1


def test_the_rotation_of_the_ledgers_key_leaves_the_key_as_it_is(story, tmp_path):
    root = TOLD.copied(story, tmp_path / "w")
    before = {path.name: path.read_bytes() for path in (root / "keys").iterdir()}
    done = CliRunner().invoke(main, ["ledger", "key", "rotate", "--why", "w", "--dry-run", "--workspace", str(root)])
    assert done.exit_code == 0
    assert {path.name: path.read_bytes() for path in (root / "keys").iterdir()} == before


def test_a_workspace_without_a_key_gets_none_by_a_dry_run(story, tmp_path):
    root = TOLD.copied(story, tmp_path / "w")
    shutil.rmtree(root / "keys")
    (root / "ledger.db").unlink()
    with open_bench(root, rehearsal=True) as bench:
        assert bench.signing_key.public == bench.signing_key.public == bench.ledger.keys()[0].public
        assert bench.ledger.checkpoint(now=bench.now()).size == 1
    assert not (root / "keys").exists()
    with open_bench(root) as bench:
        assert bench.ledger.last == 0
