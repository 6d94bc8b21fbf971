"""The ledger proved from the command line: signed, witnessed, exported, taken along, and found out."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.cli import main
from workbench.errors import EngineError
from workbench.ledger import SigningKey, to_sign


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    root = tmp_path / "ws"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    monkeypatch.chdir(root)
    return root


def ask(*words):
    return CliRunner().invoke(main, ["ledger", *map(str, words)])


def told(*words):
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def change(path, sql):
    client = sqlite3.connect(path)
    rules = client.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in rules:
        client.execute(f"DROP TRIGGER {name}")
    client.execute(sql)
    for _, made in rules:
        client.execute(made)
    client.commit()
    client.close()


def test_a_new_workspace_has_a_key_and_a_signed_ledger(workspace):
    assert (workspace / "keys" / "ledger.key").stat().st_mode & 0o777 == 0o600
    (entry,) = told("show")
    assert (entry["kind"], entry["seq"]) == ("key.created", 1)
    found = told("verify")
    assert (found["valid"], found["entries"], found["signed"], found["witnessed"]) == (True, 1, 1, None)
    assert "signed: 1 entry, now by the key" in ask("verify").stdout
    assert found["sealed_from"] == 1
    assert "sealed: every move of a model from entry 1 on" in ask("verify").stdout


def test_a_workspace_from_before_gets_its_key_when_something_is_signed(workspace):
    shutil.rmtree(workspace / "keys")
    for file in workspace.glob("ledger.db*"):
        file.unlink()
    assert "no key yet" in ask("key", "show").stderr
    assert "signed: nothing yet; workbench ledger checkpoint signs it" in ask("verify").stdout
    assert told("checkpoint")["size"] == 1
    assert len(told("key", "show")) == 1


def test_the_trail_of_a_model_shows_its_versions_and_which_slot_moved(workspace):
    with open_bench(workspace) as bench:
        said = {"actor": "risk-officer", "why": "five in a hundred", "now": bench.now()}
        bench.ledger.append("note", subject="lending", body={}, **said)
        bench.ledger.append("note", subject="lending_2/1", body={}, **said)
        with bench.ledger.transaction() as writer:
            body = {"slot": "canary", "generation": 1, "weight": 0.05, "decision": {"decision": "allow"}}
            entry = writer.append("stage.granted", subject="lending/2", body=body, **said)
            writer.move_head("lending", "canary", 2, expected_generation=0, entry=entry)
    assert [entry["subject"] for entry in told("show", "lending")] == ["lending", "lending/2"]
    assert [entry["subject"] for entry in told("show", "lending", "--last", 1)] == ["lending/2"]
    assert "stage.granted (canary, 0.05 of the traffic, generation 1)" in ask("show", "lending/2").stdout
    assert told("verify")["valid"]


def test_without_the_key_no_model_moves_and_the_way_out_is_told(workspace):
    kept = (workspace / "keys" / "ledger.key").rename(workspace / "elsewhere")
    with open_bench(workspace) as bench:
        said = {"actor": "risk-officer", "why": "w", "now": bench.now()}
        with pytest.raises(EngineError, match="lending/2 was not moved") as refused:
            bench.ledger.append(
                "version.retired", subject="lending/2", body={"decision": {"decision": "allow"}}, **said
            )
        assert "copy it from a machine that has it" in refused.value.hint
        kept.rename(workspace / "keys" / "ledger.key")
        bench.ledger.append("version.retired", subject="lending/2", body={"decision": {"decision": "allow"}}, **said)
    assert told("verify")["entries"] == 2


def test_an_older_ledger_is_told_how_its_moves_come_to_be_sealed(workspace):
    key = SigningKey.load(workspace / "keys" / "ledger.key")
    for file in workspace.glob("ledger.db*"):
        file.unlink()
    older = {"key_id": key.key_id, "public": key.public, "origin": f"workbench-ledger/{key.key_id}"}
    body = {**older, "signatures": {key.key_id: key.sign(to_sign("key.created", older))}}
    with open_bench(workspace) as bench:
        bench.ledger.append("key.created", subject="key", actor="admin", why="", body=body, now=bench.now())
    assert told("verify")["sealed_from"] is None
    assert "sealed: no move of a model; workbench ledger key rotate begins it" in ask("verify").stdout
    told("key", "rotate", "--why", "from now on moves are sealed")
    assert told("verify")["sealed_from"] == 2


def test_a_checkpoint_is_printed_or_written(workspace):
    note = ask("checkpoint").stdout
    assert note.startswith("workbench-ledger/") and note.count("\n") == 5
    assert ask("checkpoint", "c.txt").stdout == ""
    assert (workspace / "c.txt").read_text("utf-8") == note
    assert told("checkpoint")["note"] == note


def test_a_witness_grows_with_the_ledger_and_finds_one_that_was_made_anew(workspace):
    assert told("witness", "w.txt")["added"] is True
    assert told("witness", "w.txt")["added"] is False
    assert "ends already" in ask("witness", "w.txt").stdout
    told("key", "rotate", "--why", "a year has passed")
    assert told("witness", "w.txt")["size"] == 2
    assert told("verify", "--witness", "w.txt")["witnessed"] == 2
    shutil.rmtree(workspace / "keys")
    for file in workspace.glob("ledger.db*"):
        file.unlink()
    told("checkpoint")
    assert told("verify")["valid"]
    for words in (["verify", "--witness", "w.txt"], ["witness", "w.txt"]):
        done = ask(*words)
        assert done.exit_code == 4
        assert "the ledger was made anew: the witness saw workbench-ledger/" in done.output
    assert (workspace / "w.txt").read_text("utf-8").count("—") == 2


def test_an_export_and_a_copy_are_verified_where_they_lie(workspace):
    told("key", "rotate", "--why", "w")
    assert told("export", "l.jsonl") == {"file": "l.jsonl", "entries": 2, "lines": 6}
    assert ask("export").stdout == (workspace / "l.jsonl").read_text("utf-8")
    assert ask("export", "l.jsonl", "--verifier", "verify_ledger.py").exit_code == 0
    done = subprocess.run([sys.executable, "-I", "verify_ledger.py", "l.jsonl"], capture_output=True, text=True)
    assert done.stdout.startswith("2 entries hold, the first 2 are signed"), done.stderr
    shutil.copy("ledger.db", "copy.db")
    for file in ("l.jsonl", "copy.db"):
        found = told("verify", file)
        assert (found["valid"], found["entries"], found["signed"]) == (True, 2, 2)
    change("copy.db", "UPDATE entries SET why = 'nothing' WHERE seq = 2")
    done = ask("verify", "copy.db")
    assert done.exit_code == 4
    assert "  - entry 2 was changed: its content does not have its hash" in done.output
    assert told("verify")["valid"]
    done = ask("verify", "copy.db", "--json")
    assert json.loads(done.stdout)["valid"] is False


def test_an_entry_is_proved(workspace):
    told("key", "rotate", "--why", "w")
    proof = told("prove", 1)
    assert (proof["seq"], proof["size"], len(proof["path"])) == (1, 2, 1)
    assert proof["checkpoint"] == ask("checkpoint").stdout
    assert "entry 1 is among the first 2 entries" in ask("prove", 1).stdout
    assert told("prove", 1, "--size", 1)["path"] == []
    done = ask("prove", 9)
    assert done.exit_code == 2 and "there is no entry 9; the last is 2" in done.output


def test_a_key_that_others_can_read_is_refused_with_the_way_out(workspace):
    (workspace / "keys" / "ledger.key").chmod(0o644)
    done = ask("checkpoint")
    assert done.exit_code == 4
    assert f"hint: chmod 600 {workspace}/keys/ledger.key" in done.output


@pytest.mark.slow
def test_a_workspace_whose_ledger_is_on_postgresql(workspace, postgres):
    import pg8000.native

    with pg8000.native.Connection(**postgres) as client:
        client.run("SET client_min_messages = warning")
        client.run("DROP SCHEMA IF EXISTS workbench_ledger CASCADE")
    url = "postgresql://{user}:not-asked-for@{host}:{port}/{database}".format(**postgres)
    (workspace / "workbench.toml").write_text(f'ledger = "{url}"\n')
    shutil.rmtree(workspace / "keys")
    told("witness", "w.txt")
    told("key", "rotate", "--why", "w")
    found = told("verify", "--witness", "w.txt")
    assert (found["valid"], found["signed"], found["witnessed"]) == (True, 2, 1)
    assert told("export", "l.jsonl")["entries"] == 2
    assert told("verify", "l.jsonl", "--witness", "w.txt")["valid"]
    (workspace / "workbench.toml").write_text(f'ledger = "{url.replace(str(postgres["port"]), "1")}"\n')
    done = ask("verify")
    assert done.exit_code == 4
    assert "not-asked-for" not in done.output and "is the server running" in done.output


@pytest.mark.parametrize("words", [[], ["verify"], ["checkpoint"], ["witness"], ["export"], ["prove"], ["key", "show"],
                                   ["key", "rotate"], ["show"]])  # fmt: skip
def test_every_command_shows_how_it_is_used(words):
    done = ask(*words, "--help")
    assert done.exit_code == 0
    assert not words or "workbench ledger " + words[0] in done.output
