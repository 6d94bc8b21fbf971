"""A bandit's plan and what it has learned: frozen, additive, kept as JSON.

Evidence comes in as observations, one at a time or a batch: the state is the same to rounding,
whatever the order of the days. Weights are computed when evidence comes in (`decide_table`) and never
when an arm is played. Nothing here reads a clock: a day is part of what was observed.

>>> design = BanditDesign("checkout", arms=("old", "new"), reward="binary")
>>> seen = [Observation("old", float(i < 20), FIRST) for i in range(200)]
>>> seen += [Observation("new", float(i < 35), FIRST) for i in range(200)]
>>> state = update(BanditState.start(design), seen)
>>> {arm: round(weight, 4) for arm, weight in decide_table(state).weights["default"].items()}
{'new': 0.985, 'old': 0.015}
>>> BanditState.from_json(state.as_json()) == state
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import floor, isfinite, log
from typing import Literal, NamedTuple, get_args

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.leaves import DEFAULT, Leaf
from workbench.stats.bandits import (
    Reward,
    Tally,
    arm_posteriors,
    borrowed,
    fading,
    floored,
    pooled,
    thompson,
    top_two,
)
from workbench.stats.comparison import Better
from workbench.stats.moments import Floats

FIRST = date(2026, 1, 1)  # a day for examples and simulations
ALWAYS = 0  # the day under which evidence is kept that no window tells apart

Rule = Literal["thompson", "top two", "uniform", "greedy"]

FITS: dict[Reward, tuple[Callable[[float], bool], str]] = {
    "binary": (lambda reward: reward in {0, 1}, "0 or 1"),
    "count": (lambda reward: reward >= 0 and reward == floor(reward), "a whole number from 0"),
    "mean": (lambda _: True, "a number"),
    "revenue": (lambda reward: reward >= 0, "0 or more"),
}


class Observation(NamedTuple):
    """What came of one decision."""

    arm: str
    reward: float
    day: date  # on which the arm was played
    leaf: str = DEFAULT


class Cell(NamedTuple):
    """Where a tally belongs."""

    leaf: str
    arm: str
    day: int  # ordinal of the day under a window, else ALWAYS


class Share(NamedTuple):
    """What an arm gets in a leaf, and why."""

    leaf: str
    arm: str
    share: float  # of plays
    decisions: float  # seen, in the weight that they still have
    mean: float | None  # reward; None: the arm was not played there


@dataclass(frozen=True)
class BanditDesign:
    """What is played, what counts as good, and how fast it is forgotten."""

    name: str  # salts the assignment of units
    arms: tuple[str, ...]
    reward: Reward  # what kind of number a reward is
    better: Better = "higher"
    rule: Rule = "thompson"  # thompson, top two (finds the best sooner), uniform, or greedy (exploration by `floor`)
    leaves: tuple[Leaf, ...] = ()  # tried in order; whoever fits none falls to the default leaf
    floor: float = 0.01  # smallest share of plays of any arm in a leaf, in [0, 1 / arms]
    half_life: float | None = None  # days after which evidence counts for half; None: it never fades
    window: int | None = None  # days that evidence counts at all; None: for ever
    borrow: float = 0.0  # rewards that an arm's other leaves count for at most in each leaf

    def __post_init__(self) -> None:
        if not self.name:
            raise Misuse("the bandit has no name", hint="give it one; it salts the assignment of units")
        if len(self.arms) < 2 or len(set(self.arms)) != len(self.arms) or not all(self.arms):
            raise Misuse(f"the arms are {', '.join(self.arms)}; a bandit needs two or more, each named once")
        for what, given, known in (
            ("reward", self.reward, tuple(FITS)),
            ("rule", self.rule, get_args(Rule)),
            ("better", self.better, ("higher", "lower")),
        ):
            if given not in known:
                raise Misuse(f"{what} is {given!r}; it must be one of {', '.join(known)}")
        if not 0 <= self.floor <= 1 / len(self.arms):
            raise Misuse(
                f"floor is {self.floor:g}; with {len(self.arms)} arms it must lie in [0, {1 / len(self.arms):g}]"
            )
        if self.half_life is not None and self.window is not None:
            raise Misuse("a half-life and a window were both given", hint="forget in one way: give one of them")
        if self.half_life is not None and not self.half_life > 0:
            raise Misuse(f"half-life is {self.half_life:g} days; it must be above zero")
        if self.window is not None and self.window < 1:
            raise Misuse(f"the window is {self.window} days; it must be at least 1")
        if not 0 <= self.borrow < float("inf"):
            raise Misuse(f"borrow is {self.borrow:g} rewards; it must not be negative")
        DecisionTable.of(self.name, self.equal(), self.leaves)  # refuses leaves that no table can have

    @property
    def names(self) -> tuple[str, ...]:
        """The leaves' names, the default one last."""
        return (*(leaf.name for leaf in self.leaves), DEFAULT)

    def equal(self) -> dict[str, dict[str, float]]:
        """Equal weights in every leaf."""
        return {leaf: dict.fromkeys(self.arms, 1 / len(self.arms)) for leaf in self.names}


