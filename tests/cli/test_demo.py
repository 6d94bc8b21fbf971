"""The demo's story can be killed anywhere and told again, and a stakeholder finds it on the pages in real Chromium."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin

import pytest

from workbench import open_bench

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = pytest.mark.slow

KILLED_AT = """
import os, signal, sys, threading
import mlflow.artifacts, mlflow.tracking
import mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store
from workbench.cli import main
demo = sys.modules["workbench.cli.demo"]
story = demo._story
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def act(workspace, step, seconds):
    def cut(bench):
        for number, (name, call) in enumerate(story(bench)):
            if number == step:
                threading.Timer(seconds, die).start() if seconds else die()
            yield name, call
    demo._story = cut
    main(["demo", "--workspace", workspace, "--json"])
"""
NOTEBOOKS = {"experiment", "train incumbent", "audit incumbent", "drift check"}


@pytest.fixture(scope="module")
def told(tmp_path_factory, forking):
    """A demo killed at every boundary and in the middle of notebooks, then told to its end, and once again."""
    workspace = tmp_path_factory.mktemp("demo") / "w"
    with forking(KILLED_AT) as killed:
        assert killed(str(workspace), 0, 0.0) == -9
        names = story_names(workspace)
        for number, name in enumerate(names):
            if number:
                assert killed(str(workspace), number, 0.0) == -9, f"before {name}"
                check_consistent(workspace)
            if name in NOTEBOOKS:
                assert killed(str(workspace), number, 2.0) == -9, f"within {name}"
                check_consistent(workspace)
    return workspace, run_demo(workspace), run_demo(workspace)


def run_demo(workspace):
    command = [sys.executable, "-m", "workbench", "demo", "--workspace", str(workspace), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def story_names(workspace):
    from workbench.cli.demo import _story

    with open_bench(workspace) as bench:
        return [name for name, _ in _story(bench)]


def check_consistent(workspace):
    with open_bench(workspace) as bench:
        assert bench.ledger.verify().valid
        keys = Counter(entry.key for entry in bench.ledger.entries() if entry.key)
        assert all(count == 1 for count in keys.values())


# nothing is lost, nothing happens twice


def test_it_ends_as_if_it_had_never_been_killed(told):
    _, story, _ = told
    outcomes = {step["name"]: step["outcome"] for step in story["steps"]}
    assert outcomes["promote incumbent"] == "promoted"
    assert outcomes["promote challenger"] == "denied"
    assert outcomes["ask two people"] == "waits"
    assert outcomes["promote fairer"] == "promoted"
    assert outcomes["roll back"] == "rolled back"
    assert story["ledger"]["valid"]
    assert story["champion"] == {"model": "lending", "version": 1}


def test_two_roles_approved_the_fairer_version_each_once_before_it_moved(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        trail = [
            entry for entry in bench.ledger.entries(subject="lending/3") if entry.kind.startswith(("appr", "prom"))
        ]
        stakes = [entry.body["stakes"] for entry in bench.ledger.entries(subject="lending", kind="model.declared")]
    kinds = [entry.kind for entry in trail]
    assert kinds == ["approval.requested", "approval.given", "approval.given", "promotion.granted", "approval.closed"]
    assert {entry.actor for entry in trail[1:3]} == {"risk-officer", "compliance-officer"}
    assert sorted(trail[3].body["approvals"]) == [trail[1].seq, trail[2].seq]
    assert stakes == ["high", "normal"]


def test_telling_it_again_repeats_nothing(told):
    _, story, again = told
    assert again["ledger"] == story["ledger"]
    assert [s["run_id"] for s in again["steps"]] == [s["run_id"] for s in story["steps"]]


def test_three_versions_were_registered_and_no_more(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert [v.version for v in bench.ledger.versions("lending")] == [1, 2, 3]
        assert [v.version for v in bench.store.registered("lending")] == [1, 2, 3]


def test_no_run_is_left_running_in_mlflow(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert bench.store.unfinished() == []


def test_the_alias_follows_the_ledger(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        head = bench.ledger.head("lending")
        assert bench.store.alias("lending", "champion") == (head.version, head.generation)
        assert bench.ledger.owed() == []


def test_every_reported_file_is_there_and_shows_no_code(told):
    _, story, _ = told
    reports = [Path(step["report"]) for step in story["steps"] if step["report"]]
    assert len(reports) == 8
    for report in reports:
        text = report.read_text("utf-8")
        assert "fairness_audit" not in str(report) or len(text.encode()) < 300_000
        assert "open_bench" not in text


def test_each_held_out_application_was_answered_once(told):
    workspace, story, _ = told
    served = next(step for step in story["steps"] if step["name"] == "serve")["figures"]
    with open_bench(workspace) as bench:
        rows = bench.log.rows(model="lending")
    assert len({row.id for row in rows}) == len(rows) == served["applications"]


# the pages of `workbench up`


def free_ports(count):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in taken]
    for server in taken:
        server.close()
    return ports


@pytest.fixture(scope="module")
def up(told, tmp_path_factory):
    """The addresses of the servers of the told workspace, by name."""
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    workspace = told[0]
    names = ("--lab-port", "--pages-port", "--mlflow-port", "--gateway-port")
    ports = [str(word) for pair in zip(names, free_ports(4), strict=True) for word in pair]
    said = tmp_path_factory.mktemp("up") / "stderr"
    with said.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", "workbench", "up", "--json", "--workspace", str(workspace), *ports],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        try:
            text = ""
            for line in server.stdout:
                text += line
                if line.rstrip() in {"}", "]"}:
                    break
            assert text, said.read_text()
            yield workspace, addresses_of(json.loads(text))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
            server.stdout.close()
    assert not left_over(workspace), "a server outlived `workbench up`"


def addresses_of(value):
    """Name to address, wherever the JSON has them."""
    found = {}
    if isinstance(value, dict):
        if {"name", "url"} <= value.keys():
            found[value["name"]] = value["url"]
        for child in value.values():
            found |= addresses_of(child)
    elif isinstance(value, list):
        for child in value:
            found |= addresses_of(child)
    return found


def left_over(workspace):
    """Processes that name the workspace on their command line or as their folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(workspace) in command:
                found.append(command)
    return found


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.outside = []
        page.on("request", lambda request: remember(page.outside, request.url))
        yield page
        browser.close()


