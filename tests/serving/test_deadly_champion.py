"""A champion whose loading kills its process is told and given up; all others answer, and a move is served at once."""

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.engines.servers import Server, Servers, dies_with_its_parent
from workbench.serving import Request
from workbench.serving.client import living
from workbench.serving.loads import DEADLY, Loads
from workbench.serving.processes import create_front

PROGRAM = [sys.executable, str(Path(__file__).with_name("answerer.py"))]
READY, MODELS, METRICS = (Request(path, method="GET") for path in ("/readyz", "/v1/models", "/metrics"))
LENDING, CHURN = (Request(f"/v1/models/{model}/predict", {"income": 4.0}) for model in ("lending", "churn"))


@pytest.fixture
def loads(tmp_path):
    with Loads.open(f"sqlite:///{tmp_path / 'loads.db'}") as opened:
        yield opened


@pytest.fixture
def town(shop):
    """Two models; version 2 of "lending" has just become champion."""
    shop.register(1, model="churn")
    shop.promote(1, model="churn")
    shop.promote(2)
    shop.loader.columns = {"income": "double"}
    return shop


def cut_off(loads, head, times=DEADLY):
    """Note loads of processes that are gone."""
    place = (head.model, head.slot, head.version, head.generation, "")
    loads._connection.executemany("INSERT INTO loads VALUES (?, ?, ?, ?, ?)", [place] * times)


def test_it_is_answered_with_the_reason_and_the_way_out_and_all_others_as_ever(town, loads):
    cut_off(loads, town.ledger.head("lending"))

    async def story(client):
        return [await client.ask(one) for one in (LENDING, CHURN, READY, MODELS, METRICS)]

    refused, other, ready, models, metrics = town.run(story, loads=loads)
    assert (refused.status, other.status, ready.status) == (503, 200, 503)
    told = refused.json()
    assert "lending 2 ended its process 3 times; it is not loaded again" in str(told)
    assert "workbench rollback lending --why …" in str(told) and "workbench reload lending" in str(told)
    assert "loaded no more" in ready.json()["failing"]["lending"]
    assert "ended its process 3 times" in models.json()["problems"]["lending"]
    assert 'workbench_load_deadly{model="lending",slot="champion"} 1' in metrics.body.decode()
    assert 'workbench_route_failing{model="lending"} 1' in metrics.body.decode()
    assert town.loader.loaded == [1], "only that of churn"
    row = town.log.rows("lending")[0]
    assert (row.status, "ended its process" in row.error) == (503, True)


def test_another_champion_is_loaded_and_the_same_one_in_its_next_turn(town, loads):
    cut_off(loads, town.ledger.head("lending"))

    async def story(client):
        found = [(await client.ask(LENDING)).status]
        for version in (1, 2):
            town.promote(version)
            for _ in range(600):  # whoever was champion before answers until this one is loaded
                if (await client.ask(LENDING)).json().get("version") == version:
                    break
                await asyncio.sleep(0.02)
            found.append((await client.ask(LENDING)).json()["version"])
            found.append((await client.ask(READY)).status)
        return found

    assert town.run(story, loads=loads) == [503, 1, 200, 2, 200]


def test_one_that_was_cut_off_waits_until_all_others_answer(town, loads, monkeypatch):
    monkeypatch.setattr("workbench.serving.routes.AGAIN", 0.2)
    cut_off(loads, town.ledger.head("lending"), times=1)

    async def story(client):
        first = [(await client.ask(one)).status for one in (CHURN, LENDING)]
        for _ in range(600):
            if (await client.ask(LENDING)).status == 200:
                break
            await asyncio.sleep(0.05)
        return first

    assert town.run(story, loads=loads) == [200, 503]
    assert loads.killed(town.ledger.head("lending")) == 0


