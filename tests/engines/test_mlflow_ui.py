"""MLflow's pages come without what is not for looking at runs and models."""

import asyncio
from fnmatch import fnmatch

import pytest

from workbench.engines.mlflow_ui import closed, environment
from workbench.serving import Request
from workbench.serving.client import Client
from workbench.serving.http import Reply


async def mlflow(scope, receive, send):
    reply = Reply(200, b"<html><head><title>MLflow</title></head></html>", b"text/html", ((b"etag", b"1"),))
    await reply.send(send)


def visit(path, method="GET"):
    return asyncio.run(Client(closed(mlflow)).ask(Request(path, b"", method=method)))


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/assistant/config",
        "/gateway/x",
        "/ajax-api/3.0/jobs/1",
        "/ajax-api/3.0/mlflow/jobs/1",
        "/api/3.0/mlflow/gateway/secrets/list",
        "/ajax-api/2.0/mlflow/gateway-proxy",
        "/api/2.0/mlflow/webhooks/1/test",
        "/ajax-api/3.0/mlflow/scorer/invoke",
        "/ajax-api/3.0/mlflow/issues/invoke",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_could_run_something_is_switched_off(path, method):
    assert visit(path, method).status == 404


def test_the_first_page_does_not_open_the_assistant():
    answer = visit("/")
    assert b"localStorage" in answer.body
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["content-type"] == "text/html"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/api/2.0/mlflow/runs/search", "/ajax-api/3.0/mlflow/scorers/list", "/api/2.0/mlflow-artifacts/artifacts/jobs/x"],
)
def test_what_only_begins_like_it_stays(path):
    assert visit(path).status == 200


def test_the_rest_is_as_mlflow_made_it():
    assert b"localStorage" not in visit("/static-files/index.js").body


def test_no_job_is_run_and_nobody_is_called_home(tmp_path):
    told = environment("sqlite:///x.db", tmp_path)
    assert told["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert told["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_proxys_name_is_answered_and_no_other_but_its_own(tmp_path):
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" not in environment("sqlite:///x.db", tmp_path)
    told = environment("sqlite:///x.db", tmp_path, proxy="https://data.example:8443")
    hosts = told["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    for host, known in {"data.example:8443": True, "127.0.0.1:5000": True, "evil.example": False}.items():
        assert any(fnmatch(host, pattern) for pattern in hosts) == known
    assert told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "https://data.example:8443"
