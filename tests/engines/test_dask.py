"""Runs on a cluster come to one end, whatever dies; what is not fit is refused in words."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import psutil
import pytest

from workbench import __version__, open_bench
from workbench.batch.lanes import Job, Stopped
from workbench.bench import create
from workbench.bench.notebooks import ATTEMPT
from workbench.engines import dask
from workbench.errors import EngineError, Misuse

# the first attempt naps, the next ones do not
FIRST_NAPS = """import os, pathlib, time
with open('pids', 'a') as file:
    print(os.getpid(), file=file)
here = pathlib.Path(os.environ['WORKBENCH_RUN'])
first = len(pathlib.Path('pids').read_text().split()) == 1
(here / ('of-the-first' if first else 'of-the-second')).write_text('')
time.sleep(300 if first else 0)"""
ALL_NAP = "import os, time\nwith open('pids', 'a') as file:\n    print(os.getpid(), file=file)\ntime.sleep(300)"
RUNNER = """
import os, sys
from pathlib import Path
from workbench.batch.lanes import Job
from workbench.bench.notebooks import ATTEMPT
from workbench.engines.dask import dask_lane
place = Path(sys.argv[1])
with dask_lane(sys.argv[2], place, (*ATTEMPT, "cold")) as lane:
    lane(Job(place / "n.ipynb", place, place, dict(os.environ)))
"""
SEEN = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "workbench": __version__, "sees": True}


def write_notebook(path, *cells):
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {"tags": ["parameters"]} if text.startswith("#p\n") else {},
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


def open_lane(place, address):
    """With the kernels that are the workers' own children."""
    return dask.dask_lane(address, place, (*ATTEMPT, "cold"))


def job(place, *cells):
    create(place)
    return Job(write_notebook(place / "n.ipynb", *cells), place, place, dict(os.environ))


def pids(place):
    """The processes of the kernels that have begun."""
    path = place / "pids"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


# what is refused


@pytest.mark.parametrize(
    "address", ["", "localhost:8786", "http://a:1", "tcp://a", "tcp://user@a:1", "inproc://a:1", "tcp://a:1 tcp://b:2"]
)
def test_what_is_no_address_is_refused(tmp_path, address):
    with pytest.raises(Misuse, match="must be a Dask scheduler's address") as told, open_lane(tmp_path, address):
        pass
    assert "tcp://HOST:8786" in told.value.hint


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Misuse, match="needs Dask") as told, open_lane(tmp_path, "tcp://127.0.0.1:1"):
        pass
    assert told.value.hint == 'pip install "workbench[dask]"'


def test_certificates_that_no_configuration_names_are_asked_for(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(Misuse, match="names none") as told, open_lane(tmp_path, "tls://127.0.0.1:1"):
        pass
    assert "distributed.comm.tls" in told.value.hint


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({**SEEN, "python": "3.99"}, r"worker tcp://w:1 has python 3\.99; here it is 3\."),
        ({**SEEN, "workbench": "0.0.1"}, r"worker tcp://w:1 has workbench 0\.0\.1; here it is"),
        ({**SEEN, "sees": False}, "worker tcp://w:1 does not see the workspace /w"),
        (ModuleNotFoundError("No module named 'workbench'"), "worker tcp://w:1 has no workbench like this one"),
    ],
)
def test_a_worker_that_is_not_fit_is_named_with_what_it_lacks(seen, words):
    with pytest.raises(EngineError, match=words) as told:
        dask._check_worker("tcp://w:1", seen, Path("/w"))
    assert told.value.hint


def test_a_worker_sees_a_file_only_where_it_is_the_same_one(tmp_path):
    token = tmp_path / "token"
    assert dask.look(str(token)) == {**SEEN, "sees": False}
    token.write_text("another file of that name")
    assert dask.look(str(token)) == {**SEEN, "sees": False}
    token.write_text("token")
    assert dask.look(str(token)) == SEEN


# what dies


def test_a_job_that_is_told_to_stop_is_waited_for_no_longer():
    stop = threading.Event()
    stop.set()
    said = SimpleQueue()
    said.put((1, 2))
    assert dask._next(said, stop) == (1, 2)
    with pytest.raises(Stopped):
        dask._next(said, stop)


@pytest.mark.slow
def test_no_scheduler_is_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(EngineError, match=r"no Dask scheduler to be reached at tcp://127\.0\.0\.1:9"),
        open_lane(tmp_path, "tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_finishes_once(cluster, tmp_path):
    """The second worker begins anew, and nothing of the first attempt is left: no file, no kernel."""
    create(tmp_path)
    notebook = write_notebook(tmp_path / "weekly.ipynb", "#p\nseed: int = 7  # seed", FIRST_NAPS)

    def breaking(job, on_cell=None):
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(lane, job, on_cell)
            wait_until(lambda: pids(tmp_path))
            cluster.kill_worker()
            return running.result(timeout=120)

    with open_bench(tmp_path) as bench, bench.executor(cluster.address) as lane:
        outcome = bench.run(notebook, key="weekly/1", lane=breaking)
        assert [entry.kind for entry in bench.ledger.entries()] == ["run.finished"]
    assert outcome.status == "finished"
    first, _ = pids(tmp_path)
    wait_until(lambda: is_gone(first))
    left = {path.name for path in outcome.notebook.parent.iterdir()}
    own = {"run.json", "content.json", "reads.jsonl", "notebook.ipynb", "report.html"}  # what the runner writes
    assert left == {*own, "of-the-second"}


@pytest.mark.slow
def test_a_job_that_kills_every_worker_has_failed(cluster, tmp_path):
    """Dask gives up after as many deaths as it allows."""
    kills_its_worker = "import os, psutil, signal\npsutil.Process(os.getppid()).parent().send_signal(signal.SIGKILL)"
    with open_lane(tmp_path, cluster.address) as lane:
        ended = lane(job(tmp_path, kills_its_worker, "import time; time.sleep(300)"))
    assert ended.failure.error == "WorkerDied"
    assert "4 workers died while they ran it" in ended.failure.message
    assert not (tmp_path / "attempts").exists()


@pytest.mark.slow
def test_without_its_scheduler_a_run_ends_in_words_and_no_kernel_is_left(cluster, tmp_path):
    with open_lane(tmp_path, cluster.address) as lane, ThreadPoolExecutor(1) as thread:
        running = thread.submit(lane, job(tmp_path, ALL_NAP))
        wait_until(lambda: pids(tmp_path))
        cluster.kill_scheduler()
        with pytest.raises(EngineError, match="is gone, or somebody cancelled") as told:
            running.result(timeout=60)
    wait_until(lambda: is_gone(pids(tmp_path)[0]))
    assert "run the same command again" in told.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [signal.SIGINT, signal.SIGKILL])
def test_one_who_stops_waiting_stops_the_kernel_on_the_worker(shared_cluster, tmp_path, deadly):
    job(tmp_path, ALL_NAP)
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), shared_cluster.address], stderr=subprocess.PIPE
    )
    with runner:
        wait_until(lambda: pids(tmp_path))
        runner.send_signal(deadly)
        runner.stderr.read()
    wait_until(lambda: is_gone(pids(tmp_path)[0]), 30)
