"""The same comparison inside each segment: does the answer come from who is in which arm?

Where arms were filled differently from place to place, their plain difference mixes places. Here
each segment compares its own arms, and the differences are added in the segments' shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from workbench.data.moments import Cell, MomentCube
from workbench.errors import Misuse


@dataclass(frozen=True)
class Within:
    """One arm against the control, compared within segments."""

    arm: str
    effect: float  # difference of means, weighted by the units of both arms in each segment
    low: float
    high: float
    used: tuple[str, ...]  # segments that hold both arms
    left_out: tuple[str, ...]  # segments that lack one of them
    plain: float  # the difference without segments


def within_segments(
    cube: MomentCube, measure: str, control: str, arms: Sequence[str], *, level: float = 0.95
) -> tuple[Within, ...]:
    """Differences in means within segments.

    Args:
        cube: A scan with at least one segment column.
        measure: What is compared.
        control: The arm that the others are set against.
        arms: The other arms.
        level: Probability inside the intervals.

    Returns:
        One result an arm; the interval is normal, clusters respected.

    Raises:
        Misuse: The cube has no segments, or no segment holds an arm together with the control.
    """
    if not cube.segments:
        raise Misuse("the cube has no segments", hint="name a segment column in the design")
    parts = {}
    for segment in sorted({cell.segment for cell in cube.cells}):
        parts[", ".join(segment)] = cube.only(_in(segment))
    return tuple(_within(cube, parts, measure, control, arm, level) for arm in arms)


def _in(segment: tuple[str, ...]) -> Callable[[Cell], bool]:
    return lambda cell: cell.segment == segment


def _within(
    cube: MomentCube, parts: dict[str, MomentCube], measure: str, control: str, arm: str, level: float
) -> Within:
    used = [name for name, part in parts.items() if {arm, control} <= set(part.arms)]
    pairs = [(parts[name].sample(measure, arm), parts[name].sample(measure, control)) for name in used]
    usable = [(name, a, c) for name, (a, c) in zip(used, pairs, strict=True) if min(a.independent, c.independent) >= 2]
    if not usable:
        raise Misuse(f"no segment holds {arm!r} together with {control!r}")
    weight = np.array([a.n + c.n for _, a, c in usable])
    weight = weight / weight.sum()
    effect = float(weight @ np.array([a.mean - c.mean for _, a, c in usable]))
    variance = float(weight**2 @ np.array([a.error**2 + c.error**2 for _, a, c in usable]))
    reach = float(special.ndtri((1 + level) / 2)) * float(np.sqrt(variance))
    names = tuple(name for name, _, _ in usable)
    plain = cube.sample(measure, arm).mean - cube.sample(measure, control).mean
    left = tuple(name for name in parts if name not in names)
    return Within(arm, effect, effect - reach, effect + reach, names, left, plain)
