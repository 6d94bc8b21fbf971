"""`workbench policy`: test, explain, diff and redecide, as a person calls them."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.bench.workspace import create
from workbench.cli import main
from workbench.ledger import Ledger, Writer

pytestmark = pytest.mark.slow  # each asks an interpreter in a process

spec = importlib.util.spec_from_file_location("registry", Path(__file__).parents[1] / "policy" / "registry.py")
registry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(registry)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    create(tmp_path / "w")
    with Ledger.open(f"sqlite:///{tmp_path}/w/ledger.db") as ledger:
        ledger.sign_with(tmp_path / "w" / "keys" / "ledger.key")
        registry.fill(ledger, 2, 3)
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def ask(*words, **options):
    return CliRunner().invoke(main, ["policy", *map(str, words)], **options)


def test_the_workspaces_policies_are_tried_on_the_cases_beside_them(workspace):
    told = json.loads(ask("test", "--json").stdout)
    assert {found["policy"]: found["failed"] for found in told["policies"]} == dict.fromkeys(
        ("answer", "promotion", "rollback", "seed", "stage"), 0
    )
    path = workspace / "policies" / "seed.rego"
    path.write_text(path.read_text().replace("0.85", "0.95"))
    result = ask("test", "seed")
    assert result.exit_code == 1
    assert "FAIL" in result.output and "3 of 5 cases passed" in result.output


def test_rules_that_no_case_exercises_are_told(workspace):
    done = ask("test", "seed", "stage", "--coverage", "--json")
    assert done.exit_code == 0
    assert all(found["exercised"] == len(found["rules"]) for found in json.loads(done.stdout)["policies"])
    path = workspace / "policies" / "seed.rego"
    path.write_text(path.read_text() + '\ndeny contains {"code": "odd", "message": "odd"} if input.odd\n')
    assert ask("test", "seed").exit_code == 0
    done = ask("test", "seed", "--coverage")
    assert done.exit_code == 1
    assert "1 of 2 rules exercised" in done.stdout
    assert ["deny", "odd", "NONE"] in [line.split()[1:] for line in done.stdout.splitlines()]
    (found,) = json.loads(ask("test", "seed", "--coverage", "--json").stdout)["policies"]
    assert [(one["rule"], one["code"], one["cases"]) for one in found["rules"]][1:] == [("deny", "odd", 0)]


def test_an_answer_is_explained_by_input_or_by_version(workspace):
    result = ask("explain", "seed", "--input", "-", input='{"metrics": {"fairness": 0.8}}')
    assert "would pass: fairness >= 0.85" in result.output
    told = json.loads(ask("explain", "promotion", "model-0000", "2", "--json").stdout)
    assert told["read"]["evidence.performance.data_digest"] == "d" * 64
    assert [one["text"] for one in told["conditions"] if not one["holds"]]
    assert ask("explain", "promotion").exit_code == 2
    assert ask("explain", "promotion", "model-0000", "9").exit_code == 2


def test_a_change_of_policy_is_weighed_before_it_is_merged(workspace):
    path = workspace / "policies" / "promotion.rego"
    eased = (
        path.read_text().replace('"age_days": 30', '"age_days": 3000').replace('"certainty": 0.95', '"certainty": 0')
    )
    (workspace / "eased.rego").write_text(eased.replace('"f1": 0.80', '"f1": 0.1'))
    result = ask("diff", "promotion", "eased.rego", "--json")
    told = json.loads(result.stdout)
    assert told["versions"] == 6
    assert told["counts"]["lets pass"] == len(told["changes"]) > 0
    result = ask("diff", "eased.rego", "promotion", "--fail")
    assert result.exit_code == 3
    assert "it blocks" in result.output and "serving" in result.output


def test_what_is_at_stake_is_taken_from_the_models_declaration(workspace):
    with Ledger.open(f"sqlite:///{workspace}/ledger.db") as ledger:
        body = {"stakes": "high"}
        ledger.append(
            "model.declared", subject="model-0000", actor="risk-officer", why="credit", body=body, now=registry.NOW
        )
    (workspace / "stakes.rego").write_text('package promotion\nallow := input.stakes == "normal"\n')
    (workspace / "all.rego").write_text("package promotion\nallow := true\n")
    told = json.loads(ask("diff", "all.rego", "stakes.rego", "--json").stdout)
    assert {change["model"] for change in told["changes"]} == {"model-0000"}
    assert json.loads(ask("explain", "stakes.rego", "model-0000", "1", "--json").stdout)["decision"] == "deny"
    assert json.loads(ask("explain", "stakes.rego", "model-0001", "1", "--json").stdout)["decision"] == "allow"


def test_decisions_are_made_again_from_the_ledger(workspace):
    from workbench.bench import open_bench
    from workbench.errors import Denied

    with open_bench(workspace) as bench, pytest.raises(Denied):
        bench.promote("model-0000", 2, "to see what is said")
    told = json.loads(ask("redecide", "--all", "--json").stdout)
    (one,) = [told for told in told["decisions"] if told["same"]]
    assert (one["subject"], one["same"], one["decision"]) == ("model-0000/2", True, "deny")
    for which in (one["seq"], "model-0000/2"):
        assert "1 of 1 decisions reproduce" in ask("redecide", which).output
    assert ask("redecide", "model-0009").exit_code == 2
    assert ask("redecide").exit_code == 2


def test_a_grant_that_was_written_past_the_gate_is_shown_as_one_that_nobody_decided(workspace):
    """The first champions of this registry were granted by hand, with the ledger's own library."""
    done = ask("redecide", "--all", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)["decisions"]
    assert {one["subject"] for one in told} == {"model-0000/1", "model-0001/1"}
    for one in told:
        (why,) = one["differences"]
        assert why == f"it moves {one['subject']}, but keeps no policy and no input that it was decided on"
    assert "0 of 1 decisions reproduce" in ask("redecide", "model-0001").output


def test_a_grant_that_the_ledgers_key_did_not_seal_is_shown(workspace):
    """Decided again it comes out as it is recorded; who wrote it had the database, and not the key."""
    from workbench.bench import open_bench

    with open_bench(workspace) as bench:
        bench.ledger.checkpoint(actor="admin", now=bench.now())
        bench.ledger._database.execute("DROP TRIGGER moves_are_sealed")
        writer = Writer(bench.ledger._database, lambda *_: None)
        moved = bench.ledger.entries(kind="promotion.granted")[-1]
        bench.ledger._database.begin(writing=True)
        body = {**moved.body, "generation": 2}
        writer.append("promotion.granted", subject=moved.subject, actor="x", why="w", body=body, now=bench.now())
        writer.finish()
        bench.ledger._database.commit()
    done = ask("redecide", moved.subject, "--json")
    assert done.exit_code == 1
    first, forged = json.loads(done.stdout)["decisions"]
    assert not any("seal" in told for told in first["differences"])
    assert f"entry {forged['seq']} moves {moved.subject} without the seal of the ledger's key" in str(forged)


def test_an_engine_that_cannot_be_reached_denies_and_says_so(workspace):
    path = workspace / "workbench.toml"
    path.write_text(path.read_text().replace('"embedded"', '"opa+http://127.0.0.1:9"'))
    result = ask("check", "seed", "--input", "-", "--fail", input='{"metrics": {"fairness": 0.9}}')
    assert result.exit_code == 3
    assert "cannot be reached" in result.output
    path.write_text(path.read_text().replace('"opa+http://127.0.0.1:9"', '"opa+ftp://x"'))
    assert ask("check", "seed", "--input", "-", input="{}").exit_code == 2
