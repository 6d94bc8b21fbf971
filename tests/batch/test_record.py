"""A record gathers what a notebook found, refuses what could not be kept, and hands over whole or not at all."""

import json
import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from workbench.batch import Record
from workbench.batch.folders import RunState, write_state
from workbench.batch.record import read_record
from workbench.errors import EngineError, Misuse

PLAN = SimpleNamespace(as_json=lambda: '{"name": "plan"}', digest="f" * 64)
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    """The folder of a run that a runner has begun."""
    write_state(tmp_path, RunState("run-1", "key", "weekly", "digest", {}))
    return tmp_path


@pytest.fixture
def record(folder):
    return Record.in_run(folder, now=NOW)


def test_what_was_found_is_handed_over_at_the_end(record, folder, simulated):
    record.metric("f1", 0.5)
    record.metrics({"f1": 0.9, "n": 7})
    record.sentence(" Free care raises visits. ")
    record.lesson("Ten weeks were too few.")
    record.data("visits", "d" * 64, 20_190)
    record.finding(simulated.Finding("experiment/rand-hie"))
    assert read_record(folder) is None, "nothing is handed over before the record is closed"
    record.close()
    found = read_record(folder)
    assert found["run_id"] == "run-1"
    assert found["metrics"] == {"f1": 0.9, "n": 7.0}
    assert found["sentence"] == "Free care raises visits."
    assert found["lessons"] == ["Ten weeks were too few."]
    assert found["data"] == [{"name": "visits", "digest": "d" * 64, "rows": 20_190}]
    assert found["findings"] == [simulated.Finding("experiment/rand-hie").as_body()]
    assert found["models"] == []


def test_findings_of_a_run_that_read_made_up_data_are_marked_whichever_came_first(record, folder, simulated):
    record.data("RAND", "d" * 64, 20_190)
    record.finding(simulated.Finding("experiment/shop"))
    record.data("a made-up shop", "e" * 64, 100, simulated=True)
    record.close()
    found = read_record(folder)
    assert [data.get("simulated") for data in found["data"]] == [None, True]
    (finding,) = found["findings"]
    assert finding == simulated.Finding("experiment/shop").as_body() | {"details": {"simulated": True}}


def test_a_design_is_registered_before_data_is_read(record, folder):
    record.design(PLAN)
    record.design(PLAN)  # the cell was run again
    record.data("visits", "d" * 64, 100)
    record.close()
    assert read_record(folder)["design"] == PLAN.digest
    assert (folder / "files" / "design.json").read_text() == PLAN.as_json()


def test_a_design_comes_too_late_once_data_was_read(record):
    record.data("visits", "d" * 64, 100)
    with pytest.raises(Misuse, match="visits was read before the design was registered"):
        record.design(PLAN)


def test_a_run_has_one_design(record):
    record.design(PLAN)
    with pytest.raises(Misuse, match="another design already"):
        record.design(SimpleNamespace(as_json=lambda: "{}", digest="e" * 64))


def test_a_record_that_is_never_closed_hands_over_nothing(record, folder):
    record.metric("f1", 0.9)
    assert read_record(folder) is None
    assert [path.name for path in folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_must_be_finite(record, value):
    with pytest.raises(Misuse, match=r"the metric f1 is .*; it must be finite") as caught:
        record.metric("f1", value)
    assert caught.value.hint == "leave an undefined metric out"


@pytest.mark.parametrize("value", ["many", None, [1]])
def test_a_metric_must_be_a_number(record, value):
    with pytest.raises(Misuse, match=r"the metric f1 is .*; it must be a number"):
        record.metric("f1", value)


def test_numbers_of_numpy_are_numbers(record, folder):
    import numpy as np

    record.metrics({"a": np.float32(0.5), "b": np.int64(3)})
    record.close()
    assert read_record(folder)["metrics"] == {"a": 0.5, "b": 3.0}


@pytest.mark.parametrize("details", [{"x": math.nan}, {"x": object()}, {"x": {1, 2}}])
def test_a_finding_that_is_no_plain_json_is_refused_when_it_is_made(record, simulated, details):
    with pytest.raises(Misuse, match="not plain JSON"):
        record.finding(simulated.Finding(details=details))


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"sentence": None}, "no text for sentence"),
        ({"at": "2026-01-05T09:00:00"}, "with an offset"),
        ({"at": "yesterday"}, "with an offset"),
        ({"figures": None}, "no figures"),
        ({"figures": {"f1": 0.9}}, "the figure f1 is 0.9"),
        ({"figures": {"f1": {"value": 0.9, "lower": 0.8}}}, "it must be a Figure"),
    ],
)
def test_a_finding_that_nobody_could_read_later_is_refused(record, simulated, spoiled, said):
    """In the ledger for good, it would stop every decision about its subject."""
    with pytest.raises(Misuse, match=said):
        record.finding(simulated.Finding(**spoiled))


