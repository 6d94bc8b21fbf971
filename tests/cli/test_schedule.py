"""`workbench schedule`: checked now, printed or written, listed and forgotten; `--key-by` runs once in a period."""

import json
from datetime import UTC, datetime

import pytest
import yaml
from click.testing import CliRunner

from workbench.batch.warm import Zygote
from workbench.bench import Bench, create
from workbench.cli import main

THURSDAY = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    root = tmp_path / "w"
    create(root)
    monkeypatch.setattr(Bench, "now", lambda _: THURSDAY)
    return root


@pytest.fixture
def ask(workspace):
    def call(*words):
        return CliRunner().invoke(main, ["schedule", *map(str, words), "--workspace", str(workspace)])

    return call


MONDAYS = ("--cron", "0 6 * * 1")
ON_KUBERNETES = ("--as", "kubernetes", "--image", "i", "--claim", "c")


def test_what_is_printed_is_only_the_text_and_the_rest_is_told_beside_it(ask):
    result = ask("add", "weekly", "ab_test", *MONDAYS, "-p", "seed=8")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith("0 6 * * 1 ")
    assert "-p seed=8 --fresh --key weekly --key-by week >>" in result.stdout
    assert "at 06:00 on Monday; next: Mon 2026-01-05 06:00, Mon 2026-01-12 06:00, Mon 2026-01-19 06:00" in result.stderr
    assert "crontab -e" in result.stderr


def test_a_manifest_on_stdout_can_be_piped_on(ask):
    result = ask("add", "weekly", "ab_test", *MONDAYS, *ON_KUBERNETES)
    assert yaml.safe_load(result.stdout)["metadata"]["name"] == "weekly"


def test_files_are_written_where_they_are_asked_for(ask, tmp_path):
    result = ask("add", "weekly", "ab_test", *MONDAYS, "--as", "systemd", "--out", tmp_path / "my units")
    assert [(tmp_path / "my units" / f"workbench-weekly.{kind}").is_file() for kind in ("service", "timer")] == [
        True
    ] * 2
    assert f"cp '{tmp_path}/my units'/workbench-weekly.* ~/.config/systemd/user/" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("w", "no_such", *MONDAYS), "there is no notebook 'no_such'"),
        (("w", "ab_test", *MONDAYS, "-p", "sed=1"), "did you mean seed?"),
        (("w", "ab_test", *MONDAYS, "-p", "seed=x"), "seed"),
        (("w", "ab_test", *MONDAYS, "--sweep", "sed=1,2"), "did you mean seed?"),
        (("w", "ab_test", *MONDAYS, "--sweep", "seed"), "--sweep seed=1,2,3"),
        (("w", "ab_test", *MONDAYS, "--sweep", "seed=1,abc"), "value 2 of 2: seed is 'abc'"),
        (("w", "ab_test", *MONDAYS, "--sweep", "seed=1", "--sweep", "seed=2"), "--sweep seed is given twice"),
        (("w", "ab_test", *MONDAYS, "--sweep", "seed=1,2", "-p", "seed=3"), "given one value by -p too"),
        (("w", "ab_test", "--cron", "0 25 * * 1"), "25 is no hour; it must be 0 to 23"),
        (("w", "ab_test", "--cron", "0 6 * *"), "it must have five"),
        (("w", "ab_test", *MONDAYS, "--image", "i"), "--image and --claim go together"),
        (("w", "ab_test", *MONDAYS, "--as", "kubernetes"), "needs both"),
        (("W W", "ab_test", *MONDAYS), "the schedule's name is 'W W'"),
        (("w", "ab_test", "--cron", "0 * * * *", "--key-by", "day"), "only the first would run"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_noted(ask, workspace, words, told):
    result = ask("add", *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (workspace / "schedules").exists()


def test_what_was_added_is_listed_until_it_is_removed(ask):
    ask("add", "weekly", "ab_test", *MONDAYS)
    ask("add", "daily", "train", "--cron", "30 2 * * *", *ON_KUBERNETES)
    assert [(one["name"], one["words"], one["next"][0]) for one in json.loads(ask("list", "--json").stdout)] == [
        ("daily", "at 02:30 every day", "2026-01-02T02:30"),
        ("weekly", "at 06:00 on Monday", "2026-01-05T06:00"),
    ]
    assert "at 06:00 on Monday" in ask("list").stdout
    assert "kubectl delete cronjob daily" in ask("remove", "daily").stderr
    assert "daily" not in ask("list").stdout
    assert ask("remove", "daily").exit_code == 2


def test_adding_and_removing_are_told_as_json_too(ask, tmp_path):
    added = ask("add", "weekly", "ab_test", *MONDAYS, "--sweep", "seed=1,2", "--out", tmp_path / "o", "--json")
    told = json.loads(added.stdout)
    assert (told["next"][0], told["sweeps"]) == ("2026-01-05T06:00", ["seed=1,2"])
    assert told["written"] == [str(tmp_path / "o" / "weekly.cron")]
    assert told["files"] == {"weekly.cron": (tmp_path / "o" / "weekly.cron").read_text()}
    gone = json.loads(ask("remove", "weekly", "--json").stdout)
    assert gone == {"name": "weekly", "system": "cron", "uninstall": "crontab -e, and remove the lines of weekly"}


def test_an_empty_list_says_how_to_begin(ask):
    assert "workbench schedule add" in ask("list").stderr


@pytest.mark.parametrize(("options", "key"), [((), "ab_test/2026-W01"), (("--key", "weekly"), "weekly/2026-W01")])
def test_a_run_by_the_week_has_the_week_in_its_key(workspace, monkeypatch, options, key):
    keys = []

    def run(_, notebook, parameters, *, key, **more):
        keys.append(key)
        raise KeyboardInterrupt

    monkeypatch.setattr(Bench, "run", run)
    monkeypatch.setattr(Zygote, "begin", lambda _: None)
    monkeypatch.setattr("workbench.cli.warm.hand_over", lambda *_: None)
    CliRunner().invoke(main, ["run", "ab_test", "--key-by", "week", *options, "--workspace", str(workspace)])
    assert keys == [key]
