"""A past experiment asked again from what it kept, and what speaks against taking an arm."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.data.shop import shop_test
from workbench.errors import Misuse
from workbench.experiments import Archive, Design, analyse, parse_metrics
from workbench.experiments.opened import Opened
from workbench.experiments.past import ArmEffect, Past
from workbench.experiments.stopping.rules import parse_rule
from workbench.experiments.stopping.sequential import check, daily_looks

NOTHING = Archive(())


def shop(effect=0.1, days=10):
    """Ten days of a shop whose new version sells a tenth more."""
    frame = shop_test(np.random.default_rng(4), days=days, per_day=3000, effect=effect)
    return frame.assign(device=np.random.default_rng(5).choice(["phone", "desktop"], len(frame)))


def design(**changed):
    metrics = parse_metrics("bought=binary:bought")
    return Design("shop", arm="arm", control="old", metrics=metrics, unit="visitor", **changed)


def kept(tmp_path, plan, frame, rule="", **effect):
    """A past experiment whose last run kept its plan, its cube and its rule."""
    files = tmp_path / "files"
    files.mkdir()
    cube = plan.scan(frame)
    (files / "design.json").write_text(plan.as_json())
    (files / "moments.json").write_text(cube.as_json())
    if rule:
        (files / "rule.json").write_text(parse_rule(rule).as_json())
    told = {"effect": 0.01, "error": 0.002, "relative": 0.08, "relative_error": 0.02, "n": 1, "chance_to_win": 0.99}
    told |= {"verdict": "better"} | effect
    return Past(
        name="shop", run_id="r", at=datetime(2026, 1, 1, tzinfo=UTC), owner="", hypothesis="", decision="", why="",
        lesson="", sentence="new is better.", verdict="pass", metrics={"bought": {"new": ArmEffect(**told)}},
        control="old", earlier=(), design_digest=plan.digest, data_digest=cube.digest, folder=tmp_path,
    )  # fmt: skip


def test_an_effect_is_asked_again_from_the_cube(tmp_path):
    frame = shop()
    found = Opened.of(kept(tmp_path, design(), frame), NOTHING).reading("bought", "new")
    result = analyse(design().scan(frame), design()).metrics["bought"]
    assert found.scale == "relative"
    assert found.estimate == pytest.approx(result.arms["new"].relative, rel=1e-9)
    means = frame.groupby("arm")["bought"].agg(["mean", "size"])
    plain = means["mean"] * (1 - means["mean"]) / means["size"]
    ratio = means["mean"]["new"] / means["mean"]["old"]
    error = np.hypot(np.sqrt(plain["new"]), ratio * np.sqrt(plain["old"])) / means["mean"]["old"]
    assert found.error == pytest.approx(error, rel=1e-2)


def test_days_have_the_rules_boundary_where_it_looked_and_say_where_it_stopped(tmp_path):
    frame, rule = shop(), "obrien-fleming:5"
    past = kept(tmp_path, design(day="day"), frame, rule)
    days = Opened.of(past, NOTHING).days("bought", "new")
    on = parse_rule(rule).look_days(10)
    looks = daily_looks(past.cube, "bought", control="old", arm="new", scale="relative", on=on)
    result = check(parse_rule(rule), looks, scale="relative")
    assert len(days) == 10
    assert [i + 1 for i, day in enumerate(days) if day.bound_high is not None] == list(on)
    assert [day.bound_high for day in days if day.bound_high is not None] == [s.better_from for s in result.steps]
    assert [day.name for day in days if day.stopped] == [result.stopped.day]


def test_under_a_rule_the_corrected_estimate_is_told_and_the_rule_may_object(tmp_path):
    past = kept(tmp_path, design(day="day"), shop(), "obrien-fleming:5", verdict="not enough evidence")
    opened = Opened.of(past, NOTHING)
    assert opened.reading("bought", "new").estimate == 0.08
    assert opened.objection("bought", "new") == "The rule that was agreed beforehand has not shown it to be better."


def test_groups_come_from_the_cube(tmp_path):
    opened = Opened.of(kept(tmp_path, design(segments=("device",)), shop()), NOTHING)
    assert [row.name for row in opened.segments("bought", "new").rows] == ["desktop", "phone"]
    assert opened.days("bought", "new") == ()


def test_arms_that_were_not_filled_as_planned_are_objected_to(tmp_path):
    opened = Opened.of(kept(tmp_path, design(shares={"old": 3.0, "new": 1.0}), shop()), NOTHING)
    assert opened.warning == "The arms were not filled as planned: do not trust the results below."
    assert "do not trust the numbers" in opened.objection("bought", "new")


def test_an_arm_that_harms_a_guardrail_is_objected_to(tmp_path):
    frame = shop()
    frame["returned"] = (np.random.default_rng(1).random(len(frame)) < np.where(frame["arm"] == "new", 0.2, 0.1)) * 1
    metrics = parse_metrics("bought=binary:bought, returned=binary:returned", lower="returned", guardrails="returned")
    plan = Design("shop", arm="arm", control="old", metrics=metrics, unit="visitor")
    opened = Opened.of(kept(tmp_path, plan, frame), NOTHING)
    assert opened.objection("bought", "new") == "new harms returned, which must not get worse."


def test_without_plan_and_cube_it_tells_what_was_written_down(tmp_path):
    past = Opened.of(kept(tmp_path, design(), shop()), NOTHING).past
    (tmp_path / "files" / "design.json").unlink()
    opened = Opened.of(past, NOTHING)
    assert opened.reading("bought", "new").estimate == 0.08
    assert (opened.days("bought", "new"), opened.segments("bought", "new").rows, opened.trivial) == ((), (), None)
    with pytest.raises(Misuse, match="has no arm 'other'"):
        opened.reading("bought", "other")


def test_a_plan_that_is_none_is_refused_in_words(tmp_path):
    past = kept(tmp_path, design(), shop())
    for text in ("{", json.dumps({"metrics": 1}), "[]"):
        (tmp_path / "files" / "design.json").write_text(text)
        with pytest.raises(Misuse, match="no design"):
            Opened.of(past, NOTHING)


def test_a_design_comes_back_as_it_was_written():
    plan = design(day="day", segments=("device",), rope=0.02, shares={"old": 1.0, "new": 1.0})
    assert Design.from_json(plan.as_json()) == plan


def test_frames_are_not_changed_by_being_scanned():
    frame = shop(days=2)
    before = frame.copy()
    design().scan(frame)
    pd.testing.assert_frame_equal(frame, before)
