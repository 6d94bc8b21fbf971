"""The small pictures: they say in words what they draw, and hold no number that is not one."""

import math
import xml.etree.ElementTree as ET

import pytest

from workbench.evidence import Figure
from workbench.views.drawing import Scale, bar, certainty, interval, scale_over, sparkline, spoken

ODD = [
    Figure(None),
    Figure(0.5),
    Figure(0.5, 0.5, 0.5, target=0.5),
    Figure(float("nan"), float("nan"), float("inf"), target=float("inf")),
    Figure(-1e300, -1e308, 1e308),
    Figure(0.0, 0.0, 0.0),
]


@pytest.mark.parametrize("figure", ODD, ids=str)
@pytest.mark.parametrize("other", [None, Figure(0.7, 0.6, 0.8), Figure(None)], ids=str)
def test_an_interval_is_drawn_whatever_the_figure(figure, other):
    drawn = interval(figure, scale_over([figure] + [other] * (other is not None)), other)
    ET.fromstring(drawn)
    assert 'role="img"' in drawn
    assert "nan" not in drawn.split("aria-label")[0]


def test_an_interval_says_in_words_what_it_shows():
    drawn = interval(Figure(0.77, 0.71, 0.83, target=0.8), Scale(0.5, 1.0), Figure(0.9, 0.86, 0.93))
    assert "0.770, between 0.710 and 0.830, limit 0.800; the champion’s is 0.900, between 0.860 and 0.930" in drawn


def test_a_limit_stands_where_its_value_is():
    assert 'x1="60.0%"' in interval(Figure(0.7, target=0.8), Scale(0.5, 1.0))


@pytest.mark.parametrize("values", [(), (0,), (5,), (0, 0, 0), (1, 2, 3)], ids=str)
def test_a_sparkline_is_drawn_whatever_the_series(values):
    assert "nan" not in sparkline(values, "traffic")
    ET.fromstring(sparkline(values, 'traffic of "a" & <b>'))


def test_a_bar_marks_what_chance_alone_gives():
    drawn = bar(0.3, most=0.5, floor=0.05, high=True)
    ET.fromstring(drawn)
    assert "chance alone reaches 0.050" in drawn
    assert 'width="60.0%"' in drawn
    ET.fromstring(bar(0.0, most=0.0, floor=math.inf))


def test_an_undefined_figure_is_spoken_as_such():
    assert spoken(Figure(None, target=0.8)) == "undefined, limit 0.800"


def test_a_sampled_probability_is_never_told_as_certain():
    assert certainty(Figure(0.9, probability=1.0, target=0.8)) == "over 99.9 % sure to meet 0.800"
    assert certainty(Figure(0.1, probability=0.0, target=0.8)) == "under 0.1 % sure to meet 0.800"
