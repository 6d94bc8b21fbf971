"""What all tests share: no zygote outlives them, and a Dask cluster for whatever runs on one."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from workbench.bench import usual_zygote

SECONDS = 60  # that a cluster may take to come up on a busy machine


@dataclass
class Cluster:
    """A scheduler and one worker process under its nanny, as `dask scheduler` and `dask worker` start them."""

    folder: Path
    threads: int = 2
    address: str = ""
    started: list[subprocess.Popen] = field(default_factory=list)

    def __enter__(self):
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)
        wait_until(file.exists)
        self.address = json.loads(file.read_text())["address"]
        self.start("worker", self.address, "--nworkers", "1", "--nthreads", self.threads, "--no-dashboard")
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            for one in [*self.below(process.pid), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    def start(self, what, *options):
        command = [sys.executable, "-m", "dask", what, *map(str, options)]
        log = (self.folder / f"{what}.log").open("a")
        with log:
            self.started.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    @staticmethod
    def below(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).children(recursive=True)
        return []

    def kill_scheduler(self):
        self.started[0].send_signal(signal.SIGKILL)

    def kill_worker(self):
        """Kill the worker's process, as a machine that runs out of memory does; its nanny starts another."""
        nanny = self.started[1].pid
        (worker,) = [one for one in psutil.Process(nanny).children() if "spawn_main" in " ".join(one.cmdline())]
        worker.kill()


def wait_until(true, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.fixture(scope="session", autouse=True)
def zygotes_end():
    """The zygote that runs of these tests started ends with them; one that was there before stays."""
    zygote = usual_zygote()
    before = zygote.status()
    yield
    if before is None:
        zygote.stop()


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory):
    """A cluster that tests leave as they found it."""
    pytest.importorskip("distributed")
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(tmp_path_factory):
    """A cluster to be broken."""
    pytest.importorskip("distributed")
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster
