"""The archive tells what was tried: its last looks, decisions and lessons, failures too, and what they teach."""

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from workbench.batch import Record
from workbench.batch.commit import commit_run
from workbench.batch.folders import RunState, make_folder, write_state
from workbench.errors import Misuse
from workbench.evidence import experiment_finding
from workbench.experiments import Archive, Design, Metric, analyse, learn_prior, learned
from workbench.experiments.archive import decide
from workbench.experiments.past import ArmEffect, Past
from workbench.ledger import Ledger
from workbench.stats.effects import EffectPrior, effect_posterior
from workbench.stats.learning import CAUTIOUS

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Tracking:
    """A tracking store that takes what it is given."""

    def log(self, run_id, **more):
        pass

    def finish(self, run_id, status):
        pass


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def look(tmp_path, ledger):
    """Commits one look at an experiment, as a notebook's run does it; its result."""
    numbers = iter(range(1000))

    def at(name, *, days=0, shares=None, hypothesis="", lift=0.0, n=400, seed=0, simulated=False, **said):
        number = next(numbers)
        rng = np.random.default_rng(seed)
        rows = pd.DataFrame({"arm": np.repeat(["control", "new"], n)})
        rows["orders"] = rng.normal(10 + lift * (rows["arm"] == "new"), 2)
        rows["age"] = rng.normal(40, 10, len(rows))
        metrics = Metric("orders", "mean", "orders"), Metric("age", "mean", "age")
        design = Design(name, arm="arm", control="control", metrics=metrics, shares=shares)
        now, run_id = START + timedelta(days=days), f"{number:032x}"
        folder = make_folder(tmp_path, name, now, run_id)
        state = RunState(run_id, f"run/{run_id}", name, "", {}, state="executed")
        write_state(folder, state)
        metadata = {"workbench": {"hypothesis": hypothesis, "owner": "Ada"}}
        (folder / "notebook.ipynb").write_text(json.dumps({"cells": [], "metadata": metadata}))
        record = Record.in_run(folder, now=now)
        cube = design.scan(rows)
        analysis = analyse(cube, design)
        record.file("moments.json", cube.as_json())
        record.sentence(analysis.sentence)
        record.finding(experiment_finding(analysis, run_id=run_id, at=now))
        record.data("orders", cube.digest, cube.rows, simulated=simulated)
        if "decision" in said:
            record.decision(*said["decision"])
        if "lesson" in said:
            record.lesson(said["lesson"])
        record.close()
        commit_run(folder, state, tracking=Tracking(), ledger=ledger, actor="ada", now=now)
        return analysis

    return at


def past(number, effect=0.0, error=0.01, **more):
    """A past experiment with one relative effect on conversion."""
    arm = ArmEffect(None, None, effect, error, None, None, "not enough evidence")
    fields = {
        "name": f"e{number}",
        "run_id": "",
        "at": START + timedelta(days=number),
        "owner": "",
        "hypothesis": "",
        "decision": "",
        "why": "",
        "lesson": "",
        "sentence": "",
        "verdict": "not enough evidence",
        "metrics": {"conversion": {"new": arm}},
        "control": "control",
        "earlier": (),
        "design_digest": f"design{number}",
        "data_digest": f"data{number}",
        "folder": None,
    }
    return Past(**{**fields, **more})


# what is told


def test_an_experiment_is_kept_with_all_that_was_said_of_it(look, ledger, tmp_path):
    analysis = look(
        "shorter-form", hypothesis="Fewer fields help", lift=3.0, decision=("ship", "it pays"), lesson="They do."
    )
    (found,) = Archive.read(ledger, tmp_path)
    assert (found.name, found.owner, found.hypothesis) == ("shorter-form", "Ada", "Fewer fields help")
    assert (found.decision, found.why, found.lesson, found.verdict) == ("ship", "it pays", "They do.", "pass")
    assert (found.sentence, found.control, found.looks) == (analysis.sentence, "control", 1)
    assert (found.data_digest, found.design_digest) == (analysis.data_digest, analysis.design_digest)
    assert list(found.metrics) == ["orders", "age"]  # the first decides
    arm = found.metrics["orders"]["new"]
    told = analysis.metrics["orders"].arms["new"]
    assert (arm.effect, arm.relative, arm.n) == (told.effect, told.relative, 400)
    assert found.cube.digest == analysis.data_digest


