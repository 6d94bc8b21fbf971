"""What a run leaves behind holds no secret: it is taken out of texts, and a file that holds one is no result."""

import base64
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import open_bench
from workbench.batch import Record, run
from workbench.batch.lanes import Ended, Failure
from workbench.batch.redaction import Redaction
from workbench.bench import create
from workbench.errors import Misuse
from workbench.ledger import Ledger

VALUE = 'pa"ss\\wörd/<&>+?'  # no password; stands for one that every writing of it escapes
CELL = "#parameters\ntoken: Secret = Secret('env:A_TOKEN')  # how it is reached"
MARK = "[secret: token]"
WRITINGS = {
    "as it is": VALUE,
    "as JSON": json.dumps(VALUE),
    "as Python": repr(VALUE),
    "in base64": base64.b64encode(VALUE.encode()).decode(),
    "in base64 after one": base64.b64encode(b"x" + VALUE.encode() + b"yz").decode(),
    "in base64 after two": base64.urlsafe_b64encode(b"xy" + VALUE.encode()).decode(),
    "in hex": VALUE.encode().hex(),
    "in an address": "https://h/?k=pa%22ss%5Cw%C3%B6rd%2F%3C%26%3E%2B%3F",
    "in a page": "pa&quot;ss\\wörd/&lt;&amp;&gt;+?",
}


class Lane:
    """Leaves in a run's folder what a test says, as a kernel would."""

    def __init__(self, leave, failure=None):
        self.leave = leave
        self.failure = failure
        self.job = None

    def __call__(self, job, on_cell=None):
        self.job = job
        self.leave(job)
        return Ended(self.failure, lane="simulated")


@pytest.fixture
def world(tmp_path, simulated, write_notebook):
    """Runs of a notebook that takes a secret, over simulators."""
    tracking = simulated.SimulatedTracking(tmp_path / "tracking.json")
    notebook = write_notebook(tmp_path / "weekly.ipynb", CELL, "print('a')")

    def go(lane, *, environ=None, notebook=notebook, parameters=None, **more):
        with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            return run(
                notebook,
                parameters or {},
                workspace_root=tmp_path,
                tracking=lambda: tracking,
                ledger=ledger,
                actor="analyst",
                now=simulated.Clock(),
                environ={"A_TOKEN": VALUE} if environ is None else environ,
                lane=lane,
                **more,
            )

    go.tracking, go.root = tracking, tmp_path
    return go


def put_out(*outputs):
    """Leaves outputs in the notebook's last cell."""

    def leave(job):
        content = json.loads(job.notebook.read_text("utf-8"))
        content["cells"][-1]["outputs"] = list(outputs)
        job.notebook.write_text(json.dumps(content), "utf-8")

    return leave


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def outputs_of(outcome):
    return json.loads(outcome.notebook.read_text("utf-8"))["cells"][-1]["outputs"]


