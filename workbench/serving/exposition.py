r"""Numbers in Prometheus's text form: families of samples, labels escaped, and a histogram that counts.

>>> print(family("workbench_requests_total", "counter", "Requests.", [({"model": 'a"b'}, 2)]), end="")
# HELP workbench_requests_total Requests.
# TYPE workbench_requests_total counter
workbench_requests_total{model="a\"b"} 2
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Literal

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "histogram"]
Sample = tuple[Mapping[str, object], float]


class Histogram:
    """How often a value fell into each bucket; bounds are upper ones, the last bucket is open."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def family(name: str, kind: Kind, told: str, samples: Iterable[Sample]) -> str:
    """One metric with all its samples."""
    lines = [_head(name, kind, told)]
    lines += [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]
    return "".join(lines)


def histograms(name: str, told: str, by_labels: Iterable[tuple[Mapping[str, object], Histogram]]) -> str:
    """One histogram metric: cumulative buckets, sum and count of each set of labels."""
    lines = [_head(name, "histogram", told)]
    for labels, histogram in by_labels:
        below = 0
        for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
            below += count
            lines.append(f"{name}_bucket{_labels({**labels, 'le': _number(bound)})} {below}\n")
        lines.append(f"{name}_sum{_labels(labels)} {_number(histogram.total)}\n")
        lines.append(f"{name}_count{_labels(labels)} {below}\n")
    return "".join(lines)


def together(texts: Iterable[tuple[Mapping[str, object], str]]) -> str:
    """Several expositions as one: each family stands once, samples of one name and labels are added.

    Args:
        texts: Labels that the samples of a text get where they have none of the name, and the text.

    >>> one = family("open", "gauge", "Open.", [({}, 2)])
    >>> print(together([({"model": "a"}, one), ({"model": "b"}, one), ({"model": "b"}, one)]), end="")
    # HELP open Open.
    # TYPE open gauge
    open{model="a"} 2
    open{model="b"} 4
    """
    heads: dict[str, list[str]] = {}  # by family
    samples: dict[str, dict[str, float]] = {}
    for labels, text in texts:
        name = ""
        for line in text.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                name = line.split(" ", 3)[2]
                if line not in heads.setdefault(name, []):
                    heads[name].append(line)
            elif line and not line.startswith("#"):
                told, _, value = line.rpartition(" ")
                of = samples.setdefault(name, {})
                key = _labelled(told, labels)
                number = float(value)
                of[key] = of.get(key, 0) + (int(number) if number.is_integer() else number)
    return "".join(
        "".join(f"{line}\n" for line in head)
        + "".join(f"{told} {_number(value)}\n" for told, value in samples.get(name, {}).items())
        for name, head in heads.items()
    )


def _labelled(told: str, labels: Mapping[str, object]) -> str:
    """A sample's name and labels with those of the text where they are missing."""
    name, _, rest = told.partition("{")
    more = {label: value for label, value in labels.items() if not rest.startswith(f'{label}="')}
    if not more:
        return told
    own = rest.removesuffix("}")
    return f"{name}{_labels(more)[:-1]}{',' if own else ''}{own}}}"


def _head(name: str, kind: Kind, told: str) -> str:
    escaped = told.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n"


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return repr(value)
