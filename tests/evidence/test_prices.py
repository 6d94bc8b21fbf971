"""A price experiment's finding carries money, chances and what exploring cost."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from workbench.evidence import Finding
from workbench.evidence.prices import price_finding
from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.prices.state import PricingState, Sales
from workbench.experiments.prices.table import weigh

DESIGN = PricingDesign("plans", (19.0, 29.0), {"small companies": 19.0}, budget=500.0)


def found(*sales):
    table = weigh(PricingState(DESIGN).updated(sales), np.random.default_rng(0))
    return price_finding(table, certainty=0.95, run_id="r", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_clear_gain_passes():
    rows = (
        Sales("2026-01-01", "small companies", 19.0, 900, 300),
        Sales("2026-01-01", "small companies", 29.0, 900, 280),
    )
    finding = found(*rows)
    assert finding.verdict == "pass" and finding.subject == "pricing/plans"
    assert finding.figures["gain"].value == pytest.approx(29 * 280 / 900 - 19 * 300 / 900, abs=0.6)
    assert finding.figures["exploring"].target == 500 and finding.figures["revenue.small_companies"].n == 1800
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_little_evidence_is_not_enough():
    assert found(Sales("2026-01-01", "small companies", 19.0, 20, 6)).verdict == "not enough evidence"
