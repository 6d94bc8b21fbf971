"""Two outputs are the same when a reader sees the same, but for what no two runs share."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.batch.history import PastRun
from workbench.batch.outputs import bare, seen


def run(number, **more):
    given = {
        "run_id": f"{number:032x}"[::-1],
        "name": "weekly",
        "status": "finished",
        "at": datetime(2026, 1, number, tzinfo=UTC),
        "actor": "analyst",
        "parameters": {},
        "metrics": {},
        "sentence": "",
        "findings": (),
        "versions": (("lending", number),),
        "folder": Path(f"/w/reports/runs/2026010{number}-090000-weekly-{number}"),
        "seconds": 1.0,
        "cpu_seconds": 0.0,
        "peak_memory": 0,
        "lane": "cold",
        "reproduces": "",
    }
    return PastRun(**{**given, **more})


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def data(**kinds):
    return {"output_type": "display_data", "metadata": {}, "data": {k.replace("__", "/"): v for k, v in kinds.items()}}


@pytest.mark.parametrize(
    "text",
    [
        "run {run.run_id} in {run.folder}/files",
        "{run.short} registered lending/{version}",
        "at 2026-01-0{version}T09:00:00.123+00:00",
        "on 2026-01-0{version} 09:00",
        "<object at 0x7f8a{version}c0de1>",
        '<table id="T_{version}abcde">',
        "id 0000000{version}-1234-1234-1234-123456789abc",
    ],
)
def test_what_no_two_runs_share_is_left_out(text):
    texts = [bare(text.format(run=run(number), version=number), run(number)) for number in (1, 2)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([stream("ab")], [stream("a"), stream(["", "b"])]),
        ([stream("a")], [stream("a"), stream("50 %", name="stderr")]),
        ([data(text__plain=["a\n", "b"])], [data(text__plain="a\nb")]),
        (
            [data(**{"text/plain": "w", "application/vnd.jupyter.widget-view+json": {"model_id": "a"}})],
            [data(**{"text/plain": "w", "application/vnd.jupyter.widget-view+json": {"model_id": "b"}})],
        ),
    ],
    ids=["a stream in pieces", "warnings", "lines or a text", "a widget's id"],
)
def test_what_a_reader_does_not_see_does_not_count(one, other):
    assert seen(one, run(1)) == seen(other, run(2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([stream("0.90")], [stream("0.91")]),
        ([data(image__png="a")], [data(image__png="b")]),
        ([data(text__plain="a")], [stream("a")]),
        ([], [stream("a")]),
        (
            [{"output_type": "error", "ename": "A", "evalue": "x"}],
            [{"output_type": "error", "ename": "A", "evalue": "y"}],
        ),
        ([stream("a"), data(text__plain="b")], [data(text__plain="b"), stream("a")]),
    ],
)
def test_what_a_reader_sees_counts(one, other):
    assert seen(one, run(1)) != seen(other, run(2))
