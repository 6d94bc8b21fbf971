"""`retention` runs from its first cell to its last over a real ledger, and hands over what must be gone."""

import json
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import workbench
from workbench.batch import parameters
from workbench.bench import open_bench
from workbench.data.retention import Window
from workbench.errors import Misuse

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "retention.ipynb"
TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Hands:
    """Takes what a notebook hands over."""

    run_id, now = "r1", NOW

    def __init__(self):
        self.findings, self.said = [], {}

    def finding(self, found):
        self.findings.append(found)

    def __getattr__(self, name):
        return lambda *given: self.said.__setitem__(name, given[0] if given else True)


@pytest.fixture
def bench(tmp_path):
    with open_bench(TOLD.tell(tmp_path / "w")) as opened:
        yield opened


def run(monkeypatch, bench, **given):
    hands = Hands()
    monkeypatch.setattr(type(bench), "now", lambda self: NOW)
    bench.record = lambda: hands
    monkeypatch.setattr(workbench, "open_bench", lambda: bench)
    space = {}
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), space)
            if cell["metadata"].get("tags") == ["parameters"]:
                space |= parameters.read(NOTEBOOK).validate(given)
    return hands


def test_without_windows_it_says_that_nothing_is_known(monkeypatch, bench):
    hands = run(monkeypatch, bench)
    assert [found.verdict for found in hands.findings] == ["not enough evidence"]
    assert hands.said["metrics"]["undeclared"] == 3
    assert hands.said["close"] is True


def test_expired_data_becomes_evidence_about_the_version_in_use(monkeypatch, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW - timedelta(days=3)), "consent")
    bench.retention.declare(Window("predictions/*", 0.5), "notice")
    hands = run(monkeypatch, bench)
    (found,) = hands.findings
    assert (found.subject, found.verdict, found.kind) == ("lending/1", "fail", "retention")
    assert hands.said["sentence"] == "lending 1 rest on data that had to be gone."
    assert bench.log.find("p1") is not None, "the notebook removes nothing"
    assert hands.said["metrics"]["refused"] == 1, "the policy judges it again, with the days that are left"


def test_a_strict_run_fails_after_it_has_handed_over(monkeypatch, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW - timedelta(days=3)), "consent")
    with pytest.raises(Misuse, match="had to be gone"):
        run(monkeypatch, bench, strict=True)


def test_data_that_ends_soon_is_a_lesson(monkeypatch, bench):
    bench.retention.declare(Window(f"data/{TOLD.DATA}", until=NOW + timedelta(days=10)), "consent")
    assert "Within 30 days must be gone: loans." in run(monkeypatch, bench).said["lesson"]
