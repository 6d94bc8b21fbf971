"""Known answers on real people: loan applications of 1990, and the American Community Survey."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.audits import audit_fairness, bad_slices, estimate_unlabelled, lattice
from workbench.data import CountCube, ScoreCube, loan_applications

ACS = Path("/work/shared/data")


def test_the_bank_of_1990_approved_applicants_of_colour_at_less_than_four_fifths():
    loans = loan_applications()
    cube = CountCube.scan(loans.groups(["race"]), label=loans.y, prediction=loans.y)
    audit = audit_fairness(cube, rng=np.random.default_rng(0))
    impact = audit.by[0].disparate_impact
    rates = [group.rates["selection_rate"].value for group in audit.by[0].groups]
    assert sorted(round(rate, 3) for rate in rates) == [0.708, 0.908]
    assert round(impact.value, 3) == 0.779
    assert (impact.low, impact.high) == pytest.approx((0.724, 0.834), abs=0.006)
    assert impact.probability == pytest.approx(0.23, abs=0.05)
    assert audit.verdict == "not enough evidence"
    assert audit.by[0].more_cases > 0


@pytest.fixture(scope="module")
def survey():
    """Reference year and later years, with labels."""
    if not (ACS / "acs_employment_MA_reference.parquet").is_file():
        pytest.skip(f"the survey's files are not in {ACS}")
    before, now, label = (
        pd.read_parquet(ACS / f"acs_employment_MA_{part}.parquet")
        for part in ("reference", "analysis", "analysis_target")
    )
    return before, now.merge(label, on="id")


@pytest.mark.slow
def test_people_with_a_disability_are_missed_six_times_as_often_and_that_is_put_first(survey):
    people = pd.concat(survey)
    cube = CountCube.read(people, ["DIS", "SEX", "RAC1P"], label="employed", prediction="prediction")
    first = lattice(cube).comparisons[0]
    assert (first.attributes, first.group, first.metric) == (("DIS",), ("1",), "fnr")
    assert (round(first.value, 3), round(first.others_value, 3)) == (0.687, 0.108)
    assert audit_fairness(cube.by(["DIS"]), rng=np.random.default_rng(0)).verdict == "fail"


@pytest.mark.slow
def test_accuracy_by_year_is_the_published_one(survey):
    cube = CountCube.read(pd.concat(survey), ["year"], label="employed", prediction="prediction")
    audit = audit_fairness(cube, rng=np.random.default_rng(0))
    found = [round(group.rates["accuracy"].value, 4) for group in audit.by[0].groups]
    assert found == [0.8272, 0.8253, 0.8292, 0.8282]


@pytest.mark.slow
@pytest.mark.parametrize("attribute", ["DIS", "SEX", "RAC1P"])
def test_missed_people_are_estimated_without_labels_within_fifteen_in_a_thousand(survey, attribute):
    """For every group of two in a hundred or more."""
    reference, current = (
        ScoreCube.read(part, [attribute], score="predicted_probability", label="employed") for part in survey
    )
    found = estimate_unlabelled(reference, current, 0.5, rng=np.random.default_rng(0))
    actual = current.at(0.5)
    for group, cell in actual.cells.items():
        if sum(cell) >= 0.02 * actual.total:
            assert found.groups[group]["fnr"].value == pytest.approx(cell[2] / (cell[2] + cell[3]), abs=0.015), group


@pytest.mark.slow
def test_the_worst_slice_of_those_who_work_is_of_the_disabled(survey):
    working = survey[0].query("employed == 1")
    found = bad_slices(working, working["prediction"] == 0, ["DIS", "SEX", "RAC1P", "MAR", "NATIVITY"], ways=1)
    assert found.slices[0].name == "DIS = 1"
