"""A process for each model: one that dies harms no other, and is started again; a gateway that is killed."""

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest

from workbench.engines.servers import dies_with_its_parent
from workbench.monitoring.canary import counted
from workbench.serving import Keys, Request
from workbench.serving.answering import Limits
from workbench.serving.client import living
from workbench.serving.processes import create_front

pytestmark = pytest.mark.slow

SHIPPED = (Path(__file__).parents[2] / "templates/policies/answer.rego").read_text("utf-8")
PROGRAM = [sys.executable, str(Path(__file__).with_name("answerer.py"))]


def child_of(model):
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if model in child.cmdline():
                return child
    return None


def test_a_model_whose_process_dies_harms_no_other_and_comes_back(shop, tmp_path, network):
    ask, income, until = network.ask, network.income, network.until
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    keys = Keys(shop.ledger, now=lambda: datetime.now(UTC))
    key, text = keys.create("shop-frontend", ["lending", "churn"], quota=3, actor="risk-officer", why="x")
    front = create_front(
        shop.ledger, [*PROGRAM, str(tmp_path)], shop.log, now=lambda: datetime.now(UTC), token="t0ken", keys=keys,
        first=dies_with_its_parent(), environ=dict(os.environ), more_metrics=lambda: "workbench_events_lag 7\n",
    )  # fmt: skip
    token = {"authorization": "Bearer t0ken"}
    held = SHIPPED.replace("held := []", 'held := [{"model": "churn", "low": 0.7, "high": 0.8}]')
    (tmp_path / "answer.rego").write_text(held)
    with network.Serving(front) as serving:
        port = serving.port
        until(lambda: ask(port, "/readyz")[1]["ready"] and len(ask(port, "/v1/models", **token)[1]["models"]) == 2)
        status, told = income(port, "lending", 4.0, **token)
        assert (status, told["predictions"][0]["score"]) == (200, 0.4)
        assert income(port, "lending", "much", **token)[0] == 422
        paths = ask(port, "/openapi.json", **token)[1]["paths"]
        assert {"/v1/models/churn/predict", "/v1/models/lending/predict", "/v1/labels"} <= set(paths)
        assert income(port, "none", 1.0, **token)[0] == 404
        assert income(port, "lending", 1.0)[0] == 401

        bearer = {"authorization": f"Bearer {text}"}
        assert [income(port, "churn", n, **bearer)[0] for n in range(4)] == [200, 200, 200, 429]
        until(lambda: [row.client for row in shop.log.rows("churn")] == [key.id] * 3)

        shop.stage(2, "canary", 0.5)
        units = [{**token, "x-workbench-unit": f"customer-{n}"} for n in range(12)]
        until(lambda: "canary" in ask(port, "/v1/models", **token)[1]["models"][1])
        first, again = ([income(port, "lending", 1.0, **one)[1]["variant"] for one in units] for _ in range(2))
        assert first == again
        assert set(first) == {"canary", "champion"}
        status, told = income(port, "churn", 7.5, **token)
        assert (status, ask(port, urljoin("/v1/models/churn/predict", told["predictions"][0]["poll"]), **token)[0]) == (
            202,
            202,
        )
        assert ask(port, "/v1/models/churn/held/none", **token)[0] == 404

        before = child_of("lending").pid
        assert income(port, "lending", 666, **token)[0] == 503, "its process ended at once"
        assert income(port, "churn", 1.0, **token)[0] == 200
        until(lambda: income(port, "lending", 1.0, **token)[0] == 200)
        child_of("lending").send_signal(signal.SIGKILL)
        assert income(port, "churn", 1.0, **token)[0] == 200
        until(lambda: income(port, "lending", 1.0, **token)[0] == 200)
        assert child_of("lending").pid != before
        metrics = ask(port, "/metrics", **token)[1]
        assert 'workbench_process_restarts_total{model="lending"} 2' in metrics
        assert 'workbench_process_up{model="churn"} 1' in metrics
        assert "workbench_events_lag 7" in metrics
        assert metrics.count("# TYPE workbench_requests_total counter") == 1
        assert 'workbench_requests_total{model="churn",status="200"} 5' in metrics
        assert 'workbench_requests_total{model="churn",status="429"} 1' in metrics
        assert 'workbench_requests_total{model="(unknown)",status="404"} 1' in metrics
        assert 'workbench_requests_total{model="lending",status="503"}' in metrics
        assert 'workbench_route_swaps_total{model="churn"} 1' in metrics
        docs = ask(port, "/docs", **token)[1]
        assert "<h2>churn</h2>" in docs and "<h2>lending</h2>" in docs
        assert ask(port, "/invocations", {"inputs": [{"income": 1}]}, **token)[0] == 409
        assert heads(port, "/v1/models/churn/predict", **token) == 405
    assert child_of("lending") is None


