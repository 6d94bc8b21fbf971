"""What all tests share: folders in memory, notebooks played in this process, services of their own.

No zygote outlives them; a Dask cluster, a PostgreSQL, a Kafka broker and a proxy are real.
"""

import contextlib
import getpass
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import HealthCheck, settings

import workbench
from workbench.batch import parameters
from workbench.batch.record import Record, read_record
from workbench.bench import usual_zygote
from workbench.evidence import Finding

# a law holds or does not; how long a busy machine took to see it is no part of it
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in the background: what tests start can be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)

SECONDS = 60  # that a cluster may take to come up on a busy machine

MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # a file system in memory; bytes that must be free there


def pytest_configure(config):
    """Folders of tests lie in memory where there is room: a killed process loses nothing of it, and no commit waits.

    Those of benchmarks stay on the disk, which they measure.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        compute_with_one_thread()
    room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    if room and config.option.markexpr != "benchmark":
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def compute_with_one_thread():
    """Of several workers, whose threads would wait for each other's; what they start chooses for itself."""
    with pytest.MonkeyPatch.context() as at_import:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            at_import.setenv(name, "1")
        for library in ("scipy.linalg", "sklearn.ensemble"):
            importlib.import_module(library)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # for what was there before


def pytest_collection_modifyitems(items):
    """Where workers share the files, those with slow tests come first: what is quick fills up the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


class AtOnce:
    """A long run that is cut off has told what failed until then."""

    def __init__(self, terminal):
        self._terminal = terminal

    def pytest_runtest_logreport(self, report):
        if report.failed:
            said = getattr(getattr(report.longrepr, "reprcrash", None), "message", "").partition("\n")[0]
            self._terminal.write_line(f"\nfailed: {report.nodeid} ({report.when}) {said[:200]}")


def pytest_sessionstart(session):
    terminal = session.config.pluginmanager.getplugin("terminalreporter")
    if "PYTEST_XDIST_WORKER" not in os.environ and terminal is not None:
        session.config.pluginmanager.register(AtOnce(terminal))


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
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.place


@pytest.fixture
def own_postgres(tmp_path):
    """A server that a test may kill."""
    with Postgres(tmp_path) as server:
        yield server


class Postgres:
    """PostgreSQL itself, on a port and in a folder that nobody else has."""

    def __init__(self, folder):
        if not BINARIES:
            pytest.skip("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin")
        root = Path("/tmp") if os.geteuid() == 0 else folder
        made = subprocess.check_output(as_postgres(["mktemp", "-d", f"{root}/wb-postgres-XXXXXX"]), text=True)
        self.folder = Path(made.strip())
        (port,) = free_ports(1)
        user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self.place = {"host": "127.0.0.1", "port": port, "user": user, "database": "postgres"}

    @property
    def url(self):
        return "postgresql://{user}@{host}:{port}/{database}".format(**self.place)

    def __enter__(self):
        try:
            self._run("initdb", "--auth", "trust", "--username", self.place["user"], "--encoding", "UTF8", "--no-sync")
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        try:
            self.kill()
        finally:
            shutil.rmtree(self.folder)

    def start(self):
        options = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "port": self.place["port"]}.items())
        self._run("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"), "--options", options)

    def kill(self):
        """At once, with whatever it was doing."""
        self._run("pg_ctl", "stop", "--mode", "immediate")

    def _run(self, program, *options):
        command = as_postgres([str(BINARIES[-1] / program), "-D", str(self.folder / "data"), *options])
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


KAFKA = Path(os.environ.get("WORKBENCH_KAFKA") or Path.home() / ".cache" / "workbench" / "kafka")
JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{KAFKA}/*"]
BROKER = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{control}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
controller.quorum.election.timeout.ms=200
"""


