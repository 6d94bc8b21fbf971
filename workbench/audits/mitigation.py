"""Mitigation: weights that make label and group independent in the training data.

>>> [float(round(w, 4)) for w in reweighing(["a", "a", "b", "b"], [1, 1, 1, 0])]
[0.75, 0.75, 1.5, 0.5]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def reweighing(group: Sequence[str] | np.ndarray, label: Sequence[int] | np.ndarray) -> np.ndarray:
    """Sample weights, one a case, under which every group has the same share of positive labels.

    The model never sees the group: at serving time it is not needed, and not used.

    Args:
        group: The protected attribute, one a case.
        label: 0 or 1, one a case.

    Raises:
        ValueError: The lengths differ.

    Source:
        Kamiran and Calders (2012), Knowledge and Information Systems 33, 1-33.
    """
    groups, labels = np.asarray(group), np.asarray(label)
    if groups.shape != labels.shape:
        raise ValueError(f"there are {groups.size} groups and {labels.size} labels; one of each a case is needed")
    weights = np.ones(groups.size)
    for value in np.unique(groups):
        for outcome in np.unique(labels):
            cell = (groups == value) & (labels == outcome)
            if cell.any():
                weights[cell] = (groups == value).mean() * (labels == outcome).mean() / cell.mean()
    return weights