LISTENS = """
import contextlib, os, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[-1] + ".new")
listening.listen()
os.rename(sys.argv[-1] + ".new", sys.argv[-1])  # who finds it is heard
"""


ENDS = (
    LISTENS
    + """
while True:
    asked, _ = listening.accept()
    asked.recv(65536)
    asked.close()
"""
)


FAILS = (
    LISTENS
    + """
status = "200 OK"
while True:
    asked, _ = listening.accept()
    with contextlib.suppress(OSError):  # who asked has left
        asked.recv(65536)
        asked.sendall(f"HTTP/1.1 {status}\\r\\nconnection: close\\r\\ncontent-length: 0\\r\\n\\r\\n".encode())
        asked.close()
    status = "503 Service Unavailable"
"""
)


def test_a_process_that_hangs_is_killed_and_started_again_and_harms_no_other(shop, tmp_path, network):
    ask, income, until = network.ask, network.income, network.until
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    front = create_front(
        shop.ledger, [*PROGRAM, str(tmp_path)], shop.log, now=lambda: datetime.now(UTC), hung=3.0,
        first=dies_with_its_parent(), environ=dict(os.environ),
    )  # fmt: skip
    with network.Serving(front) as serving:
        port = serving.port
        until(lambda: ask(port, "/readyz")[1]["ready"] and len(ask(port, "/v1/models")[1]["models"]) == 2)
        hanging = child_of("lending")
        hanging.suspend()  # as a process that waits for ever
        assert income(port, "churn", 1.0)[0] == 200
        status, told = income(port, "lending", 1.0)
        assert (status, "started again" in str(told)) == (503, True), "it waits until the process is killed"
        until(lambda: not hanging.is_running() or hanging.status() == "zombie")
        until(lambda: income(port, "lending", 1.0)[0] == 200)
        assert child_of("lending").pid != hanging.pid
        metrics = ask(port, "/metrics")[1]
        assert 'workbench_process_hangs_total{model="lending"} 1' in metrics
        assert 'workbench_process_restarts_total{model="lending"} 1' in metrics


def test_a_process_that_says_it_is_stuck_is_killed_and_started_again(shop):
    front = create_front(shop.ledger, [sys.executable, "-c", FAILS], shop.log, now=shop.now, hung=0.3)

    async def story():
        async with living(front):
            children = front._behind._children
            for _ in range(600):
                if any(child.hangs > 1 and child.restarts > 1 for child in children):
                    break
                await asyncio.sleep(0.05)
            return [(child.hangs >= 2, child.restarts >= 2) for child in children]

    assert asyncio.run(story()) == [(True, True)]


def test_a_model_that_scores_for_ever_makes_its_own_process_say_so_and_no_other(shop):
    go_on = threading.Event()

    class Stuck:
        def predict(self, frame):
            go_on.wait(30)
            return frame["income"].to_numpy() / 10

    shop.loader.columns = {"income": "double"}
    shop.loader.estimators[1] = Stuck()
    many = Request("/v1/models/lending/predict", {"rows": [{"income": 1.0}] * 100})  # in a thread
    healthy = Request("/healthz", method="GET")

    async def story(client):
        go_on.clear()
        assert (await client.ask(many)).status == 503
        said = (await client.ask(healthy)).status
        go_on.set()
        for _ in range(200):
            if (await client.ask(healthy)).status == 200:
                return said, 200
            await asyncio.sleep(0.05)
        return said, None

    limits = Limits(answer=0.2)
    assert shop.run(story, only="lending", limits=limits) == (503, 200)
    assert shop.run(story, limits=limits) == (200, 200), "where all models share a process, it is not ended for one"


