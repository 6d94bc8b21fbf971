"""Pages until a person can use them, and what one more viewer costs: stock Voila, preheated, and ours.

All three serve the same notebooks on this machine and cannot reach another; views are interleaved, each in a
browser that has seen nothing. A page is there when its first widget is drawn. And what 300 models cost whoever
opens a page, beside three.
"""

import importlib.util
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

import workbench
from workbench.batch.warm import Zygote
from workbench.batch.warm.identity import PRELOAD, identify
from workbench.bench import shipped
from workbench.engines import jupyter
from workbench.engines.servers import Server, Servers

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (.ci/run installs Debian's)"),
]

ALONE = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
ROUNDS = 3
VIEWERS = 4
SMALLER = 1.8  # times
PAGES = {"light": "pandas, mlflow, plotly", "stack": "pandas, mlflow, pymc, evidently"}  # what each imports
CELL = """
import {names}
import ipywidgets
ipywidgets.IntSlider(30)
"""
FIRST = {"light": ".widget-slider", "stack": ".widget-slider", "promotions": ".wb-page"}  # each page's first widget
FASTER = {"light": 1.2, "stack": 3.0, "promotions": 1.2}  # times; what the browser does costs all three the same


FEW, MANY = 3, 300  # models, each with a champion and a candidate
MORE = 1.3  # times; a page of many may be there so much later

spec = importlib.util.spec_from_file_location("registry", Path(__file__).parents[1] / "policy" / "registry.py")
registry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(registry)


@dataclass
class Peer:
    """One way to serve the pages."""

    name: str
    port: int
    server: Server
    token: str = ""

    def address(self, page):
        return f"http://127.0.0.1:{self.port}/voila/render/{page}.ipynb?token={self.token}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with the demo's story."""
    given = os.environ.get("WORKBENCH_DEMO")
    if given:
        return Path(given)
    place = tmp_path_factory.mktemp("demo") / "w"
    told = [sys.executable, "-m", "workbench", "demo", "--workspace", str(place)]
    subprocess.run(told, check=True, capture_output=True, timeout=600)
    return place


