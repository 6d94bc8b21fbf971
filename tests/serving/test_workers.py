"""Several processes on one address: they share the work, the limits and the log, and none is needed by the others."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

import psutil
import pytest

from workbench.serving import Keys
from workbench.serving.exposition import family
from workbench.serving.loads import DEADLY
from workbench.serving.workers import Others

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, str(Path(__file__).with_name("answerer.py"))]
SHIPPED = (Path(__file__).parents[2] / "templates/policies/answer.rego").read_text("utf-8")
WORKERS = 2


@pytest.fixture
def bearer(shop):
    _, key = Keys(shop.ledger, now=lambda: datetime.now(UTC)).create(
        "shop-frontend", ["lending"], rate=40, quota=100_000, actor="risk-officer", why="x"
    )
    return {"authorization": f"Bearer {key}"}


@contextlib.contextmanager
def answering(network, folder):
    """The port, and who keeps the workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*PROGRAM, str(folder), "--port", str(port), "--workers", str(WORKERS)], process_group=0)
    try:
        network.until(lambda: ready(network, port))
        yield port, process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def ready(network, port):
    with contextlib.suppress(OSError):
        return network.ask(port, "/readyz")[0] == 200


def workers(process):
    found = []
    for one in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):  # it is ending
            found += [one] if "--listen" in one.cmdline() else []
    return found


def up(network, port, bearer):
    """How many workers answer, as one of them says it."""
    lines = network.ask(port, "/metrics", **bearer)[1].splitlines()
    return sum(line.endswith(" 1") for line in lines if line.startswith("workbench_worker_up{"))


