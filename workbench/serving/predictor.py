"""A version ready to answer: the lane it answers by, the columns it takes and its threshold.

Three lanes: `onnx`, the compiled form that was proved equal to the model; `native`, the scikit-learn
estimator itself; `pyfunc`, MLflow's wrapper, for models of other libraries. A lane is one function from
rows to scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from workbench.ledger import ModelVersion
from workbench.serving.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Lane = Literal["onnx", "native", "pyfunc"]
Rows = Sequence[tuple[Any, ...]]  # each in the order of the columns


@dataclass(frozen=True)
class Predictor:
    """One loaded version; scoring changes nothing in it."""

    version: ModelVersion
    estimator: Any  # fitted classifier or regressor of scikit-learn, or a pyfunc; None where it is compiled
    columns: Mapping[str, str]  # input columns with MLflow's names of their types, in order
    optional: frozenset[str] = frozenset()  # columns that may be missing
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # seen in training, by column
    lane: Lane = "native"
    why: str = ""  # why it is not compiled; empty: it is, or nobody tried
    untried: bool = False  # nobody tried yet to compile it
    compiled: Callable[[Rows], Sequence[float]] | None = None  # the lane "onnx"

    @cached_property
    def schema(self) -> Schema:
        """The fields that it takes.

        Raises:
            EngineError: It has one that does not travel in JSON.
        """
        owner = f"{self.version.model} {self.version.version}"
        return Schema.of(owner, self.columns, optional=self.optional, ranges=self.ranges)

    def scores(self, rows: Rows) -> Sequence[float]:
        """One score a row, by the quickest way that it has."""
        if self.compiled is not None:
            return self.compiled(rows)
        found: Sequence[float] = self.score(self.schema.frame(rows)).tolist()
        return found

    def score(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """One score a row: a classifier's probability of its second class in [0, 1], else the prediction."""
        import numpy as np

        names = list(self.columns)
        rows = frame if list(frame.columns) == names else frame[names]
        if self.compiled is not None:
            return np.asarray(self.compiled(list(rows.itertuples(index=False, name=None))), dtype=float)
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(rows)[:, 1], dtype=float)
        return np.asarray(self.estimator.predict(rows), dtype=float).reshape(-1)
