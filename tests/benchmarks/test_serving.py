"""The gateway on a port, with keys, limits and log on, beside `mlflow models serve` and MLServer on the same model.

All servers and the client are processes of their own on this machine; each is asked in turn, round about,
and medians are compared. The
client is `wrk` where it is installed. MLServer needs an environment of its own, since it does not install beside this
one: `WORKBENCH_MLSERVER` names its Python.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from workbench.bench import open_bench
from workbench.engines.onnx import available
from workbench.ledger import ModelVersion

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(bool(available()), reason=available() or "never"),
]

FIELDS = [f"field_{n}" for n in range(10)]
CLIENTS, ROUNDS, SECONDS = 32, 3, 3.0
MODELS = 300
WAIT = 180.0  # seconds for a server to come up on a busy machine
ENVIRON = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # mlflow looks for uvicorn
LOAD = Path(__file__).with_name("load.py")
WRK = shutil.which("wrk")  # Debian's load generator, for all sides alike
PREDICT = "/v1/models/lending/predict"
PYFUNC = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from mlflow import pyfunc
from workbench.bench import open_bench
from workbench.engines.uvicorn import serve
from workbench.serving import Predictor, create_app
FIELDS = [f"field_{n}" for n in range(10)]
with open_bench(Path(sys.argv[1])) as bench:
    class Loader:
        def load(self, version):
            wrapped = pyfunc.load_model(str(bench.store.folder(version) / "model"))
            return Predictor(version, wrapped, dict.fromkeys(FIELDS, "double"), lane="pyfunc")
    app = create_app(bench.ledger, Loader(), bench.log, now=bench.now, keys=bench.keys)
    serve(app, port=int(sys.argv[2]))
"""
MLSERVER = {
    "settings.json": {"parallel_workers": 0, "metrics_port": 0, "debug": False},
    "model-settings.json": {
        "name": "lending",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": 32,
        "max_batch_time": 0.002,
        "parameters": {"uri": "./model.joblib"},
    },
}
TRAIN = """
import sys, joblib, numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X = np.random.default_rng(0).normal(size=(2000, 10))
y = X[:, 0] + X[:, 1] ** 2 > 0.5
model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=100)).fit(X, y)
joblib.dump(model, sys.argv[1])
"""


@pytest.fixture(scope="module")
def made(lending, tmp_path_factory):
    """A workspace with a compiled champion of 100 boosted trees on ten numbers, a second version, and a key."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(2000, 10)), columns=FIELDS)
    label = frame["field_0"] + frame["field_1"] ** 2 > 0.5
    estimator = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=100)).fit(frame, label)
    root = lending(tmp_path_factory.mktemp("bench") / "w", estimator=estimator, frame=frame)
    with open_bench(root) as bench:
        entry = bench.compile("lending", 1)
        assert entry.body["form"] == "onnx"
        _, key = bench.keys.create("bench", ["*"], rate=1e9, quota=10**12, actor="bench", why="to measure")
        copy(bench, "lending", 2)
    row = frame.iloc[0].to_dict()
    for name, body in (("ours", {"rows": [row]}), ("mlflow", {"dataframe_records": [row]}), ("mlserver", {
        "inputs": [{"name": "x", "shape": [1, 10], "datatype": "FP64", "data": list(row.values())}],
    })):  # fmt: skip
        (root / f"{name}.json").write_text(json.dumps(body))
    return root, f"Bearer {key}"


def copy(bench, model, number):
    """The champion's files and certificate under another name, as if they had been registered once more."""
    one = bench.version("lending", 1)
    other = ModelVersion(**{**one.as_body(), "model": model, "version": number})
    told = {"subject": other.subject, "actor": "analyst", "why": "a copy", "now": bench.now()}
    (entry,) = bench.ledger.entries(subject="lending/1", kind="version.compiled")
    bench.ledger.append("version.registered", body=other.as_body(), **told)
    bench.ledger.append("version.compiled", body=entry.body, **told)


