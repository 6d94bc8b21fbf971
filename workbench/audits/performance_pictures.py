"""Performance and its causes as pictures: the reliability curve, and the waterfall of a drop."""

from __future__ import annotations

from workbench.audits.calibration import CalibrationAudit
from workbench.audits.cause import Cause, CauseAudit
from workbench.audits.pictures import COLOURS, INK, LINE, QUIET, bare
from workbench.data.pictures import Picture, drawn

MOST = 8  # causes with a bar of their own
COST, HELPED = COLOURS["fail"], COLOURS["pass"]


def reliability_curve(audits: dict[str, CalibrationAudit]) -> Picture:
    """Share of yes by probability, a curve an audit, with intervals; honest probabilities lie on the diagonal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.8), dpi=110, layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=LINE, lw=1, ls=(0, (4, 3)))
    for (name, audit), colour in zip(audits.items(), (INK, COLOURS["not enough evidence"], QUIET), strict=False):
        curve = audit.curve
        panel.vlines(curve.means, curve.lows, curve.highs, color=colour, lw=1.5)
        told = "" if audit.error.value is None else f"  off by {audit.error.value:.3f}"
        panel.plot(curve.means, curve.shares, "o-", color=colour, ms=4, lw=1, label=f"{name}{told}")
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    panel.set_xlabel("probability that was given", fontsize=9)
    panel.set_ylabel("share that came true, with 95 % interval", fontsize=9)
    panel.legend(frameon=False, fontsize=9, loc="upper left")
    bare(panel)
    panel.grid(axis="y", color="#eef1f4")
    return drawn(figure)


def waterfall(audit: CauseAudit) -> Picture:
    """From the measure before to the measure now, a step a cause, each with its interval."""
    from matplotlib.figure import Figure

    sign = -1.0 if audit.measure == "accuracy" else 1.0
    steps = _steps(audit)
    figure = Figure(figsize=(8.5, 0.42 * (len(steps) + 2) + 1.0), dpi=110, layout="constrained")
    panel = figure.subplots()
    at, rows = audit.before, len(steps) + 1
    ends: list[float] = []
    panel.plot([at], [rows], "o", color=INK, ms=6)
    for place, cause in enumerate(steps):
        y, end = rows - 1 - place, at + sign * cause.value
        colour = QUIET if cause.low <= 0 <= cause.high else COST if cause.value > 0 else HELPED
        panel.barh([y], [end - at], left=[at], height=0.55, color=colour, alpha=0.85)
        panel.plot([at + sign * cause.low, at + sign * cause.high], [y, y], color=INK, lw=1)
        panel.plot([at, at], [y + 0.28, y + 1 - 0.28], color=LINE, lw=1)
        panel.annotate(
            f"{sign * cause.value:+.4f}" if audit.measure == "accuracy" else f"{sign * cause.value:+.4g}",
            (max(at, end, at + sign * cause.low, at + sign * cause.high), y),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
            color=INK,
        )
        ends += [end, at + sign * cause.low, at + sign * cause.high]
        at = end
    panel.plot([audit.now], [0], "o", color=INK, ms=6)
    names = [f"before  {audit.before:.4g}", *map(_named, steps), f"now  {audit.now:.4g}"]
    panel.set_yticks(range(rows, -1, -1), names)
    panel.set_ylim(-0.6, rows + 0.6)
    edges = [audit.before, audit.now, *ends]
    room = 0.12 * (max(edges) - min(edges))
    panel.set_xlim(min(edges) - room / 2, max(edges) + room)
    panel.set_xlabel(f"{audit.measure}; lines: 95 % intervals, grey: reaching zero", fontsize=9)
    bare(panel)
    return drawn(figure)


def _steps(audit: CauseAudit) -> list[Cause]:
    """The causes in their order, the smallest taken together."""
    if len(audit.causes) <= MOST:
        return list(audit.causes)
    kept = sorted(audit.causes, key=lambda cause: -abs(cause.value))[: MOST - 1]
    rest = [cause for cause in audit.causes if cause not in kept]
    value = sum(cause.value for cause in rest)
    reach = sum(((cause.high - cause.low) / 2) ** 2 for cause in rest) ** 0.5
    small = Cause("inputs", f"{len(rest)} smaller ones", value, value - reach, value + reach, 0.5, "")
    return [*sorted(kept, key=lambda cause: -cause.value), small]


def _named(cause: Cause) -> str:
    return "changed relation" if cause.kind == "relation" else f"{cause.column}: {cause.kind}"
