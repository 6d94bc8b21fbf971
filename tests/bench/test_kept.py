"""The page of fairness is given the threshold table that an audit's run kept, and told where there is none."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.audits import explore
from workbench.bench import create
from workbench.bench.composition import Bench
from workbench.data import ScoreCube
from workbench.errors import EngineError, Misuse

FOLDER = "20260101-090000-fairness_audit-1"
AUDITED = SimpleNamespace(finding=SimpleNamespace(run_id="1"))


@pytest.fixture
def bench(tmp_path):
    """A bench whose run 1 finished; its files are in `files`."""
    create(tmp_path / "w")
    with Bench(tmp_path / "w", environ={}) as bench:
        bench.ledger.append(
            "run.finished", subject="run/1", actor="a", why="w", body={"folder": FOLDER}, now=bench.now()
        )
        yield bench


@pytest.fixture
def files(bench):
    """Where run 1 keeps its files."""
    folder = bench.root / "reports" / "runs" / FOLDER / "files"
    folder.mkdir(parents=True)
    return folder


def test_the_table_is_that_of_the_audits_run(bench, files):
    cube = ScoreCube.scan({"g": ["a", "b"] * 50}, score=np.linspace(0, 1, 100), label=[0, 1] * 50)
    (files / "thresholds.json").write_text(explore(cube).as_json())
    assert [group.group for group in bench.thresholds(AUDITED).groups] == [("a",), ("b",)]


@pytest.mark.parametrize(
    "finding", [None, SimpleNamespace(run_id="1"), SimpleNamespace(run_id="2")], ids=["none", "no file", "no run"]
)
def test_where_none_was_kept_there_is_none(bench, finding):
    assert bench.thresholds(SimpleNamespace(finding=finding)) is None


def test_a_file_that_is_none_is_refused(bench, files):
    (files / "thresholds.json").write_text("{}")
    with pytest.raises(Misuse, match="no table of thresholds"):
        bench.thresholds(AUDITED)
    (files / "thresholds.json").write_bytes(b"\xff\xfe")
    with pytest.raises(EngineError, match="cannot be read"):
        bench.thresholds(AUDITED)


def test_an_empty_workspace_has_nothing_to_show(bench):
    assert (list(bench.fairness()), list(bench.drifts())) == ([], [])