def test_a_failed_sample_ratio_is_kept_in_mind(look, ledger, tmp_path):
    look("half", shares={"control": 0.5, "new": 0.5})
    look("lopsided", shares={"control": 0.9, "new": 0.1})
    assert {p.name: p.sound for p in Archive.read(ledger, tmp_path)} == {"half": True, "lopsided": False}


def test_errors_read_from_intervals_are_those_of_the_cube(look, ledger, tmp_path):
    look("shorter-form", lift=3.0)
    (found,) = Archive.read(ledger, tmp_path)
    for scale in ("absolute", "relative"):
        ((estimate, error),) = found.estimates("Orders", scale)
        assert found.metrics["orders"]["new"].on(scale) == pytest.approx((estimate, error), rel=0.02)
    cube = found.cube
    new, control = (cube.sample("orders", arm) for arm in ("new", "control"))
    assert found.estimates("orders", "relative")[0] == pytest.approx(
        (new.mean / control.mean - 1, np.hypot(new.error, new.mean / control.mean * control.error) / control.mean)
    )


def test_of_several_looks_the_last_counts_and_the_earlier_are_kept(look, ledger, tmp_path):
    for day, n in enumerate((50, 100, 400)):
        look("shorter-form", days=day, hypothesis="Fewer fields help", n=n, seed=day)
    look("shorter-form", days=4, hypothesis="Fewer fields help", n=400, seed=2)  # the same data once more
    (found,) = Archive.read(ledger, tmp_path)
    assert (found.looks, found.at.date()) == (3, date(2026, 1, 9))
    assert [look["orders"]["new"].n for look in found.earlier] == [50, 100]
    assert found.metrics["orders"]["new"].n == 400


def test_two_hypotheses_under_one_name_are_two_experiments(look, ledger, tmp_path):
    look("experiment", hypothesis="Fewer fields help")
    look("experiment", days=1, hypothesis="A bigger button helps")
    archive = Archive.read(ledger, tmp_path)
    newer, older = archive
    assert (newer.hypothesis, older.hypothesis) == ("A bigger button helps", "Fewer fields help")
    for one in (newer, older):
        assert archive.named(one.key) is archive.named(one.run_id) is one
    with pytest.raises(Misuse, match="2 experiments are called 'experiment'") as refused:
        archive.named("experiment")
    assert all(part in str(refused.value) for part in (newer.key, older.key, "Fewer fields help"))


def test_a_key_stands_through_further_looks_and_takes_the_decision_to_its_own(look, ledger, tmp_path):
    look("experiment", hypothesis="Fewer fields help")
    (first,) = Archive.read(ledger, tmp_path)
    look("experiment", days=1, hypothesis="A bigger button helps")
    look("experiment", days=2, hypothesis="Fewer fields help", seed=1)
    found = Archive.read(ledger, tmp_path).named(first.key)
    assert (found.looks, found.run_id != first.run_id) == (2, True)
    decide(ledger, found, "stop", why="no gain", actor="ada", now=START + timedelta(days=3))
    assert {p.hypothesis: p.decision for p in Archive.read(ledger, tmp_path)} == {
        "Fewer fields help": "stop",
        "A bigger button helps": "",
    }


def test_one_from_elsewhere_is_another_than_a_run_of_its_name(look, ledger, tmp_path):
    look("form")
    (own,) = Archive.read(ledger, tmp_path)
    both = Archive((own, past(1, name="form")))
    assert own.key != "form@elsewhere" and both.named("form@elsewhere") is both.pasts[1]
    assert past(1, name="form@elsewhere").key != "form@elsewhere"


def test_an_experiment_on_made_up_data_says_so_and_is_no_look_at_the_real_one(look, ledger, tmp_path):
    look("shop", n=100)
    look("shop", days=1, lift=3.0, simulated=True)
    made_up, real = Archive.read(ledger, tmp_path)
    assert (made_up.simulated, made_up.outcome, made_up.looks) == (True, "pass (made-up data)", 1)
    assert (real.simulated, real.outcome, real.looks) == (False, real.verdict, 1)
    decide(ledger, made_up, "none", why="it was made up", actor="ada", now=START + timedelta(days=2))
    archive = Archive.read(ledger, tmp_path)
    assert [p.decision for p in archive] == ["none", ""] and list(archive.real) == [archive.pasts[1]]
    assert archive.sentence.endswith("; 1 of them on made-up data")
    assert archive.table()["verdict"].iloc[0] == "pass (made-up data)"
    assert made_up.as_json()["simulated"] is True