def remember(outside, url):
    if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
        outside.append(url)


def test_the_promotions_page_shows_the_story_and_loads_nothing_from_outside(up, page):
    page.goto(up[1]["Promotions"])
    page.get_by_text("The policy says no").first.wait_for(timeout=60_000)
    text = page.inner_text("body")
    assert "Version 1 is champion" in text
    assert "Disparate impact by race" in text
    assert "Traceback" not in text
    assert page.outside == []


def test_the_monitoring_page_shows_the_served_model_and_loads_nothing_from_outside(up, page):
    page.goto(up[1]["Monitoring"])
    page.get_by_text("Fairness: pass").first.wait_for(timeout=60_000)
    text = page.inner_text("body")
    assert "lending" in text
    assert "398" in text
    assert "Traceback" not in text
    assert page.outside == []


def test_an_approval_clicked_on_the_page_moves_the_model_and_is_in_the_ledger(up, page):
    workspace, addresses = up
    reason = "the rehearsal is over; <b>version 3</b> is the fairer one"
    page.goto(addresses["Promotions"])
    page.get_by_role("button", name="Look at version 3").click(timeout=60_000)
    again = page.get_by_role("button", name="Promote version 3 again")
    again.wait_for()
    page.locator("textarea:visible").last.fill(reason)
    again.click()
    page.get_by_role("button", name="Yes", exact=False).first.click()
    page.get_by_text("is champion, generation 4").first.wait_for(timeout=60_000)
    with open_bench(workspace) as bench:
        (entry,) = bench.ledger.entries(kind="promotion.granted", subject="lending/3", newest_first=True, limit=1)
        assert (entry.why, entry.actor) == (reason, bench.actor)
        assert bench.ledger.head("lending").version == 3
        assert bench.ledger.verify().valid
    token = addresses["Gateway"].partition("token=")[2]
    ask = urllib.request.Request(addresses["Gateway"].partition("?")[0], headers={"Authorization": f"Bearer {token}"})
    served: dict = {}
    give_up = time.monotonic() + 60  # the gateway loads it beside the one that answers
    while served.get("generation") != 4 and time.monotonic() < give_up:
        with urllib.request.urlopen(ask) as answer:
            (served,) = json.load(answer)["models"]
    assert (served["version"], served["generation"]) == (3, 4)


@pytest.mark.parametrize("name", ["JupyterLab", "Promotions", "MLflow", "Gateway"])
def test_nobody_gets_in_without_a_token(up, name):
    bare = up[1][name].partition("?")[0].partition("#")[0]
    status, url = reached(bare)
    assert status in {401, 403} or "login" in url


def reached(url):
    """The status and the address at which a request ends."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.url
    except urllib.error.HTTPError as error:
        with error:
            return error.code, url


def test_an_answer_that_is_held_is_decided_on_the_page_and_the_caller_polls_it(up, page):
    workspace, addresses = up
    policy = workspace / "policies" / "answer.rego"
    plain = policy.read_text()
    base, _, token = addresses["Gateway"].partition("/v1/models?token=")

    def asked(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=60) as answer:
            return answer.status, json.load(answer)

    with open_bench(workspace) as bench:
        features = bench.log.served_features("lending", limit=1).to_dict("records")
    policy.write_text(plain.replace("held := []", 'held := [{"model": "lending", "low": 0.0, "high": 1.0}]', 1))
    try:
        give_up, status, told = time.monotonic() + 60, 0, {}
        while status != 202 and time.monotonic() < give_up:  # until the gateway has read the policy
            status, told = asked("/v1/models/lending/predict", {"rows": features})
        (held,) = told["predictions"]
        assert (status, held["answer"]) == (202, None)
        poll = urljoin("/v1/models/lending/predict", held["poll"])
        assert asked(poll)[0] == 202
        page.goto(addresses["Review"])
        page.get_by_text("1 answer waits for people").wait_for(timeout=90_000)
        assert "A person looks at this answer first" in page.inner_text("body")
        page.get_by_role("button", name="Confirm", exact=False).click()
        page.get_by_text("Say why").first.wait_for(timeout=60_000)
        assert asked(poll)[0] == 202, "nothing is decided without a reason"
        page.locator("textarea:visible").first.fill("the papers fit")
        page.get_by_role("button", name="Change", exact=False).click()
        page.get_by_role("button", name="Yes, answer", exact=False).click()
        page.get_by_text("No answer waits for people").wait_for(timeout=60_000)
        status, decided = asked(poll)
        assert (status, decided["state"], decided["decided"]) == (200, "answered", "changed")
        with open_bench(workspace) as bench:
            (entry,) = bench.ledger.entries(kind="answer.decided")
            assert (entry.why, entry.actor) == ("the papers fit", bench.actor)
        assert page.outside == []
    finally:
        policy.write_text(plain)
