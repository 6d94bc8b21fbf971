"""Labelled tables: features, a label of 0 or 1, and the protected attributes that no model reads.

    table = labelled_table("applications.csv", label="approved", attributes=["sex"], name="credit")
    table.X, table.y                      what a model is fitted on
    table.training(), table.held_out()    two parts of it

The attributes stand beside the features for audits, and are never among them.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.data.digests import digest_frame
from workbench.data.feature_sets import Column, FeatureSet
from workbench.data.tables import read_table
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LabelledTable:
    """Cases with features, label and protected attributes; one row a case."""

    frame: pd.DataFrame  # features, label (0 or 1) and attributes
    features: FeatureSet
    label: str
    attributes: tuple[str, ...]  # protected

    @property
    def digest(self) -> str:
        """Full-content digest of the frame, hex."""
        return digest_frame(self.frame)

    @property
    def X(self) -> pd.DataFrame:  # noqa: N802
        """The features alone, in the feature set's order."""
        return self.frame[self.features.names]

    @property
    def y(self) -> np.ndarray:
        """The label, 0 or 1, one a case."""
        return self.frame[self.label].to_numpy(dtype=np.int64)

    def groups(self, attributes: Sequence[str] | None = None) -> dict[str, pd.Series[str]]:
        """Protected attributes by name, one value a case; all of them by default.

        Raises:
            Misuse: There is no such attribute, or none is named.
        """
        wanted = self.attributes if attributes is None else attributes
        unknown = [name for name in wanted if name not in self.attributes]
        if unknown or not wanted:
            raise Misuse(
                f"there is no attribute {unknown[0]!r}" if unknown else "no attribute is named",
                hint=f"name one or more of {', '.join(self.attributes)}",
            )
        return {name: self.frame[name] for name in wanted}

    def training(self, *, share: float = 0.8, seed: int = 0) -> LabelledTable:
        """A random share of the cases, to fit a model on."""
        return self._part(self._drawn(share, seed))

    def held_out(self, *, share: float = 0.8, seed: int = 0) -> LabelledTable:
        """The cases that `training` with the same share and seed leaves out."""
        return self._part(~self._drawn(share, seed))

    def _drawn(self, share: float, seed: int) -> np.ndarray:
        if not 0 < share < 1:
            raise Misuse(f"the training share is {share}; it must lie in (0, 1)")
        order = np.random.default_rng(seed).permutation(len(self.frame))
        drawn = np.zeros(len(self.frame), dtype=bool)
        drawn[order[: round(share * len(self.frame))]] = True
        return drawn

    def _part(self, rows: np.ndarray) -> LabelledTable:
        return LabelledTable(self.frame[rows].reset_index(drop=True), self.features, self.label, self.attributes)


def labelled_table(
    path: str | Path,
    *,
    label: str,
    attributes: Sequence[str] = (),
    features: Sequence[str] | None = None,
    left_out: Sequence[str] = (),
    name: str,
) -> LabelledTable:
    """A CSV or Parquet file as a labelled table.

    Args:
        path: The file; one row a case.
        label: Column that holds 0 or 1 (or false and true).
        attributes: Protected columns, for audits; no features.
        features: Columns that a model reads; by default every one that is nothing else.
        left_out: Columns that are none of these, such as a number of the case, or what was known only afterwards.
        name: Of the feature set.

    Raises:
        Misuse: The file cannot be read or lacks a column, a column is named for two things, the label is not
            0 or 1 or always the same, or no feature is left.
    """
    frame = read_table(Path(path))
    named = [label, *attributes, *(features or ()), *left_out]
    for column in named:
        if column not in frame.columns:
            near = difflib.get_close_matches(column, map(str, frame.columns), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(str, frame.columns))}"
            raise Misuse(f"{path} has no column {column!r}", hint=hint)
        if named.count(column) > 1:
            raise Misuse(f"the column {column!r} is named for two things", hint="name it for one of them")
    features = [column for column in frame.columns if column not in named] if features is None else list(features)
    if not features:
        raise Misuse(f"{path} has no column left for a feature", hint="leave fewer out, or give a wider file")
    if set(frame[label].unique()) != {0, 1}:
        raise Misuse(f"{path}: the column {label!r} must hold both 0 and 1, and nothing else", hint="1: yes, 0: no")
    truths = [column for column in [*features, label] if frame[column].dtype == bool]
    kept = frame[[*features, label, *attributes]].astype(dict.fromkeys([*truths, label], "int64"))
    columns = tuple(Column(str(column), f"the column of that name in {Path(path).name}") for column in features)
    return LabelledTable(kept, FeatureSet(name, 1, columns), label, tuple(attributes))
