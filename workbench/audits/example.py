"""The performance audit's example: loan applications as two models answer them, and as a client sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.audits.out_of_fold import out_of_fold
from workbench.data.loans import LABEL, loan_applications

if TYPE_CHECKING:
    import pandas as pd


def answered_loans(*, threshold: float, seed: int, folds: int = 5) -> pd.DataFrame:
    """Every application with its features, the bank's decision, and what two models say without having seen it.

    Args:
        threshold: The answer is yes from this score on, in [0, 1].
        seed: Of the folds and of the challenger.
        folds: Parts of the out-of-fold scores.

    Returns:
        The features, `approve`, and for `champion` (a logistic regression) and `challenger` (boosted trees)
        the answer and the score.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    loans = loan_applications()
    models = {
        "champion": make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()),
        "challenger": HistGradientBoostingClassifier(max_iter=60, learning_rate=0.05, random_state=seed),
    }
    frame = loans.X.assign(**{LABEL: loans.y})
    for name, model in models.items():
        scores = out_of_fold(model, loans.X, loans.y, folds=folds, seed=seed)
        frame[f"{name}_score"] = scores
        frame[name] = (scores >= threshold).astype("int64")
    return frame


def as_request(frame: pd.DataFrame) -> bytes:
    """The rows as a client sends them: JSON, missing values as null."""
    return json.dumps({"rows": frame.astype(object).where(frame.notna(), None).to_dict("records")}).encode()
