"""One row a request: the gateway, with token and log on, beside MLflow's scoring path and a bare ASGI floor.

All three run in this process, one after the other and round about, without a network: what is compared is
what a server does with a request. The peer is the function that `mlflow models serve` calls for each
request, `mlflow.pyfunc.scoring_server.invocations`, on the same files; its HTTP would come on top.
"""

import asyncio
import json
import time
import warnings
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.batch.models import save_model
from workbench.ledger import Ledger, ModelVersion
from workbench.serving import PredictionLog, Predictor, Request, create_app
from workbench.serving.client import Client, living
from workbench.serving.http import Reply, read_body

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

FIELDS = [f"field_{n}" for n in range(10)]
ROUNDS, EACH = 5, 200
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def estimator():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, len(FIELDS))), columns=FIELDS)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, frame["field_0"] > 0), frame


@pytest.fixture
def app(tmp_path, estimator):
    version = ModelVersion(
        model="lending", version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
        feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
        registered_at=NOW.isoformat(), registered_by="analyst",
    )  # fmt: skip

    class Loader:
        def load(self, version):
            return Predictor(version, estimator[0], dict.fromkeys(FIELDS, "double"))

    url = f"sqlite:///{tmp_path}"
    with Ledger.open(f"{url}/ledger.db") as ledger, PredictionLog.open(f"{url}/predictions.db") as log:
        ledger.append("version.registered", subject="lending/1", actor="a", why="w", body=version.as_body(), now=NOW)
        with ledger.transaction() as writer:
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            entry = writer.append("promotion.granted", subject="lending/1", actor="a", why="w", body=body, now=NOW)
            writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)
        yield create_app(ledger, Loader(), log, now=lambda: NOW, token="t0ken")


@pytest.fixture
def peer(tmp_path, estimator):
    """MLflow's way from a request's body to the answer's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import pyfunc
        from mlflow.pyfunc import scoring_server

        save_model(estimator[0], tmp_path / "model", estimator[1].head())
        model = pyfunc.load_model(str(tmp_path / "model"))
    schema = model.metadata.get_input_schema()
    return lambda body: scoring_server.invocations(body, "application/json", model, schema)


async def floor(scope, receive, send):
    await read_body(scope, receive, most=1 << 20)
    await Reply.json(200, {"predictions": [{"score": 0.5}]}).send(send)


def test_a_request_costs_a_fraction_of_what_mlflow_takes(app, peer, estimator, capsys):
    row = estimator[1].iloc[0].to_dict()
    ours = Request("/v1/models/lending/predict", {"rows": [row]}, headers={"authorization": "Bearer t0ken"})
    theirs = json.dumps({"dataframe_records": [row]})
    took = {"floor": [], "gateway": [], "mlflow": []}

    async def rounds():
        async with living(app) as client:
            bare = Client(floor)
            assert (await client.ask(ours)).status == 200
            assert peer(theirs).status == 200
            for _ in range(ROUNDS):
                for name, asked in (("floor", bare), ("gateway", client)):
                    began = time.perf_counter()
                    for _ in range(EACH):
                        await asked.ask(ours)
                    took[name].append((time.perf_counter() - began) / EACH)
                began = time.perf_counter()
                for _ in range(EACH):
                    peer(theirs)
                took["mlflow"].append((time.perf_counter() - began) / EACH)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(rounds())
    best = {name: min(times) for name, times in took.items()}
    with capsys.disabled():
        told = ", ".join(f"{name} {seconds * 1e6:.0f} µs ({1 / seconds:,.0f}/s)" for name, seconds in best.items())
        print(f"\n  one row a request: {told}; {best['mlflow'] / best['gateway']:.1f}x of MLflow")
    assert best["gateway"] * 2 < best["mlflow"]
