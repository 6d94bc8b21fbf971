"""Bad input gets an answer that says what it got, what it needs and the way out, before any work starts."""

import json

import pytest
from click.testing import CliRunner

from workbench.bench import create
from workbench.cli import main


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
