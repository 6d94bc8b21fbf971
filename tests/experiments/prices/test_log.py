"""What was sold is read from the log of offers or from counts, and both say the same."""

from datetime import date

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.experiments.bandits.log import BanditLog, LogRecord, append
from workbench.experiments.bandits.off_policy import evaluate
from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.prices.log import Sold, read_counts, read_sold, sales_of
from workbench.experiments.prices.state import PricingState, Sales
from workbench.experiments.prices.table import weigh

DESIGN = PricingDesign("plans", (9.5, 19.0, 29.0), {"small": 19.0, "large": 29.0}, unit_cost=4.5)
DAY = date(2026, 3, 2)
SALES = [Sales("2026-03-02", "large", 29.0, 2, 1), Sales("2026-03-02", "small", 9.5, 3, 1)]


def record(unit, segment="small", arm="9.5", reward=0.0, day=DAY):
    return LogRecord(unit, segment, arm, 0.5, "44addaaf041f", reward, day)


RECORDS = [
    record("u1"),
    record("u2", reward=5.0),
    record("u3"),
    record("u4", "large", "29", 24.5),
    record("u5", "large", "29"),
    record("u6", "default", "19", 14.5),
]


def test_a_log_of_offers_is_counted_by_day_segment_and_price(tmp_path):
    assert sales_of(BanditLog.of(RECORDS), DESIGN) == SALES
    append(tmp_path / "log.jsonl", RECORDS)
    BanditLog.of(RECORDS).write(tmp_path / "log.parquet")
    BanditLog.of(RECORDS).frame().to_csv(tmp_path / "log.csv", index=False)
    for name in ("log.jsonl", "log.parquet", "log.csv"):
        found = read_sold(tmp_path / name, DESIGN)
        assert found.sales == SALES and found.left_out == 1 and len(found.source or "") == 64


def test_two_logs_of_the_same_counts_are_two_and_one_log_is_one(tmp_path):
    append(tmp_path / "morning.jsonl", [record("u1")])
    append(tmp_path / "evening.jsonl", [record("u2")])
    state = PricingState(DESIGN)
    for name in ("morning", "evening"):
        found = read_sold(tmp_path / f"{name}.jsonl", DESIGN)
        state = state.updated(found.sales, found.source)
    assert state.by_day.seen.sum() == 2
    with pytest.raises(Misuse, match="count twice"):
        state.updated(found.sales, found.source)


def test_the_log_of_a_price_table_says_what_the_table_would_have_earned():
    """The way round: a table is served, its log is kept, and off-policy evaluation judges another table by it."""
    design = PricingDesign("plans", (9.0, 29.0), {"small": 9.0})
    rng = np.random.default_rng(5)
    first = weigh(PricingState(design), rng).decisions
    records = []
    for i in range(6000):
        arm, propensity, version, leaf = first.choose(f"customer {i}", {"segment": "small"})
        bought = rng.random() < {"9": 0.5, "29": 0.4}[arm]
        records.append(LogRecord(f"customer {i}", leaf, arm, propensity, version, float(arm) * bought, DAY))
    log = BanditLog.of(records)
    second = weigh(PricingState(design).updated(sales_of(log, design)), rng).decisions
    found = evaluate(log, second)
    truth = sum(weight * {"9": 4.5, "29": 11.6}[arm] for arm, weight in second.weights["small"].items())
    assert found.verdict == "pass" and found.result.best.interval[0] < truth < found.result.best.interval[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (record("u", reward=1.0), "a reward at 9.5 is 1; it must be 5"),
        (record("u", arm="4.5"), "brings nothing"),
        (record("u", arm="cheap"), "'cheap', which is no price"),
        (record("u", "default"), "no offer to a customer of a segment"),
    ],
)
def test_a_log_that_cannot_be_counted_is_refused(wrong, said):
    with pytest.raises(Misuse, match=said):
        sales_of(BanditLog.of([wrong]), DESIGN)


def test_a_log_without_days_is_refused():
    log = BanditLog(["19"], np.zeros(1), None, None, ["small"], None, None)
    with pytest.raises(Misuse, match="no days"):
        sales_of(log, DESIGN)


def test_counts_are_read_from_csv(tmp_path):
    text = "day,segment,price,seen,bought\n2026-03-02,large,29.0,2,1\n2026-03-02,small,9.5,3,1\n"
    (tmp_path / "counts.csv").write_text(text)
    assert read_sold(tmp_path / "counts.csv", DESIGN) == Sold(SALES, None, 0)
    with pytest.raises(Misuse, match="lacks bought"):
        read_counts("day,segment,price,seen\n")
    with pytest.raises(Misuse, match="no row of sales"):
        read_counts("day,segment,price,seen,bought\n")
    with pytest.raises(Misuse, match="line 2"):
        read_counts("day,segment,price,seen,bought\n2026-03-02,small,x,1,1\n")
