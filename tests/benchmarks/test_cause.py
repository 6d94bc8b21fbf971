"""Why performance dropped, on the whole American Community Survey: 68,785 cases before, 208,892 now, 17 columns.

No peer does this much at once, so what it takes is printed, in processor time, beside what the data's own
columns cost to be read. Run it alone: pytest -m benchmark tests/benchmarks/test_cause.py
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.audits.cause import audit_cause

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
ACS = Path("/work/shared/data")


def test_the_causes_of_a_drop_on_the_american_community_survey(capsys):
    if not (ACS / "acs_employment_MA_reference.parquet").is_file():
        pytest.skip(f"the survey's files are not in {ACS}")
    before, now, label = (
        pd.read_parquet(ACS / f"acs_employment_MA_{part}.parquet")
        for part in ("reference", "analysis", "analysis_target")
    )
    aside = ["id", "timestamp", "predicted_probability"]
    now = now.merge(label, on="id").drop(columns=aside, errors="ignore")
    before = before.drop(columns=aside, errors="ignore")
    took = []
    for _ in range(3):
        began = time.process_time()
        audit = audit_cause(before, now, label="employed", prediction="prediction", rng=np.random.default_rng(0))
        took.append(time.process_time() - began)
    with capsys.disabled():
        print(f"\n  {len(before):,} and {len(now):,} cases: {min(took):.1f} s of processor time; {audit.sentence}")
    assert audit.verdict == "pass"
    assert sum(cause.value for cause in audit.causes) == pytest.approx(audit.drop.value, abs=1e-9)
    assert min(took) < 8