def test_what_is_forgotten_is_tried_again(town, loads, monkeypatch):
    monkeypatch.setattr("workbench.serving.routes.AGAIN", 0.2)
    head = town.ledger.head("lending")
    cut_off(loads, head)
    cut_off(loads, town.ledger.head("churn"), times=1)

    async def story(client):
        assert (await client.ask(LENDING)).status == 503
        assert (loads.forget("lending"), loads.forget("lending")) == (DEADLY, 0)
        for _ in range(600):
            if (await client.ask(LENDING)).status == 200:
                break
            await asyncio.sleep(0.05)
        return (await client.ask(LENDING)).json()["version"]

    assert town.run(story, loads=loads) == 2


def test_a_champion_is_loaded_where_nothing_can_be_noted(town, loads):
    loads._connection.execute("PRAGMA query_only = 1")
    assert town.ask({"income": 4.0}, loads=loads).status == 200
    loads.close()
    assert town.ask({"income": 4.0}, loads=loads).status == 200


@pytest.fixture
def gateway(town, tmp_path):
    """The program of a gateway with all models in one process, that is kept."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [*PROGRAM, str(tmp_path), "--port", str(port)]
    log, address = tmp_path / "gateway.log", f"http://127.0.0.1:{port}/healthz"
    return port, Server("Gateway", argv, address, dict(os.environ), tmp_path, log, kept=True)


@pytest.mark.slow
def test_in_one_process_all_others_answer_between_three_deaths_and_for_ever_after(
    town, loads, gateway, tmp_path, network
):
    port, server = gateway
    head = town.ledger.head("lending")
    (tmp_path / "deadly").write_text("2")
    said, answered = [], {}

    def asked(model):
        try:
            return network.income(port, model, 4.0)
        except OSError:
            return 0, {}

    with Servers([server]) as servers:
        servers.start()
        assert servers.wait(60, on_answer=lambda *_: None), "it died once before it answered"

        def given_up():
            said.extend(servers.watch())
            killed = loads.killed(head)
            answered.setdefault(killed, set()).add(asked("churn")[0])
            return killed == DEADLY and asked("lending")[0] == 503

        network.until(given_up, 90)
        pid = servers.pids["Gateway"]
        assert all(200 in answered[killed] for killed in (1, 2, 3)), answered
        assert sum("was ended by SIGKILL" in one for one in said) == DEADLY - 1, "the first was before all answered"
        assert said.count("Gateway is started again") == DEADLY - 1
        status, told = asked("lending")
        assert (status, "ended its process 3 times" in str(told)) == (503, True)
        time.sleep(2.5)  # it would have been tried twice
        assert (servers.watch(), servers.pids["Gateway"]) == ([], pid)
        town.promote(1)
        network.until(lambda: asked("lending")[0] == 200)
        assert network.ask(port, "/readyz")[0] == 200


@pytest.mark.slow
def test_a_gateway_that_native_code_holds_up_is_started_again_and_a_pause_of_who_asks_kills_nobody(gateway, network):
    port, server = gateway
    with Servers([server], hung=1.5) as servers:
        servers.start()
        assert servers.wait(60, on_answer=lambda *_: None)
        pid = servers.pids["Gateway"]
        pulse = servers._pulses["Gateway"]
        network.until(lambda: servers.watch() or pulse.answers)
        time.sleep(2)  # nobody asks, as if this process had been stopped: longer than a gateway may be silent
        assert servers.watch() == []
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as asked:
            asked.request("POST", "/v1/models/lending/predict", '{"income": 777}', {"content-type": "application/json"})
            said = []
            network.until(lambda: said.extend(servers.watch()) or said)
        network.until(lambda: said.extend(servers.watch()) or "Gateway is started again" in said)
        assert said[0] == "Gateway does not answer any more; it is killed"
        assert (pulse.hangs, pulse.restarts, servers.pids["Gateway"] == pid) == (1, 1, False)
        network.until(lambda: servers.watch() or pulse.answers)
        assert network.income(port, "churn", 4.0)[0] == 200


@pytest.mark.slow
def test_a_front_says_that_it_is_not_ready_and_hands_the_reason_on(town, loads, tmp_path):
    cut_off(loads, town.ledger.head("lending"))
    (tmp_path / "deadly").write_text("2")
    front = create_front(
        town.ledger, [*PROGRAM, str(tmp_path)], town.log, now=lambda: datetime.now(UTC),
        first=dies_with_its_parent(), environ=dict(os.environ),
    )  # fmt: skip

    async def story():
        async with living(front) as client:
            while set((ready := await client.ask(READY)).json()["failing"].values()) in ({"not answered"}, set()):
                await asyncio.sleep(0.05)
            while (other := await client.ask(CHURN)).status != 200:
                await asyncio.sleep(0.05)
            return ready, await client.ask(LENDING), other, await client.ask(METRICS)

    ready, refused, other, metrics = asyncio.run(asyncio.wait_for(story(), 90))
    assert (ready.status, refused.status, other.status) == (503, 503, 200)
    assert "loaded no more" in ready.json()["failing"]["lending"]
    assert "ended its process 3 times" in str(refused.json())
    assert 'workbench_load_deadly{model="lending",slot="champion"} 1' in metrics.body.decode()


LOADS_FOR_EVER = """
import signal, sys, time
from workbench.ledger import Head
from workbench.serving.loads import Loads
signal.signal(signal.SIGTERM, signal.SIG_IGN)
head = Head("lending", "champion", 2, int(sys.argv[2]), 1, None)
with Loads.open(f"sqlite:///{sys.argv[1]}/loads.db") as loads, loads.noted(head):
    time.sleep(600)
