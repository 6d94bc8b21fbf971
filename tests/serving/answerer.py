"""A program that answers for a ledger with a model that is two lines: what `workbench serve` is, without MLflow.

python answerer.py FOLDER [--only MODEL] (--socket PATH | --port N [--workers N])
"""

import argparse
import ctypes
import os
import signal
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from workbench.engines.ports import listening
from workbench.engines.rego import RegoEngine
from workbench.engines.servers import dies_with_its_parent
from workbench.engines.uvicorn import Worker, serve
from workbench.ledger import Ledger
from workbench.promotion import Desk
from workbench.serving import Keys, PredictionLog, Predictor, create_app, routes
from workbench.serving.allowances import Allowances
from workbench.serving.held_store import HeldStore
from workbench.serving.holding import Holding
from workbench.serving.loads import Loads
from workbench.serving.processes import behind
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve
from workbench.serving.workers import Others, Workers

COLUMNS = {"income": "double"}
HUNG = 3.0  # seconds that a worker may say nothing


class Tenth:
    """A tenth of the income; ends its whole process on 666, holds it up for ever on 777, and takes its time on 13."""

    def predict(self, frame):
        if (frame["income"] == 666).any():
            os.abort()
        if (frame["income"] == 777).any():
            ctypes.PyDLL(None).pause()  # native code that never returns, and keeps the interpreter's lock
        if (frame["income"] == 13).any():
            time.sleep(1)
        return frame["income"].to_numpy() / 10


class Loader:
    """Ends its whole process on a version whose number stands in the file "deadly"; waits for ever on one in "slow"."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, version):
        if self._named("deadly", version):
            os.kill(os.getpid(), signal.SIGKILL)
        while self._named("slow", version):
            time.sleep(0.05)
        return Predictor(version, Tenth(), COLUMNS)

    def _named(self, name, version):
        file = self.folder / name
        return file.exists() and file.read_text() == str(version.version)


def held(folder, ledger):
    """What holds answers as the folder's policy says."""
    store, desk, engine = HeldStore.open(f"sqlite:///{folder}/held.db"), Desk(ledger), RegoEngine()
    return Holding(Sieve(ledger, desk, lambda: engine, folder, store), Review(ledger, desk, store), store)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pages", type=int, help="what the log may grow to: a disk that is full")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--listen", type=int, action="append")
    parser.add_argument("--restarts", type=int, default=0)
    given = parser.parse_args()
    if given.workers > 1 and not given.listen:
        program = [sys.executable, __file__, str(given.folder)]
        at = listening("127.0.0.1", given.port)
        Workers(program, given.workers, at, first=dies_with_its_parent(), hung=HUNG).run()
        return
    url = f"sqlite:///{given.folder}"
    routes.AGAIN = 1.0  # no test waits as long as people may
    with Ledger.open(f"{url}/ledger.db") as ledger, PredictionLog.open(f"{url}/predictions.db") as log:
        if given.pages:
            log._connection.execute(f"PRAGMA max_page_count = {given.pages}")
        holding = held(given.folder, ledger) if (given.folder / "answer.rego").exists() else None
        loads = Loads.open(f"{url}/loads.db")
        keys = Keys(ledger, now=lambda: datetime.now(UTC)) if given.listen else None
        others = Others(given.socket, given.workers, restarts=given.restarts) if given.listen else None
        app = create_app(
            ledger, Loader(given.folder), log, now=lambda: datetime.now(UTC), only=given.only, holding=holding,
            loads=loads, others=others, keys=keys, allowances=Allowances(given.folder / "limits"),
            more_metrics=lambda: "workbench_watched 7\n",
        )  # fmt: skip
        app = behind(app) if given.only else app
        worker = Worker(given.listen, given.socket, others) if others else None
        at = None if others else given.socket
        serve(app, port=given.port, socket=at, worker=worker, told_to_stop=loads.leave)


if __name__ == "__main__":
    sqlite3.enable_callback_tracebacks(False)
    main()
