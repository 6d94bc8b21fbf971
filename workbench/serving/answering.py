"""From a request's body to scores and answers, by one route; no IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import EngineError
from workbench.serving.routes import Route
from workbench.serving.rows import checked, rows_of


@dataclass(frozen=True)
class Answer:
    """What one request came to; lists have one item a row, in the request's order."""

    model: str
    version: int
    generation: int
    rows: list[dict[str, Any]]
    scores: list[float]
    answers: list[int | None]


def answered(route: Route, body: Any) -> Answer:
    """Score a request's rows with a route's version.

    Raises:
        Unfit: The body does not fit the model.
        EngineError: The model gave something that is no number.
    """
    import pandas as pd

    predictor = route.predictor
    rows = checked(rows_of(body), predictor.columns)
    frame = pd.DataFrame(rows, columns=list(predictor.columns))
    numeric = [name for name, kind in predictor.columns.items() if kind in {"double", "float"}]
    frame = frame.astype(dict.fromkeys(numeric, "float64"))
    scores = np.asarray(predictor.score(frame), dtype=float)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        raise EngineError(f"{route.head.model} {route.head.version} gave no finite score for every row")
    decided = predictor.answer(scores)
    answers: list[int | None] = [None] * len(rows) if decided is None else [int(yes) for yes in decided]
    return Answer(route.head.model, route.head.version, route.head.generation, rows, scores.tolist(), answers)
