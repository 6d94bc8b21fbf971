"""Simulated worlds in which the best arm is known, to see what a bandit's plan would cost there.

Regret is what was lost against the best arm of each leaf and day, in expected reward: no luck in it.

>>> world = World.steady({"old": 0.10, "new": 0.12}, days=20)
>>> design = BanditDesign("shop", arms=world.arms, reward="binary", rule="uniform")
>>> found = simulate(world, design, per_day=100, rng=np.random.default_rng(0))
>>> round(found.regret_per_decision, 4)  # half of the decisions lose 0.02
0.01
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.leaves import DEFAULT, Leaf
from workbench.experiments.bandits.log import BanditLog, LogRecord
from workbench.experiments.bandits.state import FIRST, BanditDesign, BanditState, Observation, decide_table, update
from workbench.stats.comparison import Better
from workbench.stats.moments import Floats, Whole


@dataclass(frozen=True, eq=False)
class World:
    """True mean rewards, and how much single rewards spread about them."""

    arms: tuple[str, ...]
    leaves: tuple[str, ...]  # equally frequent
    means: Floats  # days × leaves × arms
    sd: float = 0.0  # of rewards of kind mean; 0: rewards are binary

    @classmethod
    def steady(cls, means: Mapping[str, float], *, days: int) -> World:
        """Arms whose means never change."""
        return cls(tuple(means), (DEFAULT,), np.tile(list(means.values()), (days, 1, 1)))

    @classmethod
    def turning(cls, first: Mapping[str, float], then: Mapping[str, float], *, days: int, at: int) -> World:
        """Arms whose means are others from a day on."""
        after = np.tile([then[arm] for arm in first], (days - at, 1, 1))
        return replace(cls.steady(first, days=days), means=np.concatenate([cls.steady(first, days=at).means, after]))

    @classmethod
    def by_leaf(cls, means: Mapping[str, Mapping[str, float]], *, days: int) -> World:
        """Arms that are worth something else in every leaf."""
        arms = tuple(next(iter(means.values())))
        table = [[row[arm] for arm in arms] for row in means.values()]
        return cls(arms, tuple(means), np.tile(table, (days, 1, 1)))

    @property
    def days(self) -> int:
        """How long it lasts."""
        return len(self.means)

    def worth(self, table: DecisionTable) -> float:
        """The expected reward of a decision by a table, over all days and leaves."""
        weights = np.array([[table.weights[leaf][arm] for arm in self.arms] for leaf in self.leaves])
        return float((self.means * weights).sum(axis=2).mean())


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a bandit did in a world."""

    regret: Floats  # expected reward lost, one a day
    per_day: int  # decisions
    state: BanditState  # what it knew at the end
    log: BanditLog
    tables: tuple[DecisionTable, ...]  # that were played, one a day

    @property
    def regret_per_decision(self) -> float:
        """Expected reward lost, on average."""
        return float(self.regret.mean()) / self.per_day


def simulate(
    world: World,
    design: BanditDesign,
    *,
    per_day: int,
    rng: np.random.Generator,
    start: date = FIRST,
    returning: int | None = None,
) -> Simulation:
    """Play a design in a world, a table a day.

    Args:
        world: What is true.
        design: What is played; its leaves are the world's.
        per_day: Decisions a day.
        rng: Draws units' leaves and rewards.
        start: The first day.
        returning: How many units there are, who come again and again; None: each decision has a new one.

    Raises:
        Misuse: Arms or leaves of design and world differ, or there is nothing to play.
    """
    if set(design.arms) != set(world.arms) or not set(world.leaves) <= set(design.names):
        raise Misuse("the design's arms and leaves are not the world's", hint="make the design from world.arms")
    if per_day < 1:
        raise Misuse(f"{per_day} decisions a day; there must be at least one")
    state, tables, records = BanditState.start(design), [], list[LogRecord]()
    regret = np.zeros(world.days)
    for number in range(world.days):
        day = start + timedelta(days=number)
        table = decide_table(state)
        which = rng.integers(len(world.leaves), size=per_day)
        numbers = range(number * per_day, (number + 1) * per_day)
        units = [f"u{n}" for n in (numbers if returning is None else rng.integers(returning, size=per_day))]
        arms, reward, lost = _played(world, design.better, table, number, units, which, rng)
        regret[number] = lost
        seen = [
            LogRecord(unit, world.leaves[leaf], arm, table.weights[world.leaves[leaf]][arm], table.version, r, day)
            for unit, leaf, arm, r in zip(units, which, arms, reward, strict=True)
        ]
        state = update(state, (Observation(r.arm, r.reward, r.day, r.leaf) for r in seen))
        tables.append(table)
        records += seen
    return Simulation(regret, per_day, state, BanditLog.of(records), tuple(tables))


def compare_plans(
    world: World, plans: Mapping[str, BanditDesign], *, per_day: int, runs: int, seed: int
) -> dict[str, list[Simulation]]:
    """Several plans in one world, each over the same seeds.

    Args:
        world: What is true.
        plans: Designs, by what they are called.
        per_day: Decisions a day.
        runs: Simulations of each plan.
        seed: Of the first; the others follow it.
    """
    return {
        called: [
            simulate(
                world, replace(plan, name=f"{plan.name} {run}"), per_day=per_day, rng=np.random.default_rng(seed + run)
            )
            for run in range(runs)
        ]
        for called, plan in plans.items()
    }


class Example(NamedTuple):
    """A log, a policy that did not make it, and what that policy is truly worth."""

    log: BanditLog
    target: DecisionTable
    truth: float  # mean reward a decision
    least: float  # smallest propensity in the log


def off_policy_example(decisions: int, *, rng: np.random.Generator) -> Example:
    """Three offers in two regions: one bandit's last table, judged from the log of another, careful one.

    The bandit that is judged learned from decisions of its own: a table looks better than it is in
    the log that taught it.

    Args:
        decisions: In the log, about so many; each unit comes about four times.
        rng: Draws both.
    """
    means = {"eu": {"banner": 0.08, "call": 0.10, "mail": 0.05}, "us": {"banner": 0.06, "call": 0.05, "mail": 0.09}}
    leaves = tuple(Leaf(name, {"region": name}) for name in means)
    world = World.by_leaf(means, days=14)
    careful = BanditDesign("offers", world.arms, "binary", leaves=leaves, floor=0.15)
    bold = replace(careful, name="offers, another market", floor=0.02)
    per_day = max(1, decisions // world.days)
    learned = simulate(world, bold, per_day=per_day, rng=rng)
    log = simulate(world, careful, per_day=per_day, rng=rng, returning=max(1, decisions // 4)).log
    return Example(log, learned.tables[-1], world.worth(learned.tables[-1]), careful.floor)


def _played(
    world: World,
    better: Better,
    table: DecisionTable,
    number: int,
    units: Sequence[str],
    which: Whole,
    rng: np.random.Generator,
) -> tuple[list[str], list[float], float]:
    """Arms, rewards and expected loss of one day."""
    choices = table.choose_many(units, [world.leaves[leaf] for leaf in which])
    place = {arm: i for i, arm in enumerate(world.arms)}
    arms = choices.arm.tolist()
    mean = world.means[number, which, [place[arm] for arm in arms]]
    reward = mean + world.sd * rng.standard_normal(mean.size) if world.sd else 1.0 * (rng.random(mean.size) < mean)
    best = world.means[number].max(axis=1) if better == "higher" else world.means[number].min(axis=1)
    lost = float(np.abs(best[which] - mean).sum())
    return arms, reward.tolist(), lost
