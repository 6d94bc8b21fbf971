"""`workbench price` from an empty state to a table, on files."""

import json

import pytest
from click.testing import CliRunner

from workbench.cli import main

DESIGN = {
    "format": "workbench.pricing/1",
    "name": "plans",
    "prices": [19, 29, 39],
    "start": {"small": 19, "large": 29},
    "floor": 19,
    "budget": 5000,
}
LOG = "day,segment,price,seen,bought\n" + "".join(
    f"2026-03-01,{segment},{price},{400},{bought}\n"
    for segment, bought_at in (("small", (120, 60, 20)), ("large", (160, 140, 110)))
    for price, bought in zip((19, 29, 39), bought_at, strict=True)
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans.json").write_text(json.dumps(DESIGN), "utf-8")
    (tmp_path / "monday.csv").write_text(LOG, "utf-8")
    return lambda *words: CliRunner().invoke(main, ["price", *words])


def test_from_a_design_to_a_table(run, tmp_path):
    assert run("start", "plans.json", "state.json").exit_code == 0
    assert "2,400 visitors" in run("update", "state.json", "monday.csv").stderr
    shown = run("table", "state.json")
    assert (
        shown.exit_code == 0
        and "At 39 € a visitor of large brings" in shown.stdout
        and "budget of 5,000.00 €" in shown.stdout
    )
    body = json.loads(run("table", "state.json", "--json").stdout)
    assert [leaf["leaf"] for leaf in body["leaves"]] == ["small", "large"]
    assert {p.name for p in tmp_path.iterdir()} == {"plans.json", "monday.csv", "state.json"}


def test_a_dry_run_changes_nothing(run, tmp_path):
    run("start", "plans.json", "state.json")
    before = (tmp_path / "state.json").read_bytes()
    assert "would be added" in run("update", "state.json", "monday.csv", "--dry-run").stderr
    assert (tmp_path / "state.json").read_bytes() == before


def test_the_same_log_twice_is_refused(run):
    run("start", "plans.json", "state.json")
    run("update", "state.json", "monday.csv")
    again = run("update", "state.json", "monday.csv")
    assert again.exit_code == 2 and "count twice" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("table", "nothing.json"), "cannot be read"),
        (("table", "monday.csv"), "no state of a price experiment"),
        (("start", "plans.json", "plans.json"), "there already"),
    ],
)
def test_a_wrong_file_is_told(run, words, said):
    found = run(*words)
    assert found.exit_code == 2 and said in found.stderr
