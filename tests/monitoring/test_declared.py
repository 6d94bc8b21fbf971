"""What a model is declared to keep to is read tolerantly: what is of a wrong form is left out and told."""

import pytest

from workbench.monitoring.declared import DeclaredKpi, Objectives


def test_nothing_declared_is_the_house_rule():
    told = Objectives.of({})
    assert (told.errors, told.latency, told.impact, told.kpis, told.problems) == (0.01, (0.99, 0.25), 0.8, (), ())


def test_everything_that_can_be_said_is_taken():
    told = Objectives.of(
        {
            "stakes": "high",
            "owner": "risk-officer",
            "objectives": {"errors": 0.001, "latency_ms": {"p99.9": 80}, "accuracy_drop": 0.01,
                           "disparate_impact": 0.9, "groups": ["sex"]},
            "kpis": {"revenue": {"column": "price", "direction": "up", "unit": "USD", "margin": 0.02},
                     "complaints": {"event": "complained", "direction": "down"}},
        }
    )  # fmt: skip
    assert (told.stakes, told.owner, told.errors, told.drop, told.impact) == ("high", "risk-officer", 0.001, 0.01, 0.9)
    assert told.latency == pytest.approx((0.999, 0.08))
    assert told.groups == ("sex",)
    assert told.kpis == (
        DeclaredKpi("revenue", "column", "price", "up", "USD", 0.02),
        DeclaredKpi("complaints", "label", "", "down", "", 0.05),
    )


def test_the_short_form_of_latency_is_taken_too():
    assert Objectives.of({"objectives": {"p99_ms": 50}}).latency == (0.99, 0.05)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"objectives": {"errors": 2}}, "objectives.errors is 2"),
        ({"objectives": {"errors": True}}, "objectives.errors is True"),
        ({"objectives": [1]}, "objectives is no table"),
        ({"objectives": {"latency_ms": {"p200": 5}}}, "objectives.latency_ms.p200 is 5"),
        ({"objectives": {"latency_ms": {"p99": -1}}}, "objectives.latency_ms.p99 is -1"),
        ({"objectives": {"groups": "sex"}}, "groups is no list"),
        ({"kpis": {"revenue": {"column": 3}}}, "kpis.revenue needs a column"),
        ({"kpis": {"revenue": {"column": "x", "direction": "more"}}}, "kpis.revenue needs a column"),
        ({"kpis": 3}, "kpis is no table"),
    ],
)
def test_what_is_of_a_wrong_form_is_told_and_the_rest_holds(body, problem):
    told = Objectives.of(body)
    assert any(each.startswith(problem) for each in told.problems)
    assert (told.errors, told.latency, told.kpis) == (0.01, (0.99, 0.25), ())


def test_a_kpi_that_is_named_like_what_canaries_count_is_told_and_watched_by_the_hour_still():
    told = Objectives.of({"kpis": {"errors": {"of": "score"}}})
    assert [kpi.name for kpi in told.kpis] == ["errors"]
    assert told.problems == ("kpis.errors is watched by no canary, which counts 'errors' itself; give it another name",)
