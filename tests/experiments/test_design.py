"""A design is stated in plain text and refuses what it cannot mean."""

import dataclasses
import json

import pytest

from workbench.errors import Misuse
from workbench.experiments import Design, Metric, parse_metrics
from workbench.experiments.design import parse_pairs, parse_shares

SIGN_UP = Metric("sign-up", "binary", "signed")


def test_metrics_are_read_as_people_type_them():
    first, second = parse_metrics(" sign-up = binary:signed , cost=mean:dollars:spent", lower="cost", within="max")
    assert first == Metric("sign-up", "binary", "signed", "higher", "max")
    assert (second.column, second.better) == ("dollars:spent", "lower")


@pytest.mark.parametrize("text", ["signed", "a=b", "=binary:x", "a=binary:", "a=median:x"])
def test_what_is_no_metric_is_named(text):
    with pytest.raises(Misuse, match=r"is no metric|of kind 'median'"):
        parse_metrics(text)


def test_lower_must_name_a_metric():
    with pytest.raises(Misuse, match="lower names 'cots'"):
        parse_metrics("cost=mean:c", lower="cots")


def test_shares_and_nouns_are_read_or_refused():
    assert parse_shares("0 %=2, 95 %=1") == {"0 %": 2.0, "95 %": 1.0}
    assert parse_shares("") is None
    assert parse_pairs("spend=dollars a year") == {"spend": "dollars a year"}
    for call in (lambda: parse_shares("a=many"), lambda: parse_shares("a"), lambda: parse_pairs("a")):
        with pytest.raises(Misuse, match=r"is no (planned share|pair)"):
            call()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metrics": ()}, "no metric"),
        ({"certainty": 0.4}, "certainty is 0.4"),
        ({"arms": ("a", "b"), "control": "c"}, "control is 'c'"),
        ({"covariates": ("sign-up",)}, "names two"),
        ({"metrics": (SIGN_UP, SIGN_UP)}, "names two"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(options, said):
    with pytest.raises(Misuse, match=said):
        Design("test", **{"arm": "arm", "control": "a", "metrics": (SIGN_UP,), **options})


def test_a_metric_has_a_direction():
    with pytest.raises(Misuse, match="better is 'up'"):
        Metric("a", "mean", "a", better="up")


def test_the_digest_is_of_everything_that_was_planned():
    design = Design("test", arm="arm", control="a", metrics=(SIGN_UP,))
    assert json.loads(design.as_json())["metrics"][0]["column"] == "signed"
    assert design.digest == dataclasses.replace(design).digest
    assert design.digest != dataclasses.replace(design, certainty=0.9).digest
