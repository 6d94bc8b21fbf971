"""`retention` runs from its first cell to its last over a real ledger, and hands over what must be gone."""

import runpy
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bench import open_bench
from workbench.data.retention import Window
from workbench.errors import Misuse

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path):
    with open_bench(TOLD.tell(tmp_path / "w")) as opened:
        yield opened


@pytest.fixture
def run(play, bench, monkeypatch):
    monkeypatch.setattr(type(bench), "now", lambda self: NOW)
    return partial(play, "retention", bench=bench, now=NOW)


def test_without_windows_it_says_that_nothing_is_known(run, bench):
    hands = run()
    assert [found.verdict for found in hands.findings] == ["not enough evidence"]
    assert hands.numbers["undeclared"] == 3


def test_expired_data_becomes_evidence_about_the_version_in_use(run, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW - timedelta(days=3)), "consent")
    bench.retention.declare(Window("predictions/*", 0.5), "notice")
    hands = run()
    (found,) = hands.findings
    assert (found.subject, found.verdict, found.kind) == ("lending/1", "fail", "retention")
    assert hands.sentence == "lending 1 rest on data that had to be gone."
    assert bench.log.find("p1") is not None, "the notebook removes nothing"
    assert hands.numbers["refused"] == 1, "the policy judges it again, with the days that are left"


def test_a_strict_run_fails_after_it_has_handed_over(run, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW - timedelta(days=3)), "consent")
    with pytest.raises(Misuse, match="had to be gone"):
        run(strict=True)


def test_data_that_ends_soon_is_a_lesson(run, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW + timedelta(days=10)), "consent")
    assert "Within 30 days must be gone: loans." in run().lesson
