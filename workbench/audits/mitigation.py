"""Mitigation: weights that make label and group independent in the training data.

>>> reweighing(["a", "a", "b", "b"], [1, 1, 1, 0]).tolist()
[0.75, 0.75, 1.5, 0.5]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


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
