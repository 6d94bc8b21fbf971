"""What all tests share: no zygote outlives them; a Dask cluster and a PostgreSQL for whatever runs on one."""

import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
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


OPA_VERSION = "v1.22.3"  # `.ci/run` builds this one


@pytest.fixture(scope="session")
def opa_program():
    """A real Open Policy Agent: where it is; it is never built here, and what needs it is skipped without it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [
        os.environ.get("WORKBENCH_OPA"),
        str(cache / "workbench" / "opa" / OPA_VERSION / "opa"),
        shutil.which("opa"),
    ]
    found = next((place for place in places if place and os.access(place, os.X_OK)), None)
    if found is None:
        pytest.skip(f"there is no Open Policy Agent: set WORKBENCH_OPA; .ci/run builds {OPA_VERSION} where there is Go")
    return Path(found)


@pytest.fixture(scope="session")
def opa_cases():
    """The folder of OPA's own conformance cases, in Go's cache of modules."""
    cache = os.environ.get("GOMODCACHE") or Path(os.environ.get("GOPATH") or Path.home() / "go") / "pkg" / "mod"
    module = f"github.com/open-policy-agent/opa@{OPA_VERSION}"
    folder = Path(cache) / module / "v1" / "test" / "cases" / "testdata" / "v1"
    if not folder.is_dir():
        pytest.skip(f"OPA's conformance cases are not in Go's cache: go mod download {module}")
    return folder


BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "20",
    "shared_buffers": "16MB",
}


def as_postgres(command):
    """PostgreSQL refuses root; Debian's package brings a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Where it is, as a driver's `connect` takes it."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin")
    folder = Path("/tmp") if os.geteuid() == 0 else tmp_path_factory.mktemp("postgres")
    folder = Path(
        subprocess.check_output(as_postgres(["mktemp", "-d", f"{folder}/wb-postgres-XXXXXX"]), text=True).strip()
    )
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()

    def run(program, *options):
        command = as_postgres([str(BINARIES[-1] / program), "-D", str(folder / "data"), *options])
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    try:
        run("initdb", "--auth", "trust", "--username", user, "--encoding", "UTF8", "--no-sync")
        options = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "port": port}.items())
        run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", options)
        try:
            yield {"host": "127.0.0.1", "port": port, "user": user, "database": "postgres"}
        finally:
            run("pg_ctl", "stop", "--mode", "immediate")
    finally:
        shutil.rmtree(folder)
