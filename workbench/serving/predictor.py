"""A version ready to answer: its estimator, the columns it takes and its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.ledger import ModelVersion

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Predictor:
    """One loaded version; scoring changes nothing in it."""

    version: ModelVersion
    estimator: Any  # fitted scikit-learn classifier or regressor
    columns: Mapping[str, str]  # input columns with MLflow's names of their types, in order

    def score(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """One score a row: a classifier's probability of its second class in [0, 1], else the prediction."""
        import numpy as np

        names = list(self.columns)
        rows = frame if list(frame.columns) == names else frame[names]
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(rows)[:, 1], dtype=float)
        return np.asarray(self.estimator.predict(rows), dtype=float)