def test_a_finding_is_kept_as_it_was_when_it_was_handed_in(record, folder, simulated):
    finding = simulated.Finding()
    record.finding(finding)
    finding.body["verdict"] = "fail"
    record.close()
    assert read_record(folder)["findings"][0]["verdict"] == "pass"


def test_files_are_kept_beside_the_run(record, folder):
    assert record.file("drift.html", "<p>ü").read_bytes() == "<p>ü".encode()
    assert record.file("größe (2).bin", b"\0\1").parent == folder / "files"


@pytest.mark.parametrize("name", ["../record.json", "a/b.html", ".hidden", "", "..", "/etc/passwd", "a\\b", "a\0b"])
def test_a_file_name_may_not_lead_elsewhere(record, folder, name):
    with pytest.raises(Misuse, match="no plain file name"):
        record.file(name, "x")
    assert not (folder / "record.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "../lending"}, "cannot name a model"),
        ({"name": ""}, "cannot name a model"),
        ({"name": "größe"}, "cannot name a model"),
        ({"name": "a b"}, "cannot name a model"),
        ({"threshold": 1.5}, "the threshold is 1.5"),
        ({"threshold": math.nan}, "the threshold is nan"),
        ({"metrics": {"f1": math.nan}}, "the metric f1 .*finite"),
    ],
)
def test_a_model_is_refused_before_anything_is_written(record, folder, more, said):
    given = {"name": "lending", "threshold": 0.5, "data_digest": "d", "feature_set": "loan@1", "example": None, **more}
    with pytest.raises(Misuse, match=said) as caught:
        record.model(object(), **given)
    assert caught.value.hint
    assert not (folder / "models").exists()


def test_a_record_that_is_closed_takes_nothing_more(record):
    record.close()
    for call in (lambda: record.metric("f1", 1), lambda: record.sentence("x"), lambda: record.file("a.txt", "x")):
        with pytest.raises(Misuse, match="the record is closed") as caught:
            call()
        assert caught.value.hint


def test_closing_again_writes_nothing_more(record, folder):
    record.close()
    before = (folder / "record.json").stat().st_mtime_ns
    record.close()
    assert (folder / "record.json").stat().st_mtime_ns == before


def test_a_folder_that_no_runner_began_is_refused(tmp_path):
    with pytest.raises(Misuse, match="is no run's folder") as caught:
        Record.in_run(tmp_path, now=NOW)
    assert "WORKBENCH_RUN" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_told_in_words(record, folder):
    (folder / "record.json").mkdir()
    (folder / "record.json" / "x").touch()
    with pytest.raises(EngineError, match="the record cannot be written"):
        record.close()


def test_an_interactive_record_commits_itself_when_it_is_closed(tmp_path):
    seen = []
    record = Record.interactive(
        tmp_path, now=NOW, commit=lambda r: seen.append(json.loads((r.folder / "record.json").read_text()))
    )
    record.sentence("Seen cell by cell.")
    record.close()
    assert [content["sentence"] for content in seen] == ["Seen cell by cell."]
    assert record.folder.parent == tmp_path / "reports" / "runs"
    assert record.folder.name.startswith("20260105-090000-interactive-")


def test_an_interactive_commit_that_failed_is_tried_again_by_closing_again(tmp_path):
    answers = [EngineError("the store is locked", hint="try again"), None]

    def commit(record):
        answer = answers.pop(0)
        if answer:
            raise answer

    record = Record.interactive(tmp_path, now=NOW, commit=commit)
    with pytest.raises(EngineError, match="locked"):
        record.close()
    record.close()
    assert answers == []
