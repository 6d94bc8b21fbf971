"""Pictures of bandits: estimators beside each other, and what was lost day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workbench.data.pictures import Picture, drawn
from workbench.experiments import words
from workbench.experiments.bandits.off_policy import Evaluation
from workbench.experiments.bandits.worlds import Simulation

INK, PALE, TRUE = "#1f4e79", "#6b7280", "#1b7f4d"


def estimators(evaluation: Evaluation, *, truth: float | None = None) -> Picture:
    """One row an estimator with its interval; what was played, and the truth where it is known.

    Args:
        evaluation: What was found.
        truth: The target's true value, in a simulated world.
    """
    from matplotlib.figure import Figure

    found = evaluation.result
    rows = list(found.values.items())
    figure = Figure(figsize=(8.0, 0.9 + 0.42 * len(rows)), dpi=110, layout="constrained")
    ax = figure.subplots()
    for place, (_, value) in enumerate(rows):
        colour = INK if value is found.best else PALE
        if value.interval is not None:
            ax.plot(value.interval, [-place, -place], color=colour, lw=2.2, solid_capstyle="round")
        ax.plot([value.value], [-place], "o", color=colour, ms=6)
    ax.axvline(found.logged, color=PALE, lw=1, ls=":", label="what was played")
    if truth is not None:
        ax.axvline(truth, color=TRUE, lw=1.4, label="the truth")
    ax.set_yticks([-place for place in range(len(rows))], [name for name, _ in rows])
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    title = f"Mean reward a decision under {evaluation.target} ({words.share(found.level)})"
    ax.set_title(title, fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn(figure, ax)


def regret(runs: Mapping[str, Sequence[Simulation]]) -> Picture:
    """What each plan lost a decision, day by day, averaged over its runs.

    Args:
        runs: Simulations of one world, by what their plan is called.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.2), dpi=110, layout="constrained")
    ax = figure.subplots()
    for name, each in runs.items():
        lost = np.mean([run.regret / run.per_day for run in each], axis=0)
        ax.plot(np.arange(1, lost.size + 1), lost, lw=1.8, label=f"{name}: {lost.mean():.4f}")
    ax.set_xlabel("day")
    ax.set_ylim(bottom=0)
    ax.set_title("Expected reward lost a decision, against the best arm of the day", fontsize=10, loc="left")
    ax.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn(figure, ax)
