"""The guard installed, taken away or looked after in a child that is killed at its n-th step, for every n; a script.

    python killing_guard.py FOLDER ACT [URI]

Steps are the SQL statements and commits in MLflow's database, and those of the ledger; the child dies before
the n-th of them. Each works on a copy of FOLDER that is named after the n; the copy of the one that came
through is named "whole". FOLDER holds ledger.db, and mlflow.db where no other address is given.
"""

import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from workbench.engines.mlflow_guard import Guard
from workbench.ledger import Ledger
from workbench.ledger.sqlite import SqliteDatabase
from workbench.promotion import guarding

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).parents[1] / "promotion" / "crashing.py")
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SAID = {"actor": "admin", "why": "no shortcuts", "now": NOW}


def address(folder):
    """Where MLflow's database of a folder is."""
    return f"sqlite:///{folder / 'mlflow.db'}"


def run(folder, act, uri, last=0):
    """Do the act in a folder."""
    steps = crashing.Steps(last)
    event.listen(Engine, "before_cursor_execute", lambda *_: steps.step())
    event.listen(Engine, "commit", lambda _: steps.step())
    database = SqliteDatabase(folder / "ledger.db")
    database.connection = crashing.Stepping(database.connection, steps)
    ledger, guard = Ledger(database), Guard(uri)
    if act == "look after":
        guarding.look_after(ledger, guard, now=NOW)
    else:
        {"install": guarding.install, "remove": guarding.remove}[act](ledger, guard, **SAID)
    steps.step()  # after the last, before anybody is told
    ledger.close()


def main(folder, act, uri=""):
    """Kill the act before each of its steps in turn, until one comes through."""
    crashing.kill_at_each_step(folder, act, lambda copy, last: run(copy, act, uri or address(copy), last))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
