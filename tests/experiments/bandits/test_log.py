"""A log is appended line by line and read from any file; what is missing is named."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.errors import EngineError, Misuse
from workbench.experiments.bandits.log import BanditLog, Columns, LogRecord, append
from workbench.experiments.bandits.state import Observation

DAY = date(2026, 1, 31)
RECORDS = [
    LogRecord("u1", "default", "new", 0.75, "44addaaf041f", 1.0, DAY),
    LogRecord('ü"2\n', "eu", "old", 0.25, "44addaaf041f", 0.0, DAY),
]


def same(log, records):
    expected = BanditLog.of(records)
    for name in ("arm", "unit", "leaf", "day", "table_version"):
        assert list(getattr(log, name)) == list(getattr(expected, name)), name
    assert log.reward.tolist() == expected.reward.tolist()
    assert log.propensity.tolist() == expected.propensity.tolist()


def test_records_are_appended_and_read_again(tmp_path):
    append(tmp_path / "log.jsonl", RECORDS[:1])
    append(tmp_path / "log.jsonl", RECORDS[1:])
    same(BanditLog.read(tmp_path / "log.jsonl"), RECORDS)


def test_a_log_is_parquet_and_back(tmp_path):
    BanditLog.of(RECORDS).write(tmp_path / "log.parquet")
    same(BanditLog.read(tmp_path / "log.parquet"), RECORDS)
    with pytest.raises(EngineError, match="cannot be written"):
        BanditLog.of(RECORDS).write(tmp_path / "no" / "log.parquet")
    with pytest.raises(EngineError, match="cannot be written"):
        append(tmp_path / "no" / "log.jsonl", RECORDS)


def test_a_csv_of_other_names_will_do(tmp_path):
    frame = pd.DataFrame({"variant": ["a", "b"], "bought": [1, 0], "at": ["2026-01-31T10:00:00", "2026-01-31"]})
    frame.to_csv(tmp_path / "log.csv", index=False)
    log = BanditLog.read(tmp_path / "log.csv", Columns(arm="variant", reward="bought", day="at"))
    assert list(log.observations()) == [Observation("a", 1.0, DAY), Observation("b", 0.0, DAY)]
    assert log.propensity is None and log.unit is None


def test_a_log_without_days_needs_one():
    log = BanditLog(["a"], np.ones(1), None, None, ["default"], None, None)
    assert next(log.observations(DAY)).day == DAY
    with pytest.raises(Misuse, match="no days"):
        log.observations()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("arm,reward\n", "no rows"),
        ("arm,money\na,1\n", "no column 'reward'"),
        ("arm,reward\na,much\n", "no number"),
        ("arm,reward\na,1\nb,\n", "reward is missing or infinite in row 2"),
        ("arm,reward\na,1\n,1\n", "arm is missing in row 2"),
        ("arm,reward,day\na,1,monday\n", "a day is 'monday'"),
        ("arm,reward,propensity\na,1,inf\n", "propensity is missing or infinite in row 1"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(tmp_path, text, said):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(Misuse, match=said):
        BanditLog.read(tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ('{"arm": "a", "reward": 1}\n{"arm": "b", "rew', "line 2 .* is no JSON"),
        ("[1]\n", "line 1 .* no JSON object"),
        ('{"arm": "a"}\n', "no column 'reward'"),
        ('{"arm": "a", "reward": 1}\n{"arm": "b"}\n', "in row 2"),
    ],
)
def test_json_lines_that_cannot_be_used_are_refused(tmp_path, text, said):
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(Misuse, match=said):
        BanditLog.read(tmp_path / "log.jsonl")
    with pytest.raises(Misuse, match="cannot be read"):
        BanditLog.read(tmp_path / "none.jsonl")


def test_no_record_is_no_log():
    with pytest.raises(Misuse, match="no record"):
        BanditLog.of([])
