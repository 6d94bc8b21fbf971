"""What all tests share: no zygote outlives them, and a Dask cluster for whatever runs on one."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from workbench.bench import usual_zygote

SECONDS = 60  # that a cluster may take to come up on a busy machine


@dataclass
class Cluster:
    """A scheduler and one worker process under its nanny, as `dask scheduler` and `dask worker` start them."""

    folder: Path
    threads: int = 2
    address: str = ""
    started: list[subprocess.Popen] = field(default_factory=list)

    def __enter__(self):
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)
        wait_until(file.exists)
        self.address = json.loads(file.read_text())["address"]
        self.start("worker", self.address, "--nworkers", "1", "--nthreads", self.threads, "--no-dashboard")
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            for one in [*self.below(process.pid), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    def start(self, what, *options):
        command = [sys.executable, "-m", "dask", what, *map(str, options)]
        log = (self.folder / f"{what}.log").open("a")
        with log:
            self.started.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    @staticmethod
    def below(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).children(recursive=True)
        return []

    def kill_scheduler(self):
        self.started[0].send_signal(signal.SIGKILL)

    def kill_worker(self):
        """Kill the worker's process, as a machine that runs out of memory does; its nanny starts another."""
        nanny = self.started[1].pid
        (worker,) = [one for one in psutil.Process(nanny).children() if "spawn_main" in " ".join(one.cmdline())]
        worker.kill()


def wait_until(true, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


@pytest.fixture(scope="session", autouse=True)
def zygotes_end():
    """The zygote that runs of these tests started ends with them; one that was there before stays."""
    zygote = usual_zygote()
    before = zygote.status()
    yield
    if before is None:
        zygote.stop()


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory):
    """A cluster that tests leave as they found it."""
    pytest.importorskip("distributed")
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(tmp_path_factory):
    """A cluster to be broken."""
    pytest.importorskip("distributed")
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def lending():
    """Makes a workspace whose model "lending" has a champion: two real numbers in, a probability out."""

    def make(root, *, estimator=None, frame=None, models=("lending",), promoted=True):
        import numpy as np
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        from workbench.batch.models import MODEL, PROFILE, save_model
        from workbench.bench import create, open_bench
        from workbench.data import Profile
        from workbench.data.digests import digest_folder
        from workbench.ledger import ModelVersion

        if frame is None:
            frame = pd.DataFrame(np.random.default_rng(7).normal(size=(200, 2)), columns=["income", "debt"])
            estimator = LogisticRegression().fit(frame, frame["income"] > frame["debt"])
        create(root)
        with open_bench(root) as bench:
            for model in models:
                made = root.parent / f"{root.name}-{model}"
                place = made / "models" / model
                save_model(estimator, place / MODEL, frame.head())
                (place / PROFILE).write_text(Profile.scan(frame).as_json())
                run = bench.store.start("train", parameters={}, tags={})
                bench.store.log(run, metrics={}, tags={}, folder=made)
                number = bench.store.register(run, model, f"models/{model}/{MODEL}", tags={})
                bench.store.finish(run, "FINISHED")
                version = ModelVersion(
                    model=model, version=number, run_id=run, source=f"runs:/{run}/models/{model}",
                    model_digest=digest_folder(place), data_digest="d", feature_set="loan@1", notebook_digest="n",
                    threshold=0.5, parameters={}, metrics={}, registered_at=bench.now().isoformat(),
                    registered_by="analyst",
                )  # fmt: skip
                told = {"subject": version.subject, "actor": "analyst", "why": "trained", "now": bench.now()}
                bench.ledger.append("version.registered", body=version.as_body(), **told)
                if promoted:
                    with bench.ledger.transaction() as writer:
                        body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
                        entry = writer.append("promotion.granted", body=body, **told)
                        writer.move_head(model, "champion", number, expected_generation=0, entry=entry)
        return root

    return make
