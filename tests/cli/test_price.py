"""`workbench price` from an empty state to a table, on files."""

import contextlib
import json
import threading
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.cli.price import update
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.log import LogRecord, append
from workbench.experiments.prices.state import PricingState

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
    printed = run("table", "state.json", "--json").stdout
    table = DecisionTable.from_json(printed)
    assert [leaf.name for leaf in table.leaves] == ["small", "large"] and f"table {table.version}" in shown.stdout
    assert "At 39 € a visitor of large" in json.loads(printed)["beside"]["revenue_a_visitor"]["large"]["sentence"]
    assert {p.name for p in tmp_path.iterdir()} == {"plans.json", "monday.csv", "state.json", "state.json.lock"}


def test_what_was_written_is_told_as_json(run):
    begun = json.loads(run("start", "plans.json", "state.json", "--json").stdout)
    assert begun["state"] == "state.json" and begun["totals"] == {"days": 0, "seen": 0, "bought": 0}
    assert begun["table_version"] == json.loads(run("table", "state.json", "--json").stdout)["version"]
    dry = json.loads(run("update", "state.json", "monday.csv", "--dry-run", "--json").stdout)
    done = json.loads(run("update", "state.json", "monday.csv", "--json").stdout)
    assert dry == done | {"written": False} and done["written"]
    assert done["added"] == {"seen": 2400, "bought": 610, "left_out": 0}
    assert done["totals"] == {"days": 1, "seen": 2400, "bought": 610}
    assert done["table_version"] == json.loads(run("table", "state.json", "--json").stdout)["version"]


def test_a_served_table_its_log_and_the_next_table_go_round(run, tmp_path):
    """Price table → choose → the log of offers → price update and off-policy."""
    run("start", "plans.json", "state.json")
    first = DecisionTable.from_json(run("table", "state.json", "--json").stdout)
    records = []
    for i in range(3000):
        arm, propensity, version, leaf = first.choose(f"u{i}", {"segment": ("small", "large", "none")[i % 3]})
        records.append(LogRecord(f"u{i}", leaf, arm, propensity, version, float(arm) * (i % 7 < 3), date(2026, 3, 1)))
    append(tmp_path / "offers.jsonl", records)
    done = run("update", "state.json", "offers.jsonl")
    assert done.exit_code == 0 and "2,000 visitors and" in done.stderr and "1,000 visitors of no segment" in done.stderr
    again = run("update", "state.json", "offers.jsonl")
    assert again.exit_code == 2 and "count twice" in again.stderr and "hint: give only the sales" in again.stderr
    (tmp_path / "next.json").write_text(run("table", "state.json", "--json").stdout, "utf-8")
    judged = CliRunner().invoke(main, ["off-policy", "offers.jsonl", "--target", "next.json", "--json"])
    assert judged.exit_code == 0, judged.stderr
    assert json.loads(judged.stdout)["verdict"] in {"pass", "not enough evidence"}


def test_of_two_updates_at_once_neither_is_lost(run, tmp_path, monkeypatch):
    run("start", "plans.json", "state.json")
    (tmp_path / "tuesday.csv").write_text(LOG.replace("03-01", "03-02"), "utf-8")
    both, plain = threading.Barrier(2), PricingState.updated

    def slowly(self, sales, source=None):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.3)
        return plain(self, sales, source)

    monkeypatch.setattr(PricingState, "updated", slowly)
    threads = [
        threading.Thread(target=update.callback, args=(Path("state.json"), Path(log), False, False))
        for log in ("monday.csv", "tuesday.csv")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert PricingState.from_json((tmp_path / "state.json").read_text("utf-8")).days == ("2026-03-01", "2026-03-02")


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
    ("words", "said", "way_out"),
    [
        (("table", "nothing.json"), "state nothing.json cannot be read: there is no such file", "price start DESIGN"),
        (("table", "monday.csv"), "monday.csv: this is no state of a price experiment: it is no JSON", "price start"),
        (("table", "plans.json"), "plans.json: the format is 'workbench.pricing/1'", "price start DESIGN STATE"),
        (("update", "nothing.json", "none.csv"), "state nothing.json cannot be read", "price start DESIGN STATE"),
        (
            ("update", "state.json", "none.csv"),
            "the log none.csv cannot be read: there is no such file",
            "seen, bought",
        ),
        (("update", "state.json", "none.jsonl"), "the log none.jsonl cannot be read: there is no such file", ".jsonl"),
        (("update", "state.json", "plans.json"), "plans.json is no table that can be read", ".csv"),
        (("start", "none.json", "new.json"), "the design none.json cannot be read: there is no such file", '"prices"'),
        (("start", "monday.csv", "new.json"), "monday.csv: this is no JSON", "a design looks like"),
        (("start", "state.json", "new.json"), "state.json: this is no pricing design: it lacks 'prices'", "looks like"),
        (("start", "plans.json", "plans.json"), "there already", "another file"),
    ],
)
def test_a_wrong_file_is_told(run, words, said, way_out):
    run("start", "plans.json", "state.json")
    found = run(*words)
    assert found.exit_code == 2 and said in found.stderr and "[Errno" not in found.stderr
    assert way_out in found.stderr.partition("hint: ")[2]


def test_a_segment_may_not_be_called_as_the_default_leaf(run, tmp_path):
    (tmp_path / "plans.json").write_text(json.dumps(DESIGN | {"start": {"default": 19}}), "utf-8")
    refused = run("start", "plans.json", "new.json")
    assert refused.exit_code == 2 and "'default' is taken" in refused.stderr
