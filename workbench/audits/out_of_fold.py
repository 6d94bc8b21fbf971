"""Scores for every case from a model that has not seen it: the same pipeline, fitted once a fold.

An audit of groups needs many cases, more than a held-out part has. Out of fold, each case is scored by
a model fitted on the other folds, so that all of them can be counted. What is audited is the way of
fitting (algorithm, settings, weights, threshold), of which the registered version is one instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.audits.mitigation import reweighing
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd


def fitted(estimator: Any, X: pd.DataFrame, y: npt.ArrayLike, *, reweigh_by: npt.ArrayLike | None = None) -> Any:
    """A fitted copy of a classifier or of a pipeline that ends in one.

    Args:
        estimator: Left as it is.
        X: Features, one row a case.
        y: 0 or 1, one a case.
        reweigh_by: A protected attribute, one a case, from which and `y` sample weights are made.
    """
    from sklearn.base import clone

    copy = clone(estimator)
    if reweigh_by is None:
        return copy.fit(X, y)
    last = f"{copy.steps[-1][0]}__" if hasattr(copy, "steps") else ""
    return copy.fit(X, y, **{f"{last}sample_weight": reweighing(reweigh_by, y)})


def out_of_fold(
    estimator: Any,
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    folds: int,
    seed: int,
    reweigh_by: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Probability of 1, one a case, each from a copy fitted on the other folds; labels are spread evenly.

    Args:
        estimator: A classifier with `predict_proba`, or a pipeline that ends in one.
        X: Features, one row a case.
        y: 0 or 1, one a case.
        folds: How many, from 2.
        seed: Of the shuffle before the split.
        reweigh_by: A protected attribute; weights are made anew in each fold, from what is fitted there.

    Raises:
        Misuse: There are more folds than cases of a label, or fewer than two.
    """
    from sklearn.model_selection import StratifiedKFold

    labels = np.asarray(y)
    rarest = int(np.unique(labels, return_counts=True)[1].min()) if labels.size else 0
    if not 2 <= folds <= rarest:
        raise Misuse(f"folds is {folds}; it must lie between 2 and {rarest}, the cases of the rarer label")
    groups = None if reweigh_by is None else np.asarray(reweigh_by)
    scores = np.empty(len(labels))
    for seen, unseen in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, labels):
        by = None if groups is None else groups[seen]
        scores[unseen] = fitted(estimator, X.iloc[seen], labels[seen], reweigh_by=by).predict_proba(X.iloc[unseen])[
            :, 1
        ]
    return scores
