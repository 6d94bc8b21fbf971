"""What the gateway counts of itself, told as Prometheus text.

The labels are few by design: models that the ledger knows, their versions, and statuses of HTTP; an
unknown model is "(unknown)", so that a client cannot make series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from workbench.ledger import Head
from workbench.serving.access_log import AccessLog
from workbench.serving.exposition import Histogram, family, histograms

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
UNKNOWN = "(unknown)"


class Meter:
    """Counters since the start of the process; belongs to one event loop."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()  # by model and status
        self._rows: Counter[tuple[str, int]] = Counter()  # by model and version
        self._seconds: dict[str, Histogram] = {}

    def refused(self, model: str, status: int, seconds: float) -> None:
        """Count a request that was answered with an error."""
        self._requests[model, status] += 1
        self._timed(model, seconds)

    def answered(self, head: Head, rows: int, seconds: float, *, status: int = 200) -> None:
        """Count a request that was answered, now or, with 202, once people looked at it."""
        self._requests[head.model, status] += 1
        self._rows[head.model, head.holder] += rows
        self._timed(head.model, seconds)

    def told(
        self,
        heads: Iterable[Head],
        problems: Iterable[str],
        *,
        given_up: Iterable[tuple[str, str]] = (),
        swaps: int,
        waiting: int,
        dropped: int,
        opened: int = 0,
        shed: int = 0,
        access: AccessLog | None = None,
    ) -> str:
        """All counters, and the state of routes and log, in Prometheus's text form.

        Args:
            heads: Who answers, one a model.
            problems: Models whose champion does not load.
            given_up: Models and slots whose version is loaded no more, for it ends its process.
            swaps: Times that a route was set.
            waiting: Rows that are not in the log yet.
            dropped: Rows that never will be.
            opened: Requests that are being answered.
            shed: Requests that were sent away because too many were open.
            access: Where lines about requests go.
        """
        rows = [({"model": model, "version": version}, n) for (model, version), n in sorted(self._rows.items())]
        generations = [({"model": head.model, "version": head.version}, head.generation) for head in heads]
        failing = [({"model": model}, 1) for model in problems]
        deadly = [({"model": model, "slot": slot}, 1) for model, slot in given_up]
        return "".join(
            (
                self.asked(),
                family("workbench_predictions_total", "counter", "Rows answered.", rows),
                family(
                    "workbench_champion_generation", "gauge", "Generation of the version that answers.", generations
                ),
                family("workbench_route_failing", "gauge", "1: the champion does not load.", failing),
                family("workbench_load_deadly", "gauge", "1: loading it ends its process; it is not tried.", deadly),
                family("workbench_route_swaps_total", "counter", "Times a route was set.", [({}, swaps)]),
                family("workbench_requests_open", "gauge", "Requests being answered.", [({}, opened)]),
                family("workbench_requests_shed_total", "counter", "Requests sent away: too many open.", [({}, shed)]),
                log_families({}, waiting=waiting, dropped=dropped, access=access),
            )
        )

    def asked(self) -> str:
        """Requests and their times alone: all that a front has to tell, which answers nothing itself."""
        requests = [({"model": model, "status": status}, n) for (model, status), n in sorted(self._requests.items())]
        seconds = [({"model": model}, histogram) for model, histogram in sorted(self._seconds.items())]
        return family("workbench_requests_total", "counter", "Requests for predictions.", requests) + histograms(
            "workbench_request_duration_seconds", "Time from request to answer.", seconds
        )

    def _timed(self, model: str, seconds: float) -> None:
        histogram = self._seconds.get(model)
        if histogram is None:
            histogram = self._seconds[model] = Histogram(BOUNDS)
        histogram.add(seconds)


def log_families(labels: Mapping[str, str], *, waiting: int, dropped: int, access: AccessLog | None) -> str:
    """How the log is written, in Prometheus's text form."""
    told = family(
        "workbench_log_waiting_rows", "gauge", "Predictions not in the log yet.", [(labels, waiting)]
    ) + family("workbench_log_dropped_rows_total", "counter", "Predictions lost to the log.", [(labels, dropped)])
    if access is None:
        return told
    lines = [(labels, access.dropped)]
    return told + family("workbench_access_log_dropped_lines_total", "counter", "Lines lost to the access log.", lines)
