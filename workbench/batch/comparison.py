"""Two runs set side by side: parameters, numbers, verdicts, cells and what the cells put out.

A pure account of two runs as they were read. Two numbers are the same within 1e-12; two outputs are
when they differ in nothing but what no two runs share, see `workbench.batch.outputs`.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.batch.content import Content, differences
from workbench.batch.history import PastRun
from workbench.batch.notebook import content_of, own_cells
from workbench.batch.outputs import bare, seen
from workbench.batch.reuse import content_in

TOLERANCE = 1e-12  # relative and absolute, within which two numbers are the same


@dataclass(frozen=True)
class Side:
    """One of the two runs, with what lies in its folder."""

    run: PastRun
    cells: tuple[Mapping[str, Any], ...]  # as they were executed, without what a runner added
    content: Content | None  # what it depended on, where that was kept


@dataclass(frozen=True)
class Parameter:
    """A parameter that the two do not share."""

    name: str
    before: Any  # None also where there was none
    after: Any


@dataclass(frozen=True)
class Metric:
    """One number of both."""

    name: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """After less before; None where one is missing."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def relative(self) -> float | None:
        """The difference as a share of the size before; None where that is zero or one is missing."""
        return self.difference / abs(self.before) if self.difference is not None and self.before else None

    @property
    def same(self) -> bool:
        """Whether both are there and equal within the tolerance."""
        return self.before is not None and self.after is not None and _close(self.before, self.after)


@dataclass(frozen=True)
class Verdict:
    """One finding of both, by its kind and what it is about."""

    kind: str
    subject: str  # a model that the runs registered stands without its version
    before: str | None
    after: str | None
    figures: tuple[Metric, ...]

    @property
    def same(self) -> bool:
        """Whether verdict and figures are the same."""
        return self.before == self.after and all(figure.same for figure in self.figures)


@dataclass(frozen=True)
class Cell:
    """A cell that the two do not share; None where one has no such cell."""

    number: int  # in the run that has it, the later one where both do
    before: str | None
    after: str | None

    @property
    def lines(self) -> list[str]:
        """The change as a unified diff, without its head."""
        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        return list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


