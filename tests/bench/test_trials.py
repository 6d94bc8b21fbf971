"""A canary is an experiment: the log alone tells who was in it, by unit, and what came of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench.trials import latest, table, trials
from workbench.bench.workspace import create
from workbench.cli import main
from workbench.errors import Misuse
from workbench.experiments import Design, analyse
from workbench.experiments.design import parse_metrics
from workbench.serving import Label, Prediction
from workbench.serving.routes import experiment_of
from workbench.stats.assignment import draw_of, upto

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
WEIGHT = 0.4


class Story:
    """A workspace in which a canary says yes more often than the champion."""

    def __init__(self, root):
        self.root, self.generations = root, {}
        create(root)

    def move(self, bench, kind, version, slot, hours, weight=None):
        self.generations[slot] = self.generations.get(slot, 0) + 1
        body = {"slot": slot, "generation": self.generations[slot], "decision": {"decision": "allow"}, "weight": weight}
        with bench.ledger.transaction() as writer:
            entry = writer.append(
                kind, subject=f"lending/{version}", actor="analyst", why="w", body=body,
                now=START + timedelta(hours=hours),
            )  # fmt: skip
            given = None if kind == "stage.cleared" else version
            writer.move_head("lending", slot, given, expected_generation=self.generations[slot] - 1, entry=entry)

    def serve(self, bench, units, weight, hours):
        draw, rows = draw_of(experiment_of("lending", 2)), []
        for number, unit in enumerate(units):
            canary = draw.place(unit) < upto(weight)
            for visit in range(2):
                name = f"p{hours}-{number}-{visit}"
                yes = (number % 10) < (7 if canary else 4)
                rows.append(
                    Prediction(
                        id=name, at=START + timedelta(hours=hours, seconds=number), model="lending",
                        version=2 if canary else 1, generation=1, request=f"r{name}", input_digest="d",
                        features={"income": 4.5, "day": "strange"}, score=0.6 if yes else 0.3, answer=yes,
                        latency_us=900, status=200, variant="canary" if canary else "champion",
                        propensity=weight if canary else 1 - weight, unit=unit,
                    )
                )  # fmt: skip
        bench.log.write(rows)
        bench.log.label([Label(row.id, float(row.answer), row.at, "books") for row in rows[::2]])


@pytest.fixture
def story(tmp_path):
    told = Story(tmp_path / "house")
    with open_bench(told.root) as bench:
        told.move(bench, "promotion.granted", 1, "champion", 0)
        told.move(bench, "stage.granted", 2, "canary", 1, 0.1)
        told.serve(bench, [f"early-{n}" for n in range(50)], 0.1, 1)
        told.move(bench, "stage.granted", 2, "canary", 2, WEIGHT)
        told.serve(bench, [f"customer-{n:04d}" for n in range(1500)], WEIGHT, 2)
        told.move(bench, "stage.cleared", 2, "canary", 4)
    return told


def test_a_trial_is_a_stretch_in_which_the_units_were_shared_in_one_way(story):
    with open_bench(story.root) as bench:
        found = trials(bench.ledger, "lending", now=START + timedelta(days=1))
    assert [(t.champion, t.canary, t.weight, (t.since - START).seconds // 3600, (t.until - START).seconds // 3600)
            for t in found] == [(1, 2, 0.1, 1, 2), (1, 2, WEIGHT, 2, 4)]  # fmt: skip


def test_the_rows_of_a_trial_are_its_own_each_unit_in_one_arm(story):
    with open_bench(story.root) as bench:
        rows = table(bench.log, latest(bench.ledger, "lending", now=bench.now()))
    assert len(rows) == 3000
    assert set(rows["unit"].str.partition("-")[0]) == {"customer"}
    assert (rows.groupby("unit")["variant"].nunique() == 1).all()
    assert rows["label"].notna().sum() == 1500
    assert set(rows["input day"]) == {"strange"}, "a feature takes no column's name"


def test_an_experiment_reads_the_canary_in_a_few_lines(story):
    with open_bench(story.root) as bench:
        trial = bench.trial("lending")
        rows = bench.trial_table(trial)
    metrics = parse_metrics("yes = binary:answer", lower="")
    design = Design(trial.name, "variant", "champion", metrics, unit="unit", shares=trial.shares)
    found = analyse(design.scan(rows), design)
    assert found.sample_ratio.passed is not False
    assert "canary" in found.sentence
    means = rows.groupby("variant")["answer"].mean()
    assert means["canary"] > means["champion"] + 0.2


def test_the_command_says_what_the_log_says(story):
    given = ["ab", "--from-log", "lending", "--metric", "yes=binary:answer", "--workspace", str(story.root), "--json"]
    told = CliRunner().invoke(main, given)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert "canary" in found["sentence"]
    labelled = CliRunner().invoke(main, [*given[:3], "--metric", "paid=binary:label", *given[5:]])
    assert labelled.exit_code == 0
    assert "1500 are left out" in labelled.stderr


def test_a_model_without_a_canary_or_a_design_without_arms_is_told(story):
    with open_bench(story.root) as bench, pytest.raises(Misuse, match="never had a canary"):
        bench.trial("churn")
    told = CliRunner().invoke(main, ["ab", "--metric", "yes=binary:answer"])
    assert told.exit_code == 2
    assert "say what is compared" in told.stderr
