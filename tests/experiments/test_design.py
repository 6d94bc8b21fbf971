"""A design is stated in plain text and refuses what it cannot mean."""

import dataclasses
import json

import pytest

from workbench.errors import Misuse
from workbench.experiments import Design, Metric, parse_metrics
from workbench.experiments.design import parse_pairs, parse_shares
from workbench.stats.effects import EffectPrior

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
        ({"covariates": ("age", "age")}, "'age' names two"),
        ({"adjust": ("age",)}, "'age', which is no covariate"),
        ({"stratify": True}, "stratify needs segments"),
        ({"priors": {"sale": EffectPrior.flat()}}, "a prior for 'sale'"),
        ({"rope": 1.5}, "rope is 1.5"),
        ({"loss_threshold": 0.0}, "loss_threshold is 0.0"),
        ({"metrics": (dataclasses.replace(SIGN_UP, guardrail=True),)}, "cannot be a guardrail"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(options, said):
    with pytest.raises(Misuse, match=said):
        Design("test", **{"arm": "arm", "control": "a", "metrics": (SIGN_UP,), **options})


def test_a_metric_has_a_direction():
    with pytest.raises(Misuse, match="better is 'up'"):
        Metric("a", "mean", "a", better="up")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "ratio"}, "with the denominator ''"),
        ({"denominator": "visits"}, "with the denominator 'visits'"),
        ({"kind": "quantile"}, "with the quantile None"),
        ({"kind": "quantile", "quantile": 1.0}, "with the quantile 1.0"),
        ({"quantile": 0.5}, "with the quantile 0.5"),
        ({"kind": "binary", "cap": 1.0}, "which no cap can change"),
        ({"guardrail": True, "margin": -0.1}, "the margin of m is -0.1"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(Misuse, match=said):
        Metric(**{"name": "m", "kind": "mean", "column": "x", **fields})


def test_ratios_quantiles_guardrails_and_caps_are_read():
    text = "price = ratio:net / gross/items, slow=quantile:a@b@0.95"
    price, slow = parse_metrics(text, guardrails="slow=0.02", caps="price=1e3")
    assert (price.column, price.denominator, price.cap, price.guardrail) == ("net / gross", "items", 1000.0, False)
    assert (slow.column, slow.quantile, slow.guardrail, slow.margin) == ("a@b", 0.95, True, 0.02)
    assert [m.name for m in price.measures] == ["price", "price per items"] and price.measures[0].cap == 1000.0
    assert parse_metrics("a=mean:a, b=mean:b", guardrails="b")[1].margin == 0.05
    assert [m.within for m in parse_metrics("a=binary:a, b=mean:b")] == ["max", "sum"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a=ratio:b", {}, "is no ratio"),
        ("a=quantile:b", {}, "names no quantile"),
        ("a=quantile:b@x", {}, "names no quantile"),
        ("a=mean:b", {"guardrails": "z"}, "a guardrail names 'z'"),
        ("a=mean:b", {"guardrails": "a=lots"}, "is no guardrail"),
        ("a=mean:b", {"caps": "z=1"}, "a cap names 'z'"),
        ("a=mean:b", {"caps": "a"}, "'a' is no number"),
    ],
)
def test_what_is_neither_is_named(text, options, said):
    with pytest.raises(Misuse, match=said):
        parse_metrics(text, **options)


def test_a_design_says_in_what_it_differs_from_the_registered_one():
    prior = EffectPrior.normal(0, 0.1, scale="relative")
    design = Design("test", arm="arm", control="a", metrics=(SIGN_UP,), shares="equal", priors={"sign-up": prior})
    assert design.differing(design.as_json()) == ()
    later = dataclasses.replace(design, certainty=0.9, rope=0.01, priors={})
    assert set(later.differing(design.as_json())) == {"certainty", "priors", "rope"}
    assert "Infinity" not in design.as_json(), "a normal prior has no degrees of freedom to write down"
    for text in ("nonsense", "[]", "1"):
        with pytest.raises(Misuse, match="is no design"):
            design.differing(text)


@pytest.mark.parametrize("text", ["a=nan, b=1", "a=1, b=inf"])
def test_a_share_that_is_not_finite_is_refused(text):
    with pytest.raises(Misuse, match="is not finite"):
        parse_shares(text)


def test_equal_shares_are_a_word():
    assert parse_shares("equal") == "equal"


def test_the_digest_is_of_everything_that_was_planned():
    design = Design("test", arm="arm", control="a", metrics=(SIGN_UP,))
    assert json.loads(design.as_json())["metrics"][0]["column"] == "signed"
    assert design.digest == dataclasses.replace(design).digest
    assert design.digest != dataclasses.replace(design, certainty=0.9).digest