@dataclass(frozen=True)
class Output:
    """What one code cell put out in both."""

    number: int  # of the cell in the later run
    before: tuple[Mapping[str, Any], ...]
    after: tuple[Mapping[str, Any], ...]
    same: bool


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    before: PastRun
    after: PastRun
    reasons: tuple[str, ...]  # what else they depended on that differs, in words
    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    verdicts: tuple[Verdict, ...]
    cells: tuple[Cell, ...]
    outputs: tuple[Output, ...]

    @property
    def sentence_same(self) -> bool:
        """Whether both say the same, but for what no two runs share."""
        return bare(self.before.sentence, self.before) == bare(self.after.sentence, self.after)

    @property
    def results(self) -> tuple[str, ...]:
        """What differs in what came out, in words; nothing where the later run reproduces the earlier."""
        found = []
        if self.before.status != self.after.status:
            found.append(f"status: {self.before.status}, then {self.after.status}")
        if not self.sentence_same:
            found.append(f"sentence: {self.before.sentence!r}, then {self.after.sentence!r}")
        found += [f"metric {m.name}: {m.before}, then {m.after}" for m in self.metrics if not m.same]
        for verdict in (verdict for verdict in self.verdicts if not verdict.same):
            about = f"finding {verdict.kind} of {verdict.subject}"
            if verdict.before != verdict.after:
                found.append(f"{about}: {verdict.before or 'none'}, then {verdict.after or 'none'}")
            changed = [figure for figure in verdict.figures if not figure.same]
            found += [f"{about}: {figure.name} {figure.before}, then {figure.after}" for figure in changed]
        return (*found, *(f"output of cell {output.number}" for output in self.outputs if not output.same))

    @property
    def sentence(self) -> str:
        """How much came out otherwise, in words."""
        counts = {
            "status": int(self.before.status != self.after.status),
            "metric": sum(not metric.same for metric in self.metrics),
            "finding": sum(not verdict.same for verdict in self.verdicts),
            "output": sum(not output.same for output in self.outputs),
        }
        found = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
        if not found:
            return "The same came out." if self.sentence_same else "They say different things."
        words = " and ".join([*([", ".join(found[:-1])] if found[:-1] else []), found[-1]])
        return f"What came out differs in {words}."

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain JSON, outputs by the numbers of their cells."""
        return {
            "before": self.before.run_id,
            "after": self.after.run_id,
            "reasons": list(self.reasons),
            "parameters": [vars(parameter) for parameter in self.parameters],
            "metrics": [_as_json(metric) for metric in self.metrics],
            "sentence": {"before": self.before.sentence, "after": self.after.sentence},
            "verdicts": [
                {**vars(v), "same": v.same, "figures": [_as_json(figure) for figure in v.figures]}
                for v in self.verdicts
            ],
            "cells": [{**vars(cell), "diff": cell.lines} for cell in self.cells],
            "outputs": [{"cell": output.number, "same": output.same} for output in self.outputs],
            "results": list(self.results),
        }


def side_of(run: PastRun) -> Side:
    """A run with what lies in its folder.

    Raises:
        Misuse: Its folder or its notebook is gone.
    """
    return Side(run, tuple(own_cells(content_of(run.notebook))), content_in(run.folder))


def compare(before: Side, after: Side) -> Comparison:
    """The two runs side by side."""
    pairs = list(_paired(before.cells, after.cells))
    return Comparison(
        before=before.run,
        after=after.run,
        reasons=tuple(_reasons(before.content, after.content)),
        parameters=parameters_of(before.run, after.run),
        metrics=metrics_of(before.run.metrics, after.run.metrics),
        verdicts=tuple(_verdicts(before.run, after.run)),
        cells=tuple(
            Cell(number, _source(one), _source(other)) for number, one, other in pairs if _source(one) != _source(other)
        ),
        outputs=tuple(_outputs(pairs, before.run, after.run)),
    )


def parameters_of(before: PastRun, after: PastRun) -> tuple[Parameter, ...]:
    """The parameters that two runs do not share."""
    return tuple(
        Parameter(name, before.parameters.get(name), after.parameters.get(name))
        for name in {**before.parameters, **after.parameters}
        if _text(before.parameters.get(name)) != _text(after.parameters.get(name))
    )


def metrics_of(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Metric, ...]:
    """Numbers by name, side by side."""
    return tuple(Metric(name, before.get(name), after.get(name)) for name in {**before, **after})


def _reasons(before: Content | None, after: Content | None) -> Iterator[str]:
    """What differs besides parameters and cells, which stand by themselves."""
    if before is not None and after is not None:
        yield from differences(replace(before, cells=after.cells, parameters=after.parameters), after)


def _verdicts(before: PastRun, after: PastRun) -> Iterator[Verdict]:
    sides = [{_about(finding, run): finding for finding in run.findings} for run in (before, after)]
    for kind, subject in {**sides[0], **sides[1]}:
        one, other = (side.get((kind, subject), {}) for side in sides)
        yield Verdict(
            kind,
            subject,
            one.get("verdict"),
            other.get("verdict"),
            metrics_of(_values(one), _values(other)),
        )


def _about(finding: Mapping[str, Any], run: PastRun) -> tuple[str, str]:
    own = {f"{model}/{version}": model for model, version in run.versions}
    return str(finding["kind"]), own.get(finding["subject"], str(finding["subject"]))


def _values(finding: Mapping[str, Any]) -> dict[str, float]:
    figures = finding.get("figures", {})
    return {name: figure["value"] for name, figure in figures.items() if isinstance(figure["value"], int | float)}


def _paired(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[int, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Cells that belong together: by id, then by the same source, then none; each with its number."""
    left = {str(cell.get("id", f"#{number}")): (number, cell) for number, cell in enumerate(before, start=1)}
    rest: list[tuple[int, Mapping[str, Any]]] = []
    found: list[tuple[int, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    for number, cell in enumerate(after, start=1):
        same = left.pop(str(cell.get("id", f"#{number}")), None)
        if same is None:
            rest.append((number, cell))
        else:
            found.append((number, same[1], cell))
    for number, cell in rest:
        name = next((name for name, (_, other) in left.items() if _source(other) == _source(cell)), None)
        found.append((number, left.pop(name)[1] if name is not None else None, cell))
    found += [(number, cell, None) for number, cell in left.values()]
    yield from sorted(found, key=lambda pair: pair[0])


def _outputs(pairs: Sequence[tuple[int, Any, Any]], before: PastRun, after: PastRun) -> Iterator[Output]:
    for number, one, other in pairs:
        left, right = (tuple(cell.get("outputs", ())) if cell else () for cell in (one, other))
        if left or right:
            yield Output(number, left, right, seen(left, before) == seen(right, after))


def _source(cell: Mapping[str, Any] | None) -> str | None:
    return None if cell is None else "".join(cell["source"])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _as_json(metric: Metric) -> dict[str, Any]:
    return {**vars(metric), "difference": metric.difference, "relative": metric.relative, "same": metric.same}
