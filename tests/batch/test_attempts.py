"""An attempt runs in a process and a folder of its own, ends when nobody wants it, and only one of them counts."""

import json
import sys
import time
from pathlib import Path

import pytest

from workbench.batch.attempts import adopt, attempt, plain_job
from workbench.batch.lanes import Ended, Failure, Job, Limits, Usage
from workbench.errors import EngineError

CHILD = """
import os, sys, time
from pathlib import Path
from workbench.batch.attempts import answer
from workbench.batch.lanes import Ended, Failure, Usage
from workbench.errors import EngineError
def lane(job, on_cell):
{body}
answer(lane, {{"FROM": "the worker"}})
"""
ANSWERS = """
    print("this must not mix with the answer", flush=True)
    on_cell(1, 2); on_cell(2, 2)
    seen = [job.environ["FROM"], str(job.workspace), str(job.limits.memory), job.notebook.read_text()]
    (job.run_folder / "seen").write_text("|".join(seen))
    return Ended(Failure("ValueError", "too few", 2), Usage(1.5, 300), "simulated")"""
NAPS = """
    try:
        (job.workspace / "begun").write_text("")
        time.sleep(60)
    except KeyboardInterrupt:
        (job.workspace / "interrupted").write_text("")
        raise"""


@pytest.fixture
def job(tmp_path):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (run_folder / "notebook.ipynb").write_text("as injected")
    (run_folder / "run.json").write_text("{}")
    return Job(run_folder / "notebook.ipynb", tmp_path, run_folder, {"SECRET": "hunter2"}, Limits(memory=7))


def command(body):
    return [sys.executable, "-c", CHILD.format(body=body)]


def attempted(job, body, *, wanted=lambda: True, counted=None):
    counted = [] if counted is None else counted
    plain = json.loads(json.dumps(plain_job(job)))
    return attempt(plain, command(body), wanted=wanted, on_cell=lambda *counts: counted.append(counts))


def test_the_environment_stays_where_the_job_came_from(job):
    assert "hunter2" not in json.dumps(plain_job(job))


def test_the_answer_is_the_lanes_and_the_work_lies_in_a_folder_of_its_own(job, tmp_path):
    counted = []
    folder, ended = attempted(job, ANSWERS, counted=counted)
    assert ended == Ended(Failure("ValueError", "too few", 2), Usage(1.5, 300), "simulated")
    assert counted == [(1, 2), (2, 2)]
    assert (Path(folder) / "seen").read_text() == f"the worker|{tmp_path}|7|as injected"
    assert {path.name for path in job.run_folder.iterdir()} == {"notebook.ipynb", "run.json", "attempts"}


def test_an_attempt_that_nobody_wants_any_more_is_interrupted(job, tmp_path):
    began = time.monotonic()
    _, ended = attempted(job, NAPS, wanted=lambda: not (tmp_path / "begun").exists())
    assert (tmp_path / "interrupted").exists()
    assert ended.failure.error == "KernelDied"
    assert time.monotonic() - began < 10


def test_a_process_that_dies_is_told_with_its_end(job):
    _, ended = attempted(job, "    os.kill(os.getpid(), 9)")
    assert ended.failure == Failure("KernelDied", "the process that ran the cells ended early (SIGKILL)")
    _, ended = attempted(job, "    os._exit(3)")
    assert "exit code 3" in ended.failure.message


@pytest.mark.parametrize(
    ("body", "words", "hint"),
    [
        ("    raise EngineError('the disk is full', hint='make room')", "the disk is full", "make room"),
        ("    raise RuntimeError('no papermill')", "RuntimeError: no papermill", ""),
    ],
)
def test_what_a_lane_cannot_do_is_raised_where_it_was_asked_for(job, body, words, hint):
    with pytest.raises(EngineError, match=words) as told:
        attempted(job, body)
    assert told.value.hint == hint


def test_a_machine_that_does_not_see_the_run_is_told_of(job):
    plain = plain_job(job) | {"run_folder": "/nowhere/run"}
    with pytest.raises(EngineError, match="/nowhere/run cannot be used") as told:
        attempt(plain, command(ANSWERS), wanted=lambda: True, on_cell=lambda *_: None)
    assert "same path" in told.value.hint


def test_one_attempt_is_moved_in_place_and_of_the_others_nothing_is_left(job):
    """Also not of an earlier one that was moved already, and one that wakes up late harms nothing."""
    attempts = job.run_folder / "attempts"
    for name in ("late", "good"):
        (attempts / name / "files").mkdir(parents=True)
        (attempts / name / "files" / f"{name}.csv").write_text(name)
        (attempts / name / "notebook.ipynb").write_text(f"executed by {name}")
        (attempts / name / "run.json").write_text("another state")
    (job.run_folder / "files").mkdir()
    (job.run_folder / "files" / "stale.csv").write_text("stale")
    with (attempts / "late" / "files" / "late.csv").open("a") as still_open:
        adopt(attempts / "good", job)
        still_open.write("more")
    left = sorted(path.relative_to(job.run_folder).as_posix() for path in job.run_folder.rglob("*"))
    assert left == ["files", "files/good.csv", "notebook.ipynb", "run.json"]
    assert job.notebook.read_text() == "executed by good"
    assert (job.run_folder / "run.json").read_text() == "{}"


def test_a_link_in_the_place_of_a_folder_is_replaced_and_not_followed(job, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_text("")
    (job.run_folder / "files").symlink_to(tmp_path / "precious")
    good = job.run_folder / "attempts" / "good"
    (good / "files").mkdir(parents=True)
    (good / "attempts").mkdir()
    adopt(good, job)
    assert not (job.run_folder / "attempts").exists()
    assert (tmp_path / "precious" / "data").exists()
    assert not (job.run_folder / "files").is_symlink()