"""


def begun(loads):
    return loads._connection.execute("SELECT count(*) FROM loads").fetchone() > (0,)


@pytest.fixture
def stuck(town, tmp_path):
    """A program that loads for ever, and does not listen."""
    return [sys.executable, "-c", LOADS_FOR_EVER, str(tmp_path), str(town.ledger.head("lending").generation)]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False])
def test_a_load_that_is_cut_off_by_a_stop_counts_for_nothing(asked, town, loads, gateway, tmp_path, network):
    (tmp_path / "slow").write_text("2")
    with subprocess.Popen(gateway[1].argv) as process:
        network.until(lambda: begun(loads))
        if asked:
            process.terminate()
            network.until(lambda: not begun(loads))
        process.kill()  # whoever stops it has no more patience
    assert loads.killed(town.ledger.head("lending")) == (0 if asked else 1)


@pytest.mark.slow
def test_a_server_that_does_not_stop_and_is_killed_while_it_loads_counts_for_nothing(
    town, loads, stuck, tmp_path, network
):
    one = Server("one", stuck, "http://127.0.0.1:1/", dict(os.environ), tmp_path, tmp_path / "one.log", kept=True)
    with Servers([one], polite=0.3, stopped=loads.leave) as servers:
        servers.start()
        network.until(lambda: begun(loads))
    assert not begun(loads)


@pytest.mark.slow
def test_a_models_process_that_does_not_stop_and_is_killed_while_it_loads_counts_for_nothing(
    town, loads, stuck, monkeypatch
):
    monkeypatch.setattr("workbench.serving.children.STOP", 0.3)
    now = lambda: datetime.now(UTC)  # noqa: E731
    front = create_front(town.ledger, stuck, town.log, now=now, first=dies_with_its_parent(), stopped=loads.leave)

    async def story():
        async with living(front):
            while not begun(loads):
                await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(story(), 60))
    assert not begun(loads)


@pytest.mark.slow
def test_who_is_told_to_stop_while_it_starts_loads_no_more_and_ends(town, loads, gateway, tmp_path, network):
    (tmp_path / "slow").write_text("2")
    with subprocess.Popen(gateway[1].argv) as process:
        network.until(lambda: begun(loads))
        process.terminate()
        network.until(lambda: not begun(loads))
        (tmp_path / "slow").unlink()
        assert process.wait(30) == -signal.SIGTERM, "which uvicorn raises again once all is done"
    assert not begun(loads)
