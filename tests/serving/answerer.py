"""A program that answers for a ledger with a model that is two lines: what `workbench serve` is, without MLflow.

python answerer.py FOLDER [--only MODEL] (--socket PATH | --port N)
"""

import argparse
import ctypes
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from workbench.engines.rego import RegoEngine
from workbench.engines.uvicorn import serve
from workbench.ledger import Ledger
from workbench.promotion import Desk
from workbench.serving import PredictionLog, Predictor, create_app, routes
from workbench.serving.held_store import HeldStore
from workbench.serving.holding import Holding
from workbench.serving.loads import Loads
from workbench.serving.processes import behind
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve

COLUMNS = {"income": "double"}


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
    given = parser.parse_args()
    url = f"sqlite:///{given.folder}"
    routes.AGAIN = 1.0  # no test waits as long as people may
    with Ledger.open(f"{url}/ledger.db") as ledger, PredictionLog.open(f"{url}/predictions.db") as log:
        if given.pages:
            log._connection.execute(f"PRAGMA max_page_count = {given.pages}")
        holding = held(given.folder, ledger) if (given.folder / "answer.rego").exists() else None
        loads = Loads.open(f"{url}/loads.db")
        app = create_app(
            ledger, Loader(given.folder), log, now=lambda: datetime.now(UTC), only=given.only, holding=holding,
            loads=loads,
        )  # fmt: skip
        app = behind(app) if given.only else app
        serve(app, port=given.port, socket=given.socket, told_to_stop=loads.leave)


if __name__ == "__main__":
    sqlite3.enable_callback_tracebacks(False)
    main()
