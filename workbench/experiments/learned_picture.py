"""A picture of a learned prior: what is believed of the next effect, and past effects raw and shrunk."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbench.data.pictures import Picture, drawn
from workbench.experiments.archive import Archive
from workbench.experiments.learned import past_effects
from workbench.stats.effects import effect_posterior
from workbench.stats.learning import Learned, spread

RAW, SHRUNK = "#9ca3af", "#1d4ed8"
MOST = 60  # effects that are drawn, the largest of them


def prior_picture(
    archive: Archive, learned: Learned, metric: str | None, *, excluding: str | Iterable[str] = ()
) -> Picture:
    """The prior's density above, past effects raw and shrunk by it below.

    Args:
        archive: Where the effects come from.
        learned: The prior, of the same metric and with the same left out.
        metric: Its name; None for all.
        excluding: As for `learn_prior`.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    scale = learned.prior.scale
    rows = past_effects(archive, metric, scale=scale, excluding=excluding)
    rows = sorted(sorted(rows, key=lambda row: -abs(row[1]))[:MOST], key=lambda row: row[1])
    figure = Figure(figsize=(8.5, 6.5), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    if learned.prior.components:
        prior = spread(learned.prior)
        reach = 1.15 * max([*(abs(x) + error for _, x, error in rows), float(prior.isf(np.array([0.005]))[0])])
        grid = np.linspace(-reach, reach, 801)
        density = prior.density(grid)
        above.fill_between(grid, density, color=SHRUNK, alpha=0.25, lw=0)
        above.plot(grid, density, color=SHRUNK, lw=1.4)
        above.set_xlim(-reach, reach)
    above.set_title(learned.sentence, fontsize=9, loc="left", wrap=True, parse_math=False)
    above.set_yticks([])
    for place, (_, x, error) in enumerate(rows):
        after = effect_posterior(x, error, learned.prior)
        low, high = after.interval(0.9)
        below.plot([x - 1.645 * error, x + 1.645 * error], [place, place], color=RAW, lw=0.8)
        below.plot([low, high], [place, place], color=SHRUNK, lw=1.6)
        below.plot(x, place, "o", color=RAW, ms=4, label="raw" if place == 0 else None)
        below.plot(after.mean, place, "o", color=SHRUNK, ms=4, label="after past experiments" if place == 0 else None)
    if rows:
        below.legend(fontsize=8, frameon=False, loc="upper left")
    below.set_yticks([])
    below.set_title("Past effects with 90 % intervals", fontsize=9, loc="left")
    if scale == "relative":
        below.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g} %".replace("-", "−")))
    for ax in (above, below):
        ax.axvline(0, color="black", lw=0.8)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
    return drawn(figure)
