"""`workbench publish` and `workbench consume`, as a person meets them."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import create
from workbench.bench.engines import Engines
from workbench.cli import main, progress
from workbench.cli.consume import _stopping
from workbench.ledger import ModelVersion
from workbench.serving import Predictor
from workbench.serving.events import TableStream

COLUMNS = {"income": "double", "purpose": "string"}


class Line:
    def predict_proba(self, frame):
        yes = frame["income"].to_numpy() / 10
        return np.column_stack([1 - yes, yes])


class Store:
    """Loads any version as the line."""

    def load(self, version):
        return Predictor(version, Line(), COLUMNS)


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Runs a command in a workspace whose "lending" 1 is champion."""
    root = tmp_path / "w"
    create(root)
    monkeypatch.setattr(Engines, "lanes", Store())
    with open_bench(root) as bench:
        version = ModelVersion(
            model="lending", version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
            feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=bench.now().isoformat(), registered_by="analyst",
        )  # fmt: skip
        note = {"actor": "analyst", "why": "w", "now": bench.now()}
        bench.ledger.append("version.registered", subject="lending/1", body=version.as_body(), **note)
        with bench.ledger.transaction() as writer:
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            entry = writer.append("promotion.granted", subject="lending/1", body=body, **note)
            writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)

    def run(*words, stdin=None):
        done = CliRunner().invoke(main, [*words, "--workspace", str(root)], input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


ROWS = "\n".join(json.dumps({"income": n, "purpose": "house"}) for n in range(8))
CONSUME = ("consume", "apps", "--model", "lending")


def test_rows_are_published_scored_and_counted(told):
    assert told("publish", "apps", "-", stdin=ROWS).stdout == "8 events added to apps\n"
    assert told("publish", "apps", "-", stdin=ROWS).stdout == "0 events added to apps, 8 were there already\n"
    done = told(*CONSUME, "--once")
    assert done.exit_code == 0 and done.stdout.startswith("8 events scored, ")
    assert "lending 1 scores apps (the workspace) into apps.lending" in done.stderr
    (standing,) = json.loads(told("consume", "--lag", "--json").stdout)
    assert (standing["scored"], standing["lag"], standing["dead"], standing["version"]) == (8, 0, 0, 1)
    assert json.loads(told(*CONSUME, "--once", "--json").stdout)["scored"] == 0


def test_csv_cells_are_numbers_where_they_read_so_and_fields_name_id_and_subject(told, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("number,who,income,purpose\nA1,p1,4.5,house\nA2,p2,6,\n", "utf-8")
    dry = told("publish", "apps", str(file), "--id", "number", "--subject", "who", "--dry-run", "--json")
    first = json.loads(json.loads(dry.stdout)["first"])
    assert (first["id"], first["subject"], first["data"]) == ("A1", "p1", {"income": 4.5, "purpose": "house"})
    told("publish", "apps", str(file), "--id", "number", "--subject", "who")
    done = json.loads(told(*CONSUME, "--once", "--json").stdout)
    assert (done["scored"], done["dead"]) == (1, 1)
    table = told(*CONSUME, "--dead-letters").stdout
    assert "0:1" in table and "'purpose' is missing" in table


def test_a_cloudevent_is_published_as_it_is(told):
    event = {"specversion": "1.0", "id": "x", "source": "s", "type": "t", "data": {"income": 1, "purpose": "car"}}
    told("publish", "apps", "-", stdin=json.dumps(event))
    dry = json.loads(told(*CONSUME, "--dry-run", "--json").stdout)
    assert (dry["would_score"], dry["would_be_dead"]) == (1, [])
    assert json.loads(dry["first"])["data"]["event"] == {"source": "s", "id": "x"}
    assert json.loads(told("consume", "--lag", "--json").stdout) == []  # a dry run leaves nothing


def test_a_dead_letter_is_redriven_when_the_model_takes_it(told, monkeypatch):
    told("publish", "apps", "-", stdin=f'{ROWS}\n{{"income": 3, "purpose": "car", "loans": 2}}')
    told(*CONSUME, "--once")
    still = json.loads(told(*CONSUME, "--redrive", "all", "--json").stdout)
    assert (still["scored"], still["gone"]) == (0, []) and "'loans'" in still["still"][0]["reason"]
    monkeypatch.setitem(COLUMNS, "loans", "long")
    done = json.loads(told(*CONSUME, "--redrive", "0:8", "--json").stdout)
    assert (done["scored"], done["gone"], done["still"]) == (1, ["0:8"], [])
    assert told(*CONSUME, "--redrive", "0:8", "--json").exit_code == 0
    assert json.loads(told("consume", "--lag", "--json").stdout)[0]["scored"] == 9


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("consume", "apps"), 2, "a topic and a model"),
        (("consume", "a b", "--model", "lending"), 2, "is no topic"),
        (("consume", "apps", "--model", "nobody"), 2, "models with a champion: lending"),
        ((*CONSUME, "--to", "apps"), 2, "without end"),
        ((*CONSUME, "--from", "amqp://x"), 2, "sqlite:///PATH"),
        ((*CONSUME, "--redrive", "0:7"), 2, "no such dead letter"),
        ((*CONSUME, "--from", "sqlite:////nowhere/at/all.db", "--once"), 4, "cannot be opened"),
        (("publish", "apps", "nowhere.jsonl"), 4, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(told, words, code, said):
    done = told(*words)
    assert done.exit_code == code and said in done.stderr and "hint: " in done.stderr


@pytest.mark.parametrize("line", ["{", "[1]", "3", '{"income": NaN}'])
def test_a_line_that_is_no_event_is_named(told, line):
    done = told("publish", "apps", "-", stdin=f"{ROWS}\n{line}")
    assert done.exit_code == 2 and "line 9" in done.stderr


def test_sigterm_stops_after_the_batch_in_hand_and_a_second_one_at_once():
    with _stopping() as stop:
        assert isinstance(stop, threading.Event().__class__) and not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # nothing is kept back now


def test_a_long_command_says_now_and_then_how_far_it_is(told, monkeypatch):
    monkeypatch.setattr(progress, "SELDOM", 0.0)
    assert told("publish", "apps", "-", stdin=ROWS).stderr == "8 events read, 8 added to apps\n"
    done = told(*CONSUME, "--once", "--batch", "6")
    lines = [line for line in done.stderr.splitlines() if "a second" in line]
    assert [line.partition(";")[0] for line in lines] == [
        "6 scored, 0 dead letters, 2 wait",
        "8 scored, 0 dead letters, 0 wait",
    ]


def test_ctrl_c_while_publishing_tells_how_far_it_was_and_what_to_do(told, monkeypatch):
    monkeypatch.setattr(sys.modules["workbench.cli.publish"], "PART", 5)
    append = TableStream.append

    def interrupted(stream, topic, events):
        if len(events) < 5:
            raise KeyboardInterrupt
        return append(stream, topic, events)

    with monkeypatch.context() as patched:
        patched.setattr(TableStream, "append", interrupted)
        done = told("publish", "apps", "-", stdin=ROWS)
    assert done.exit_code == 130 and done.stdout == "5 events added to apps\n"
    assert "publish the file again" in done.stderr
    assert told("publish", "apps", "-", stdin=ROWS).stdout == "3 events added to apps, 5 were there already\n"


class Deadly:
    """Loading ends the process."""

    def load(self, version):
        os.kill(os.getpid(), signal.SIGKILL)


def killed(told):
    """Whether consuming in a process of its own is killed by the load."""
    child = os.fork()
    if child == 0:
        Engines.lanes = Deadly()
        try:
            told(*CONSUME, "--once")
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_version_whose_load_ends_the_consumer_is_not_loaded_for_ever(told):
    told("publish", "apps", "-", stdin=ROWS)
    assert [killed(told) for _ in range(4)] == [True, True, True, False]
    refused = told(*CONSUME, "--once")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "loading lending 1 ended its process 3 times; it is not loaded again" in refused.stderr
    assert "workbench rollback lending" in refused.stderr
    assert told("reload", "lending").exit_code == 0
    assert told(*CONSUME, "--once").stdout.startswith("8 events scored")


def test_a_load_that_was_cut_off_is_tried_at_once_since_nothing_else_waits(told):
    told("publish", "apps", "-", stdin=ROWS)
    assert killed(told)
    assert told(*CONSUME, "--once").stdout.startswith("8 events scored")
    assert [killed(told) for _ in range(3)] == [True, True, True], "the count was cleared"


def test_a_load_during_which_the_consumer_is_told_to_stop_counts_for_nothing(told, tmp_path, monkeypatch):
    class Stopped(Store):
        def load(self, version):
            signal.raise_signal(signal.SIGTERM)
            with open_bench(tmp_path / "w") as bench:
                (head,) = bench.ledger.heads()
                for _ in range(200):
                    if not bench.loads._connection.execute("SELECT * FROM loads").fetchall():
                        break
                    time.sleep(0.01)
                assert bench.loads.killed(head) == 0
                assert not bench.loads._connection.execute("SELECT * FROM loads").fetchall(), "it is struck out already"
            return super().load(version)

    monkeypatch.setattr(Engines, "lanes", Stopped())
    told("publish", "apps", "-", stdin=ROWS)
    assert told(*CONSUME).stdout.startswith("0 events scored")
