"""The page of drift, clicked through without a browser."""

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.views import drift_page

TOLD = runpy.run_path(str(Path(__file__).with_name("audits_told.py")))
looked, overlooked, HOSTILE = TOLD["looked"], TOLD["overlooked"], TOLD["HOSTILE"]


@pytest.fixture
def opened(reader):
    """Opens the page over some models."""
    return lambda *models: reader(drift_page(lambda: models))


def test_the_first_words_name_what_drifted(opened):
    page = opened(looked(), overlooked(), looked("pricing", moved=False))
    assert page.text.startswith("What lending is asked has drifted. 3 models, 1 not looked at.")


def test_no_drift_and_nothing_known_are_two_things(opened):
    assert opened(looked(moved=False)).text.startswith("No drift was found.")
    assert opened(overlooked()).text.startswith("Nothing is known yet.")


def test_the_worst_model_is_open_with_its_columns_and_their_noise(opened):
    page = opened(looked(), looked("pricing", moved=False))
    assert page.html.count('class="wb-floor"') == 7
    assert "loan to income" in page.text
    assert "1,200 more rows would settle it" in page.text
    assert "1,989 rows served and 1,989 rows of training data" in page.text


def test_all_models_share_one_axis(opened):
    def ends(page):
        return re.findall(r'<span class="wb-axis"><span>0</span><span>([\d.]+)</span>', page.html)

    page = opened(looked(moved=False), looked("pricing"))
    page.press("Look")
    assert len(set(ends(page))) == 1
    assert ends(opened(looked(moved=False))) != ends(page)[:1]


def test_the_looks_before_are_a_line_and_a_list(opened):
    page = opened(looked())
    assert 'aria-label="share of columns that drifted, 3 looks: now 14 %, most 14 %"' in page.html
    assert "All 3 looks" in page.text
    assert 'class="wb-spark"' not in opened(looked(looks=1)).html


def test_a_model_that_nobody_looked_at_names_the_way(opened):
    page = opened(overlooked())
    assert "Not looked at" in page.text
    assert "workbench run drift_check -p model=churn" in page.text
    assert "-p 'model=a; rm b'" in opened(overlooked("a; rm b")).text


def test_another_champion_and_a_changed_schema_are_said(opened):
    one = looked()
    changed = replace(one.finding, details={**one.finding.details, "schema": "The schema changed (new: age)."})
    page = opened(replace(one, champion=3, finding=changed))
    assert "Version 3 is champion now." in page.text
    assert "The schema changed (new: age)." in page.text


def test_whatever_it_is_given_is_shown_as_text(opened):
    one = looked(HOSTILE)
    columns = tuple(replace(column, column=HOSTILE, new_categories=(HOSTILE,)) for column in one.columns)
    details = {**one.finding.details, "schema": HOSTILE}
    page = opened(replace(one, finding=replace(one.finding, sentence=HOSTILE, details=details), columns=columns))
    assert "<script" not in page.html
    assert "<script" not in opened(overlooked(HOSTILE)).html


def test_many_columns_are_folded_away(opened):
    one = looked()
    page = opened(replace(one, columns=one.columns * 4))
    assert "16 more columns" in page.text


def test_a_look_without_columns_or_shares_is_told_as_far_as_it_goes(opened):
    one = looked()
    bare = replace(one, finding=replace(one.finding, figures={}, details={}), columns=(), rows_before=None,
                   history=tuple(replace(look, share=None) for look in one.history))  # fmt: skip
    page = opened(bare)
    assert "No column was written down." in page.text
    assert "of 0 columns" not in page.text
    assert 'class="wb-spark"' not in page.html


def test_what_matters_is_marked_above_the_noise_where_it_is_known(opened):
    page = opened(looked())
    assert page.html.count('class="wb-limit"') == page.html.count('class="wb-floor"') == 7
    assert "0.10 above it, which matters" in page.text
    assert "from 0.1" in page.html
    old = opened(replace(looked(), large=None))
    assert 'class="wb-limit"' not in old.html and "which matters" not in old.text
