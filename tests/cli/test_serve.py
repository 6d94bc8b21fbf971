"""`workbench serve` asks for a token wherever others could reach it, and says so before it starts."""

import json
import runpy
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import create
from workbench.cli import main

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    return tmp_path / "w"


def serve(workspace, *options):
    return CliRunner().invoke(main, ["serve", "--workspace", str(workspace), *map(str, options)])


def test_an_address_that_others_reach_needs_a_token(workspace):
    result = serve(workspace, "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "needs a token" in result.output
    assert "--token-file" in result.output


@pytest.mark.parametrize("content", ["", "\n", "tökén"])
def test_a_file_without_a_token_is_no_token(workspace, tmp_path, content):
    (tmp_path / "token").write_text(content)
    result = serve(workspace, "--token-file", tmp_path / "token")
    assert result.exit_code == 2
    assert "holds no token" in result.output


def test_a_token_file_that_is_not_there(workspace, tmp_path):
    result = serve(workspace, "--token-file", tmp_path / "none")
    assert result.exit_code == 4
    assert "cannot be read" in result.output


def test_json_says_at_the_start_where_it_answers_and_as_which_process(workspace, monkeypatch):
    import os

    from workbench.engines import uvicorn

    monkeypatch.setattr(uvicorn, "serve", lambda *_, **__: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = serve(workspace, "--port", port, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"address": f"http://127.0.0.1:{port}", "pid": os.getpid()}


def test_a_taken_port_is_told_before_the_workspace_is_opened(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = serve(workspace, "--port", taken.getsockname()[1])
    assert result.exit_code == 2
    assert "the gateway needs it" in result.output
    assert "hint: workbench serve --port" in result.output


def test_a_process_for_each_model_and_workers_with_all_of_them_are_two_arrangements(workspace):
    (workspace / "workbench.toml").write_text('serving = "processes"\n')
    result = serve(workspace, "--workers", 2)
    assert result.exit_code == 2
    assert "two arrangements" in result.output and "hint: leave out" in result.output
    (workspace / "workbench.toml").write_text("workers = 0\n")
    assert "workers is 0" in serve(workspace).output


def test_what_no_worker_could_do_is_said_before_any_is_started(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.serving.workers.Workers.run", lambda _: pytest.fail("they were started"))
    (workspace / "workbench.toml").write_text("workers = 2\n")
    (tmp_path / "cert.pem").write_text("none")
    result = serve(workspace, "--port", free_port(), "--tls-cert", tmp_path / "cert.pem")
    assert (result.exit_code, "TLS cannot be spoken" in result.output) == (4, True)
    result = serve(workspace, "--port", free_port(), "--access-log", tmp_path / "none" / "access.jsonl")
    assert (result.exit_code, "cannot be written" in result.output) == (4, True)
    (workspace / "limits.bin").write_bytes(b"something else" * 9)
    result = serve(workspace, "--port", free_port())
    assert (result.exit_code, "holds no limits" in result.output) == (4, True)


def test_an_address_of_version_six_is_told_as_an_address(workspace, monkeypatch):
    monkeypatch.setattr("workbench.engines.uvicorn.serve", lambda *_, **__: None)
    monkeypatch.setattr(sys.modules["workbench.cli.serve"], "_begin_beside", lambda _: None)
    port = free_port()
    result = serve(workspace, "--host", "::1", "--port", port, "--json")
    assert json.loads(result.stdout)["address"] == f"http://[::1]:{port}"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_reload_forgets_the_loads_of_a_model_that_ended_their_process(tmp_path):
    root = TOLD.tell(tmp_path / "w")
    with open_bench(root) as bench:
        head = bench.ledger.head("lending")
        place = (head.model, head.slot, head.version, head.generation, "")
        bench.loads._connection.executemany("INSERT INTO loads VALUES (?, ?, ?, ?, ?)", [place] * 3)

    def reload(model, *options):
        return CliRunner().invoke(main, ["reload", model, "--workspace", str(root), *options])

    told = reload("lending", "--json")
    assert json.loads(told.stdout) == {"model": "lending", "forgotten": 3}, told.output
    assert "there is nothing to forget" in reload("lending").output
    refused = reload("none")
    assert (refused.exit_code, "there is no model 'none'" in refused.output) == (2, True)
    with open_bench(root) as bench:
        assert bench.loads.killed(head) == 0
