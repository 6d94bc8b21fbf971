"""Priors are read as people type them, or refused with the form."""

import pytest

from workbench.errors import Misuse
from workbench.experiments.priors import parse_prior, parse_priors
from workbench.stats.effects import Component


def test_priors_are_read_on_the_scale_they_state():
    normal, student = parse_prior(" normal( 0.01,0.02 )"), parse_prior("t(3,0,5,absolute)")
    assert (normal.scale, normal.components) == ("relative", (Component(1.0, 0.01, 0.02),))
    assert (student.scale, student.components) == ("absolute", (Component(1.0, 0.0, 5.0, 3.0),))
    assert student.source == "stated, t(3,0,5,absolute)"
    assert parse_prior("weak") is None and parse_prior("") is None


@pytest.mark.parametrize(
    "text", ["normal", "normal(1)", "normal(1,2,3)", "t(1,2)", "normal(a,b)", "normal(0,-1)", "t(0,0,1)", "beta(1,1)",
             "normal(0,1,odd)", "normal(nan,1)"]
)  # fmt: skip
def test_what_is_no_prior_is_refused_with_the_form(text):
    with pytest.raises(Misuse) as told:
        parse_prior(text)
    assert "normal(MEAN, SD)" in told.value.hint


def test_one_metric_or_all_of_them():
    found = parse_priors(["normal(0,0.02)", "b=t(3,0,0.1)", "c=weak"], ["a", "b", "c"])
    assert {name: prior.components[0].sd for name, prior in found.items()} == {"a": 0.02, "b": 0.1}
    with pytest.raises(Misuse, match="a prior is for 'z'"):
        parse_priors(["z=weak"], ["a"])
