"""`workbench archive`: past experiments found, shown, brought in, decided on, and learned from, in words."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.bench import create
from workbench.cli import main


def ask(*command):
    return CliRunner().invoke(main, [str(word) for word in command])


def rows(number):
    rng = np.random.default_rng(0)
    for n in range(number):
        effect = rng.normal(0, 0.015)
        decision, lesson = ("ship", "Fewer fields help") if effect > 0.0165 else ("stop", "Nobody noticed")
        yield (f"form-{n}", "conversion", effect, 0.01, f"2026-01-{1 + n % 28:02}", f"Form {n} sells", decision, lesson)


@pytest.fixture
def empty(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def workspace(empty, tmp_path):
    """A workspace with forty experiments from elsewhere."""
    with (tmp_path / "past.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("experiment", "metric", "effect", "error", "date", "hypothesis", "decision", "lesson"))
        writer.writerows(rows(40))
    result = ask("archive", "import", tmp_path / "past.csv", "--workspace", empty)
    assert result.stdout == "40 experiments added with 40 effects; 0 were known\n"
    return empty


def test_an_empty_archive_says_how_it_is_filled(empty):
    result = ask("archive", "--workspace", empty)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "hint: workbench archive import FILE" in result.stderr
    assert json.loads(ask("archive", "--json", "--workspace", empty).stdout) == []
    assert "hint: workbench archive import FILE" in ask("archive", "prior", "conversion", "--workspace", empty).stderr


@pytest.mark.parametrize("command", [("archive",), ("archive", "search")])
def test_what_names_no_command_is_searched_for(workspace, command):
    found = json.loads(ask(*command, "FORM", "noticed", "--json", "--workspace", workspace).stdout)
    assert found
    assert all(past["lesson"] == "Nobody noticed" for past in found)
    shown = ask(*command, "fewer fields", "--workspace", workspace)
    assert "Fewer fields help" in shown.stdout and "with a better arm" in shown.stderr
    none = ask(*command, "nothing of the kind", "--workspace", workspace)
    assert (none.exit_code, none.stdout) == (0, "") and "no experiment in the archive matches" in none.stderr


def test_failed_is_the_verdict_and_unsettled_is_another(workspace):
    listed = {
        options: json.loads(ask("archive", *options, "--json", "--workspace", workspace).stdout)
        for options in ((), ("--failed",), ("--unsettled",), ("--failed", "--unsettled"))
    }
    verdicts = {options: {past["verdict"] for past in found} for options, found in listed.items()}
    assert verdicts[("--failed",)] == {"fail"} and verdicts[("--unsettled",)] == {"not enough evidence"}
    both = len(listed[("--failed",)]) + len(listed[("--unsettled",)])
    won = sum(past["verdict"] == "pass" for past in listed[()])
    assert len(listed[("--failed", "--unsettled")]) == both == 40 - won
    told = f"40 experiments: {won} with a better arm, {len(listed[('--failed',)])} failed, "
    assert ask("archive", "--workspace", workspace).stderr.startswith(told)


def test_days_and_metrics_narrow_the_list(workspace):
    listed = json.loads(ask("archive", "--since", "2026-01-27", "--json", "--workspace", workspace).stdout)
    assert sorted(past["name"] for past in listed) == ["form-26", "form-27"]
    assert json.loads(ask("archive", "--metric", "revenue", "--json", "--workspace", workspace).stdout) == []


def test_one_experiment_is_shown_whole_and_decided_on(workspace):
    said = ask(
        "archive", "decide", "form-3", "stop", "--why", "too dear", "--lesson", "Ask first", "--workspace", workspace
    )
    assert said.stdout.startswith("form-3: stop. Ledger entry")
    shown = ask("archive", "show", "form-3", "--workspace", workspace).stdout
    assert "stop: too dear" in shown and "Ask first" in shown and "Form 3 sells" in shown
    body = json.loads(ask("archive", "show", "form-3", "--json", "--workspace", workspace).stdout)
    assert (body["decision"], body["why"], body["looks"]) == ("stop", "too dear", 1)
    assert body["metrics"]["conversion"]["treated"]["relative_error"] == 0.01
    again = ask("archive", "decide", "form-3", "go on", "--why", "cheaper now", "--json", "--workspace", workspace)
    told = json.loads(again.stdout)
    assert (told["name"], told["decision"], told["key"]) == ("form-3", "go on", body["key"]) and told["entry"] > 0
    missing = ask("archive", "show", "from-3", "--workspace", workspace)
    assert missing.exit_code == 2 and "did you mean form-3?" in missing.stderr


def test_the_prior_is_told_shown_and_drawn(workspace, tmp_path):
    picture = tmp_path / "prior.png"
    told = ask("archive", "prior", "conversion", "--png", picture, "--workspace", workspace)
    assert told.stdout.startswith("Learned from 40 past tests of conversion (40 effects): nine of ten true effects lie")
    assert "raw, standard error 1.0\u00a0%" in told.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    body = json.loads(
        ask("archive", "prior", "conversion", "--excluding", "form-3", "--json", "--workspace", workspace).stdout
    )
    assert (body["experiments"], body["taught"], body["scale"]) == (39, True, "relative")
    assert sum(c["weight"] for c in body["components"]) == pytest.approx(1)
    unknown = ask("archive", "prior", "revenue", "--workspace", workspace)
    assert unknown.exit_code == 2 and "hint: it knows conversion" in unknown.stderr


def test_below_ten_experiments_the_cautious_prior_says_so(empty, tmp_path):
    (tmp_path / "few.csv").write_text("experiment,metric,effect,error\na,sales,0.1,0.1\n")
    ask("archive", "import", tmp_path / "few.csv", "--workspace", empty)
    told = ask("archive", "prior", "sales", "--workspace", empty).stdout
    assert told.startswith("Only 1 of the 10 past tests of sales that learning needs; instead: a cautious prior")


def test_a_dry_run_and_a_second_import_add_nothing(workspace, tmp_path):
    for more, word in ((("--dry-run",), "would be added"), ((), "added")):
        result = ask("archive", "import", tmp_path / "past.csv", *more, "--workspace", workspace)
        assert result.stdout == f"0 experiments {word} with 0 effects; 40 were known\n"