def promote(bench, model, number):
    with bench.ledger.transaction() as writer:
        head = writer.head(model)
        generation = head.generation if head else 0
        body = {"slot": "champion", "generation": generation + 1, "decision": {"decision": "allow"}}
        entry = writer.append(
            "promotion.granted", subject=f"{model}/{number}", actor="risk-officer", why="x", body=body, now=bench.now()
        )
        writer.move_head(model, "champion", number, expected_generation=generation, entry=entry)


def free():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def server(argv, ready, *, cwd):
    """A server's process group, the seconds until it was ready, and its end."""
    began = time.perf_counter()
    with (cwd / "server.log").open("ab") as log:
        process = subprocess.Popen(argv, cwd=cwd, stdout=log, stderr=log, env=ENVIRON, process_group=0)
    try:
        while not answers(ready):
            assert process.poll() is None, (cwd / "server.log").read_text()[-2000:]
            assert time.perf_counter() - began < WAIT
            time.sleep(0.02)
        yield process, time.perf_counter() - began
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in (*psutil.Process(process.pid).children(recursive=True), process):
                one.kill()
        process.wait()


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return reply.status == 200
    except (OSError, urllib.error.HTTPError):
        return False


def gateway(root, port, *more):
    argv = [sys.executable, "-m", "workbench", "serve", "--workspace", root, "--port", port, "--keys", *more]
    return server([*map(str, argv)], f"http://127.0.0.1:{port}/readyz", cwd=root)


def mlflow(root, port):
    with open_bench(root) as bench:
        model = bench.store.folder(bench.version("lending", 1)) / "model"
    argv = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "-p", port]
    return server([*map(str, argv)], f"http://127.0.0.1:{port}/ping", cwd=root)


def load(root, port, path, body, *, authorization="", rate=0.0, seconds=SECONDS, connections=CLIENTS):
    """What comes of clients that ask at once, whoever is asked: by wrk where it is installed, which takes little of
    the machine that the servers are to have; by our own client without it, and where a rate is asked for.
    """
    if WRK and not rate:
        argv = [WRK, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", LOAD.with_name("wrk.lua")]
        argv += [f"http://127.0.0.1:{port}{path}", "--", root / f"{body}.json", authorization]
    else:
        argv = [sys.executable, LOAD, port, path, root / f"{body}.json", connections, seconds, rate, authorization]
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def asked(process, *given, **more):
    """A load on a server, and the processor time that its processes took for a request, in microseconds."""
    before = spent(process)
    told = load(*given, **more)
    told["cpu"] = (spent(process) - before) / told["requests"] * 1e6
    return told


def spent(process):
    family = (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True))
    return sum(sum(one.cpu_times()[:2]) for one in family)


def memory(process):
    """Proportional memory of a process and all below it, MiB."""
    family = (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True))
    lasting = [one for one in family if "reconcile" not in one.cmdline()]  # brings MLflow in line, then ends
    return sum(one.memory_full_info().pss for one in lasting) / 2**20


def tell(capsys, line):
    with capsys.disabled():
        print(f"\n  {line}", end="")


def compared(runs, what="rate"):
    return {name: statistics.median(run[what] for run in each) for name, each in runs.items()}


