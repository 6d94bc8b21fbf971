"""Drift and data quality of a million rows by thirty columns, beside Evidently's preset in one run.

Evidently computes each column three times and draws every plot inside `run`; its preset takes minutes
and some 3 GB here. Run it alone: pytest -m benchmark tests/benchmarks/test_drift.py
"""

import threading
import time

import numpy as np
import pandas as pd
import psutil
import pytest

from workbench.audits import Expectations, audit_drift, audit_quality
from workbench.data import Profile, Repeats
from workbench.engines.evidently import drift_report
from workbench.views.audit_report import audit_report

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
ROWS, NUMBERS, TEXTS = 1_000_000, 22, 8
REPEATS = 9  # ours takes so little that the best of some is taken


def frame(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    kinds = (
        lambda i: rng.normal(shift if i < 4 else 0.0, 1, ROWS),
        lambda i: rng.lognormal(0, 1, ROWS),
        lambda i: rng.poisson(3, ROWS).astype(float),
        lambda i: rng.normal(1e9, 50, ROWS),
    )
    made = {f"x{i}": kinds[i % 4](i) for i in range(NUMBERS)}
    names = np.array([f"category {k}" for k in range(12)], dtype=object)
    return pd.DataFrame(made | {f"c{i}": names[rng.integers(0, 12, ROWS)] for i in range(TEXTS)})


class Memory:
    """The most memory this process took beyond what it had."""

    def __enter__(self):
        self.process, self.done = psutil.Process(), threading.Event()
        self.before = self.most = self.process.memory_info().rss
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(0.002):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    @property
    def extra(self):
        return (self.most - self.before) / 1e6


def best(call):
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = call()
        took.append(time.perf_counter() - began)
    return min(took), result


def test_a_million_rows_by_thirty_columns(tmp_path, capsys):
    before, now = frame(0), frame(1, shift=0.6)
    now.to_parquet(tmp_path / "now.parquet")
    reference = Profile.scan(before)
    rules = Expectations.learned(reference)

    def drift(source):
        current = Profile.scan(source, like=reference)
        return audit_drift(reference, current), current

    def report():
        audit, current = drift(now)
        quality = audit_quality(current, rules, repeats=Repeats.scan(now))
        page = audit_report("a million rows", drift=audit, quality=quality, reference=reference, current=current)
        (tmp_path / "ours.html").write_text(page, "utf-8")
        return page

    drift(now)  # bytecode and buffers
    with Memory() as memory:
        ours, (audit, current) = best(lambda: drift(now))
    with Memory() as streamed:
        from_file, (told, _) = best(lambda: drift(tmp_path / "now.parquet"))
    ours_report, page = best(report)
    began = time.perf_counter()
    expanded = drift_report(reference.expanded(), current.expanded())
    bridge = time.perf_counter() - began
    with Memory() as theirs_memory:
        began = time.perf_counter()
        stock = drift_report(before, now)  # the preset's run and its page, as save_html writes it
        theirs = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n  Evidently's DataDriftPreset: {theirs:.0f} s, {theirs_memory.extra:,.0f} MB more")
        print(f"  our drift audit, reference stored: {ours:.3f} s, {memory.extra:.0f} MB more; {theirs / ours:.0f}x")
        print(f"  the same from Parquet: {from_file:.3f} s, {streamed.extra:.0f} MB more; {theirs / from_file:.0f}x")
        print(
            f"  our drift and quality page: {ours_report:.2f} s, {len(page) / 1000:.0f} KB; "
            f"{theirs / ours_report:.0f}x (theirs: drift alone, {len(stock.html) / 1e6:.1f} MB)"
        )
        print(f"  Evidently on the frames expanded from both profiles: {bridge:.1f} s")
    assert {c.column for c in audit.columns if c.verdict == "fail"} == {"x0"}
    assert {c.column: c.verdict for c in told.columns} == {c.column: c.verdict for c in audit.columns}
    drifted = {name for name, each in stock.columns.items() if each.drifted}
    assert drifted == {name for name, each in expanded.columns.items() if each.drifted} == {"x0"}
    assert theirs / ours >= 500
    assert memory.extra < 200
    assert streamed.extra < 200
    assert theirs / ours_report >= 10
    assert len(page.encode()) < 300_000