async def with_processes(shop, program, asked):
    """What is answered where a program stands in each process."""
    front = create_front(shop.ledger, [sys.executable, "-c", program], shop.log, now=shop.now)
    async with living(front) as client:
        while (await client.ask(Request("/v1/models", method="GET"))).json()["problems"] == {}:
            await asyncio.sleep(0.05)
        for _ in range(200):
            if program and not next(iter(front._behind._children)).socket.exists():
                await asyncio.sleep(0.05)
        return [(await client.ask(one)).status for one in asked]


def test_what_a_process_had_in_hand_counts_as_an_error_of_the_version_that_was_chosen(shop):
    shop.stage(2, "canary", 0.5)
    headers = [{name: f"{name}-{n}"} for name in ("x-workbench-unit", "x-request-id") for n in range(20)]
    asked = [Request("/v1/models/lending/predict", {"income": 1.0}, headers=each) for each in headers]
    shop.loader.columns = {"income": "double"}

    async def story(client):
        return [(await client.ask(one)).status for one in asked]

    assert shop.run(story) == [200] * len(asked)
    answered = [
        (row.unit, row.version, row.generation, row.variant, row.propensity) for row in shop.log.rows("lending")
    ]
    assert {row[3] for row in answered} == {"champion", "canary"}
    since = shop.now()
    shop.time += timedelta(minutes=1)
    assert asyncio.run(with_processes(shop, ENDS, asked)) == [503] * len(asked)
    lost = [row for row in shop.log.rows("lending", since=since) if row.status == 503]
    assert [chosen(row) for row in lost] == answered
    assert all("process" in row.error for row in lost)
    bad = counted(lost, canary=2, stable=1, slower=1.0)["errors"]
    assert bad.canary == bad.canary_bad > 0
    assert bad.stable == bad.stable_bad == len(asked) - bad.canary


def test_while_there_is_no_process_a_503_is_nobodys(shop):
    """An outage falls on both alike: counted, it would show that a canary which ends its process does no harm."""
    shop.stage(2, "canary", 0.5)
    asked = [Request("/v1/models/lending/predict", {"income": 1.0}) for _ in range(6)]
    assert asyncio.run(with_processes(shop, "", asked)) == [503] * len(asked)
    lost = shop.log.rows("lending")
    assert [(row.status, row.version, row.variant, row.propensity) for row in lost] == [(503, None, None, None)] * 6
    assert counted(lost, canary=2, stable=1, slower=1.0)["errors"] == (0, 0, 0, 0)


def chosen(row):
    return row.unit, row.version, row.generation, row.variant, row.propensity


def heads(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("HEAD", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@contextlib.contextmanager
def answering(network, folder, *options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*PROGRAM, str(folder), "--port", str(port), *options], process_group=0)
    try:
        network.until(lambda: _ready(network, port))
        yield port, process
    finally:
        process.kill()
        process.wait()


def _ready(network, port):
    with contextlib.suppress(OSError):
        return network.ask(port, "/readyz")[0] == 200


def test_a_gateway_killed_under_load_loses_the_last_moment_and_nothing_else(shop, tmp_path, network):
    income = network.income
    answered = []

    def load(port):
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                answered.append((income(port, "lending", 1.0)[1]["predictions"][0]["id"], time.monotonic()))

    with answering(network, tmp_path) as (port, process):
        threads = [threading.Thread(target=load, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        network.until(lambda: len(answered) > 300)
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        for thread in threads:
            thread.join()
    kept = {row.id for row in shop.log.rows("lending")}
    lost = [at for id_, at in answered if id_ not in kept]
    assert all(killed - at < 3 for at in lost)
    assert len(lost) < len(answered)
    with answering(network, tmp_path) as (port, _):
        assert income(port, "lending", 1.0)[0] == 200


def test_on_a_full_disk_the_gateway_serves_on_and_says_what_waits(shop, tmp_path, network):
    ask = network.ask
    pages = os.path.getsize(tmp_path / "predictions.db") // 4096
    with answering(network, tmp_path, "--pages", str(pages + 1)) as (port, _):
        for _ in range(5):
            assert ask(port, "/v1/models/lending/predict", {"rows": [{"income": 1.0}] * 400})[0] == 200
        network.until(lambda: ask(port, "/readyz")[1]["log"] == "not written")
        assert ask(port, "/v1/models/lending/predict", {"rows": [{"income": 1.0}]})[0] == 200
        metrics = ask(port, "/metrics")[1]
    waiting = next(line for line in metrics.splitlines() if line.startswith("workbench_log_waiting_rows "))
    assert int(waiting.split()[1]) > 0
