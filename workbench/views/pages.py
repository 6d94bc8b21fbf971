"""The pages, each joined to what it shows: a reading and the acts, given as callables.

    bench = workbench.open_bench()
    promotions_page(bench.decisions.read, bench.decisions.acts)
    approvals_page(bench.decisions.read, bench.decisions.acts)
    monitoring_page(bench.watch.glance, close=bench.watch.close, acknowledge=bench.watch.acknowledge,
                    resolve=bench.watch.resolve, acts=bench.decisions.acts, actor=bench.actor)
    experiments_page(lambda: bench.archive().pasts, open_one=bench.open_experiment)
    fairness_page(bench.fairness, thresholds_of=bench.thresholds)
    drift_page(bench.drifts)

A page always opens: where the first reading fails, it says what is wrong and what helps, and "Refresh"
tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.views import approvals, experiments, monitoring, promotions
from workbench.views.deciding import Acts, Reading
from workbench.views.drift import drift_listing
from workbench.views.fairness import fairness_listing

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.audits.thresholds import ThresholdCounts
    from workbench.experiments.archive import Past
    from workbench.experiments.opened import Opened
    from workbench.monitoring import AuditedVersion, DriftedModel
    from workbench.monitoring.close import Close
    from workbench.monitoring.glance import Glance
    from workbench.monitoring.incidents import Incident


def promotions_page(read: Callable[[], Reading], acts: Acts) -> Widget:
    """The page on which people see where versions stand, and decide.

    Args:
        read: All that is shown, as it is now.
        acts: What can be set in motion.
    """
    return _opened(promotions.Board(acts, read), read)


def approvals_page(read: Callable[[], Reading], acts: Acts) -> Widget:
    """The queue of those who approve.

    Args:
        read: All that is shown, as it is now.
        acts: What can be set in motion.
    """
    return _opened(approvals.Queue(acts, read), read)


def _opened(page: promotions.Board | approvals.Queue, read: Callable[[], Reading]) -> Widget:
    try:
        reading = read()
    except WorkbenchError as error:
        page.fail(error)
    else:
        page.begin(reading)
    return page.widget


def monitoring_page(
    read: Callable[[], Glance],
    *,
    close: Callable[[str], Close],
    acknowledge: Callable[[str, str], Incident],
    resolve: Callable[[str, str], Incident],
    acts: Acts,
    actor: str,
    every: int = monitoring.EVERY,
) -> Widget:
    """The page on which one sees how all served models are, and what is wrong with whom.

    Args:
        read: All models, worst first, as they are now.
        close: One of them closely.
        acknowledge: Takes an incident on (id, reason).
        resolve: Says that an incident is over (id, reason).
        acts: What can be set in motion: a rollback is judged, then done, as on every page.
        actor: Who acts.
        every: Seconds between two readings while the page is looked at.
    """
    doing = monitoring.Doing(read, close, acknowledge, resolve, acts.judge, acts.do, actor)
    return monitoring.Board(doing, every).open()


def experiments_page(read: Callable[[], Sequence[Past]], *, open_one: Callable[[Past], Opened]) -> Widget:
    """The page on which one sees what was tried and what came of it.

    Args:
        read: Past experiments, the newest first, as they are now.
        open_one: Opens one of them.
    """
    board = experiments.Board(open_one, read)
    try:
        pasts = read()
    except WorkbenchError as error:
        board.fail(error)
    else:
        board.take(pasts)
    return board.widget


def fairness_page(
    read: Callable[[], Sequence[AuditedVersion]],
    *,
    thresholds_of: Callable[[AuditedVersion], ThresholdCounts | None],
) -> Widget:
    """The page on which one sees how alike each model treats groups.

    Args:
        read: Champions and candidates with their last audits, by model, the newest first.
        thresholds_of: What every threshold would have brought in a version's audit; None where that was not kept.
    """
    return fairness_listing(read, thresholds_of=thresholds_of).open()


def drift_page(read: Callable[[], Sequence[DriftedModel]]) -> Widget:
    """The page on which one sees whether what models are asked still looks like what they learned from.

    Args:
        read: Models with their last looks, the worst first.
    """
    return drift_listing(read).open()