def test_a_decision_may_come_later_and_outlives_another_look(look, ledger, tmp_path):
    look("shorter-form")
    now = START + timedelta(days=1)
    found = Archive.read(ledger, tmp_path).named("shorter-form")
    decide(ledger, found, " stop ", why="nothing in sight", lesson="Nobody noticed.", actor="ada", now=now)
    look("shorter-form", days=2, seed=1)
    (found,) = Archive.read(ledger, tmp_path)
    assert (found.decided, found.lesson, found.looks) == ("stop: nothing in sight", "Nobody noticed.", 2)
    with pytest.raises(Misuse, match="its word and its reason"):
        decide(ledger, found, "stop", why=" ", actor="ada", now=now)


def test_an_experiment_told_in_a_form_of_its_own_is_kept_without_numbers(ledger, tmp_path):
    finding = {"kind": "experiment", "subject": "mine", "sentence": "Better.", "verdict": "pass", "data_digest": "d"}
    body = {"name": "n", "folder": "f", "parameters": {}, "findings": [finding | {"details": {"metrics": [1, 2]}}]}
    ledger.append("run.finished", subject="run/1", actor="ada", why="", body=body, now=START)
    (found,) = Archive.read(ledger, tmp_path)
    assert (found.name, found.metrics, found.cube, found.report) == ("mine", {}, None, None)
    assert found.estimates("orders", "relative") == []


def test_a_rerun_tells_nothing_new(ledger, tmp_path):
    finding = {"kind": "experiment", "subject": "mine", "sentence": "", "verdict": "pass", "data_digest": "d"}
    body = {"name": "n", "folder": "f", "parameters": {}, "findings": [finding], "reproduces": "abc"}
    ledger.append("run.finished", subject="run/1", actor="ada", why="", body=body, now=START)
    assert not Archive.read(ledger, tmp_path)


def test_hundreds_are_read_at_once(ledger, tmp_path):
    arms = {"new": {"mean": 1.1, "effect": 0.1, "relative": 0.1, "interval": [0.0, 0.2], "verdict": "better", "n": 9}}
    metrics = {f"m{i}": {"control": {"mean": 1.0, "verdict": "control"}, **arms} for i in range(5)}
    finding = {
        "kind": "experiment",
        "sentence": "",
        "verdict": "pass",
        "data_digest": "d",
        "details": {"metrics": metrics},
    }
    with ledger.transaction() as writer:
        for number in range(500):
            told = [finding | {"subject": f"experiment/e{number}"}]
            body = {"name": "n", "folder": "f", "parameters": {}, "findings": told}
            writer.append("run.finished", subject=f"run/{number}", actor="ada", why="", body=body, now=START)
    began = time.process_time()
    assert len(Archive.read(ledger, tmp_path)) == 500
    assert time.process_time() - began < 1.0


# what is found again


def test_all_words_must_stand_somewhere():
    archive = Archive(
        (
            past(2, name="b", hypothesis="Free SHIPPING raises orders", lesson="Margins fell"),
            past(1, name="a", hypothesis="Free returns raise orders", verdict="pass"),
        )
    )
    assert [p.name for p in archive.search("shipping margins")] == ["b"]
    assert [p.name for p in archive.search("free CONVERSION")] == ["b", "a"]
    assert [p.name for p in archive.search(since=date(2026, 1, 7))] == ["b"]
    assert [p.name for p in archive.search(until=date(2026, 1, 7))] == ["a"]
    assert not archive.search(metric="revenue")
    assert len(archive.search(metric=" Conversion ")) == 2
    assert list(archive.table()["experiment"]) == ["b", "a"]
    with pytest.raises(Misuse, match="no experiment 'aa'") as refused:
        archive.named("aa")
    assert refused.value.hint == "did you mean a?"


def test_what_failed_and_what_is_not_settled_are_two_things():
    verdicts = ("pass", "fail", "not enough evidence", "fail")
    archive = Archive(tuple(past(n, verdict=verdict) for n, verdict in enumerate(verdicts)))
    assert [p.name for p in archive if p.failed] == ["e1", "e3"]
    assert [p.name for p in archive if p.unsettled] == ["e2"]
    assert [p.name for p in archive.search(verdicts=["fail"])] == ["e1", "e3"]
    assert [p.name for p in archive.search(verdicts=["fail", "not enough evidence"])] == ["e1", "e2", "e3"]
    assert archive.sentence == "4 experiments: 1 with a better arm, 2 failed, 1 not settled"
    assert Archive(archive.pasts[:1]).sentence.startswith("1 experiment: ")