class Broker:
    """Kafka itself: one node that is broker and controller, on ports and in a folder that nobody else has."""

    def __init__(self, folder):
        self.folder = folder
        self.port, control = free_ports(2)
        self.url = f"kafka://127.0.0.1:{self.port}"
        self.settings = folder / "server.properties"
        self.settings.write_text(BROKER.format(port=self.port, control=control, folder=folder))
        form = [
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "AAAAAAAAAAAAAAAAAAAAAQ",
            "-c",
            self.settings,
            "--standalone",
        ]
        done = subprocess.run([*JAVA, *map(str, form)], capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen([*JAVA, "kafka.Kafka", str(self.settings)], stdout=log, stderr=log)
        wait_until(self.answers)

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        from confluent_kafka import KafkaException

        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def admin(self):
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0})

    def topic(self, name, partitions=1):
        from confluent_kafka.admin import NewTopic

        admin = self.admin()
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(timeout=SECONDS)
        wait_until(lambda: len(admin.list_topics(name).topics[name].partitions) == partitions)

    def kill(self):
        """As a machine that loses its power."""
        self.process.kill()
        self.process.wait()


def free_ports(number):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """A broker that lives; a test that kills it starts it again."""
    pytest.importorskip("confluent_kafka")
    if shutil.which("java") is None or not list(KAFKA.glob("kafka_2.13-*.jar")):
        pytest.skip(f"there is no Java, or no Kafka in {KAFKA}: .ci/kafka fetches it with Maven")
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.kill()


NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


class Handed:
    """What a notebook handed over to the record of its run."""

    def __init__(self, folder):
        told = read_record(folder)
        assert told is not None, "the notebook did not close its record"
        self.numbers, self.sentence, self.data = told["metrics"], told["sentence"], told["data"]
        self.decision, self.lessons = told["decision"], told["lessons"]
        self.findings = [Finding.from_body(body) for body in told["findings"]]
        self.files = {path.name: self._content(path) for path in folder.glob("files/*")}

    @property
    def finding(self):
        """The only one."""
        (found,) = self.findings
        return found

    @property
    def lesson(self):
        """The only one."""
        (told,) = self.lessons
        return told

    @staticmethod
    def _content(path):
        return path.read_bytes() if path.suffix == ".png" else path.read_text("utf-8")


@pytest.fixture
def play(tmp_path_factory, monkeypatch):
    """Plays a notebook in this process: its code cells in order, parameters checked and injected as a runner does.

    Its record is a real one; of the bench it has what a test gives.
    """

    def played(notebook, /, *, bench=None, now=datetime(2026, 1, 1, tzinfo=UTC), **given):
        path = NOTEBOOKS / f"{notebook}.ipynb"
        folder = tmp_path_factory.mktemp("workspace") / "reports" / "runs" / "r1"
        folder.mkdir(parents=True)
        bench = SimpleNamespace() if bench is None else bench
        bench.record = lambda: Record(folder, "r1", now=now)
        monkeypatch.setattr(workbench, "open_bench", lambda: bench)
        values, space = parameters.read(path).validate(given), {}
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), path.name, "exec"), space)
                if "parameters" in cell["metadata"].get("tags", []):
                    space |= values
        return Handed(folder)

    return played


