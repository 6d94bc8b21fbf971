"""The evidence of a version, as it is told beside the champion's."""

import xml.etree.ElementTree as ET

from workbench.evidence import Figure
from workbench.views.evidence import comparison, findings_told, headline, verdict
from workbench.views.trail import FIRST, act, timeline


def test_figures_stand_beside_the_champions(world):
    told = comparison(world.versions[2][1], world.versions[1][1], champion=1)
    ET.fromstring(f"<div>{told}</div>")
    assert "Champion, version 1" in told
    assert "difference −0.127" in told
    assert "18 % sure to meet 0.800" in told


def test_what_the_policy_spoke_of_is_among_the_first(world):
    candidate = world.board()[0][1]
    shown, _, folded = comparison(candidate.findings, {}, champion=None, decision=candidate.decision).partition(
        "<details"
    )
    assert "race and sex together" in shown
    assert "Log loss" in folded


def test_no_evidence_is_said(world):
    assert "No evidence has been recorded" in comparison({}, world.versions[1][1], champion=1)


def test_a_figure_the_champion_lacks_is_not_measured(world):
    assert "not measured" in comparison(world.versions[2][1], {}, champion=1)


def test_an_undefined_figure_is_told(world):
    finding = world.versions[2][1]["fairness"]
    odd = {"fairness": type(finding)(**{**finding.__dict__, "figures": {"fpr": Figure(None), "x_y": Figure(1.0)}})}
    told = comparison(odd, world.versions[1][1], champion=1)
    assert "undefined" in told
    assert "X y" in told


def test_each_finding_has_its_verdict_its_sentence_and_its_day(world):
    told = findings_told(world.versions[2][1])
    assert "Fairness: fail" in told
    assert "2 Mar 2026, 09:30 UTC" in told


def test_the_headline_is_one_line_of_leading_figures(world):
    assert headline(world.versions[1][1]).startswith(
        "F1 <b>0.938</b> · Disparate impact by race and sex together <b>0.870</b> · AUC <b>0.848</b>"
    )


def test_a_yes_still_leaves_it_to_a_person(world):
    candidate = world.board()[0][2]
    assert "A person decides." in verdict(candidate.decision, "lending 3")


def test_the_trail_reads_newest_first_with_its_reasons(world):
    told = timeline(world.trail)
    ET.fromstring(f"<div>{told}</div>")
    assert (
        told.index("Brought lending back") < told.index("Asked to promote lending version 2") < told.index("its first")
    )
    assert "<blockquote>it ranks better and lends less</blockquote>" in told
    assert "2 reasons" in told


def test_a_long_trail_is_folded(world):
    long = [e for n in range(5) for e in world.trail]
    told = timeline(long)
    assert f"{len(long) - FIRST} older entries" in told


def test_every_kind_of_decision_reads_as_a_sentence(world):
    entry = world.trail[0]
    kinds = ("promotion.granted", "promotion.denied", "rollback.granted", "rollback.denied", "candidate.rejected")
    told = [
        act(type(entry)(**{**entry.__dict__, "kind": kind}))
        for kind in (*kinds, "projection.repaired", "drift.noticed")
    ]
    assert len(set(told)) == 7
    assert told[-1] == "drift.noticed on lending/1"