def held(port, model, body, **headers):
    """Statuses of requests on one connection that is kept, one after the other; -1 where it broke."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            connection.request("POST", f"/v1/models/{model}/predict", body, headers)
            reply = connection.getresponse()
            reply.read()
            yield reply.status
    yield -1


def test_they_share_a_clients_rate_the_log_and_one_scrape_tells_of_all(shop, tmp_path, network, bearer):
    with answering(network, tmp_path) as (port, _):
        network.until(lambda: up(network, port, bearer) == WORKERS)
        statuses = Counter()

        def flood():
            for _ in range(150):
                statuses[network.income(port, "lending", 1.0, **bearer)[0]] += 1

        began = time.monotonic()
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        most = 40 + 40 * (time.monotonic() - began)
        assert set(statuses) == {200, 429}
        assert 40 <= statuses[200] <= most
        lines = network.ask(port, "/metrics", **bearer)[1].splitlines()
        told = [line for line in lines if line.startswith("workbench_requests_total{")]
        assert {line[line.index("worker=") :][:10] for line in told} == {'worker="0"', 'worker="1"'}
        assert sum(int(line.split()[-1]) for line in told if 'status="200"' in line) == statuses[200]
        assert [line for line in lines if "watched" in line] == ["workbench_watched 7"], "one looks, for all of them"
        network.until(lambda: len(shop.log.rows("lending")) == statuses[200])
    assert len({row.id[:13] for row in shop.log.rows("lending")}) == WORKERS, "both have answered"


async def counted():
    return family("requests", "counter", "Asked.", [({}, 1)])


def test_a_scrape_waits_once_for_one_that_hangs_and_says_which_do_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.serving.workers.PATIENCE", 0.5)
    other = Others(tmp_path / "1.sock", 3)
    other.tell(counted, counted)
    with socket.socket(socket.AF_UNIX) as hangs:  # the first lets in whoever asks, and tells nothing; the third starts
        hangs.bind(str(tmp_path / "0.sock"))
        hangs.listen()
        began = time.monotonic()
        told = asyncio.run(other.told())
    assert time.monotonic() - began < 0.9
    assert [line for line in told.splitlines() if line.startswith(("workbench_worker_up", "requests"))] == [
        'workbench_worker_up{worker="0"} 0',
        'workbench_worker_up{worker="1"} 1',
        'workbench_worker_up{worker="2"} 0',
        'requests{worker="1"} 1',
    ]
    assert told.endswith("does not answer\n")


def test_one_that_is_killed_takes_no_other_along_and_is_started_again(shop, tmp_path, network, bearer):
    with answering(network, tmp_path) as (port, process):
        network.until(lambda: up(network, port, bearer) == WORKERS)
        victim = workers(process)[0]
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        assert network.income(port, "lending", 1.0, **bearer)[0] == 200
        network.until(lambda: up(network, port, bearer) == WORKERS)
        told = network.ask(port, "/metrics", **bearer)[1]
        assert sum(f'workbench_worker_restarts_total{{worker="{n}"}} 1' in told for n in range(WORKERS)) == 1
        assert victim.pid not in {one.pid for one in workers(process)}


def test_one_that_hangs_is_killed_and_started_again(shop, tmp_path, network, bearer):
    with answering(network, tmp_path) as (port, process):
        network.until(lambda: up(network, port, bearer) == WORKERS)
        before = {one.pid for one in workers(process)}
        time.sleep(1)  # each has been asked, and has said yes
        with contextlib.suppress(OSError, http.client.HTTPException):
            network.income(port, "lending", 777, **bearer)  # holds up the process that takes it for ever
        network.until(lambda: len({one.pid for one in workers(process)} & before) == WORKERS - 1)
        network.until(lambda: up(network, port, bearer) == WORKERS)


def test_a_move_reaches_each_of_them_and_loses_no_request(shop, tmp_path, network):
    _, key = Keys(shop.ledger, now=lambda: datetime.now(UTC)).create("shop", ["lending"], actor="a", why="x")
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    statuses, over = Counter(), threading.Event()

    def load(port):
        for status in held(port, "lending", json.dumps({"income": 1.0}), **headers):
            statuses[status] += 1
            if over.is_set() or status == -1:
                return

    with answering(network, tmp_path) as (port, _):
        network.until(lambda: up(network, port, headers) == WORKERS)
        threads = [threading.Thread(target=load, args=(port,)) for _ in range(6)]
        for one in threads:
            one.start()
        for version in (2, 1, 2):
            shop.promote(version)
            time.sleep(0.7)
        over.set()
        for one in threads:
            one.join()
        versions = {network.income(port, "lending", 1.0, **headers)[1]["version"] for _ in range(20)}
    assert set(statuses) == {200}
    assert versions == {2}


def test_each_knows_what_any_took_a_held_answer_a_label_and_whose_unit_is_the_canarys(shop, tmp_path, network):
    held = SHIPPED.replace("held := []", 'held := [{"model": "churn", "low": 0.7, "high": 0.8}]')
    (tmp_path / "answer.rego").write_text(held)
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    shop.stage(2, "canary", 0.5)
    _, key = Keys(shop.ledger, now=lambda: datetime.now(UTC)).create("shop", ["*"], actor="a", why="x")
    headers = {"authorization": f"Bearer {key}"}
    with answering(network, tmp_path) as (port, _):
        network.until(lambda: up(network, port, headers) == WORKERS)
        network.until(lambda: "canary" in network.ask(port, "/v1/models", **headers)[1]["models"][1])
        time.sleep(0.5)  # both have looked
        given = [network.income(port, "lending", 1.0, **headers, **unit(n))[1] for _ in range(4) for n in range(12)]
        variants = [one["variant"] for one in given]
        assert variants == variants[:12] * 4
        assert set(variants) == {"champion", "canary"}
        answerers = {one["predictions"][0]["id"][:13] for one in given}
        assert len(answerers) == WORKERS, "both were asked"
        status, told = network.income(port, "churn", 7.5, **headers)
        poll = urljoin("/v1/models/churn/predict", told["predictions"][0]["poll"])
        assert (status, {network.ask(port, poll, **headers)[0] for _ in range(24)}) == (202, {202})
        network.until(lambda: len(shop.log.rows("lending")) == len(given))
        labels = [{"id": one["predictions"][0]["id"], "label": 1} for one in given]
        for label in labels:
            assert network.ask(port, "/v1/labels", {"labels": [label], "source": "desk"}, **headers)[0] == 200
        assert len(shop.log.labelled("lending")) == len(labels)


def test_a_champion_that_ends_whoever_loads_it_is_given_up_soon_and_another_model_is_answered_throughout(
    shop, tmp_path, network
):
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    _, key = Keys(shop.ledger, now=lambda: datetime.now(UTC)).create("shop", ["*"], actor="a", why="x")
    headers = {"authorization": f"Bearer {key}"}
    with answering(network, tmp_path) as (port, _):
        network.until(lambda: up(network, port, headers) == WORKERS)
        (tmp_path / "deadly").write_text("2")
        statuses = Counter()

        def given_up():
            with contextlib.suppress(OSError, http.client.HTTPException):  # whom it met is loading
                statuses[network.income(port, "churn", 1.0, **headers)[0]] += 1
                told = network.ask(port, "/metrics", **headers)[1]
                deadly = re.findall("^workbench_load_deadly{.* 1$", told, re.MULTILINE)
                deaths = re.findall(r"^workbench_worker_restarts_total{.* (\d+)$", told, re.MULTILINE)
                return len(deadly) == WORKERS and sum(map(int, deaths))
            return None

        shop.promote(2)
        assert DEADLY <= network.until(given_up) <= DEADLY + 1
        assert set(statuses) == {200}
        assert network.income(port, "lending", 1.0, **headers)[0] == 503


def unit(number):
    return {"x-workbench-unit": f"customer-{number}"}


def test_told_to_stop_they_answer_what_is_open_and_leave_nobody_behind(shop, tmp_path, network, bearer):
    with answering(network, tmp_path) as (port, process):
        network.until(lambda: up(network, port, bearer) == WORKERS)
        left = workers(process)
        answers = []
        slow = threading.Thread(target=lambda: answers.append(network.income(port, "lending", 13, **bearer)[0]))
        slow.start()  # takes a second
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        slow.join()
        assert process.wait(15) == 0
        assert answers == [200]
        assert not any(one.is_running() for one in left)
    with answering(network, tmp_path) as (port, process):
        left = workers(process)
        os.kill(process.pid, signal.SIGKILL)
        network.until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in left))
