"""A review of past experiments over a span of time: what was tried, decided, learned, and over-claimed.

What the winners claimed is set against what is left of it after the experiments *outside* the span: a
winner is chosen for being large, so that its raw effect is too large on average.

    review = review_span(archive, since=date(2026, 1, 1), until=date(2026, 4, 1))
    review.sentence
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.archive import Archive
from workbench.experiments.learned import learn_prior
from workbench.experiments.past import Past, Verdict
from workbench.experiments.words import counted, share
from workbench.stats.effects import effect_posterior
from workbench.stats.learning import Learned, told
from workbench.stats.proportions import beta_posterior

if TYPE_CHECKING:
    import pandas as pd

NONE_TOLD = "none told"  # stands for a decision


@dataclass(frozen=True)
class Claim:
    """What a winner claimed on its first metric, and what is left of it."""

    name: str
    metric: str
    arm: str
    raw: float  # relative effect as it was told
    error: float
    kept: float  # its expected value after experiments outside the span


@dataclass(frozen=True)
class Review:
    """A span of time in the archive."""

    since: date
    until: date  # the day after the last one
    pasts: tuple[Past, ...] = field(repr=False)  # newest first
    won: int  # experiments in which an arm was better
    lost: int  # that failed
    unsettled: int
    win_rate: tuple[float, float, float]  # share of all that won, with its 90 % interval, each share equally likely
    decisions: dict[str, int]  # how often each was told; "none told" where nobody did
    no_hypothesis: tuple[str, ...]  # experiments that say nothing of what was expected
    no_lesson: tuple[str, ...]
    claims: tuple[Claim, ...]
    learned: Learned  # from the experiments outside the span

    @property
    def complete(self) -> bool:
        """Whether every experiment has a hypothesis, a decision and a lesson."""
        return not (self.no_hypothesis or self.no_lesson or self.decisions.get(NONE_TOLD))

    @property
    def claimed(self) -> tuple[float, float]:
        """Sizes of the winners' relative effects added up: as they were told, and what is left of them."""
        return sum(abs(c.raw) for c in self.claims), sum(c.kept * np.sign(c.raw) for c in self.claims)

    @property
    def sentence(self) -> str:
        """The span in a few plain sentences."""
        rate, low, high = map(share, self.win_rate)
        ends = f"{self.won} with a better arm, {self.lost} failed, {self.unsettled} not settled"
        many = counted(len(self.pasts), "experiment")
        said = [f"{many} ended: {ends}; {rate} won (90\u00a0% interval {low} to {high})."]
        if self.claims:
            raw, kept = self.claimed
            by = f"after {self.learned.experiments} other past tests" if self.learned.taught else self.learned.by
            many = "One winner" if len(self.claims) == 1 else f"{len(self.claims)} winners"
            whole, left = told(raw, "relative"), told(kept, "relative")
            said.append(f"{many} with a relative effect claimed {whole} in all; {by} {left} is left.")
        return " ".join(said)

    def lessons(self) -> list[str]:
        """What the span teaches about how experiments are done here."""
        found = []
        raw, kept = self.claimed
        if raw and kept < raw:
            found.append(f"{share((raw - kept) / raw)} of what the winners claimed was luck.")
        untold = self.decisions.get(NONE_TOLD, 0)
        lacking = {"decision": untold, "lesson": len(self.no_lesson), "hypothesis": len(self.no_hypothesis)}
        for lacks, many in lacking.items():
            if many:
                of = f"{many} of {counted(len(self.pasts), 'experiment')}"
                found.append(f"{of} {'has' if many == 1 else 'have'} no {lacks} on record.")
        if shipped := [p.name for p in self.pasts if p.verdict != "pass" and p.decision.casefold() == "ship"]:
            found.append(f"Shipped without a better arm: {', '.join(shipped)}.")
        return found or ["Every experiment has a hypothesis, a decision and a lesson on record."]

    def table(self, *verdicts: Verdict) -> pd.DataFrame:
        """One row an experiment, newest first; of those with one of the verdicts, where any is given."""
        return Archive(self.pasts).search(verdicts=verdicts).table()

    def claims_table(self) -> pd.DataFrame:
        """What the winners claimed, the largest first, and what is left."""
        import pandas as pd

        rows = [
            {
                "experiment": c.name,
                "metric": c.metric,
                "arm": c.arm,
                "raw": told(c.raw, "relative"),
                "after other experiments": told(c.kept, "relative"),
            }
            for c in sorted(self.claims, key=lambda c: -abs(c.raw))
        ]
        return pd.DataFrame(rows, columns=["experiment", "metric", "arm", "raw", "after other experiments"])


def review_span(archive: Archive, *, since: date, until: date) -> Review:
    """What the experiments that ended in a span say together.

    Args:
        archive: All past experiments, of which those on made-up data do not count; those outside the span are
            what claims are measured by.
        since: The first day.
        until: The day after the last one.

    Raises:
        Misuse: The span is empty, or no experiment ended in it.
    """
    if since >= until:
        raise Misuse(f"the span from {since} to {until} has no day", hint="until is the day after the last one")
    archive = archive.real
    inside = archive.search(since=since, until=until)
    if not inside:
        raise Misuse(f"no experiment ended from {since} to {until}", hint="workbench archive lists all with their days")
    within = set(map(id, inside))
    learned = learn_prior(Archive(tuple(p for p in archive if id(p) not in within)), None)
    won = sum(p.verdict == "pass" for p in inside)
    lost = sum(p.failed for p in inside)
    rate = beta_posterior(won, len(inside))
    low, high = (float(rate.ppf(np.array(share))) for share in (0.05, 0.95))
    return Review(
        since=since,
        until=until,
        pasts=inside.pasts,
        won=won,
        lost=lost,
        unsettled=len(inside) - won - lost,
        win_rate=(won / len(inside), low, high),
        decisions=dict(Counter(p.decision or NONE_TOLD for p in inside).most_common()),
        no_hypothesis=tuple(p.name for p in inside if not p.hypothesis),
        no_lesson=tuple(p.name for p in inside if not p.lesson),
        claims=tuple(claim for p in inside if (claim := _claim(p, learned)) is not None),
        learned=learned,
    )


def _claim(past: Past, learned: Learned) -> Claim | None:
    """The winning arm's relative effect on the first metric; None where none won or it is not known."""
    metric, arms = next(iter(past.metrics.items()), ("", {}))
    better = {arm: pair for arm, e in arms.items() if e.verdict == "better" and (pair := e.on("relative"))}
    if past.verdict != "pass" or not better:
        return None
    arm, (raw, error) = max(better.items(), key=lambda item: abs(item[1][0]))
    return Claim(past.name, metric, arm, raw, error, effect_posterior(raw, error, learned.prior).mean)
