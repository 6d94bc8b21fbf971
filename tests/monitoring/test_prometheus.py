"""Rules, routes and dashboards work in a real Prometheus and Alertmanager, with what the watch exposes."""

import contextlib
import http.server
import json
import os
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.engines import prometheus
from workbench.engines.servers import Servers
from workbench.errors import EngineError, Misuse
from workbench.ledger import Head
from workbench.monitoring import rules
from workbench.monitoring.alerts import Alert, hear
from workbench.monitoring.canaries import Canary, Judged, Plan, canary_exposition
from workbench.monitoring.canaries.counting import Counted, Mark
from workbench.monitoring.canary import judge_of
from workbench.monitoring.dashboards import expressions, files
from workbench.monitoring.declared import Objectives
from workbench.monitoring.exposition import exposition
from workbench.monitoring.incidents import incidents, kind_of
from workbench.serving.alerting import read
from workbench.serving.meter import Meter
from workbench.stats.canary_judge import Counts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
needed = pytest.mark.skipif(
    not prometheus.installed(), reason="Debian's prometheus and prometheus-alertmanager are not installed"
)
ALERTS = ("ErrorBudgetBurnsFast", "LatencyBudgetBurnsFast", "InputsDrifted", "IncidentOpen")
STRANGE = 'we"ird|{{m}} é\\x'
DECLARED = {"lending": Objectives(errors=0.001, latency=(0.99, 0.05)), STRANGE: Objectives()}


def written(folder, declared=DECLARED, served=("churn",), **more):
    told = rules.files(declared, served, **{"target": "127.0.0.1:1", "webhook": "http://127.0.0.1:1/", **more})
    for name, text in told.items():
        (folder / name).write_text(text)
    return told


@needed
@pytest.mark.slow
def test_what_is_written_stands_before_the_tools_and_its_own_tests(tmp_path):
    written(tmp_path, token_file="/run/token")
    assert "SUCCESS" in prometheus.check(tmp_path)


@needed
@pytest.mark.slow
def test_a_rule_that_does_not_alert_is_found_out_by_its_test(tmp_path):
    told = written(tmp_path)
    (tmp_path / rules.RULES).write_text(told[rules.RULES].replace("14.4 *", "1440 *"))
    with pytest.raises(Misuse, match="promtool test rules"):
        prometheus.check(tmp_path)


def test_a_program_that_is_absent_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr(prometheus.shutil, "which", lambda _: None)
    with pytest.raises(EngineError, match="promtool is not installed") as told:
        prometheus.check(tmp_path)
    assert "apt-get install prometheus" in told.value.hint


def test_an_address_that_is_none_is_refused():
    with pytest.raises(Misuse, match="no address"):
        prometheus.ask("file:///etc/passwd", "up")


def all_that_can_be(world):
    """A pass over a model whose every measure is known, and whose inputs have moved."""
    world.champion()
    world.note(
        "model.declared", "lending", {"objectives": {"groups": ["sex"]}, "kpis": {"income": {"column": "income"}}}
    )
    world.served(24 * 7, until=NOON - 12 * HOUR, n=8)
    world.served(12, n=100, moved=2.0, failed=8, seed=2)
    return world.pass_()


def test_the_exposition_has_each_measure_with_its_bounds(world):
    lines = exposition(all_that_can_be(world)).splitlines()
    of = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if not line.startswith("#")}
    labels = 'model="lending",version="1"'
    for name in ("model_error_ratio", "model_slow_ratio", "accuracy_drop", "expected_accuracy_drop", "calibration_gap"):
        low, value, high = (of[f"workbench_{name}{end}{{{labels}}}"] for end in ("_lower", "", "_upper"))
        assert low <= value <= high, name
    assert of[f'workbench_drift_psi_lower{{{labels},column="income"}}'] > 0.1
    assert of[f'workbench_disparate_impact_ratio_upper{{{labels},attribute="sex"}}'] > 0.5
    assert abs(of[f'workbench_kpi_loss{{{labels},kpi="income"}}']) < 0.5
    assert of[f'workbench_model_health{{{labels},health="act"}}'] == 1
    assert of['workbench_objective{model="lending",objective="errors"}'] == 0.01
    assert len(of) < 80  # series of one model


