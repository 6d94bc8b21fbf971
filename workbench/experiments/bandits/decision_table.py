"""What a bandit plays: a table from circumstances to weights, and the arm of a unit read off it.

The table is made when evidence arrives; to play is to look. A unit's place is a hash of its name and
the experiment's, so that it keeps its arm for as long as the table stands (when weights change, those
whose place lies in what moved change with them), and in another experiment its place is another one.
The order of arms does not matter. Every choice carries the propensity, without which its reward
could teach nobody but this bandit.

The hash is that of `stats.assignment`, which canaries share.

>>> table = DecisionTable.of("checkout", {"default": {"old": 0.25, "new": 0.75}})
>>> table.choose("unit-17")
Choice(arm='new', propensity=0.75, table_version='44addaaf041f', leaf='default')
>>> DecisionTable.from_json(table.as_json()) == table
True
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import DEFAULT, Context, Leaf, finder
from workbench.stats.assignment import MASK, draw_of, upto

FORMAT = "workbench.decision-table/1"
HINT = "give the JSON that `workbench bandit table --json` or `workbench price table --json` prints"
DIGITS = 12  # decimals of a weight, so that the same evidence gives the same table whatever the order of its sums
SUM = 1e-9  # how far weights may sum from one


class Choice(NamedTuple):
    """What was chosen for a unit, with all that a log needs to know of it."""

    arm: str
    propensity: float  # probability with which the arm is played in this leaf, in (0, 1]
    table_version: str  # of the table that it was read off
    leaf: str


class Choices(NamedTuple):
    """Choices of many units, one entry each."""

    arm: npt.NDArray[np.str_]
    propensity: npt.NDArray[np.float64]
    table_version: str
    leaf: npt.NDArray[np.str_]


@dataclass(frozen=True)
class DecisionTable:
    """Weights by leaf; frozen, and named by its content."""

    experiment: str
    leaves: tuple[Leaf, ...]  # in the order in which they are tried; the default leaf is not among them
    weights: Mapping[str, Mapping[str, float]]  # leaf, the default one too, to arm to share; each sums to one

    def __post_init__(self) -> None:
        names = [leaf.name for leaf in self.leaves]
        if len(set(names)) != len(names) or DEFAULT in names:
            raise Misuse(f"the leaves are {', '.join(names)}; each needs a name of its own, and {DEFAULT!r} is taken")
        if set(self.weights) != {*names, DEFAULT}:
            raise Misuse(f"weights are for {sorted(self.weights)}; they must be for {sorted([*names, DEFAULT])}")
        if len({frozenset(arms) for arms in self.weights.values()}) != 1:
            raise Misuse("the leaves have different arms; give an arm that is not played the weight 0")
        for leaf, arms in self.weights.items():
            good = all(isinstance(w, int | float) and math.isfinite(w) and w >= 0 for w in arms.values())
            if not (arms and good and abs(sum(arms.values()) - 1) <= SUM):
                raise Misuse(f"the weights of {leaf!r} are {dict(arms)}; none may be negative and they must sum to one")

    @classmethod
    def of(
        cls, experiment: str, weights: Mapping[str, Mapping[str, float]], leaves: Iterable[Leaf] = ()
    ) -> DecisionTable:
        """A table of weights as they are computed, rounded to 12 digits."""
        rounded = {
            leaf: {arm: round(float(w), DIGITS) for arm, w in sorted(arms.items())} for leaf, arms in weights.items()
        }
        return cls(experiment, tuple(leaves), rounded)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms in alphabetical order, which is the order they are laid out in."""
        return tuple(sorted(self.weights[DEFAULT]))

    @cached_property
    def version(self) -> str:
        """The first twelve digits of the SHA-256 of what the table says."""
        return hashlib.sha256(json.dumps(self._body(), sort_keys=True).encode()).hexdigest()[:12]

    def choose(self, unit: str, context: Context | None = None) -> Choice:
        """The arm of one unit.

        Args:
            unit: Name of the unit; the same name gets the same arm.
            context: Attributes to values; what fits no leaf falls to the default one.

        Raises:
            Misuse: The unit's name is no text.
        """
        multiplier, shift, find, looks = self._serving
        ends, choices = looks[find(context)]
        try:
            return choices[bisect_right(ends, (crc32(unit.encode()) * multiplier + shift) & MASK)]
        except (AttributeError, UnicodeEncodeError) as error:
            raise Misuse(f"the unit is {unit!r}; its name must be text", hint="pass str(unit)") from error

    def choose_many(self, units: Sequence[str], leaves: Sequence[str] | None = None) -> Choices:
        """The arms of many units at once, each the one that `choose` gives.

        Args:
            units: Names of the units.
            leaves: Name of each unit's leaf; None: the default leaf for all.

        Raises:
            Misuse: A leaf is not in the table.
        """
        multiplier, shift, _, looks = self._serving
        crc = np.fromiter(map(crc32, map(str.encode, units)), dtype=np.uint64, count=len(units))
        place = crc * np.uint64(multiplier) + np.uint64(shift)
        names = list(looks)
        number = {leaf: i for i, leaf in enumerate(names)}
        if leaves is not None and (unknown := set(leaves) - set(names)):
            raise Misuse(f"there is no leaf {min(unknown)!r}", hint=f"the leaves are: {', '.join(names)}")
        of_unit = np.full(len(units), number[DEFAULT])
        if leaves is not None:
            of_unit = np.fromiter(map(number.__getitem__, leaves), dtype=np.int64, count=len(units))
        arm = np.zeros(len(units), dtype=f"<U{max(map(len, self.arms))}")
        propensity = np.zeros(len(units))
        for i in set(of_unit.tolist()):
            ends, choices = looks[names[i]]
            here = np.flatnonzero(of_unit == i)
            found = np.searchsorted(np.array(ends, dtype=np.uint64), place[here], side="right")
            arm[here] = np.array([choice.arm for choice in choices])[found]
            propensity[here] = np.array([choice.propensity for choice in choices])[found]
        return Choices(arm, propensity, self.version, np.array(names)[of_unit])

    def leaf_of(self, context: Context | None) -> str:
        """The name of the leaf that a context falls into."""
        return str(self._serving[2](context))

    def as_json(self, beside: Mapping[str, Any] | None = None) -> str:
        """The table as text that any server can read: leaf, condition, weights.

        Args:
            beside: What people may want to know with it, under "beside"; no part of the version, and never read back.
        """
        body = {"format": FORMAT, "version": self.version, **self._body()}
        if beside is not None:
            body["beside"] = dict(beside)
        return json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> DecisionTable:
        """The table that a text tells of; its version is checked against its content.

        Raises:
            Misuse: The text is no such table.
        """
        body = _object(text)
        table = cls(
            experiment=body["experiment"],
            leaves=tuple(Leaf(one["leaf"], one["condition"]) for one in body["leaves"][:-1]),
            weights={one["leaf"]: one["weights"] for one in body["leaves"]},
        )
        if table.version != body["version"]:
            raise Misuse(
                f"the table says that it is version {body['version']}; its content is version {table.version}",
                hint="it was edited or cut; make it anew from the state",
            )
        return table

    def _body(self) -> dict[str, Any]:
        leaves = [*self.leaves, Leaf(DEFAULT)]
        told = [{"leaf": x.name, "condition": dict(x.condition), "weights": dict(self.weights[x.name])} for x in leaves]
        return {"experiment": self.experiment, "leaves": told}

    @cached_property
    def _serving(self) -> tuple[int, int, Any, dict[str, tuple[list[int], list[Choice]]]]:
        """All that `choose` needs: the hash's numbers, the finder, and per leaf where each arm's places end."""
        multiplier, shift = draw_of(self.experiment)
        looks = {}
        for leaf, arms in self.weights.items():
            played = [(arm, arms[arm]) for arm in self.arms if arms[arm] > 0]
            total = sum(weight for _, weight in played)
            ends = [upto(end / total) for end in accumulate(weight for _, weight in played)][:-1]
            looks[leaf] = (ends, [Choice(arm, weight, self.version, leaf) for arm, weight in played])
        return multiplier, shift, finder(self.leaves), looks


def _object(text: str) -> dict[str, Any]:
    """The text's JSON, of the form that a table has.

    Raises:
        Misuse: It has another form.
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Misuse(f"the table is no JSON: {error}", hint=HINT) from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise Misuse(f"this is no decision table of the form {FORMAT}", hint=HINT)
    leaves = body.get("leaves")
    formed = (
        set(body) - {"beside"} == {"format", "version", "experiment", "leaves"}
        and isinstance(body["experiment"], str)
        and isinstance(leaves, list)
        and all(isinstance(one, dict) and set(one) == {"leaf", "condition", "weights"} for one in leaves)
        and all(isinstance(one["weights"], dict) for one in leaves)
        and bool(leaves)
        and leaves[-1]["leaf"] == DEFAULT
        and leaves[-1]["condition"] == {}
    )
    if not formed:
        raise Misuse("the decision table has other fields than it should, or no default leaf at its end", hint=HINT)
    return body
