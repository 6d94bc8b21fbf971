"""Since when: a cause's own row of numbers in the order of time, and where its mean changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import Misuse
from workbench.stats.groups import Floats
from workbench.stats.onset import onset

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.001  # p-value of a change of the mean, below which it counts


@dataclass(frozen=True)
class Timeline:
    """When each case was; empty where that is not known."""

    order: np.ndarray  # of the cases by time
    times: tuple[datetime, ...]  # in that order

    @classmethod
    def of(cls, frame: pd.DataFrame, column: str | None) -> Timeline:
        """The timeline of a frame.

        Raises:
            Misuse: There is no such column, or a value in it is no time.
        """
        import pandas as pd

        if column is None:
            return cls(np.zeros(0, dtype=np.int64), ())
        if column not in frame.columns:
            raise Misuse(f"there is no column {column!r} of times", hint=f"there are {', '.join(map(str, frame))}")
        try:
            times = pd.to_datetime(frame[column], utc=True, format="ISO8601")
        except (ValueError, TypeError) as error:
            raise Misuse(f"the column {column!r} holds no times: {error}", hint="write 2026-06-12T09:30") from error
        if times.isna().any():
            raise Misuse(f"a time in {column!r} is missing", hint="leave such cases out, or name no column of times")
        order = np.argsort(times.to_numpy(), kind="stable")
        return cls(order, tuple(times.iloc[order].dt.to_pydatetime()))

    def since(self, numbers: Floats) -> datetime | None:
        """When the mean of the cases' numbers rose or fell for good; None where it did not, or time is not known."""
        if not self.times:
            return None
        ordered = np.asarray(numbers, dtype=float)[self.order]
        known = np.flatnonzero(np.isfinite(ordered))
        found = onset(ordered[known])
        return self.times[known[found.place]] if found is not None and found.p_value < SURE else None