class Answering:
    """A web server of two pages: the exposition, and a hook that keeps what Alertmanager sends."""

    def __init__(self, text):
        self.text, self.alerts, self.authorized = text, [], set()
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self._say(world.text().encode())

            def do_POST(self):
                world.alerts.append(self.rfile.read(int(self.headers["Content-Length"])))
                world.authorized.add(self.headers["Authorization"])
                self._say(b"")

            def _say(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def tried():
    """A canary in progress, of which something was counted."""
    plan, mark = Plan(), Mark(NOON, 1, 0.05)
    judge = judge_of(Objectives()).add({name: Counts(500, 10, 9500, 95) for name in ("errors", "slow")})
    kept = Counted(1, 1, NOON, judge, judge, NOON)
    return Canary(1, "lending", 2, plan, "running", "a try", "analyst", NOON, (mark,), kept, Judged.of(judge, judge))


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def hurried(folder, alert_port):
    """The files with seconds in place of minutes, so that a test need not wait."""
    import yaml

    told = yaml.safe_load((folder / rules.RULES).read_text())
    for group in told["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "0s"
    (folder / rules.RULES).write_text(yaml.safe_dump(told))
    config = yaml.safe_load((folder / rules.PROMETHEUS).read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alert_port}"]
    (folder / rules.PROMETHEUS).write_text(yaml.safe_dump(config))
    routes = yaml.safe_load((folder / rules.ALERTMANAGER).read_text())
    for route in (routes["route"], *routes["route"]["routes"]):
        route["group_wait"] = "1s"
    (folder / rules.ALERTMANAGER).write_text(yaml.safe_dump(routes))


@needed
@pytest.mark.slow
def test_prometheus_scrapes_alerts_and_answers_every_panel(world, tmp_path):
    """One model with all kinds of measure, failing; each panel's query has a series, and the hook hears of it."""
    done = replace(all_that_can_be(world), at=datetime.now(UTC))
    meter, head = Meter(), Head("lending", "champion", 1, 1, 1)

    def text():
        for _ in range(15):
            meter.answered(head, 1, 0.001)
        for _ in range(5):
            meter.refused("lending", 500, 0.5)
        counted = meter.told([head], [], swaps=1, waiting=0, dropped=0)
        return counted + exposition(done) + canary_exposition([tried()])

    page, port, alert_port = Answering(text), free_port(), free_port()
    (tmp_path / "token").write_text("s3cret")
    hook = {"webhook": f"http://{page.address}/v1/alerts", "token_file": str(tmp_path / "token")}
    written(tmp_path, {"lending": Objectives()}, (), target=page.address, **hook)
    hurried(tmp_path, alert_port)
    address = f"http://127.0.0.1:{port}"
    wanted = {
        (title, expr.replace("$model", "lending"))
        for content in files().values()
        for title, expr in expressions(json.loads(content))
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with Servers(prometheus.servers(tmp_path, port=port, alert_port=alert_port, environ=environ)) as both:
        both.start()
        both.wait(60, on_answer=lambda *_: None)
        end, missing = time.monotonic() + 60, set(ALERTS)
        while time.monotonic() < end and (wanted or missing or not page.alerts):
            wanted = {(title, expr) for title, expr in wanted if not prometheus.ask(address, expr)}
            missing -= {one.labels["alertname"] for one in prometheus.ask(address, 'ALERTS{alertstate="firing"}')}
            time.sleep(0.3)
    page.close()
    assert wanted == set()
    assert missing == set()
    assert page.authorized == {"Bearer s3cret"}
    told = [Alert(*one) for body in page.alerts for one in read(body)]
    kept = hear(world.ledger, told, now=NOON)
    assert {*kept.opened, *kept.joined} and set(kept.models) == {"lending"}
    again = hear(world.ledger, told, now=NOON)
    assert (again.opened, again.joined) == ((), ())
    kinds = [kind for one in incidents(world.ledger, alive=True) for kind in set(map(kind_of, one.symptoms))]
    assert sorted(kinds) == sorted(set(kinds)), "what the watch had found and what was told is one incident"
    heard = json.loads(page.alerts[0])
    assert set(heard["groupLabels"]) == {"model", "cause"}
    assert heard["groupLabels"]["model"] == "lending"
