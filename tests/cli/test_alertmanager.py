"""A real Alertmanager, with the generated settings and a key of its own, reaches a gateway that takes keys."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import create
from workbench.cli import main
from workbench.engines import prometheus
from workbench.engines.servers import Servers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not prometheus.installed(), reason="Debian's prometheus and prometheus-alertmanager are not installed"
    ),
]


def free_port():
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(true, seconds=90.0):
    """Wait for a condition; whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.2)
    return False


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_stored_key_for_alerts_outlives_the_gateway_s_token_and_opens_nothing_else(tmp_path):
    """As `workbench up` starts it: a token that is new each time, and keys that stay."""
    root, port, alert_port = tmp_path / "w", free_port(), free_port()
    create(root)
    call = lambda *words: CliRunner().invoke(main, [*words, "--workspace", str(root)])  # noqa: E731
    key = tmp_path / "alertmanager.key"
    key.write_text(call("key", "create", "alertmanager", "--alerts").stdout)
    webhook = f"http://127.0.0.1:{port}/v1/alerts"
    out = tmp_path / "out"
    told = call("monitor", "rules", "--out", str(out), "--webhook", webhook, "--webhook-token-file", str(key))
    assert told.exit_code == 0, told.output
    assert key.read_text().strip() not in (out / "alertmanager.yml").read_text()
    (out / "alertmanager.yml").write_text((out / "alertmanager.yml").read_text().replace("10s", "1s"))
    (tmp_path / "token").write_text("new at each start")
    serve = [sys.executable, "-m", "workbench", "serve", "--keys", "--token-file", str(tmp_path / "token")]
    gateway = subprocess.Popen([*serve, "--port", str(port), "--workspace", str(root)], stderr=subprocess.DEVNULL)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    both = prometheus.servers(out, port=free_port(), alert_port=alert_port, environ=environ)
    try:
        with Servers(both[1:]) as servers:
            servers.start()
            assert until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
            servers.wait(60, on_answer=lambda *_: None)
            alert = {
                "labels": {"alertname": "GatewayDown", "severity": "page", "cause": "service"},
                "annotations": {"summary": "the gateway is down"},
                "startsAt": datetime.now(UTC).isoformat(),
            }
            sent = urllib.request.Request(
                f"http://127.0.0.1:{alert_port}/api/v2/alerts", json.dumps([alert]).encode(),
                {"Content-Type": "application/json"},
            )  # fmt: skip
            urllib.request.urlopen(sent, timeout=30).close()
            with open_bench(root) as bench:
                assert until(lambda: bench.ledger.entries(kind="incident.opened"))
                (opened,) = bench.ledger.entries(kind="incident.opened")
                assert opened.why == "the gateway is down"
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/models/lending/predict", b'{"rows": []}',
            {"Authorization": f"Bearer {key.read_text().strip()}", "Content-Type": "application/json"},
        )  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=30)
        refused.value.close()
        assert refused.value.code == 401
    finally:
        gateway.terminate()
        gateway.wait(30)
