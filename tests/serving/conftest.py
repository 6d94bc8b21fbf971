"""A ledger with versions, a loader that keeps them in memory, a log, and a gateway over all three."""

import asyncio
import http.client
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from workbench.engines.uvicorn import configured
from workbench.errors import EngineError
from workbench.ledger import Ledger, ModelVersion
from workbench.serving import PredictionLog, Predictor, Request, create_app
from workbench.serving.client import living

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
COLUMNS = {"income": "double", "loans": "long", "cosigner": "boolean", "purpose": "string"}
ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}


class Line:
    """Says yes with probability income / 10, shifted a little by its version, so that versions can be told apart."""

    def __init__(self, version):
        self.version = version

    def predict_proba(self, frame):
        yes = frame["income"].to_numpy() / 10 + self.version / 1000
        return np.column_stack([1 - yes, yes])


class MemoryLoader:
    """Versions in memory; some do not load, and some take their time."""

    def __init__(self):
        self.broken = set()
        self.estimators = {}
        self.loaded = []
        self.columns = COLUMNS
        self.more = {}  # of every predictor

    def load(self, version):
        self.loaded.append(version.version)
        if version.version in self.broken:
            raise EngineError(f"the files of {version.subject} are not those that were registered")
        estimator = self.estimators.get(version.version, Line(version.version))
        return Predictor(version=version, estimator=estimator, columns=self.columns, **self.more)


class Shop:
    """All that a gateway needs, with as few words as a test needs."""

    def __init__(self, ledger, log):
        self.ledger, self.log, self.loader = ledger, log, MemoryLoader()
        self.time = START

    def now(self):
        return self.time

    def register(self, version, *, model="lending", threshold=0.5):
        known = ModelVersion(
            model=model, version=version, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
            feature_set="loan-credit@1", notebook_digest="n", threshold=threshold, parameters={}, metrics={},
            registered_at=START.isoformat(), registered_by="analyst",
        )  # fmt: skip
        self.ledger.append(
            "version.registered", subject=known.subject, actor="analyst", why="trained", body=known.as_body(), now=START
        )

    def promote(self, version, *, model="lending"):
        self.time += timedelta(minutes=1)
        with self.ledger.transaction() as writer:
            before = writer.head(model)
            generation = before.generation if before else 0
            entry = writer.append(
                "promotion.granted", subject=f"{model}/{version}", actor="risk-officer", why="better", now=self.time,
                body={"slot": "champion", "generation": generation + 1, "decision": {"decision": "allow"}},
            )  # fmt: skip
            return writer.move_head(model, "champion", version, expected_generation=generation, entry=entry)

    def stage(self, version, slot, weight, *, model="lending"):
        """Put a version into canary or shadow, as the gate would."""
        self.time += timedelta(minutes=1)
        with self.ledger.transaction() as writer:
            before = writer.head(model, slot)
            generation = before.generation if before else 0
            body = {"slot": slot, "generation": generation + 1, "weight": weight, "decision": {"decision": "allow"}}
            entry = writer.append(
                "stage.granted", subject=f"{model}/{version}", actor="analyst", why="try it", now=self.time, body=body
            )
            return writer.move_head(model, slot, version, expected_generation=generation, entry=entry)

    def clear(self, slot, version, *, model="lending"):
        """Take a version out of a slot."""
        self.time += timedelta(minutes=1)
        with self.ledger.transaction() as writer:
            generation = writer.head(model, slot).generation
            body = {"slot": slot, "generation": generation + 1, "decision": {"decision": "allow"}}
            entry = writer.append(
                "stage.cleared", subject=f"{model}/{version}", actor="analyst", why="enough", now=self.time, body=body
            )
            return writer.move_head(model, slot, None, expected_generation=generation, entry=entry)

    def app(self, **options):
        return create_app(self.ledger, self.loader, self.log, now=self.now, **options)

    def run(self, story, **options):
        """What an async function of a client comes to, with the gateway alive around it."""

        async def told():
            async with living(self.app(**options)) as client:
                return await story(client)

        return asyncio.run(told())

    def ask(self, body, *, model="lending", **options):
        """The answer to one request for predictions."""
        return self.run(lambda client: client.ask(predict(body, model=model)), **options)


def predict(body, *, model="lending", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(f"/v1/models/{model}/predict", body, headers=named)


def get(path, **headers):
    return Request(path, b"", method="GET", headers=headers)


@pytest.fixture
def log(tmp_path):
    with PredictionLog.open(f"sqlite:///{tmp_path / 'predictions.db'}") as opened:
        yield opened


@pytest.fixture
def shop(tmp_path, log):
    """Two registered versions of "lending", the first of them champion."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.sign_with(tmp_path / "ledger.key")
        shop = Shop(ledger, log)
        shop.register(1)
        shop.register(2)
        shop.promote(1)
        yield shop


SECONDS = 30.0  # that something may take on a busy machine


class Serving:
    """An app on uvicorn, on a port of this machine, in a thread."""

    def __init__(self, app, **more):
        import uvicorn

        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.server = uvicorn.Server(configured(app, **more))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def __enter__(self):
        self.thread.start()
        until(lambda: self.server.started)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


def until(check, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def ask(port, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        sent = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        more = {"content-type": "application/json", **headers}
        connection.request("GET" if body is None else "POST", path, sent, more)
        reply = connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text[:1] in b"{[" else text.decode()
    finally:
        connection.close()


def income(port, model, value, **headers):
    return ask(port, f"/v1/models/{model}/predict", {"rows": [{"income": value}]}, **headers)


class Network:
    """What a test needs that asks over the network."""

    Serving, until, ask, income = Serving, staticmethod(until), staticmethod(ask), staticmethod(income)


@pytest.fixture
def network():
    return Network
