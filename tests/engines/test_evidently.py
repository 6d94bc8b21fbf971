"""Evidently's report: from a profile as from the rows, complete in one page, and silent on the network."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile
from workbench.engines.evidently import drift_report
from workbench.errors import Misuse

ACS = Path(__file__).parents[3] / "shared" / "data"  # beside the project
SILENT = """
import os, socket, sys
os.environ.pop("DO_NOT_TRACK", None)
def refuse(*_):
    print("a connection was tried")
    os._exit(3)
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import pandas as pd
from workbench.engines.evidently import drift_report
frame = pd.DataFrame({"x": range(100)})
report = drift_report(frame, frame)
import evidently.telemetry
assert evidently.telemetry.event_logger.enabled is False
evidently.telemetry.event_logger.send_event("test", "test")
print(len(report.html))
"""


def frames():
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"age": rng.normal(40, 10, 1500), "yes": rng.integers(0, 2, 1500), "plan": ["a", "b"] * 750})
    now = pd.DataFrame({"age": rng.normal(46, 10, 400), "yes": rng.integers(0, 2, 400), "plan": ["a", "b"] * 200})
    return before, now


@pytest.mark.slow
def test_verdicts_from_a_profile_are_those_from_the_rows():
    before, now = frames()
    rows, profile = drift_report(before, now), drift_report(Profile.scan(before).expanded(), now)
    assert {name: column.drifted for name, column in rows.columns.items()} == {"age": True, "yes": False, "plan": False}
    for name, column in rows.columns.items():
        assert profile.columns[name].method == column.method
        assert profile.columns[name].score == pytest.approx(column.score, abs=0.002)
    assert rows.drifted_share == pytest.approx(1 / 3)


@pytest.mark.slow
def test_on_real_data_both_profiles_expanded_give_the_stock_presets_verdicts():
    """American Community Survey, Massachusetts: 2015 against those who were 60 or older in 2018."""
    if not ACS.is_dir():
        pytest.skip(f"the survey's files are not in {ACS}")
    before = pd.read_parquet(ACS / "acs_employment_MA_reference.parquet").drop(columns=["id", "year"])
    now = pd.read_parquet(ACS / "acs_employment_MA_analysis.parquet").query("year == 2018 and AGEP >= 60")
    before, now = before[[name for name in before if name in now]][:30_000], now[:20_000]
    reference = Profile.scan(before)
    current = Profile.scan(now, like=reference)
    stock, small = drift_report(before, now), drift_report(reference.expanded(), current.expanded())
    assert {name: each.drifted for name, each in small.columns.items()} == {
        name: each.drifted for name, each in stock.columns.items()
    }
    assert 0.2 < stock.drifted_share < 0.9
    for name, each in stock.columns.items():
        assert small.columns[name].method == each.method
        assert small.columns[name].score == pytest.approx(each.score, abs=0.005)


@pytest.mark.slow
def test_the_page_asks_nothing_of_the_network():
    before, now = frames()
    html = drift_report(before, now).html
    assert len(html) > 1_000_000
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']https?:", html)


@pytest.mark.slow
def test_no_connection_is_tried_whatever_the_environment_says():
    told = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stdout + told.stderr[-2000:]


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [({"x": [1]}, {"y": [1]}, "'x' is missing"), ({"x": [1]}, {"x": []}, "no rows"), ({}, {"x": [1]}, "no rows")],
)
def test_what_cannot_be_compared_is_refused(before, now, message):
    with pytest.raises(Misuse, match=message):
        drift_report(pd.DataFrame(before), pd.DataFrame(now))
