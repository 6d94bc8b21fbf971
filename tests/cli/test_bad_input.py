"""Bad input gets an answer that says what it got, what it needs and the way out, before any work starts."""

import json

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import Bench, create
from workbench.cli import main
from workbench.ledger import ModelVersion


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


def ask(*command, **more):
    return CliRunner().invoke(main, [str(word) for word in command], **more)


def notebook(path, *cells):
    """A notebook of code cells; the first is tagged as parameters when it starts with '#p'."""
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{i}",
            "metadata": {"tags": ["parameters"]} if text.startswith("#p\n") else {},
            "outputs": [],
            "source": text.removeprefix("#p\n"),
        }
        for i, text in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def promoted(workspace):
    """Put a version in the ledger and at its head, as a registry that was lost since had it."""
    version = ModelVersion(
        model="lending",
        version=1,
        run_id="r",
        source="runs:/r/model",
        model_digest="m",
        data_digest="d",
        feature_set="loan-credit@1",
        notebook_digest="n",
        threshold=0.5,
        parameters={},
        metrics={},
        registered_at="2026-01-01T00:00:00+00:00",
        registered_by="analyst",
    )
    with open_bench(workspace) as bench, bench.ledger.transaction() as writer:
        told = {"subject": version.subject, "actor": "analyst", "why": "for a test", "now": bench.now()}
        writer.append("version.registered", body=version.as_body(), **told)
        entry = writer.append("promotion.granted", body={"generation": 1, "decision": {"decision": "allow"}}, **told)
        writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)


def test_a_folder_that_is_no_workspace(tmp_path):
    result = ask("ledger", "show", "--workspace", tmp_path)
    assert result.exit_code == 2
    assert "lies in no workspace" in result.output
    assert "hint: workbench init" in result.output


def test_a_notebook_without_a_parameters_cell(tmp_path, workspace):
    result = ask("run", notebook(tmp_path / "n.ipynb", "1 + 1"), "-p", "a=1", "--workspace", workspace)
    assert result.exit_code == 2
    assert "parameters" in result.output


def test_an_unknown_parameter_is_answered_with_the_nearest(tmp_path, workspace):
    path = notebook(tmp_path / "n.ipynb", "#p\nalpha: float = 0.05  # level, in (0, 1)")
    result = ask("run", path, "-p", "alhpa=0.1", "--workspace", workspace)
    assert result.exit_code == 2
    assert "alpha" in result.output


@pytest.mark.parametrize("value", ["much", "2", "nan", ""])
def test_a_wrong_value_is_refused_before_a_kernel_starts(tmp_path, workspace, value):
    path = notebook(tmp_path / "n.ipynb", "#p\nalpha: float = 0.05  # level, in (0, 1)")
    result = ask("run", path, "-p", f"alpha={value}", "--workspace", workspace)
    assert result.exit_code == 2
    assert "alpha" in result.output
    assert not list((workspace / "reports" / "runs").iterdir())


def test_a_policy_with_a_syntax_error(tmp_path):
    (tmp_path / "bad.rego").write_text("package bad\n\nallow if {\n")
    (tmp_path / "input.json").write_text("{}")
    result = ask("policy", "check", tmp_path / "bad.rego", "--input", tmp_path / "input.json", "--json")
    answer = json.loads(result.stdout)
    assert answer["decision"] == "deny"
    assert answer["reasons"]


def test_a_policy_that_returns_nothing(tmp_path):
    (tmp_path / "mute.rego").write_text("package mute\n")
    (tmp_path / "input.json").write_text("{}")
    result = ask("policy", "check", tmp_path / "mute.rego", "--input", tmp_path / "input.json", "--json")
    answer = json.loads(result.stdout)
    assert answer["decision"] == "deny"
    assert "undefined" in answer["reasons"][0]["message"]


@pytest.mark.parametrize(("fairness", "decision"), [(0.9, "allow"), (0.85, "allow"), (0.8499, "deny"), ("0.9", "deny")])
def test_the_seed_policy_works_word_for_word(tmp_path, fairness, decision):
    given = json.dumps({"metrics": {"fairness": fairness}})
    result = ask("policy", "check", "seed", "--input", "-", "--json", input=given)
    answer = json.loads(result.stdout)
    assert answer["decision"] == decision
    assert len(answer["policy_digest"]) == 64


def test_an_input_that_is_no_json(tmp_path):
    result = ask("policy", "check", "seed", "--input", "-", input="fairness=0.9")
    assert result.exit_code == 2
    assert "no JSON" in result.output


def test_a_policy_that_does_not_exist(tmp_path):
    result = ask("policy", "check", "nope", "--input", "-", input="{}")
    assert result.exit_code == 2
    assert "promotion" in result.output


def test_a_version_that_does_not_exist(workspace):
    result = ask("promote", "lending", "7", "--why", "it would be nice", "--workspace", workspace)
    assert result.exit_code == 2
    assert "lending" in result.output