def everything_in(root):
    """All that a workspace's files hold, as bytes; and the names of the files."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    return b"\n".join(str(path).encode() + path.read_bytes() for path in paths)


def assert_nowhere(root):
    kept = everything_in(root)
    for how, writing in WRITINGS.items():
        core = writing.strip("'\"") if how in {"as JSON", "as Python"} else writing
        assert core.encode() not in kept, how


# what is cleaned


@pytest.mark.parametrize("how", WRITINGS)
def test_a_secret_in_an_output_is_replaced_however_it_is_written(world, how):
    text = f"before {WRITINGS[how]} after"
    outcome = world(
        Lane(
            put_out(
                stream(["first\n", f"{text}\n", "last"]),
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"text/html": f"<b>{text}</b>", "application/json": {text: [text]}},
                },
                {"output_type": "error", "ename": "E", "evalue": text, "traceback": [f"\x1b[31m{text}\x1b[0m"]},
            )
        )
    )
    assert outcome.status == "finished"
    assert_nowhere(world.root)
    printed, shown, error = outputs_of(outcome)
    assert printed["text"][0] == "first\n" and MARK in printed["text"][1] and printed["text"][2] == "last"
    assert MARK in shown["data"]["text/html"] and MARK in next(iter(shown["data"]["application/json"]))
    assert MARK in error["evalue"] and MARK in error["traceback"][0]


def test_a_secret_that_is_printed_in_pieces_is_replaced(world):
    pieces = [stream("one pa"), stream("warning", "stderr"), stream(['"ss\\', "wörd"]), stream("/<&>+? two")]
    outcome = world(Lane(put_out(*pieces)))
    assert_nowhere(world.root)
    assert [output["text"] for output in outputs_of(outcome)] == [f"one {MARK} two", "warning", "", ""]


def test_a_secret_of_several_lines_is_replaced(world):
    lines = "-----BEGIN-----\nabc\ndef\n-----END-----"
    leave = put_out(stream(["a\n", "-----BEGIN-----\n", "abc\n", "def\n", "-----END-----\n", "b"]))
    outcome = world(Lane(leave), environ={"A_TOKEN": f"{lines}\n"})
    assert outputs_of(outcome)[0]["text"] == ["a\n", f"{MARK}\n", "b"]


def test_a_secret_of_digits_is_replaced_where_it_stands_as_a_number(world):
    leave = put_out({"output_type": "display_data", "metadata": {}, "data": {"application/json": [12345678, 12]}})
    outcome = world(Lane(leave), environ={"A_TOKEN": "12345678"})
    assert outputs_of(outcome)[0]["data"]["application/json"] == [MARK, 12]


def test_what_is_handed_over_and_told_holds_no_secret(world, simulated):
    def leave(job):
        record = Record.in_run(job.run_folder, now=simulated.START)
        record.sentence(f"Reached with {VALUE}.")
        record.lesson(WRITINGS["in base64"])
        record.finding(simulated.Finding(details={"with": VALUE}))
        record.metric("rows", 3)
        record.close()

    outcome = world(Lane(leave), key="weekly/1")
    assert outcome.sentence == f"Reached with {MARK}."
    assert outcome.metrics == {"rows": 3}
    assert outcome.findings[0]["details"] == {"with": MARK}
    assert_nowhere(world.root)
    assert "A_TOKEN" in world.tracking.path.read_text()
    assert world(Lane(leave), key="weekly/1", environ={}).reused, "what is finished needs no secret"


def test_a_failure_is_told_without_the_secret(world):
    failure = Failure(f"Bad{VALUE}", f"no entry with {VALUE!r}", 2)
    outcome = world(Lane(put_out(), failure))
    assert outcome.sentence == f"cell 2 failed: Bad{MARK}: no entry with '{MARK}'"
    assert_nowhere(world.root)


def test_a_hint_is_told_without_the_secret(world):
    outcome = world(Lane(put_out(), Failure("Misuse", "no entry", 2, f"not {VALUE}")))
    assert outcome.failure.hint == f"not {MARK}"


def test_a_run_that_is_stopped_is_cleaned_too(world):
    def leave(job):
        put_out(stream(VALUE))(job)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world(Lane(leave))
    assert_nowhere(world.root)


@pytest.mark.parametrize("content", [f"{VALUE} [", f"[{json.dumps(VALUE)}]", json.dumps({"cells": [VALUE]})])
def test_a_notebook_that_a_cell_has_written_over_is_cleaned_all_the_same(content):
    redaction = Redaction.of({"token": "env:T"}, {"T": VALUE}, {"cells": []})
    assert redaction.held_by(redaction._document(content, deep=True)) == []


def test_a_run_without_secrets_is_left_as_it_is(world, write_notebook):
    notebook = write_notebook(world.root / "plain.ipynb", "#parameters\nn: int = 1", "n")
    before = []

    def leave(job):
        put_out(stream(VALUE))(job)
        before.append(job.notebook.read_bytes())

    assert world(Lane(leave), notebook=notebook).notebook.read_bytes() == before[0]


@given(st.text(min_size=6).filter(lambda text: len(text.strip("\r\n \t")) >= 6), st.text(), st.text())
def test_any_secret_is_found_in_any_text(value, before, after):
    try:
        value.encode()
        redaction = Redaction.of({"t": "env:T"}, {"T": value}, {"cells": []})
    except (UnicodeEncodeError, Misuse):
        return
    kept = value.rstrip("\r\n")
    for text in (kept, json.dumps(kept), base64.b64encode((before + kept + after).encode("utf-8", "replace")).decode()):
        cleaned = redaction.text(f"{before}{text}{after}")
        assert redaction.held_by(f"{before}{text}{after}") == ["t"]
        assert cleaned.count("[secret: t]") >= 1


# what fails closed


def folder_file(name, content):
    def leave(job):
        path = job.run_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return leave


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("files/rows.csv", f"a,b\n1,{VALUE}\n".encode()),
        ("files/rows.txt", base64.b64encode(b"user:" + VALUE.encode())),
        ("files/rows.json", json.dumps({"a": VALUE}).encode()),
        ("files/rows.npy", np.array(["abc", VALUE]).tobytes()),
        ("models/lending/model/MLmodel", b"\0\xff" + VALUE.encode()),
        ("elsewhere/.hidden", VALUE.encode()),
    ],
)
def test_a_file_that_holds_a_secret_is_removed_and_fails_the_run(world, name, content):
    outcome = world(Lane(folder_file(name, content)))
    assert outcome.status == "failed"
    assert outcome.sentence == f"{name} held the secret token and was removed"
    assert not (outcome.notebook.parent / name).exists()
    assert_nowhere(world.root)
    (kept,) = world.tracking.state["runs"].values()
    assert (kept["status"], name in kept["files"]) == ("FAILED", False)


def test_a_file_or_folder_named_by_a_secret_is_removed(world):
    outcome = world(Lane(folder_file("files/s3cr3t-name/a.txt", b"")), environ={"A_TOKEN": "s3cr3t-name"})
    assert outcome.status == "failed"
    assert f"files/{MARK}/a.txt held the secret token" in outcome.sentence
    assert b"s3cr3t-name" not in everything_in(world.root)
    assert list((outcome.notebook.parent / "files").iterdir()) == []


def test_a_link_to_a_secret_is_removed_and_what_it_names_is_kept(world):
    outside = world.root.with_name(f"{world.root.name}-token")
    outside.write_text(VALUE)

    def leave(job):
        (job.run_folder / "files").mkdir()
        (job.run_folder / "files" / "link").symlink_to(outside)

    outcome = world(Lane(leave))
    assert "files/link held the secret token" in outcome.sentence
    assert outside.read_text() == VALUE


def test_a_record_whose_numbers_or_names_are_the_secret_is_removed(world, simulated):
    def leave(job):
        record = Record.in_run(job.run_folder, now=simulated.START)
        record.metric("pin", 12345678)
        record.close()

    outcome = world(Lane(leave), environ={"A_TOKEN": "12345678"})
    assert (outcome.status, outcome.metrics) == ("failed", {})
    assert "record.json held the secret token" in outcome.sentence
    assert b"12345678" not in everything_in(world.root)


# what is refused before anything runs


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "the secret token has no value: env:A_TOKEN cannot be read: the environment has no A_TOKEN"),
        ({"A_TOKEN": ""}, "the value of env:A_TOKEN for token is too short to be redacted safely"),
        ({"A_TOKEN": "abcde\n"}, "the value of env:A_TOKEN for token is too short to be redacted safely"),
        ({"A_TOKEN": "import"}, "the value of the secret token stands in the notebook or its parameters"),
        ({"A_TOKEN": "A_TOKEN"}, "the value of the secret token stands in the notebook or its parameters"),
        ({"A_TOKEN": "secret"}, "the value of the secret token stands in the notebook or its parameters"),
    ],
)
def test_a_secret_that_cannot_be_had_or_kept_is_refused_before_anything_starts(world, environ, said):
    lane = Lane(put_out())
    with pytest.raises(Misuse) as caught:
        world(lane, environ=environ)
    assert caught.value.message == said
    assert caught.value.hint
    assert lane.job is None
    assert world.tracking.calls == []
    assert not (world.root / "reports").exists()


def test_a_parameter_that_is_given_the_value_as_well_is_refused(world, write_notebook):
    notebook = write_notebook(world.root / "two.ipynb", f"{CELL}\nlabel: str = ''  # title", "label")
    with pytest.raises(Misuse, match="stands in the notebook or its parameters") as caught:
        world(Lane(put_out()), notebook=notebook, parameters={"label": VALUE})
    assert VALUE not in caught.value.told()


def test_the_lane_is_told_references_and_the_stores_too(world):
    lane = Lane(put_out())
    world(lane, parameters={"token": "env:B_TOKEN"}, environ={"B_TOKEN": VALUE})
    assert lane.job.secrets == {"token": "env:B_TOKEN"}
    (kept,) = world.tracking.state["runs"].values()
    assert kept["parameters"] == {"token": "env:B_TOKEN"}


# with a kernel


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("real") / "w"
    create(root)
    with open_bench(root) as opened:
        yield opened


@pytest.mark.slow
def test_a_kernel_that_prints_raises_and_writes_a_secret_leaves_none(bench, tmp_path, write_notebook):
    def go(*cells, **more):
        notebook = write_notebook(
            tmp_path / "n.ipynb", f"#parameters\nfrom workbench import Secret\n{CELL[12:]}", *cells
        )
        return run(
            notebook,
            {},
            workspace_root=bench.root,
            tracking=lambda: bench.store,
            ledger=bench.ledger,
            actor="analyst",
            now=bench.now,
            environ={**os.environ, "A_TOKEN": VALUE, "B_TOKEN": "not for kernels"},
            **more,
        )

    told = go(
        "import os\nprint(token, 'B_TOKEN' in os.environ, len(token.reveal()))",
        "print(token.reveal())\nfor sign in token.reveal():\n    print(sign, end='', flush=True)",
        "token.reveal()",
        "raise PermissionError(f'no entry with {token.reveal()}')",
    )
    assert told.sentence == f"cell 6 failed: PermissionError: no entry with {MARK}"
    cells = json.loads(told.notebook.read_text("utf-8"))["cells"]
    texts = ["".join(output["text"]) for cell in cells for output in cell.get("outputs", ()) if "text" in output]
    assert texts[0] == f"Secret('env:A_TOKEN') False {len(VALUE)}\n"
    assert "".join(texts[1:]) == f"{MARK}\n{MARK}"
    assert MARK in told.report.read_text("utf-8")
    written = go(
        "import os, pathlib, workbench\nrecord = workbench.open_bench().record()",
        "record.file('rows.csv', token.reveal())\nrecord.close()",
    )
    assert written.sentence == "files/rows.csv held the secret token and was removed"
    assert_nowhere(bench.root)
    assert Path(bench.root / "mlflow.db").exists()
