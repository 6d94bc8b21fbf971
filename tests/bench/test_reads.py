"""Within a run, a bench notes that state which changes was read; versions that never change are no such state."""

import contextlib
import json

import pytest

from workbench.batch.reads import reads_of
from workbench.bench import create
from workbench.bench.composition import Bench
from workbench.errors import Misuse


@pytest.fixture
def opened(tmp_path):
    """A bench in the kernel of a run, and the run's folder."""
    create(tmp_path / "w")
    folder = tmp_path / "w" / "reports" / "runs" / "20260101-090000-n-1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(
        json.dumps({"run_id": "1", "key": "k", "name": "n", "notebook_digest": "", "parameters": {}})
    )
    with Bench(tmp_path / "w", environ={"WORKBENCH_RUN": str(folder)}) as bench:
        yield bench, folder


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda bench: bench.ledger, "it reads the ledger, which changes"),
        (lambda bench: bench.log, "it reads the prediction log, which changes"),
        (
            lambda bench: bench.gate.judge("lending", 1, now=bench.now(), actor="a"),
            "it reads the ledger, which changes",
        ),
    ],
    ids=["ledger", "predictions", "gate"],
)
def test_state_that_changes_is_noted(opened, read, said):
    bench, folder = opened
    with contextlib.suppress(Misuse):  # there is no such version
        read(bench)
    assert reads_of(folder).changing == (said,)


def test_a_version_is_read_without_a_note(opened):
    bench, folder = opened
    with pytest.raises(Misuse, match="no version 1"):
        bench.version("lending", 1)
    bench.record().metric("f1", 1.0)
    assert reads_of(folder).changing == ()


def test_an_input_is_noted_with_its_digest(opened):
    bench, folder = opened
    (bench.root / "a.csv").write_text("1")
    assert bench.input("a.csv") == bench.root / "a.csv"
    assert list(reads_of(folder).inputs) == ["a.csv"]


def test_outside_of_a_run_nothing_is_noted(tmp_path):
    create(tmp_path / "w")
    with Bench(tmp_path / "w", environ={}) as bench:
        assert bench.ledger.entries() == []
        assert bench.input("a.csv") == bench.root / "a.csv"