# what it teaches


@pytest.fixture(scope="module")
def archive():
    """Thirty experiments; the first claims what no other ever reached."""
    rng = np.random.default_rng(0)
    effects = rng.normal(0, 0.005, 30) + rng.normal(0, 0.01, 30)
    effects[0] = 0.2
    return Archive(tuple(past(i, float(x)) for i, x in enumerate(effects)))


@pytest.mark.parametrize("named", ["e0", "design0", "data0", ["x", "e0"]])
def test_no_experiment_is_judged_by_a_prior_that_knows_it(archive, named):
    knows, does_not = learn_prior(archive, "conversion"), learn_prior(archive, "conversion", excluding=named)
    assert (knows.experiments, does_not.experiments) == (30, 29)
    assert does_not.sd < knows.sd / 2
    believed, shrunk = (effect_posterior(0.2, 0.01, found.prior).mean for found in (knows, does_not))
    assert 0.2 - believed < (0.2 - shrunk) / 10


def test_nothing_is_learned_from_an_experiment_whose_arms_could_not_be_compared(archive):
    broken = Archive((replace(archive.pasts[0], sound=False), *archive.pasts[1:]))
    assert learn_prior(broken, None).experiments == 29


def test_nothing_is_learned_from_made_up_data(archive):
    early = ({"conversion": {"new": ArmEffect(None, None, 0.5, 0.01, None, None, "")}},)
    mixed = Archive((*archive, *(past(100 + n, 0.5, simulated=True, earlier=early) for n in range(30))))
    found = learn_prior(mixed, "conversion")
    assert found == learn_prior(archive, "conversion")
    assert learned.learn_straying(mixed, "conversion", found) == learned.learn_straying(archive, "conversion", found)


def test_excluding_nothing_excludes_nothing(archive):
    nameless = Archive(tuple(past(i, 0.01, design_digest="", data_digest="") for i in range(12)))
    assert learn_prior(nameless, None, excluding="").experiments == 12


def test_the_shrinkage_is_said_in_words(archive):
    found = learn_prior(archive, "conversion", excluding="e0")
    said = learned.shrinkage(0.061, 0.01, found)
    after = 100 * effect_posterior(0.061, 0.01, found.prior).mean
    assert said == f"raw +6.1\u00a0%, after 29 past tests {after:+.1f}\u00a0%"
    untaught = learn_prior(archive, "revenue")
    assert not untaught.taught
    assert learned.shrinkage(0.061, 0.03, untaught) == "raw +6.1\u00a0%, under a cautious prior +5.5\u00a0%"


def test_a_prior_for_a_design_says_where_it_comes_from(archive):
    prior = learned.archive_prior(archive, "conversion")
    assert isinstance(prior, EffectPrior) and prior.scale == "relative"
    assert prior.source.startswith("learned from 30 past tests of conversion (30 effects): nine of ten")
    untaught = learned.archive_prior(archive, "revenue")
    assert untaught.components == CAUTIOUS.components
    assert untaught.source == (
        "none of the 10 past tests of revenue that learning needs; "
        "instead: a cautious prior, effects mostly within ±30\u00a0%"
    )


def test_what_a_prior_is_learned_from_does_not_come_from_shrunk_numbers(look, ledger, tmp_path):
    look("shorter-form", lift=3.0)
    (found,) = Archive.read(ledger, tmp_path)
    shrunk = ArmEffect(0.1, 0.01, 0.01, 0.001, 400, 0.9, "better")
    told = replace(found, metrics={"orders": {"new": shrunk}})
    assert told.estimates("orders", "relative") == found.estimates("orders", "relative")


def test_early_looks_teach_how_far_they_stray():
    rng = np.random.default_rng(1)
    pasts = []
    for number in range(200):
        last = rng.normal(0, 0.02)
        early = ArmEffect(None, None, last + rng.normal(0, 0.03), 0.01, None, None, "")
        pasts.append(past(number, last, 0.001, earlier=({"conversion": {"new": early}},)))
    archive = Archive(tuple(pasts))
    found = learned.learn_straying(archive, "conversion", learn_prior(archive, "conversion"))
    assert found.factor == pytest.approx(3.0, rel=0.2)
    assert learned.learn_straying(archive, "revenue", learn_prior(archive, None)).factor == 1.0


def test_a_prior_is_plain_json(archive):
    body = learned.prior_json(learn_prior(archive, None))
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert sum(c["weight"] for c in body["components"]) == pytest.approx(1)
