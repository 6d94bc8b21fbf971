"""The plan of a sweep: which runs, with which values, all of it checked before anything starts.

    plan = over(parameters, {"seed": "7"}, {"depth": "1:3:3", "rate": [0.1, 0.2]})
    [run["depth"] for run in plan.runs]        # 1, 1, 2, 2, 3, 3: the last parameter turns fastest

Pure: notebooks and files are read elsewhere. Everything that is wrong is said at once.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.batch.kinds import plain
from workbench.batch.parameters import Parameters
from workbench.batch.sweeps.axes import MOST_RUNS, spread
from workbench.errors import Misuse

MOST_TOLD = 20  # problems in one message
How = Literal["grid", "zip", "rows"]


@dataclass(frozen=True)
class Plan:
    """Which runs a sweep has; values are plain JSON, as a run reads them."""

    how: How  # all combinations, side by side, or as listed
    swept: tuple[str, ...]  # the parameters that differ, in the order they were given
    fixed: Mapping[str, Any]  # the same for all runs; what is not named is the notebook's default
    runs: tuple[Mapping[str, Any], ...]  # of each run, what is its own

    def given(self, number: int) -> dict[str, Any]:
        """All values that the run of a number, from 1, is given."""
        return {**self.fixed, **self.runs[number - 1]}


def over(
    parameters: Parameters,
    fixed: Mapping[str, Any],
    swept: Mapping[str, str | Iterable[Any]],
    *,
    zipped: bool = False,
    where: str = "",
) -> Plan:
    """A plan over the values of some parameters.

    Args:
        parameters: What the notebook takes.
        fixed: Values that are the same for all runs.
        swept: The values of each parameter: as a text, like `--sweep` has it, or one by one.
        zipped: Take the first values together, then the second ones; by default all combinations.
        where: The notebook as a command takes it, for hints.

    Raises:
        Misuse: A name or a value does not fit, nothing is swept, lengths differ, or there are too many runs.
    """
    problems = [*_problems(parameters, fixed, ""), *_twice(fixed, swept)]
    axes: dict[str, list[Any]] = {}
    for name, given in swept.items():
        axes[name], more = _axis(parameters, name, given, repeats=zipped)
        problems += more
    _refuse(problems, parameters, where)
    if not axes:
        raise Misuse("nothing is swept", hint="say over what: --sweep NAME=1,2,3")
    lengths = {name: len(values) for name, values in axes.items()}
    if zipped and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise Misuse(f"--zip needs equally many values of each parameter: {told}", hint="or take all: --grid")
    _check_number(next(iter(lengths.values())) if zipped else math.prod(lengths.values()))
    rows = zip(*axes.values(), strict=True) if zipped else itertools.product(*axes.values())
    runs = tuple(dict(zip(axes, row, strict=True)) for row in rows)
    return Plan("zip" if zipped else "grid", tuple(axes), _plainly(parameters, fixed), runs)


def listed(
    parameters: Parameters, fixed: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, where: str = ""
) -> Plan:
    """A plan of runs that are given one by one.

    Args:
        parameters: What the notebook takes.
        fixed: Values that are the same for all runs.
        rows: Of each run, its own values by name; what a row leaves out is the notebook's default.
        where: The notebook as a command takes it, for hints.

    Raises:
        Misuse: A name or a value does not fit, there is no row, or there are too many.
    """
    swept = tuple(dict.fromkeys(name for row in rows for name in row))
    known = {parameter.name for parameter in parameters}
    problems = [*_problems(parameters, fixed, ""), *_twice(fixed, swept)]
    for name in swept:
        if name not in known:
            problems += _problems(parameters, {name: ""}, "")
    runs = []
    for number, row in enumerate(rows[: MOST_RUNS + 1], start=1):
        own = {name: value for name, value in row.items() if name in known}
        wrong = _problems(parameters, own, f"row {number}: ")
        problems += wrong
        runs.append({} if wrong else _plainly(parameters, own))
    _refuse(problems, parameters, where)
    if not runs or not swept:
        raise Misuse("the list of runs is empty", hint="a header of parameter names, then one row a run")
    _check_number(len(runs))
    return Plan("rows", swept, _plainly(parameters, fixed), tuple(runs))


def _axis(
    parameters: Parameters, name: str, given: str | Iterable[Any], *, repeats: bool
) -> tuple[list[Any], list[str]]:
    """The values of one parameter as plain JSON, and what is wrong with them."""
    kind = next((parameter.kind for parameter in parameters if parameter.name == name), None)
    if kind is None:
        return [], _problems(parameters, {name: ""}, "")
    try:
        items = spread(kind, given) if isinstance(given, str) else list(itertools.islice(given, MOST_RUNS + 1))
    except ValueError as error:
        return [], [f"{name}: {error}" if kind.leaf != "Secret" else f"{name}: its values cannot be read"]
    except TypeError:
        return [], [f"{name} is swept over {given!r}; it must be a list of values, or a text like 1,2,3"]
    if not items:
        return [], [f"{name} is swept over no value"]
    values: list[Any] = []
    problems: list[str] = []
    for place, item in enumerate(items, start=1):
        wrong = _problems(parameters, {name: item}, f"value {place} of {len(items)}: ")
        problems += wrong
        if not wrong:
            values.append(_plainly(parameters, {name: item})[name])
    if not repeats:  # in a grid, the same value again is the same runs again
        seen = Counter(repr(value) for value in values)
        problems += [f"{name} has {value} more than once" for value, times in seen.items() if times > 1]
    return values, problems


def _plainly(parameters: Parameters, given: Mapping[str, Any]) -> dict[str, Any]:
    values = parameters.validate(given)
    return {name: plain(values[name]) for name in given}


def _problems(parameters: Parameters, given: Mapping[str, Any], place: str) -> list[str]:
    try:
        parameters.validate(given)
    except Misuse as error:
        return [f"{place}{error.message}"]
    return []


def _twice(fixed: Mapping[str, Any], swept: Iterable[str]) -> list[str]:
    return [f"{name} is swept, and given one value by -p too" for name in swept if name in fixed]


def _refuse(problems: Sequence[str], parameters: Parameters, where: str) -> None:
    if not problems:
        return
    told = list(problems[:MOST_TOLD])
    if len(problems) > MOST_TOLD:
        told.append(f"… and {len(problems) - MOST_TOLD} more")
    raise Misuse("\n".join(told), hint=f"workbench params {where or parameters.notebook}")


def _check_number(runs: int) -> None:
    if runs > MOST_RUNS:
        raise Misuse(
            f"these are {runs:,} runs; a sweep has {MOST_RUNS:,} at most",
            hint="sweep over fewer values, or draw some of the combinations into a file: --file runs.csv",
        )