def test_a_rollback_of_what_was_never_promoted(workspace):
    result = ask("rollback", "lending", "--why", "it would be nice", "--workspace", workspace)
    assert result.exit_code in {2, 3}
    assert "lending" in result.output


def test_a_corrupted_ledger(workspace):
    (workspace / "ledger.db").write_bytes(b"this is not a database" * 100)
    result = ask("ledger", "verify", "--workspace", workspace)
    assert result.exit_code == 4
    assert "hint:" in result.output


def test_a_command_that_is_not_there():
    result = ask("promot", "lending", "2")
    assert result.exit_code == 2
    assert "promot" in result.output


def test_a_hint_names_the_notebook_as_it_was_given(tmp_path, workspace):
    path = notebook(tmp_path / "my own.ipynb", "#p\nalpha: float = 0.05  # level, in (0, 1)")
    assert f"hint: workbench params '{path}'" in ask("run", path, "-p", "beta=1", "--workspace", workspace).output
    assert "hint: workbench params train.ipynb" in ask("run", "train", "-p", "x=1", "--workspace", workspace).output


def test_parameters_are_read_from_the_workspaces_own_notebook(tmp_path, workspace, monkeypatch):
    notebook(workspace / "notebooks" / "train.ipynb", "#p\nhouse_rule: int = 3  # ours, at least 0")
    assert "house_rule" in ask("params", "train", "--workspace", workspace).output
    monkeypatch.chdir(workspace / "reports")
    assert "house_rule" in ask("params", "train").output
    monkeypatch.chdir(tmp_path)
    assert "threshold" in ask("params", "train").output


def test_a_policy_is_the_workspaces_own_before_the_shipped_one(workspace, monkeypatch):
    (workspace / "policies" / "seed.rego").write_text("package seed\n\nallow := input.metrics.fairness >= 0.99\n")
    given = json.dumps({"metrics": {"fairness": 0.9}})
    assert ask("policy", "check", "seed", "--input", "-", input=given).output.startswith("allow")
    monkeypatch.chdir(workspace)
    assert ask("policy", "check", "seed", "--input", "-", input=given).output.startswith("deny")


def test_an_input_that_is_no_object_is_answered_with_one(workspace):
    result = ask("policy", "check", "seed", "--input", "-", input="[1]")
    assert result.exit_code == 2
    assert 'hint: it looks like {"metrics"' in result.output


def test_what_the_champion_is_already_is_not_promised_by_a_dry_run(workspace):
    promoted(workspace)
    result = ask("promote", "lending", "1", "--why", "once more", "--dry-run", "--workspace", workspace)
    assert result.exit_code == 2
    assert "lending 1 is champion already" in result.output


def test_nothing_found_is_said_in_words(workspace):
    assert "has no entry yet" in ask("ledger", "show", "--workspace", workspace).stderr
    result = ask("ledger", "show", "lending/9", "--kind", "run.failed", "--workspace", workspace)
    assert "no entry of kind 'run.failed' about 'lending/9'" in result.stderr
    assert result.stdout == ""
    assert ask("ledger", "show", "--json", "--workspace", workspace).stdout == "[]\n"
    assert "workbench run train" in ask("models", "--workspace", workspace).stderr


def test_an_export_to_where_nothing_can_be_written(tmp_path, workspace):
    result = ask("ledger", "export", tmp_path / "nowhere" / "x.jsonl", "--workspace", workspace)
    assert result.exit_code == 4
    assert "cannot be written" in result.output
    assert "hint: choose another file" in result.output


def test_ctrl_c_during_a_run_is_answered_in_words(workspace, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Bench, "run", interrupted)
    result = ask("run", "train", "--workspace", workspace)
    assert result.exit_code == 130
    assert "no kernel is left" in result.stderr


def test_the_doctor_sees_that_a_ledger_was_lost(workspace):
    assert "history" not in ask("doctor", "--workspace", workspace).output
    (workspace / "reports" / "runs" / "20260101-000000-train-0").mkdir()
    result = ask("doctor", "--workspace", workspace)
    assert result.exit_code == 1
    assert "the ledger is empty" in result.output


def test_the_doctor_sees_that_a_champions_files_are_gone(workspace):
    promoted(workspace)
    result = ask("doctor", "--workspace", workspace, "--json")
    assert result.exit_code == 1
    found = next(c for c in json.loads(result.stdout)["checks"] if c["name"] == "champion of lending")
    assert not found["ok"]
    assert "backup" in found["mend"]


def test_ctrl_c_ends_the_gateway_without_a_complaint(workspace, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.engines.uvicorn.serve", interrupted)
    result = ask("serve", "--port", "18591", "--workspace", workspace)
    assert result.exit_code == 0
    assert "stopped" in result.stderr
