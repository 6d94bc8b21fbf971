"""`workbench new`: asks a person, refuses a script that did not say, and tells where the notebook is."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.batch.parameters import read
from workbench.bench import create
from workbench.cli import main


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


def ask(*command, **more):
    return CliRunner().invoke(main, [str(word) for word in command], **more)


def about(path):
    return json.loads(Path(path).read_text("utf-8"))["metadata"]["workbench"]


def test_the_list_shows_each_template_with_its_question_and_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ask("new", "--list")
    assert result.exit_code == 0
    assert "Which arm is better, by how much, and how sure is that?" in result.stdout
    listed = json.loads(ask("new", "--list", "--json").stdout)
    assert [each["name"] for each in listed] == ["audit", "blank", "experiment", "model", "quarter_review"]
    assert all(taken["help"] for each in listed for taken in each["parameters"])


def test_without_a_template_it_lists_them_and_says_how_to_name_one():
    result = ask("new")
    assert result.exit_code == 0
    assert "name one: workbench new TEMPLATE" in result.stderr


@pytest.mark.parametrize("words", [("--hypothesis", "x"), ("--owner", "Ada"), ("-p", "n=1"), ("--date", "2026-01-02")])
def test_options_without_a_template_are_refused(words):
    result = ask("new", *words)
    assert result.exit_code == 2
    assert "no template is named" in result.stderr
    assert "hint: workbench new --list" in result.stderr


def test_it_writes_a_notebook_of_this_user_and_this_day_and_says_where(workspace):
    result = ask("new", "blank", "--hypothesis", "It holds", "-p", "target=2", "--workspace", workspace)
    assert result.exit_code == 0, result.output
    path = Path(result.stdout.strip())
    assert path == workspace / "notebooks" / "it-holds.ipynb"
    assert "next: workbench run it-holds" in result.stderr
    assert about(path)["hypothesis"] == "It holds"
    assert about(path)["owner"]
    assert date.fromisoformat(about(path)["created"])
    assert {p.name: p.default for p in read(path)}["target"] == 2.0


def test_as_json(workspace):
    told = ask("new", "blank", "mine", "--hypothesis", "It holds", "--json", "--workspace", workspace)
    assert json.loads(told.stdout) == {"notebook": str(workspace / "notebooks" / "mine.ipynb"), "template": "blank"}


def test_a_script_that_says_no_hypothesis_is_refused(workspace):
    result = ask("new", "blank", "--workspace", workspace)
    assert result.exit_code == 2
    assert "the hypothesis is missing, and this is no terminal" in result.stderr
    assert "hint: workbench new blank --hypothesis" in result.stderr


def test_a_person_is_asked_for_hypothesis_owner_and_day(workspace, monkeypatch):
    monkeypatch.setattr(sys.modules["workbench.cli.new"], "_check_terminal", lambda template: None)
    answers = "Prices matter\nAda Lovelace\nnot a day\n2026-01-31\n"
    result = ask("new", "blank", "--json", "--workspace", workspace, input=answers)
    assert result.exit_code == 0, result.output
    assert about(json.loads(result.stdout)["notebook"]) == {
        "template": "blank",
        "hypothesis": "Prices matter",
        "owner": "Ada Lovelace",
        "created": "2026-01-31",
    }


def test_owner_and_day_can_be_said(workspace):
    words = ("new", "blank", "--hypothesis", "x", "--owner", "Bo <b>", "--date", "2026-02-03", "--json")
    made = about(json.loads(ask(*words, "--workspace", workspace).stdout)["notebook"])
    assert (made["owner"], made["created"]) == ("Bo <b>", "2026-02-03")


def test_a_wrong_parameter_is_refused_with_the_nearest_right_name(workspace):
    before = sorted((workspace / "notebooks").iterdir())
    result = ask("new", "blank", "--hypothesis", "x", "-p", "tarjet=1", "--workspace", workspace)
    assert result.exit_code == 2
    assert "did you mean target?" in result.stderr
    assert "hint: workbench new --list" in result.stderr
    assert sorted((workspace / "notebooks").iterdir()) == before
