"""One act of the gate in a child that is killed at its n-th step, for every n; run as a script.

    python crashing.py FOLDER ACT

Steps are the SQL statements of the ledger and of the registry; the child dies before the n-th of them.
Each works on a copy of FOLDER that is named after the n; the copy of the one that came through is named
"whole".
"""

import itertools
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from workbench.evidence import Figure, Finding
from workbench.ledger import Ledger, ModelVersion
from workbench.ledger.sqlite import SqliteDatabase
from workbench.policy import Ruling
from workbench.promotion import Gate

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Steps:
    """Counts steps, and dies before the one it was given."""

    def __init__(self, last=0):
        self.count, self.last = 0, last

    def step(self):
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Stepping:
    """A connection whose every statement is a step."""

    def __init__(self, connection, steps):
        self._connection, self._steps = connection, steps

    def execute(self, *statement):
        self._steps.step()
        return self._connection.execute(*statement)

    def __getattr__(self, name):
        return getattr(self._connection, name)


class FileRegistry:
    """A registry in a file; as in MLflow, the alias and its generation are two writes."""

    def __init__(self, path, steps=None):
        raw = sqlite3.connect(path, isolation_level=None, timeout=30)
        raw.execute("CREATE TABLE IF NOT EXISTS aliases (name TEXT PRIMARY KEY, version INTEGER, generation INTEGER)")
        self._connection = raw if steps is None else Stepping(raw, steps)

    def set_alias(self, model, alias, version, generation):
        now = self.alias(model, alias)
        if now is not None and now[1] > generation:
            return
        name = f"{model}/{alias}"
        self._connection.execute("INSERT OR IGNORE INTO aliases VALUES (?, NULL, 0)", (name,))
        fence = "WHERE name = ? AND generation <= ?"
        self._connection.execute(f"UPDATE aliases SET version = ? {fence}", (version, name, generation))
        self._connection.execute(f"UPDATE aliases SET generation = ? {fence}", (generation, name, generation))

    def alias(self, model, alias):
        found = self._connection.execute(
            "SELECT version, generation FROM aliases WHERE name = ? AND version IS NOT NULL", (f"{model}/{alias}",)
        )
        return found.fetchone()

    def clear_alias(self, model, alias, generation):
        name, fence = f"{model}/{alias}", "WHERE name = ? AND generation <= ?"
        self._connection.execute(f"UPDATE aliases SET version = NULL {fence}", (name, generation))
        self._connection.execute(f"UPDATE aliases SET generation = ? {fence}", (generation, name, generation))

    def exists(self, model, version):
        return True

    def damage(self, version):
        return None

    def close(self):
        self._connection.close()


class Yes:
    """An engine that allows everything."""

    def evaluate(self, source, package, document):
        return Ruling(True)


class Place:
    """A ledger, a registry and a gate in a folder."""

    def __init__(self, folder, last=0, database=None):
        self.steps = Steps(last)
        self.registry = FileRegistry(folder / "registry.db", self.steps)
        if database is None:
            database = SqliteDatabase(folder / "ledger.db")
            database.connection = Stepping(database.connection, self.steps)
        self.ledger = Ledger(database)
        self.ledger.sign_with(folder / "keys" / "ledger.key")
        self.gate = Gate(self.ledger, Yes(), folder, lambda: self.registry)

    def register(self, *numbers):
        for number in numbers:
            texts = ("run_id", "source", "model_digest", "data_digest", "notebook_digest", "registered_at")
            version = ModelVersion(
                model="lending",
                version=number,
                feature_set="loan-credit@1",
                threshold=None,
                parameters={},
                metrics={},
                registered_by="analyst",
                **dict.fromkeys(texts, "x"),
            )
            self.ledger.append(
                "version.registered",
                subject=version.subject,
                actor="analyst",
                why="trained",
                body=version.as_body(),
                now=NOW,
            )

            self.audit(number)

    def audit(self, number):
        subject, figures = f"lending/{number}", {"disparate_impact.race": Figure(0.9, probability=0.99)}
        found = Finding("fairness", subject, "pass", "good", figures, "d", f"r{number}", NOW.isoformat())
        self.ledger.append(
            "evidence.recorded", subject=subject, actor="analyst", why="audited", body=found.as_body(), now=NOW
        )

    def promote(self, version, key=None):
        return self.gate.promote("lending", version, actor="risk-officer", why="it is better", now=NOW, key=key)

    def stage(self, version, slot, weight=None):
        said = {"actor": "risk-officer", "why": "step by step", "now": NOW, "key": "act"}
        return self.gate.stage("lending", version, slot, weight=weight, **said)

    def act(self, name):
        if name == "promote":
            self.promote(3, key="act")
        elif name == "rollback":
            self.gate.rollback("lending", actor="risk-officer", why="alarms since noon", now=NOW, key="act")
        elif name == "reject":
            self.gate.reject("lending", 3, actor="risk-officer", why="nobody can explain it", now=NOW)
        elif name == "canary":
            self.stage(3, "canary", 0.1)
        elif name == "shadow":
            self.stage(3, "shadow")
        elif name == "step":
            self.stage(3, "canary", 0.3)
        elif name == "clear":
            self.gate.clear("lending", "canary", actor="risk-officer", why="twice the errors", now=NOW, key="act")
        elif name == "retire":
            self.gate.retire("lending", 3, actor="risk-officer", why="out of date", now=NOW, key="act")
        elif name == "reconcile":
            self.gate.reconcile(now=NOW)

    def close(self):
        self.ledger.close()
        self.registry.close()


def run(folder, act, last=0):
    """Do the act in a folder."""
    place = Place(folder, last)
    place.act(act)
    place.steps.step()  # after the last statement, before anybody is told
    place.close()


def kill_at_each_step(folder, act, run):
    """Kill `run(copy, last)` before each of its steps in turn, each on a copy of its own, until one comes through."""
    for last in itertools.count(1):
        copy = folder.with_name(f"{folder.name}-{act}-{last}")
        shutil.copytree(folder, copy)
        child = os.fork()
        if child == 0:
            try:
                run(copy, last)
            except BaseException:  # noqa: BLE001 - the child must not go on as its parent
                traceback.print_exc()
                os._exit(2)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            continue
        copy.rename(folder.with_name(f"{folder.name}-{act}-whole"))
        sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    begun, asked = Path(sys.argv[1]), sys.argv[2]
    kill_at_each_step(begun, asked, lambda copy, last: run(copy, asked, last))
