"""Clusters put together when cells are: each is counted once, even where its units lie in several segments.

A cluster lies in one arm and on one day (the scan sees to that), so cells of two days or arms share none.
Cells of one day and arm may, in different segments: so beside the cells' own clusters stand those of each
day and arm, counted across its segments. A merged cell takes of a day and arm one segment, or all: of some,
it cannot be told which clusters they share, and this is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from workbench.data.cells import Cell, day_order
from workbench.errors import Misuse
from workbench.stats.clusters import SIZE, recentred
from workbench.stats.moments import Logs, Moments, merged, merged_logs, stacked


class Parts(NamedTuple):
    """Clusters with the units that they are of, one row a cell or a day and arm."""

    units: Moments
    logs: Logs
    clusters: Moments

    def put(self, rows: Sequence[int], at: Sequence[int], units: Moments, logs: Logs) -> Moments:
        """The clusters of these rows, each merged into the place that `at` says, whose units are given."""
        take, to = np.array(rows, dtype=np.int64), np.array(at, dtype=np.int64)
        share = self.logs.n[take] / np.maximum(self.units.n[take][:, None], 1.0)
        own = Moments(*(part[take] for part in self.clusters))
        new_units, new_logs = Moments(*(part[to] for part in units)), Logs(*(part[to] for part in logs))
        told = recentred(own, self.units.mean[take], share, self.logs.mean[take], new_units, new_logs)
        return merged(told, to, len(units.n))


def groups(cells: Iterable[Cell]) -> list[tuple[str, str]]:
    """The days and arms there are, in order: what the rows of clusters across segments are of."""
    return sorted({(cell.day, cell.arm) for cell in cells}, key=lambda group: (day_order(group[0]), group[1]))


def across_of(across: Moments | None, cells: Sequence[Cell], left: Sequence[Cell]) -> Moments | None:
    """Clusters across segments where some cells are left; None where each day and arm has one segment left."""
    if across is None or len({(cell.segment, cell.day, cell.arm) for cell in left}) == len(groups(left)):
        return None
    there = set(groups(left))
    take = [i for i, group in enumerate(groups(cells)) if group in there]
    return Moments(*(part[take] for part in across))


def gathered(
    cells: Sequence[Cell], own: Parts, across: Moments | None, targets: Sequence[Cell], new: Sequence[Cell], to: Parts
) -> tuple[Moments, Moments | None]:
    """The clusters of merged cells, and those across their segments.

    Args:
        cells: The cells as they are; one may come more than once.
        own: ... and the clusters in them.
        across: The clusters of each day and arm of these cells; None where no two cells share any.
        targets: Where each cell goes.
        new: The merged cells, sorted.
        to: ... and the units in them; its clusters are not looked at.

    Raises:
        Misuse: Clusters lie in several segments, and a merged cell holds some of these and not all,
            or they were put on different days.
    """
    place = {cell: i for i, cell in enumerate(new)}
    at = [place[target] for target in targets]
    if across is None:
        return own.put(range(len(cells)), at, to.units, to.logs), None
    whole = _by_group(cells, own)._replace(clusters=across)
    number = {group: i for i, group in enumerate(groups(cells))}
    rows: list[int] = []
    into: list[int] = []
    for (target, group), part in _meeting(cells, at).items():
        i = number[group]
        if len({cells[row].segment for row in part}) == 1:
            rows += part
        elif own.units.n[part].sum() == round(across.n[i] * across.mean[i, SIZE]):  # all of its units are here
            rows.append(len(cells) + i)
        else:
            raise Misuse(
                "some segments of an arm cannot be put together: clusters lie in several of them",
                hint="scan with the segment columns that are wanted only, or take all segments",
            )
        into += [target] * (len(rows) - len(into))
    both = Parts(
        stacked([own.units, whole.units]),
        Logs(*(np.concatenate(pair) for pair in zip(own.logs, whole.logs, strict=True))),
        stacked([own.clusters, across]),
    )
    merged_across = None
    if len(set(new)) > len(groups(new)):
        merged_across = _merged_across(cells, whole, targets, new, to)
    return both.put(rows, into, to.units, to.logs), merged_across


def _meeting(cells: Sequence[Cell], at: Sequence[int]) -> dict[tuple[int, tuple[str, str]], list[int]]:
    """Rows by the place they go to and the day and arm they come from."""
    found: dict[tuple[int, tuple[str, str]], list[int]] = {}
    for row, (cell, target) in enumerate(zip(cells, at, strict=True)):
        found.setdefault((target, (cell.day, cell.arm)), []).append(row)
    return found


def _merged_across(
    cells: Sequence[Cell], whole: Parts, targets: Sequence[Cell], new: Sequence[Cell], to: Parts
) -> Moments:
    """The clusters of each new day and arm.

    Raises:
        Misuse: A day and arm was put on several: its clusters would lie in them all.
    """
    moves = {((cell.day, cell.arm), (target.day, target.arm)) for cell, target in zip(cells, targets, strict=True)}
    if len(moves) > len(groups(cells)):
        raise Misuse("clusters lie in several segments; these cannot be put on different days or arms")
    number = {group: i for i, group in enumerate(groups(new))}
    target_of = dict(moves)
    goal = _by_group(new, to)
    at = [number[target_of[group]] for group in groups(cells)]
    return whole.put(range(len(at)), at, goal.units, goal.logs)


def _by_group(cells: Sequence[Cell], parts: Parts) -> Parts:
    """The units of each day and arm; clusters are left as they are."""
    number = {group: i for i, group in enumerate(groups(cells))}
    at = np.array([number[cell.day, cell.arm] for cell in cells], dtype=np.int64)
    units, logs = merged(parts.units, at, len(number)), merged_logs(parts.logs, at, len(number))
    return parts._replace(units=units, logs=logs)
