"""Which lane runs the cells: one of this machine, or a cluster's by its address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.batch.lanes import Lane

ATTEMPT = ("-m", "workbench.bench.attempt")  # what a worker's Python runs


def local_lane() -> Lane:
    """The best lane of this machine."""
    from workbench.batch.kernels import cold

    return cold


@contextmanager
def open_lane(root: Path, executor: str | None) -> Iterator[Lane]:
    """The lane to an executor, for as long as it is open: a Dask scheduler's address, or None for this machine."""
    if executor is None:
        yield local_lane()
        return
    from workbench.engines.dask import dask_lane

    with dask_lane(executor, root, ATTEMPT) as lane:
        yield lane
