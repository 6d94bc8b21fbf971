"""Experiments that were tried, as the page of experiments is given them."""

from datetime import UTC, datetime

from workbench.experiments.archive import ArmEffect, Past
from workbench.experiments.looking import Span
from workbench.experiments.opened import Day, Group, Groups, Opened

HOSTILE = "<script>alert(1)</script>"


def past(name="free-shipping", verdict="pass", relative=0.034, **changed):
    """An experiment of two arms against a control."""
    new = ArmEffect(20 * relative, 0.24, relative, 0.012, 10_000, 0.99, "better")
    bold = ArmEffect(-0.1, 0.24, -0.005, 0.012, 10_000, 0.3, "not enough evidence")
    fields = {
        "name": name,
        "run_id": "run-1",
        "at": datetime(2026, 10, 3, 12, tzinfo=UTC),
        "owner": "pricing lead",
        "hypothesis": "free shipping raises orders",
        "decision": "",
        "why": "",
        "lesson": "it helps small baskets",
        "sentence": "new against old: orders higher. Not settled: bold.",
        "verdict": verdict,
        "metrics": {"orders": {"bold": bold, "new": new}},
        "control": "old",
        "earlier": (),
        "design_digest": "",
        "data_digest": "",
        "folder": None,
    }
    return Past(**(fields | changed))


class Story(Opened):
    """An experiment with days and groups."""

    def days(self, metric, arm):
        return tuple(Day(f"day {i}", 0.03, 0.0, 0.06, -0.1 / i, 0.1 / i) for i in range(1, 6))

    def segments(self, metric, arm):
        phone = Group("phone", 900, Span(0.06, 0.01, 0.11), Span(0.04, 0.0, 0.08))
        return Groups((phone, Group(HOSTILE, 9, Span(0.2, -0.1, 0.5), Span(0.03, -0.02, 0.08))), "relative", "Same.")