@dataclass(frozen=True)
class BanditState:
    """What a bandit has learned up to a day."""

    design: BanditDesign
    cells: Mapping[Cell, Tally] = field(default_factory=dict)  # evidence as it counts on `day`
    day: date | None = None  # the latest day that was observed; None: nothing was yet
    rows: int = 0  # observations taken in
    sources: tuple[str, ...] = ()  # SHA-256 of the files taken in, so that none is counted twice

    @classmethod
    def start(cls, design: BanditDesign) -> BanditState:
        """A bandit that has seen nothing."""
        return cls(design)

    def tallies(self, leaf: str) -> dict[str, Tally]:
        """What each arm's rewards were in a leaf, in the weight that they have on the state's day."""
        return {arm: pooled(t for cell, t in self.cells.items() if cell[:2] == (leaf, arm)) for arm in self.design.arms}

    def at(self, day: date) -> BanditState:
        """The same state on a later day, with evidence faded or fallen out of the window.

        Raises:
            Misuse: The day is before the state's.
        """
        if self.day is None:
            return replace(self, day=day)
        if day < self.day:
            raise Misuse(f"the state is of {self.day}, after {day}; evidence cannot be made to count for more again")
        return replace(self, cells=_aged(self.design, self.cells, self.day, day), day=day)

    def as_json(self) -> str:
        """The state as text, to be kept as a file."""
        from workbench.experiments.bandits.state_json import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BanditState:
        """The state that a text tells of.

        Raises:
            Misuse: The text is no such state.
        """
        from workbench.experiments.bandits.state_json import from_json

        return from_json(text)


def update(state: BanditState, observations: Observation | Iterable[Observation]) -> BanditState:
    """The state after more evidence.

    Args:
        state: What was known.
        observations: One, or any number of any days; those before the state's day count for what
            they would count for had they come in time.

    Raises:
        Misuse: An arm or leaf is not in the design, or a reward is not of its kind.
    """
    if isinstance(observations, Observation):
        arm, reward, day, leaf = observations
        _check(state.design, arm, leaf, (reward,))
        logs = (1.0, log(reward)) if reward > 0 else (0.0, 0.0)
        return _joined(state, {(leaf, arm, day): Tally(1.0, reward, 0.0, *logs)})
    rewards: dict[tuple[str, str, date], list[float]] = {}
    for arm, reward, day, leaf in observations:
        rewards.setdefault((leaf, arm, day), []).append(reward)
    for (leaf, arm, _), values in rewards.items():
        _check(state.design, arm, leaf, values)
    return _joined(state, {key: Tally.of(values) for key, values in rewards.items()})


def add_tallies(state: BanditState, tallies: Mapping[tuple[str, str, date], Tally]) -> BanditState:
    """The state after evidence that was summed elsewhere, as in a warehouse.

    Args:
        state: What was known.
        tallies: Sums by leaf, arm and day.

    Raises:
        Misuse: An arm or leaf is not in the design.
    """
    for leaf, arm, _ in tallies:
        _check(state.design, arm, leaf, ())
    return _joined(state, tallies)


