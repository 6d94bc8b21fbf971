"""The RAND Health Insurance Experiment: a randomized price, from the table that statsmodels ships.

From 1974 to 1982 families in six places were drawn for insurance plans that made them pay 0, 25, 50
or 95 % of their medical bills up to a yearly limit. One row is one person's year: 20,190 rows. The
table is in the public domain (statsmodels.datasets.randhie, after Cameron & Trivedi 2005).

Three things about the table that its column names do not say:

- Its coinsurance 0 is two plans. 6,822 person-years had free care; 4,175 had the *individual
  deductible* plan, which paid inpatient care in full but only 5 % of outpatient care up to a limit.
  `plan` tells them apart; taken together they have 3.12 visits a year, free care alone has 3.55.
- Its coinsurance 100 is Dayton's form of the 95 % plans. `plan` counts it there, as RAND did.
- It names persons but not families. A family here is a run of neighbouring person numbers with the
  same place, plan, income, spending limit and participation payment: 2,431 runs for 5,912 persons.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import EngineError

if TYPE_CHECKING:
    import pandas as pd

ROWS = 20_190
PLANS = {
    "0 %": (11,),
    "25 %": (5, 6, 7, 17, 18, 19),  # 17 to 19: half of dental and mental care was paid by the family
    "50 %": (8, 9, 10),
    "95 %": (2, 3, 4, 14, 15, 16),  # 2 to 4: Dayton, 100 %
    "deductible": (1, 13),
}
FAMILY = ["site", "plan", "income", "mdeoff", "pioff"]
COLUMNS = {"zper": "person", "coins": "coinsurance", "mdvis": "visits", "meddol": "spend"}


def rand_health() -> pd.DataFrame:
    """One row a person and year of the RAND Health Insurance Experiment.

    Returns:
        Columns `person`, `family` (see above), `year` (of the study, 1 to 5), `site` (1 to 6),
        `coinsurance` (per cent, as in the table: 0, 25, 50, 95, 100), `visits` (to a doctor, that
        year), `spend` (medical, in dollars of the day, without dental and outpatient mental care),
        `plan` ("0 %", "25 %", "50 %", "95 %", "deductible"); and what was known before plans were
        drawn: `age` (years, at the first row), `female` (0 or 1), `income` (of the family, dollars),
        `chronic` (index of chronic diseases at the start).

    Raises:
        EngineError: The table is not in the installed statsmodels, or is not the one expected.
    """
    import pandas as pd

    path = _table()
    raw = pd.read_csv(path)
    missing = {*COLUMNS, *FAMILY, "year", "xage", "female", "disea"} - set(raw.columns)
    if missing or len(raw) != ROWS:
        raise EngineError(
            f"{path.name} has {len(raw)} rows and lacks {sorted(missing)}; the RAND table has {ROWS}",
            hint="pip install 'statsmodels>=0.14.5'",
        )
    raw = raw.sort_values(["zper", "year"], ignore_index=True)
    first = raw.drop_duplicates("zper").set_index("zper")
    kept = first[FAMILY].fillna(-1)
    family = (kept != kept.shift()).any(axis=1).cumsum()
    plans = {number: plan for plan, numbers in PLANS.items() for number in numbers}
    frame = raw[["zper", "year", "site", "coins", "mdvis", "meddol"]].rename(columns=COLUMNS)
    frame.insert(1, "family", raw["zper"].map(family).astype("int64"))
    frame["plan"] = raw["plan"].map(plans)
    frame["age"] = raw["zper"].map(first["xage"])
    frame["female"] = raw["female"]
    frame["income"] = raw["income"]
    frame["chronic"] = raw["zper"].map(first["disea"])
    return frame


def _table() -> Path:
    """Where the full table lies; statsmodels itself (two seconds) is not imported.

    Raises:
        EngineError: It is not there.
    """
    spec = find_spec("statsmodels")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        path = Path(folder) / "datasets" / "randhie" / "src" / "randhie.csv"
        if path.is_file():
            return path
    raise EngineError(
        "the RAND table is not there: statsmodels is not installed, or was installed without its data",
        hint="pip install 'statsmodels>=0.14.5'",
    )
