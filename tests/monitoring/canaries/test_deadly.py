"""A canary whose loading kills the process of its model goes back at once, and the champion answers meanwhile."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.engines.servers import dies_with_its_parent
from workbench.ledger.heads import fold
from workbench.promotion.people import MACHINE
from workbench.serving import Request
from workbench.serving.client import living
from workbench.serving.loads import DEADLY
from workbench.serving.processes import create_front

pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, str(Path(__file__).parents[2] / "serving" / "answerer.py")]
PREDICT = "/v1/models/lending/predict"
UNITS = [f"customer-{n}" for n in range(40)]  # at 5 %, some are the canary's


def test_a_canary_that_kills_its_process_on_load_is_taken_back_while_the_champion_answers(trial, tmp_path):
    trial.start()
    (tmp_path / "deadly").write_text("2")
    front = create_front(
        trial.ledger, [*PROGRAM, str(tmp_path)], trial.log, now=lambda: datetime.now(UTC),
        first=dies_with_its_parent(), environ=dict(os.environ),
    )  # fmt: skip
    head = trial.ledger.head("lending", "canary")
    answered = {}  # with how many kills so far: statuses

    async def all_units(client):
        asked = [Request(PREDICT, {"income": 1.0}, headers={"x-workbench-unit": unit}) for unit in UNITS]
        return [await client.ask(one) for one in asked]

    async def story():
        async with living(front) as client:
            (child,) = await asyncio.wait_for(started(front), 60)
            while trial.loads.killed(head) < DEADLY:
                killed = trial.loads.killed(head)
                reply = await client.ask(Request(PREDICT, {"income": 1.0}))
                answered.setdefault(killed, set()).add((reply.status, reply.json().get("version")))
                assert trial.once(dry_run=True).act == "hold" or trial.loads.killed(head) == DEADLY
                await asyncio.sleep(0.05)
            while (await client.ask(Request(PREDICT, {"income": 1.0}))).status != 200:
                await asyncio.sleep(0.05)
            before = child.process.pid
            last = await all_units(client)
            said = (await client.ask(Request("/v1/models", method="GET"))).json()
            trial.now += timedelta(minutes=1)
            back = trial.once()
            while (await client.ask(Request("/v1/models", method="GET"))).json()["problems"]:
                await asyncio.sleep(0.05)
            return last, said, back, child.process.pid == before, child.restarts

    last, said, back, same, restarts = asyncio.run(asyncio.wait_for(story(), 120))
    assert all((200, 1) in answered[killed] for killed in range(1, DEADLY)), "the champion answers between two kills"
    assert {(reply.status, reply.json()["version"]) for reply in last} == {(200, 1)}
    assert "ended its process 3 times; it is not loaded again" in said["problems"]["lending/canary"]
    assert (same, restarts) == (True, DEADLY)
    assert (back.act, back.why) == ("roll back", "Loading it ended the process of its model 3 times.")
    cleared = trial.kinds("stage.cleared")[-1]
    assert (cleared.actor, cleared.why) == (MACHINE, back.why)
    assert trial.kinds("canary.ended")[-1].body["outcome"] == "taken back"
    assert trial.ledger.head("lending", "canary").version is None
    found = [e.body for e in trial.kinds("evidence.recorded") if e.body["kind"] == "canary"]
    assert (found[-1]["verdict"], found[-1]["details"]["code"]) == ("fail", "deadly")
    assert {head_.slot: head_ for head_ in trial.ledger.heads(cleared=True)} == {
        place[1]: head_ for place, head_ in fold(trial.ledger.entries()).items()
    }


async def started(front):
    """The processes of a front, once there are some."""
    while not (found := [child for child in front._behind._children if child.process is not None]):
        await asyncio.sleep(0.05)
    return found
