"""Data: where it comes from, what exactly it was, and the additive summaries that all statistics start from.

Summaries (`MomentCube` for experiments, `CountCube` and `ScoreCube` for fairness, `Profile` for drift) are made in one
scan, add up over days and shards, hold no row of raw data, and carry the digest of what was scanned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.data.counts import CountCube
from workbench.data.digests import digest_file, digest_folder, digest_frame
from workbench.data.feature_sets import Column, FeatureSet
from workbench.data.labelled import LabelledTable, labelled_table
from workbench.data.loans import loan_applications
from workbench.data.profiles import Categories, ColumnProfile, Histogram, Profile
from workbench.data.score_cubes import ScoreCube
from workbench.data.tables import read_table

if TYPE_CHECKING:
    from workbench.data.moments import MomentCube as MomentCube
    from workbench.data.rand import rand_health as rand_health

__all__ = [
    "Categories",
    "Column",
    "ColumnProfile",
    "CountCube",
    "FeatureSet",
    "Histogram",
    "LabelledTable",
    "MomentCube",
    "Profile",
    "ScoreCube",
    "digest_file",
    "digest_folder",
    "digest_frame",
    "labelled_table",
    "loan_applications",
    "rand_health",
    "read_table",
]


def __getattr__(name: str) -> Any:
    """The names whose modules bring DuckDB, imported when they are asked for.

    Raises:
        AttributeError: There is no such name.
    """
    if name == "MomentCube":
        from workbench.data.moments import MomentCube

        return MomentCube
    if name == "rand_health":
        from workbench.data.rand import rand_health

        return rand_health
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
