"""The page of fairness, clicked through without a browser."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse
from workbench.evidence import Figure
from workbench.views import fairness_page
from workbench.views.fairness_told import groups, line, trend

TOLD = runpy.run_path(str(Path(__file__).with_name("audits_told.py")))
audited, unaudited, table, HOSTILE = TOLD["audited"], TOLD["unaudited"], TOLD["table"], TOLD["HOSTILE"]


@pytest.fixture(scope="module")
def version():
    """A version that was audited."""
    return audited()


@pytest.fixture
def opened(reader):
    """Opens the page over some versions."""
    return lambda *versions, of=lambda _: None: reader(fairness_page(lambda: versions, thresholds_of=of))


def test_the_first_words_say_how_many_are_fair(opened, version):
    page = opened(version, unaudited())
    assert page.text.startswith("0 of 2 versions shown to be fair. 2 versions of 1 model, 1 not fair, 1 not audited.")


def test_a_champion_that_is_not_fair_is_named_first(opened, version):
    page = opened(replace(version, stage="champion"))
    assert page.text.startswith("In use and not fair: lending 2.")


def test_each_attribute_has_its_interval_its_limit_and_its_verdict(version):
    told = line(version, [version])
    assert told.count('class="wb-interval"') == 3
    assert "limit 0.800" in told
    assert "by race and sex together" in told
    assert told.index(version.finding.sentence[:20]) < told.index("wb-interval"), "the sentence stands first"


def test_all_lines_share_one_axis(version):
    wide = replace(version.by[0], impact=Figure(0.2, 0.1, 0.3, target=0.8))
    alone, beside = line(version, [version]), line(version, [version, replace(version, by=(wide,))])
    assert alone != beside


def test_a_rate_of_nobody_is_undefined_and_a_small_group_is_said_not_to_be_compared(version):
    race = version.by[0]
    nobody = replace(race.groups[0], rates={**race.groups[0].rates, "tpr": Figure(None, n=0)})
    told = groups(replace(race, groups=(nobody, *race.groups[1:])))
    assert "undefined: nobody" in told
    assert told.count("not compared") == 1  # eight people of a group of their own


def test_the_trend_tells_every_version(version):
    drawn = trend(version)
    assert "version 1: 0.900, between 0.850 and 0.950, limit 0.800; version 2:" in drawn
    assert trend(unaudited()) == ""


def test_the_first_is_open_and_another_opens_when_it_is_looked_at(opened, version):
    page = opened(version, unaudited())
    assert "Groups" in page.text
    assert "Audit it:" not in page.text
    page.press("Look")
    assert "Audit it: workbench run fairness_audit -p model=lending -p version=1" in page.text
    page.press("Close")
    assert "Other distances" not in page.text


def test_an_audit_that_kept_no_thresholds_says_so_and_how_to_get_them(opened, version):
    page = opened(version)
    assert "This audit kept no table of thresholds." in page.text


def test_the_explorer_is_given_the_counts_once_and_starts_at_the_versions_own_threshold(opened, version):
    page = opened(version, of=lambda _: table())
    (explorer,) = [part for part in page.shown() if hasattr(part, "own")]
    assert (explorer.own, explorer.limit) == (0.6, 0.8)
    assert [group["group"] for group in explorer.table["groups"]][1:] == [("of colour",), ("white",)]
    assert "http" not in explorer._esm.replace("http://www.w3.org/2000/svg", "")
    assert "innerHTML" not in explorer._esm


def test_a_table_that_cannot_be_read_is_said_where_it_would_stand(opened, version):
    def broken(_):
        raise Misuse("this is no table of thresholds", hint="run the fairness audit again")

    page = opened(version, of=broken)
    assert "This is no table of thresholds. What helps: run the fairness audit again" in page.text
    assert "Groups" in page.text, "all else is shown"


def test_whatever_it_is_given_is_shown_as_text(opened, version):
    finding = replace(version.finding, sentence=HOSTILE, run_id=HOSTILE, data_digest=HOSTILE)
    by = tuple(replace(attribute, name=HOSTILE + attribute.name) for attribute in version.by)
    named = replace(version.version, model=HOSTILE)
    page = opened(replace(version, version=named, finding=finding, by=by, trend={HOSTILE: version.trend["race"]}))
    assert "<script" not in page.html
    assert "document.title" in page.text


def test_a_reading_that_fails_says_what_helps_and_can_be_tried_again(reader, version):
    given = iter([EngineError("the ledger is no database", hint="workbench doctor"), [version]])

    def read():
        if isinstance(found := next(given), Exception):
            raise found
        return found

    page = reader(fairness_page(read, thresholds_of=lambda _: None))
    assert "Nothing can be shown yet." in page.text
    page.press("Refresh")
    assert "no database" not in page.text
    assert "Groups" in page.text


def test_many_versions_are_found_by_name(opened, version):
    page = opened(*(replace(version, version=replace(version.version, model=f"model-{n}")) for n in range(30)))
    assert page.buttons.count("Look") == 19  # the first of twenty is open
    assert page.button("Show 10 more of 10 versions")
    page.write("model-27")
    assert page.buttons.count("Look") == 1
    page.write("no such thing")
    assert "No version matches." in page.text


def test_nothing_in_use_names_the_way_to_the_first(opened):
    assert "workbench demo" in opened().text


def test_who_fares_otherwise_than_one_attribute_explains_is_told(opened, version):
    page = opened(version)
    first = version.differences[0]
    assert "Who fares otherwise than one attribute explains" in page.text
    assert version.compared in page.text
    assert f"surely {100 * first.sure:.0f}" in page.text
    assert HOSTILE not in page.html
    assert "one attribute explains" not in opened(replace(version, compared="", differences=())).text
