"""Counts what the gateway does, for Prometheus: requests, rows, latency, waiting predictions."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, defaultdict

from workbench.serving.routes import Routes

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
MOST_MODELS = 1000  # names beyond them are counted as one: a client must not fill the memory


class Meter:
    """Counters of one process since it started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rows: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self._seconds: Counter[str] = Counter()
        self._failed_flushes = 0

    def count(self, model: str, version: int | None, status: int, micros: int, *, rows: int) -> None:
        """One request, answered or refused."""
        with self._lock:
            if status == 404 or (model not in self._buckets and len(self._buckets) >= MOST_MODELS):
                model = "(unknown)"
            self._requests[model, status] += 1
            if version is not None:
                self._rows[model, version] += rows
            self._buckets[model][bisect_left(BOUNDS, micros / 1e6)] += 1
            self._seconds[model] += micros  # microseconds, made seconds when shown

    def count_failed_flush(self) -> None:
        """The prediction log could not be written; it is tried again."""
        with self._lock:
            self._failed_flushes += 1

    def exposition(self, routes: Routes, waiting: int) -> str:
        """The counters in Prometheus's text format."""
        with self._lock:
            lines = ["# TYPE workbench_requests_total counter"]
            lines += [
                f"workbench_requests_total{labels(model=m, status=s)} {n}"
                for (m, s), n in sorted(self._requests.items())
            ]
            lines.append("# TYPE workbench_predictions_total counter")
            lines += [
                f"workbench_predictions_total{labels(model=m, version=v)} {n}"
                for (m, v), n in sorted(self._rows.items())
            ]
            lines.append("# TYPE workbench_request_seconds histogram")
            for model, counts in sorted(self._buckets.items()):
                total = 0
                for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                    total += count
                    lines.append(f"workbench_request_seconds_bucket{labels(model=model, le=bound)} {total}")
                lines.append(f"workbench_request_seconds_sum{labels(model=model)} {self._seconds[model] / 1e6:.6f}")
                lines.append(f"workbench_request_seconds_count{labels(model=model)} {total}")
            lines += [
                "# TYPE workbench_log_failures_total counter",
                f"workbench_log_failures_total {self._failed_flushes}",
            ]
        lines += ["# TYPE workbench_log_waiting gauge", f"workbench_log_waiting {waiting}"]
        lines.append("# TYPE workbench_champion_generation gauge")
        lines += [
            f"workbench_champion_generation{labels(model=h.model, version=h.version)} {h.generation}"
            for h in routes.heads()
        ]
        lines.append("# TYPE workbench_load_failed gauge")
        lines += [f"workbench_load_failed{labels(model=model)} 1" for model in sorted(routes.problems)]
        return "\n".join(lines) + "\n"


def labels(**values: object) -> str:
    r"""Labels of a series, escaped as Prometheus asks.

    >>> labels(model='a"b', status=200)
    '{model="a\\"b",status="200"}'
    """
    escaped = {
        name: str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for name, value in values.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