def test_single_rows_by_32_clients_and_the_time_to_ready(made, capsys):
    root, key = made
    ports = {name: free() for name in ("compiled", "pyfunc", "mlflow")}
    runs = {name: [] for name in ports}
    pyfunc = [sys.executable, "-c", PYFUNC, str(root), str(ports["pyfunc"])]
    with (
        gateway(root, ports["compiled"], "--access-log", root / "access.jsonl") as (gate, ours),
        mlflow(root, ports["mlflow"]) as (peer, theirs),
        server(pyfunc, f"http://127.0.0.1:{ports['pyfunc']}/readyz", cwd=root) as (wrapped, _),
    ):
        for _ in range(ROUNDS):
            runs["compiled"].append(asked(gate, root, ports["compiled"], PREDICT, "ours", authorization=key))
            runs["pyfunc"].append(asked(wrapped, root, ports["pyfunc"], PREDICT, "ours", authorization=key))
            runs["mlflow"].append(asked(peer, root, ports["mlflow"], "/invocations", "mlflow"))
        rates, costs = compared(runs), compared(runs, "cpu")
        half = load(root, ports["compiled"], PREDICT, "ours", authorization=key, rate=rates["compiled"] / 2)
    assert sum(run["failed"] for each in runs.values() for run in each) == 0
    for name, rate in rates.items():
        p50, p99 = (statistics.median(run[share] for run in runs[name]) for share in ("p50", "p99"))
        tell(
            capsys,
            f"{name:>9}: {rate:>8,.0f} requests/s ({rate / rates['mlflow']:.0f}x), p50 {p50:.1f} ms, p99 {p99:.1f} ms; "
            f"{costs[name]:,.0f} µs of processor a request ({costs['mlflow'] / costs[name]:.0f}x)",
        )
    tell(capsys, f"p99 at half load ({half['rate']:,.0f}/s): {half['p99']:.1f} ms (p50 {half['p50']:.2f} ms)")
    tell(capsys, f"cold start to ready: {ours:.2f} s, mlflow {theirs:.1f} s: {theirs / ours:.0f}x")
    # rates and tails are the scheduler's too where others work on the machine: a server of many threads is given
    # more of it than one of a single loop; what a request costs is not
    assert costs["mlflow"] > 30 * costs["compiled"]
    assert costs["mlflow"] > 10 * costs["pyfunc"]
    assert rates["compiled"] > 30 * rates["mlflow"]
    assert rates["pyfunc"] > 4 * rates["mlflow"]


def test_single_rows_beside_mlserver_that_batches(made, tmp_path, capsys):
    python = os.environ.get("WORKBENCH_MLSERVER", "")
    if not shutil.which(python or "none"):
        pytest.skip("WORKBENCH_MLSERVER names no Python with mlserver and mlserver-sklearn")
    root, key = made
    subprocess.run([python, "-c", TRAIN, tmp_path / "model.joblib"], check=True)
    (tmp_path / "model-settings.json").write_text(json.dumps(MLSERVER["model-settings.json"]))
    runs = {"compiled": [], "two workers": [], "mlserver": [], "mlserver, two workers": []}
    path = "/v2/models/lending/infer"
    with (
        gateway(root, alone := free()) as (gate, _),
        gateway(root, shared := free(), "--workers", 2) as (gates, _),
        mlserver(python, tmp_path, workers=0) as (peer, port),
        mlserver(python, tmp_path, workers=2) as (peers, other),
    ):
        for _ in range(ROUNDS):
            runs["compiled"].append(asked(gate, root, alone, PREDICT, "ours", authorization=key))
            runs["mlserver"].append(asked(peer, root, port, path, "mlserver"))
            runs["two workers"].append(asked(gates, root, shared, PREDICT, "ours", authorization=key))
            runs["mlserver, two workers"].append(asked(peers, root, other, path, "mlserver"))
    rates, costs = compared(runs), compared(runs, "cpu")
    best = max(rates["mlserver"], rates["mlserver, two workers"])
    for name, rate in rates.items():
        p99 = statistics.median(run["p99"] for run in runs[name])
        tell(
            capsys,
            f"{name:>21}: {rate:>8,.0f} requests/s ({rate / best:.1f}x), p99 {p99:.1f} ms; "
            f"{costs[name]:,.0f} µs of processor a request",
        )
    assert sum(run["failed"] for each in runs.values() for run in each) == 0
    assert costs["mlserver"] > 2 * costs["compiled"]  # ten times the rate where the machine is ours, see above
    assert rates["compiled"] > best
    assert rates["two workers"] > 2 * best


