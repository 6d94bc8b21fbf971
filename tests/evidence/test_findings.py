"""What audits and experiments return becomes findings: plain JSON, with the names a policy asks for."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd

from workbench.audits import Expectations, audit_drift, audit_fairness, audit_performance, audit_quality, lattice
from workbench.audits.calibration import audit_calibration
from workbench.audits.cause import audit_cause
from workbench.audits.predictions import audit_predictions
from workbench.audits.skew import check_skew
from workbench.audits.versions import compare_versions
from workbench.data import CountCube, Profile
from workbench.data.drop_worlds import drop_world
from workbench.evidence import (
    Finding,
    calibration_finding,
    cause_finding,
    comparison_finding,
    drift_finding,
    experiment_finding,
    fairness_finding,
    performance_finding,
    prediction_finding,
    quality_finding,
    skew_finding,
)
from workbench.experiments import Design, Metric, analyse, parse_metrics
from workbench.ledger import canonical
from workbench.monitoring.audited import lattice_of

AT = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
CELLS = {
    ("a", "f"): (30, 10, 20, 140),
    ("a", "m"): (20, 10, 20, 450),
    ("b", "f"): (50, 0, 60, 90),
    ("b", "m"): (0, 0, 0, 9),
}


def same_again(finding):
    """As it comes back from the ledger."""
    assert Finding.from_body(finding.as_body()) == finding
    assert canonical(finding.as_body())
    assert finding.at == "2026-01-01T00:00:00+00:00"
    return finding


def fairness():
    cube = CountCube(("race", "sex"), CELLS, ("data",))
    audit = audit_fairness(cube, rng=np.random.default_rng(0))
    return audit, same_again(fairness_finding(audit, subject="lending/2", run_id="r", at=AT))


def test_a_fairness_finding_carries_what_the_lattice_shows_and_a_page_reads_it_again():
    cube = CountCube(("race", "sex"), CELLS, ("data",))
    audit, compared = audit_fairness(cube, rng=np.random.default_rng(0)), lattice(cube)
    finding = same_again(fairness_finding(audit, subject="lending/2", run_id="r", at=AT, lattice=compared))
    assert compared.found > 0
    assert finding.figures["lattice_differences"].value == compared.found
    assert lattice_of(finding.details) == (compared.sentence, compared.comparisons[: compared.found])
    assert lattice_of({"lattice": {"sentence": "s", "shown": [{"group": "x"}, 3]}}) == ("s", ())
    assert lattice_of({"lattice": 3}) == lattice_of({}) == ("", ())


def test_a_fairness_finding_has_a_figure_for_each_attribute_and_for_their_intersection():
    audit, finding = fairness()
    assert (finding.kind, finding.subject, finding.verdict) == ("fairness", "lending/2", audit.verdict)
    assert {name for name in finding.figures if name.startswith("disparate_impact")} == {
        "disparate_impact.race",
        "disparate_impact.sex",
        "disparate_impact.race*sex",
    }
    assert {"equalized_odds_difference.race", "equalized_odds_difference.sex"} <= set(finding.figures)
    figure, found = finding.figures["disparate_impact.race"], audit.by[0].disparate_impact
    assert (figure.value, figure.low, figure.high) == (found.value, found.low, found.high)
    assert (figure.probability, figure.target, figure.needed, figure.n) == (
        found.probability,
        0.8,
        found.needed,
        found.n,
    )
    assert finding.data_digest == "data"


def test_a_fairness_findings_details_have_every_rate_of_every_group():
    _, finding = fairness()
    groups = {(row["by"], *row["group"]): row for row in finding.details["groups"]}
    assert len(groups) == 2 + 2 + 4
    assert groups[("race", "b")]["rates"]["selection_rate"]["value"] == 99 / 209
    assert groups[("race*sex", "b", "m")]["rates"]["fpr"]["value"] is None
    assert groups[("race*sex", "b", "m")]["compared"] is False


def test_a_performance_finding_has_the_policys_f1_and_the_yardstick():
    label = np.array([0, 1, 1, 1] * 50)
    audit = audit_performance(label, np.tile([0.2, 0.9, 0.8, 0.4], 50), 0.5, rng=np.random.default_rng(0))
    finding = same_again(performance_finding(audit, subject="lending", data_digest="d", run_id="r", at=AT))
    assert set(finding.figures) == {
        "accuracy",
        "precision",
        "recall",
        "f1",
        "auc",
        "brier",
        "log_loss",
        "calibration_error",
    }
    assert finding.figures["f1"].low < finding.figures["f1"].value == 0.8
    assert finding.details["confusion"] == {"tn": 50, "fp": 0, "fn": 50, "tp": 100}
    assert finding.details["always_yes"]["accuracy"] == 0.75


def test_a_quality_finding_has_a_share_for_each_check_with_its_limit():
    profile = Profile.scan(pd.DataFrame({"x": [1.0, None, 3.0, 4.0] * 50}), source="d")
    finding = same_again(quality_finding(audit_quality(profile, Expectations()), subject="data/x", run_id="r", at=AT))
    assert (finding.kind, finding.verdict, finding.data_digest) == ("quality", "fail", "d")
    missing = finding.figures["missing.x"]
    assert (missing.value, missing.target, missing.n) == (0.25, 0.05, 200)
    assert missing.low < 0.25 < missing.high
    assert missing.probability < 0.05
    assert finding.figures["failed_checks"].value == 1
    assert finding.details["checks"][0]["sentence"] == "25 % of x are missing; at most 5 % are allowed"


def test_a_drift_finding_has_an_index_for_each_column():
    reference = Profile.scan(pd.DataFrame({"x": np.arange(200.0), "t": ["a", "b"] * 100}))
    now = Profile.scan(pd.DataFrame({"x": np.arange(150.0, 250.0), "t": ["a", "c"] * 50}), like=reference, source="d")
    finding = same_again(drift_finding(audit_drift(reference, now), subject="lending/1", run_id="r", at=AT))
    assert finding.verdict == "fail"
    assert set(finding.figures) == {"drifted_share", "psi.x", "psi.t"}
    assert finding.figures["drifted_share"].value == 1.0
    assert finding.figures["psi.x"].low <= finding.figures["psi.x"].value <= finding.figures["psi.x"].high
    assert finding.data_digest == "d"


def test_a_policy_can_ask_for_the_filling_of_the_arms_and_for_guardrails():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"arm": ["a"] * 1000 + ["b"] * 1300, "bought": rng.integers(0, 2, 2300)})
    table["seconds"] = rng.gamma(5, 1, 2300)
    metrics = parse_metrics("bought=binary:bought, seconds=mean:seconds", lower="seconds", guardrails="seconds=0.1")
    design = Design("button", arm="arm", control="a", metrics=metrics, shares={"a": 1, "b": 1})
    finding = same_again(experiment_finding(analyse(design.scan(table), design), run_id="r", at=AT))
    assert finding.verdict == "fail" and finding.sentence.startswith("The arms were not filled as planned")
    assert finding.figures["sample_ratio.p"].value < finding.figures["sample_ratio.p"].target
    harm = finding.figures["seconds.b.harm"]
    assert harm.target == 0.1 and harm.probability == 1 - harm.value > 0.95


def test_an_experiments_finding_has_an_effect_for_each_arm_but_the_control():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"arm": ["a", "b"] * 200, "bought": rng.integers(0, 2, 400)})
    design = Design("button", arm="arm", control="a", metrics=(Metric("bought", "binary", "bought"),))
    analysis = analyse(design.scan(table), design)
    finding = same_again(experiment_finding(analysis, run_id="r", at=AT))
    assert finding.subject == "experiment/button"
    assert len(finding.figures) == 1
    (figure,) = finding.figures.values()
    assert figure.low < figure.value < figure.high
    assert 0 < figure.probability < 1


def test_a_comparison_carries_the_chance_that_the_challenger_is_better():
    label, old = np.tile([0, 1], 200), np.tile([0, 1, 1, 1], 100)
    found = compare_versions(label, old, label, rng=np.random.default_rng(0))
    finding = same_again(comparison_finding(found, subject="lending", data_digest="d", run_id="r", at=AT))
    assert (finding.kind, finding.verdict) == ("comparison", "pass")
    assert finding.figures["gain.accuracy"].value == 0.25
    assert finding.figures["gain.accuracy"].probability > 0.999


def test_calibration_and_given_predictions_carry_their_figures():
    rng = np.random.default_rng(0)
    chance = rng.beta(2, 2, 2000)
    label = (rng.random(2000) < chance).astype(int)
    about = {"subject": "lending", "data_digest": "d", "run_id": "r", "at": AT}
    calibrated = same_again(calibration_finding(audit_calibration(label, chance), **about))
    assert calibrated.figures["calibration_error"].target == 0.05
    given = same_again(prediction_finding(audit_predictions(label, chance > 0.5, chance, rng=rng), **about))
    assert given.kind == "performance" and given.figures["accuracy"].probability > 0.99


def test_skew_and_causes_carry_what_differs_and_what_it_cost():
    frame = pd.DataFrame({"income": np.arange(100.0)})
    about = {"subject": "lending", "data_digest": "d", "run_id": "r", "at": AT}
    skew = same_again(skew_finding(check_skew(frame, frame * 12), **about))
    assert skew.verdict == "fail" and skew.figures["differing.income"].value == 0.99
    before, now = drop_world("income stops", rows=600, rng=np.random.default_rng(0))
    audit = audit_cause(before, now, label="repaid", prediction="answer", rng=np.random.default_rng(0))
    causes = same_again(cause_finding(audit, **about))
    assert causes.figures["data_quality.income"].low > 0
    assert {"drop", "relation", "inputs.age"} <= set(causes.figures)