@pytest.fixture(scope="session")
def lending():
    """Makes a workspace whose model "lending" has a champion: two real numbers in, a probability out."""

    def make(root, *, estimator=None, frame=None, models=("lending",), promoted=True):
        import numpy as np
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        from workbench.batch.models import MODEL, PROFILE, save_model
        from workbench.bench import create, open_bench
        from workbench.data import Profile
        from workbench.data.digests import digest_folder
        from workbench.ledger import ModelVersion

        if frame is None:
            frame = pd.DataFrame(np.random.default_rng(7).normal(size=(200, 2)), columns=["income", "debt"])
            estimator = LogisticRegression().fit(frame, frame["income"] > frame["debt"])
        create(root)
        with open_bench(root) as bench:
            for model in models:
                made = root.parent / f"{root.name}-{model}"
                place = made / "models" / model
                save_model(estimator, place / MODEL, frame.head())
                (place / PROFILE).write_text(Profile.scan(frame).as_json())
                run = bench.store.start("train", parameters={}, tags={})
                bench.store.log(run, metrics={}, tags={}, folder=made)
                number = bench.store.register(run, model, f"models/{model}/{MODEL}", tags={})
                bench.store.finish(run, "FINISHED")
                version = ModelVersion(
                    model=model, version=number, run_id=run, source=f"runs:/{run}/models/{model}",
                    model_digest=digest_folder(place), data_digest="d", feature_set="loan@1", notebook_digest="n",
                    threshold=0.5, parameters={}, metrics={}, registered_at=bench.now().isoformat(),
                    registered_by="analyst",
                )  # fmt: skip
                told = {"subject": version.subject, "actor": "analyst", "why": "trained", "now": bench.now()}
                bench.ledger.append("version.registered", body=version.as_body(), **told)
                if promoted:
                    with bench.ledger.transaction() as writer:
                        body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
                        entry = writer.append("promotion.granted", body=body, **told)
                        writer.move_head(model, "champion", number, expected_generation=0, entry=entry)
        return root

    return make


NGINX = shutil.which("nginx") or next((path for path in ["/usr/sbin/nginx"] if shutil.which(path)), None)
CONFIGURATION = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $kind {{ default upgrade; "" close; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $kind;
    proxy_set_header X-Forwarded-For $remote_addr; {headers}
    {locations}
  }}
}}
"""


@pytest.fixture(scope="session")
def nginx():
    """Debian's nginx as the proxy of a team: it puts a prefix before what it shows, and says who comes."""
    if NGINX is None:
        pytest.skip("Debian's nginx is not installed")
    return proxy


@contextlib.contextmanager
def proxy(folder, locations, **headers):
    """The port of a proxy.

    Args:
        folder: Where its files go.
        locations: By prefix, the address that is shown there; one that ends in a slash takes the prefix off.
        headers: What it says to whoever it asks, in place of what the client said.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    told = " ".join(f"proxy_set_header {name.replace('_', '-')} {value};" for name, value in headers.items())
    shown = " ".join(f"location {prefix} {{ proxy_pass {address}; }}" for prefix, address in locations.items())
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, headers=told, locations=shown))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")])
    try:
        end = time.monotonic() + 20
        while True:
            assert process.poll() is None, (folder / "error.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert time.monotonic() < end
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


FORKING = """
import json, os, sys, traceback
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(2, 1)  # the answers are not its
        try:
            act(*json.loads(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="session")
def forking():
    """Calls `act` of a script in a fork of one process for each call, so that it imports once; gives the exit code."""
    if not hasattr(os, "fork"):
        pytest.skip("needs a system that forks")

    @contextlib.contextmanager
    def started(script, seconds=300):
        command = [sys.executable, "-c", script + FORKING]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            def call(*words):
                process.stdin.write(json.dumps(words) + "\n")
                process.stdin.flush()
                assert select.select([process.stdout], [], [], seconds)[0], f"{words} takes too long"
                return int(process.stdout.readline())

            try:
                yield call
            finally:
                process.kill()

    return started


@pytest.fixture
def killed_at():
    """Does something in a child that SIGKILL ends where SQLite begins a statement in a file; it has to come to that."""
    if not hasattr(os, "fork"):
        pytest.skip("needs a system that can kill")

    def run(file, line, act):
        child = os.fork()
        if not child:
            connect = sqlite3.connect

            def dying(*arguments, **options):
                database = connect(*arguments, **options)
                if str(arguments[0]).endswith(file):
                    database.set_trace_callback(
                        lambda told: os.kill(os.getpid(), signal.SIGKILL) if told.strip().startswith(line) else None
                    )
                return database

            sqlite3.connect = dying
            try:
                act()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)

    return run
