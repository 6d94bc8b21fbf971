"""The table and the page of a sweep: complete, honest, and safe whatever names and texts others chose."""

import csv
import io
import itertools
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.batch.sweeps.folder import Options, Sweep
from workbench.batch.sweeps.pictures import drawn
from workbench.batch.sweeps.plan import Plan
from workbench.batch.sweeps.results import Best, Child, SweepResult
from workbench.batch.sweeps.summary import as_csv, as_page, in_words

EVIL = """<img src=x onerror=alert(1)>"'&</script></title><script>alert(2)</script>../ü"""
PLAIN = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "table", "caption", "thead"}
PLAIN |= {"tbody", "tr", "th", "td", "button", "a", "svg", "path", "text", "circle", "polyline", "rect", "script"}


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes


def swept(values, metrics, *, best="f1", name="weekly", fixed=None):
    """A sweep and its result, of parameters' values and a function from them to metrics."""
    runs = tuple(dict(zip(values, row, strict=True)) for row in itertools.product(*values.values()))
    children = tuple(
        Child(n, run, "finished", f"id-{n}", metrics(run), "It ran.", folder=f"20260105-weekly-{n}", attempts=1)
        for n, run in enumerate(runs, start=1)
    )
    plan = Plan("grid", tuple(values), fixed or {}, runs)
    sweep = Sweep("20260105-x", name, f"/w/{name}", "d" * 64, plan, Options(), "analyst", "2026-01-05T09:00:00+00:00")
    return sweep, SweepResult(sweep.id, name, Path("w"), plan.swept, children, Best.read(best) if best else None)


def page(*arguments, **options):
    return as_page(*swept(*arguments, **options), runs="../../runs")


def picture(values, metrics, *, best="f1"):
    _, result = swept(values, metrics, best=best)
    return drawn(result.children, result.swept, "f1", result.best)


def test_the_page_says_what_was_swept_and_what_was_best():
    told = page({"rate": [0.1, 0.3], "depth": [1, 2]}, lambda run: {"f1": run["rate"] * run["depth"]})
    assert "4 runs: 4 finished. The highest f1 is 0.6, of run 4: rate = 0.3, depth = 2." in told
    assert "swept over 0.1 · 0.3" in told
    body = told.partition("<tbody>")[2]
    assert re.findall(r'">(\d)</a>', body) == ["4", "3", "2", "1"]
    assert 'href="../../runs/20260105-weekly-4/report.html"' in body


def test_without_a_named_metric_nothing_is_called_best():
    told = page({"rate": [0.1, 0.3]}, lambda run: {"f1": run["rate"]}, best="")
    assert "2 runs: 2 finished.</p>" in told
    assert 'class="best"' not in told
    assert "f1 over what was swept" in told


def test_a_metric_that_no_run_has_is_told_with_those_that_they_have():
    _, result = swept({"rate": [0.1, 0.3]}, lambda run: {"f1": 1.0}, best="f2:min")
    assert in_words(result) == "2 runs: 2 finished. No run has the metric f2; they have f1."


@pytest.mark.parametrize("sweep_over", [{EVIL: ["a", EVIL]}, {EVIL: [1, 2]}, {EVIL: [1, 2], "b": [EVIL, "c"]}])
def test_no_name_value_or_text_becomes_a_tag(sweep_over):
    sweep, result = swept(sweep_over, lambda run: {EVIL: 1.0, "f1": 2.0}, best=EVIL, name=EVIL, fixed={"l": EVIL})
    children = [*result.children[1:], Child(1, result.children[0].parameters, "failed", sentence=EVIL, folder=EVIL)]
    evil = SweepResult(result.id, EVIL, result.folder, result.swept, tuple(children), result.measure)
    told = Tags(as_page(sweep, evil, runs="../../runs"))
    assert set(told.tags) <= PLAIN
    assert told.tags.count("script") == 1
    assert not [name for name, _ in told.attributes if name.startswith("on")]
    assert {
        value for name, value in told.attributes if name in {"href", "src"} and not value.startswith("../../runs/")
    } == set()


def test_the_policy_lets_run_the_pages_own_script_and_nothing_else():
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page({"a": [1, 2]}, lambda run: {"f1": 1.0}))
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)


def test_the_table_for_machines_has_a_row_a_run_and_all_texts_whole():
    _, result = swept({"label": ["a,b", EVIL, "x\ny"]}, lambda run: {"f1": 1.0})
    rows = list(csv.DictReader(io.StringIO(as_csv(result), newline="")))
    assert [row["label"] for row in rows] == ["a,b", EVIL, "x\ny"]
    assert rows[0]["run"] == "1" and rows[0]["f1"] == "1.0" and rows[0]["status"] == "finished"


def test_one_number_is_a_line_and_the_best_is_marked():
    svg = picture({"rate": [0.3, 0.1, 0.2]}, lambda run: {"f1": run["rate"]})
    assert svg.count("<polyline") == 1 and svg.count("<circle") == 3 and svg.count('r="6.5"') == 1
    places = [float(pair.split(",")[0]) for pair in re.search(r'points="([^"]+)"', svg)[1].split()]
    assert places == sorted(places)


def test_days_are_numbers_and_each_is_named_where_there_is_room():
    svg = picture({"since": ["2026-01-01", "2026-02-01", "2026-03-01"]}, lambda run: {"f1": 1.0})
    assert svg.count("<polyline") == 1
    assert all(f">{day}</text>" in svg for day in ("2026-01-01", "2026-02-01", "2026-03-01"))


def test_two_parameters_are_a_map_of_colours_from_light_to_dark():
    svg = picture({"rate": [0.1, 0.2], "depth": [1, 2, 3]}, lambda run: {"f1": run["rate"] * run["depth"]})
    assert svg.count("<rect") == 6
    assert 'fill="#eff5fb"' in svg and 'fill="#0c3f7a"' in svg
    assert "light 0.1 to dark 0.6" in svg


def test_more_parameters_are_a_panel_each_and_texts_have_no_line():
    svg = picture({"a": [1, 2], "b": ["x", "y"], "c": [None, 5]}, lambda run: {"f1": 1.0})
    assert (svg.count("<svg"), svg.count("<circle"), svg.count("<polyline")) == (3, 24, 0)
    assert svg.count(">none</text>") == 1


def test_what_was_not_varied_or_has_no_metric_has_no_picture():
    assert picture({"rate": [0.1]}, lambda run: {"f1": 1.0}) == ""
    assert picture({"rate": [0.1, 0.2]}, lambda run: {}) == ""


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62), min_size=2, max_size=6),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
)
def test_any_finite_numbers_can_be_drawn_and_lie_within_the_picture(values, metrics):
    left = iter(metrics)
    svg = picture({"rate": values}, lambda run: {"f1": next(left)})
    for x, y in re.findall(r'cx="([^"]+)" cy="([^"]+)"', svg):
        assert 0 <= float(x) <= 720 and 0 <= float(y) <= 300
    assert "nan" not in svg and not math.isnan(len(svg))