@pytest.fixture(scope="module")
def apps(tmp_path_factory):
    """A folder of three pages: a light one, one that imports the stack, and the one on which people decide."""
    folder = tmp_path_factory.mktemp("apps")
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    for page, names in PAGES.items():
        cell = {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": None, "outputs": []}
        cells = [{**cell, "source": CELL.format(names=names)}]
        notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{page}.ipynb").write_text(json.dumps(notebook))
    shutil.copy(shipped("notebooks") / "apps" / "promotions.ipynb", folder)
    return folder


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote(identify(PRELOAD, os.environ))
    zygote.start()
    yield zygote
    zygote.stop()


@pytest.fixture(scope="module")
def peers(workspace, apps, zygote, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    jupyter.write_kernelspec(run / "kernels" / jupyter.KERNEL)
    ours = jupyter.pages(
        workspace,
        apps=apps,
        template=shipped("templates"),
        port=(port := free_port()),
        token="t0ken",
        run=run,
        environ=os.environ,
        log=run / "ours.log",
        places=jupyter.Places(),
        kernels=run,
    )
    found = [
        stock("stock", workspace, apps, run),
        stock("preheated", workspace, apps, run, "--preheat_kernel=True", "--pool_size=2"),
        Peer("ours", port, ours, "t0ken"),
    ]
    with Servers([peer.server for peer in found]) as servers:
        servers.start()
        servers.wait(180, on_answer=lambda *_: None)
        for peer in found:
            peer.pid = servers.pids[peer.server.name]
        yield found


@pytest.fixture(scope="module")
def crowds(zygote, tmp_path_factory):
    """The pages of a workspace of few models, and of one of many."""
    run = tmp_path_factory.mktemp("crowds")
    jupyter.write_kernelspec(run / "kernels" / jupyter.KERNEL)
    found = {}
    for models in (FEW, MANY):
        place, own = run / f"of-{models}", run / f"run-{models}"
        own.mkdir()
        subprocess.run([sys.executable, "-m", "workbench", "init", str(place)], check=True, capture_output=True)
        with workbench.open_bench(place) as bench:
            registry.fill(bench.ledger, models, 2)
        server = jupyter.pages(
            place,
            apps=shipped("notebooks") / "apps",
            template=shipped("templates"),
            port=(port := free_port()),
            token="t0ken",
            run=own,
            environ=os.environ,
            log=own / "log",
            places=jupyter.Places(),
            kernels=run,
        )
        found[models] = Peer(str(models), port, replace(server, name=f"pages of {models}"), "t0ken")
    with Servers([peer.server for peer in found.values()]) as servers:
        servers.start()
        servers.wait(180, on_answer=lambda *_: None)
        for peer in found.values():
            peer.pid = servers.pids[peer.server.name]
        yield found


def stock(name, workspace, apps, run, *options):
    port = free_port()
    command = [sys.executable, "-m", "voila", str(apps), "--no-browser", f"--port={port}", *options]
    environ = {**os.environ, "WORKBENCH_WORKSPACE": str(workspace), "JUPYTER_NO_CONFIG": "1"}
    probe = f"http://127.0.0.1:{port}/voila/static/voila.js"
    here = run / name  # Voila reads settings that lie where it is started
    here.mkdir()
    return Peer(name, port, Server(name, command, probe, environ, here, here / "log"))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield opened
        opened.close()


def view(browser, address, first):
    """Seconds until the first widget is drawn, and the open context."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(first).first.wait_for(timeout=60_000)
    return time.perf_counter() - began, context


def at_rest(pid):
    """Wait until a server and its kernels have nothing to do."""

    def used():
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in family)

    before, end = used(), time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.5)
        now = used()
        if now - before < 0.1:
            return
        before = now


def share(pids):
    """Bytes of memory of processes; each page of memory counted once, however many share it."""
    text = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return 1024 * sum(int(line.split()[1]) for part in text for line in part.splitlines() if line.startswith("Pss:"))


def test_a_page_is_there_sooner_than_stock_voilas(browser, peers):
    took = {(peer.name, page): [] for peer in peers for page in FIRST}
    for number in range(ROUNDS + 1):  # the first is for the file system and is not counted
        for page, first in FIRST.items():
            for peer in peers:
                at_rest(peer.pid)
                seconds, context = view(browser, peer.address(page), first)
                time.sleep(0.5)
                context.close()
                if number:
                    took[peer.name, page].append(seconds)
    print(f"\nload {os.getloadavg()[0]:.1f}; seconds to the first widget, median of {ROUNDS}")
    for page in FIRST:
        middle = {peer.name: statistics.median(took[peer.name, page]) for peer in peers}
        times = ", ".join(f"{name} {seconds:.2f}" for name, seconds in middle.items())
        print(f"{page}: {times}: {middle['stock'] / middle['ours']:.1f} times as fast as stock")
    for page, factor in FASTER.items():
        assert statistics.median(took["stock", page]) / statistics.median(took["ours", page]) >= factor, page


def test_one_more_viewer_costs_less_than_stock_voilas(browser, peers, zygote):
    cost = {}
    for peer in (peers[0], peers[2]):
        kernels = set()

        def alive(peer=peer):
            children = psutil.Process(peer.pid).children() if peer.name == "stock" else []
            return {child.pid for child in children} or set(zygote.status()["children"])

        before, sizes, contexts = alive(), [], []
        base = {zygote.status()["pid"]} if peer.name == "ours" else set()
        for _ in range(VIEWERS):
            contexts.append(view(browser, peer.address("light"), FIRST["light"])[1])
            kernels = alive() - before
            sizes.append(share(kernels | base))
        cost[peer.name] = (sizes[-1] - sizes[0]) / (VIEWERS - 1) / (1 << 20)
        for context in contexts:
            context.close()
    print(f"\nMB of one more viewer: stock {cost['stock']:.0f}, ours {cost['ours']:.0f}")
    assert cost["stock"] / cost["ours"] >= SMALLER


@pytest.mark.parametrize("page", ["promotions", "monitoring"])
def test_a_page_of_300_models_is_there_as_soon_as_one_of_three(browser, crowds, page):
    took = {models: [] for models in crowds}
    whole = {models: [] for models in crowds}
    for number in range(ROUNDS + 1):  # the first is for the file system and is not counted
        for models, peer in crowds.items():
            at_rest(peer.pid)
            began = time.perf_counter()
            seconds, context = view(browser, peer.address(page), ".wb-lead")
            if page == "promotions":  # and until the policy was asked about all of them
                context.pages[0].locator(".wb-section .wb-title").first.wait_for(timeout=120_000)
            if number:
                took[models].append(seconds)
                whole[models].append(time.perf_counter() - began)
            context.close()
    few, many = (statistics.median(took[models]) for models in (FEW, MANY))
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {page}: its first line after {few:.2f} s with {FEW} models and {many:.2f} s "
        f"with {MANY}, {many / few:.2f} times; all of it after {statistics.median(whole[MANY]):.2f} s with {MANY}"
    )
    assert many / few <= MORE
