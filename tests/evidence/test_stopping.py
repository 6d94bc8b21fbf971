"""What was found under a stopping rule becomes evidence, corrected, and only where the arms were filled as planned."""

import json
from datetime import UTC, datetime

import pytest

from workbench.evidence import Finding
from workbench.evidence.stopping import sequential_finding
from workbench.experiments.stopping.rules import parse_rule
from workbench.experiments.stopping.sequential import check
from workbench.stats.sample_ratio import sample_ratio

PLAN = {"a": 1, "b": 1}


def found(*differences, counts=(1000, 1000)):
    looks = [(f"d{k}", d, 0.1 / k**0.5) for k, d in enumerate(differences, 1)]
    ratio = sample_ratio(dict(zip("ab", counts, strict=True)), PLAN)
    result = check(parse_rule("pocock:3"), looks, sample_ratio=ratio)
    return result, sequential_finding(
        result, name="x", metric="sales", data_digest="d", run_id="r", at=datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [((0.1, 0.3), "pass"), ((0.1, -0.3), "fail"), ((0.1,), "not enough evidence"), ((0, 0, 0), "not enough evidence")],
)
def test_a_decision_is_a_verdict_and_the_figure_is_the_corrected_one(differences, verdict):
    result, finding = found(*differences)
    assert finding.verdict == verdict and finding.sentence == result.sentence
    assert finding.figures["sales.effect"].value == result.estimate
    assert finding.figures["sample_ratio.p"].value == 1.0
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_arms_that_were_not_filled_as_planned_prove_nothing_and_stand_first():
    _, finding = found(0.1, 0.3, counts=(1000, 1300))
    assert finding.verdict == "not enough evidence"
    assert finding.sentence.startswith("The arms were not filled as planned")