def mlserver(python, folder, *, workers):
    """MLServer's process and port, with so many processes of its own that infer beside the one that answers."""
    port = free()
    here = folder / f"workers-{workers}"
    here.mkdir()
    for name in ("model-settings.json", "model.joblib"):
        shutil.copy(folder / name, here)
    settings = {**MLSERVER["settings.json"], "parallel_workers": workers, "http_port": port, "grpc_port": free()}
    (here / "settings.json").write_text(json.dumps({**settings, "metrics_port": free()}))
    start = [str(Path(python).with_name("mlserver")), "start", str(here)]
    return ported(server(start, f"http://127.0.0.1:{port}/v2/models/lending/ready", cwd=here), port)


@contextlib.contextmanager
def ported(started, port):
    with started as (process, _):
        yield process, port


def test_twenty_swaps_under_load_fail_nobody(made, capsys):
    root, key = made
    port = free()
    argv = [sys.executable, LOAD, port, PREDICT, root / "ours.json", 8, 6, 0, key]
    with gateway(root, port), open_bench(root) as bench:
        client = subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE, text=True)
        for swap in range(20):
            time.sleep(0.2)
            promote(bench, "lending", 2 - swap % 2)
        told = json.loads(client.communicate()[0])
    tell(
        capsys, f"20 swaps under load: {told['requests']:,} requests, {told['failed']} failed, p99 {told['p99']:.1f} ms"
    )
    assert told["failed"] == 0


def test_one_process_beside_a_process_a_model(made, capsys):
    root, key = made
    alone, split = free(), free()
    runs = {"one process": [], "processes": []}
    with gateway(root, alone) as (process, _):
        runs["one process"] = [load(root, alone, PREDICT, "ours", authorization=key) for _ in range(2)]
        one = memory(process)
    with gateway(root, split, "--processes") as (process, _):
        runs["processes"] = [load(root, split, PREDICT, "ours", authorization=key) for _ in range(2)]
        many = memory(process)
    rates = compared(runs)
    tell(capsys, f"one process {rates['one process']:,.0f}/s, {one:.0f} MiB; "
                 f"a process a model {rates['processes']:,.0f}/s, {many:.0f} MiB")  # fmt: skip
    assert sum(run["failed"] for each in runs.values() for run in each) == 0


def test_300_models_in_one_process_beside_a_process_each(made, capsys):
    root, _ = made
    with open_bench(root) as bench:
        for number in range(MODELS - 1):
            copy(bench, f"model-{number}", 1)
            promote(bench, f"model-{number}", 1)
    port, other = free(), free()
    with gateway(root, port) as (process, seconds):
        ours = memory(process)
    with mlflow(root, other) as (process, _):
        theirs = memory(process)
    ratio = MODELS * theirs / ours
    tell(capsys, f"{MODELS} models in one process: {ours:.0f} MiB, ready in {seconds:.1f} s; "
                 f"mlflow: {theirs:.0f} MiB each, {ratio:.0f}x")  # fmt: skip
    assert ratio > 100


def test_the_log_takes_twenty_thousand_rows_a_second(tmp_path, capsys):
    from datetime import UTC, datetime

    from workbench.serving import PredictionLog
    from workbench.serving.prediction import Block
    from workbench.serving.typed import Reader

    reader = Reader(dict.fromkeys(FIELDS, (float, False)))
    records = reader.read(json.dumps({"rows": [dict.fromkeys(FIELDS, 1.2345)]}).encode())
    now, each = datetime.now(UTC), 5000
    rates = []
    with PredictionLog.open(f"sqlite:///{tmp_path / 'predictions.db'}") as log:
        for batch in range(7):
            ids = [f"p{batch * each + n:08x}" for n in range(each)]
            blocks = [Block([id_], now, "lending", 1, 1, f"r{id_}", records, [0.5], 0.5, 500) for id_ in ids]
            began = time.perf_counter()
            log.append(blocks)
            rates.append(each / (time.perf_counter() - began))
    rate = statistics.median(rates)
    tell(capsys, f"the prediction log: {rate:,.0f} rows a second, a commit for each {each:,}")
    assert rate > 20_000