def decide_table(state: BanditState) -> DecisionTable:
    """The table to play by until more evidence comes in.

    A leaf in which nothing tells the arms apart yet plays them equally.
    """
    design = state.design
    seen = {leaf: state.tallies(leaf) for leaf in design.names}
    weights = {}
    for leaf, own in seen.items():
        if design.borrow:
            others = {arm: pooled(seen[other][arm] for other in seen if other != leaf) for arm in design.arms}
            own = {arm: borrowed(own[arm], others[arm], design.borrow) for arm in design.arms}
        found = floored(_weights(design, list(own.values())), design.floor)
        weights[leaf] = dict(zip(design.arms, map(float, found), strict=True))
    return DecisionTable.of(design.name, weights, design.leaves)


def shares(state: BanditState) -> list[Share]:
    """The table beside what it was made from: one row a leaf and arm."""
    return [
        Share(leaf, arm, weight, known[arm].n, known[arm].mean if known[arm].n else None)
        for leaf, arms in decide_table(state).weights.items()
        for known in [state.tallies(leaf)]
        for arm, weight in arms.items()
    ]


def _weights(design: BanditDesign, tallies: list[Tally]) -> Floats:
    """Shares of plays by the design's rule, before the floor."""
    equal = np.full(len(tallies), 1 / len(tallies))
    posteriors = None if design.rule == "uniform" else arm_posteriors(design.reward, tallies)
    if posteriors is None:
        return equal
    if design.rule == "greedy":
        means = np.array([p.mean for p in posteriors])
        best = means == (means.max() if design.better == "higher" else means.min())
        return np.asarray(best / best.sum())
    chances = thompson(posteriors, better=design.better)
    return top_two(chances) if design.rule == "top two" else chances


def _check(design: BanditDesign, arm: str, leaf: str, rewards: Sequence[float]) -> None:
    """Refuse what the design does not know.

    Raises:
        Misuse: An arm, a leaf or a reward is not of the design.
    """
    if arm not in design.arms:
        raise Misuse(f"{arm!r} is no arm of {design.name}", hint=f"the arms are: {', '.join(design.arms)}")
    if leaf != DEFAULT and leaf not in design.names:
        raise Misuse(f"{leaf!r} is no leaf of {design.name}", hint=f"the leaves are: {', '.join(design.names)}")
    fits, needed = FITS[design.reward]
    for reward in rewards:
        if not (isfinite(reward) and fits(reward)):
            raise Misuse(f"a reward is {reward:g}; of kind {design.reward} it must be {needed}")


def _joined(state: BanditState, more: Mapping[tuple[str, str, date], Tally]) -> BanditState:
    """The state with tallies by leaf, arm and day taken in."""
    if not more:
        return state
    design = state.design
    day = max(when for _, _, when in more)
    if state.day is not None and state.day > day:
        day = state.day
    cells = dict(state.cells) if state.day in {None, day} else _aged(design, state.cells, state.day or day, day)
    rows = state.rows
    for (leaf, arm, when), tally in more.items():
        rows += int(tally.n)
        age = day.toordinal() - when.toordinal()
        if design.window is not None and age >= design.window:
            continue
        cell = Cell(leaf, arm, ALWAYS if design.window is None else when.toordinal())
        now = tally if design.half_life is None or not age else tally.faded(fading(age, design.half_life))
        known = cells.get(cell)
        cells[cell] = now if known is None else known.plus(now)
    return BanditState(design, cells, day, rows, state.sources)


def _aged(design: BanditDesign, cells: Mapping[Cell, Tally], since: date, day: date) -> dict[Cell, Tally]:
    """Evidence as it counts on a later day."""
    if design.half_life is not None:
        share = fading((day - since).days, design.half_life)
        return {cell: tally.faded(share) for cell, tally in cells.items()}
    if design.window is not None:
        first = day.toordinal() - design.window
        return {cell: tally for cell, tally in cells.items() if cell.day > first}
    return dict(cells)
