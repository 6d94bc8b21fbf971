"""Mitigation: weights that make label and group independent in the training data, or thresholds by group.

Weights are used in fitting only. Thresholds by group need the group of everybody who is judged;
`audits.thresholds` says what they would cost before anybody asks for them.

>>> reweighing(["a", "a", "b", "b"], [1, 1, 1, 0]).tolist()
[0.75, 0.75, 1.5, 0.5]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

CONSTRAINTS = {"equal_selection": "demographic_parity", "equal_opportunity": "true_positive_rate_parity"}


def reweighing(group: npt.ArrayLike, label: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Sample weights, one a case, under which every group has the same share of positive labels.

    Only fitting needs the group. The model never sees it, and when it serves nobody is asked for it.

    Args:
        group: The protected attribute, one a case.
        label: 0 or 1, one a case.

    Raises:
        ValueError: The lengths differ.

    Source:
        Kamiran & Calders (2012), Knowledge and Information Systems 33, 1-33.
    """
    groups, group_of = np.unique(np.asarray(group, dtype=str), return_inverse=True)
    labels, label_of = np.unique(np.asarray(label), return_inverse=True)
    if group_of.shape != label_of.shape:
        raise ValueError(f"there are {group_of.size} groups and {label_of.size} labels; each case needs both")
    together = np.zeros((len(groups), len(labels)))
    np.add.at(together, (group_of, label_of), 1.0)
    expected = together.sum(axis=1, keepdims=True) * together.sum(axis=0, keepdims=True) / max(together.sum(), 1.0)
    return np.asarray((expected / np.where(together > 0, together, 1.0))[group_of, label_of])


def post_processed(
    estimator: Any, features: pd.DataFrame, label: npt.ArrayLike, group: npt.ArrayLike, *, aim: str
) -> Any:
    """A fitted estimator behind fairlearn's post-processing, which chooses thresholds by group.

    Its answers are drawn at random between two thresholds where that makes rates equal exactly, so that
    `predict` takes the group of each case and a random state.

    Args:
        estimator: Fitted, with `predict_proba`.
        features: What it reads, one row a case that it was not fitted on.
        label: 0 or 1, one a case.
        group: The protected attribute, one a case.
        aim: "equal_selection" or "equal_opportunity".

    Returns:
        A fitted `fairlearn.postprocessing.ThresholdOptimizer`.

    Raises:
        Misuse: The aim is another, or the cases cannot be fitted.

    Source:
        Hardt, Price & Srebro (2016), NeurIPS 29, 3315-3323.
    """
    from fairlearn.postprocessing import ThresholdOptimizer

    if aim not in CONSTRAINTS:
        raise Misuse(f"there is no aim {aim!r}", hint=f"name one of {', '.join(CONSTRAINTS)}")
    optimizer = ThresholdOptimizer(
        estimator=estimator, constraints=CONSTRAINTS[aim], prefit=True, predict_method="predict_proba"
    )
    try:
        return optimizer.fit(features, label, sensitive_features=group)
    except ValueError as error:
        raise Misuse(f"fairlearn refuses the cases: {error}", hint="every group needs cases of both labels") from error
