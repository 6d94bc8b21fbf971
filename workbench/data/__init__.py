"""Data: where it comes from, what exactly it was, and the additive summaries that all statistics start from.

Summaries (`MomentCube` for experiments, `CountCube` and `ScoreCube` for fairness, `Profile` for drift) are made in one
scan, add up over days and shards, hold no row of raw data, and carry the digest of what was scanned.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.data.counts import CountCube
    from workbench.data.digests import digest_file, digest_folder, digest_frame
    from workbench.data.feature_sets import Column, FeatureSet
    from workbench.data.labelled import LabelledTable, labelled_table
    from workbench.data.loans import loan_applications
    from workbench.data.moments import MomentCube
    from workbench.data.profile_columns import Categories, ColumnProfile, Histogram
    from workbench.data.profiles import Profile
    from workbench.data.rand import rand_health
    from workbench.data.repeats import Repeats
    from workbench.data.score_cubes import ScoreCube
    from workbench.data.tables import read_table

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
    "Repeats",
    "ScoreCube",
    "digest_file",
    "digest_folder",
    "digest_frame",
    "labelled_table",
    "loan_applications",
    "rand_health",
    "read_table",
]
MODULES = {  # where the names are; each is imported when it is asked for, so that a scan pays for a scan only
    "counts": ("CountCube",),
    "digests": ("digest_file", "digest_folder", "digest_frame"),
    "feature_sets": ("Column", "FeatureSet"),
    "labelled": ("LabelledTable", "labelled_table"),
    "loans": ("loan_applications",),
    "moments": ("MomentCube",),
    "profile_columns": ("Categories", "ColumnProfile", "Histogram"),
    "profiles": ("Profile",),
    "rand": ("rand_health",),
    "repeats": ("Repeats",),
    "score_cubes": ("ScoreCube",),
    "tables": ("read_table",),
}


def __getattr__(name: str) -> Any:
    """A public name, from its module.

    Raises:
        AttributeError: There is no such name.
    """
    for module, names in MODULES.items():
        if name in names:
            return getattr(import_module(f"workbench.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
