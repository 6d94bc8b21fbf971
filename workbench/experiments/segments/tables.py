"""Segments shown: a table and a picture of raw and shrunken numbers side by side, and what each column's values add."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from workbench.experiments import words
from workbench.experiments.pictures import COLOURS, Picture
from workbench.experiments.segments.shrunken import Segment, SegmentResult
from workbench.experiments.segments.words import amount

if TYPE_CHECKING:
    import pandas as pd

RAW = "#9ca3af"
ROWS = 40  # in a picture; of more segments the highest and the lowest are drawn
CLIP = 3.0  # raw intervals are drawn as far as this many times the span of the shrunken ones


def table(result: SegmentResult) -> pd.DataFrame:
    """One row a segment, the most different first: units, raw and shrunken difference, chances."""
    import pandas as pd

    return pd.DataFrame(rows(result)).set_index(", ".join(result.columns))


def rows(result: SegmentResult) -> list[dict[str, Any]]:
    """The same as plain rows."""
    return [_row(s, result) for s in sorted(result.segments, key=lambda s: -s.effect)]


def left_out(result: SegmentResult) -> pd.DataFrame:
    """Segments that cannot be compared, with the reason."""
    import pandas as pd

    return pd.DataFrame({"not compared because": dict(result.left_out)}).rename_axis(", ".join(result.columns))


def levels(result: SegmentResult) -> pd.DataFrame:
    """What each value of each column adds to the whole; empty along one column."""
    import pandas as pd

    added = [
        {
            "column": found.column,
            "value": found.value,
            "adds": amount(found.effect, result.scale),
            "interval": f"{amount(found.low, result.scale)} to {amount(found.high, result.scale)}",
        }
        for found in result.levels
    ]
    return pd.DataFrame(added, columns=["column", "value", "adds", "interval"]).set_index(["column", "value"])


def picture(result: SegmentResult) -> Picture:
    """Each segment's own difference (grey, open) above the shrunken one, with their intervals, and the whole's band."""
    from matplotlib.figure import Figure

    ranked = sorted(result.segments, key=lambda s: s.effect)
    shown = ranked if len(ranked) <= ROWS else ranked[: ROWS // 2] + ranked[-(ROWS // 2) :]
    figure = Figure(figsize=(8.5, 1.4 + 0.34 * len(shown)), dpi=110, layout="constrained")
    ax = figure.subplots()
    ax.axvspan(result.whole.low, result.whole.high, color="#2563eb", alpha=0.10, lw=0)
    ax.axvline(result.whole.value, color="#2563eb", lw=1.0, ls=":")
    for place, s in enumerate(shown):
        _segment(ax, place, s, result)
    ax.axvline(0, color="black", lw=1)
    ax.set_yticks(range(len(shown)), [_short(s.called) for s in shown])
    ax.set_ylabel(", ".join(result.columns))
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.set_xlim(*_limits(shown, result))
    if result.scale == "relative":
        ax.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.0f} %".replace("-", "−"))
    good = "less is better" if result.metric.better == "lower" else "more is better"
    of = "" if len(shown) == len(ranked) else f"; {len(shown)} of {len(ranked)}, the highest and the lowest"
    ax.set_title(
        f"{result.metric.called}: {result.arm} against {result.control} ({good}), {result.level:.0%} intervals{of}\n"
        "open grey: the segment alone; filled: after seeing all; band: the whole",
        fontsize=9,
        loc="left",
    )
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(left=False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return Picture(out.getvalue())


def _row(s: Segment, result: SegmentResult) -> dict[str, Any]:
    def span(low: float, high: float) -> str:
        return f"{amount(low, result.scale)} to {amount(high, result.scale)}"

    return {
        ", ".join(result.columns): s.called,
        f"units, {result.control}": s.n_control,
        f"units, {result.arm}": s.n_arm,
        "alone": "–" if s.raw is None else amount(s.raw, result.scale),
        "interval alone": span(s.raw_low, s.raw_high),
        "after seeing all": amount(s.effect, result.scale),
        "interval": span(s.low, s.high),
        "chance to be better": words.chance(s.chance_better),
        "chance to be above the whole": words.chance(s.chance_above),
    }


def _segment(ax: Any, place: int, s: Segment, result: SegmentResult) -> None:
    colour = COLOURS["not enough evidence"]
    if s.chance_better >= result.level:
        colour = COLOURS["better"]
    elif s.chance_better <= 1 - result.level:
        colour = COLOURS["worse"]
    ax.plot([s.raw_low, s.raw_high], [place + 0.16] * 2, color=RAW, lw=1.2)
    if s.raw is not None:
        ax.plot([s.raw], [place + 0.16], "o", ms=4.5, mfc="white", mec=RAW)
    ax.plot([s.low, s.high], [place - 0.12] * 2, color=colour, lw=2.4)
    ax.plot([s.effect], [place - 0.12], "o", ms=5.5, color=colour)


def _limits(shown: list[Segment], result: SegmentResult) -> tuple[float, float]:
    """All shrunken intervals, and raw ones as far as they do not dwarf them."""
    low, high = min(result.whole.low, *(s.low for s in shown)), max(result.whole.high, *(s.high for s in shown))
    room = (CLIP - 1) / 2 * (high - low)
    left = max(min(0.0, low, *(s.raw_low for s in shown)), min(0.0, low - room))
    right = min(max(0.0, high, *(s.raw_high for s in shown)), max(0.0, high + room))
    pad = 0.03 * (right - left)
    return left - pad, right + pad


def _short(name: str) -> str:
    """A name that leaves room for the picture, and that matplotlib takes as text."""
    return (name if len(name) <= 28 else name[:27] + "…").replace("$", r"\$")
