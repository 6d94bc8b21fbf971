"""Many acts of the gate, each killed somewhere, then recovered and judged; run as a script.

    python farm.py FOLDER RUNS SEED

Two of three runs go through the steps of every act in turn, the recovery killed at a step of its own; the
others kill traffic at random moments. A seed that is odd takes the odd steps, an even one the even. After
each the ledger is asked whether it holds, and the last line of the output is a JSON object: runs, kills
by kind, and what was violated. A run is forked from this process, which holds no connection.
"""

import collections
import importlib.util
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from workbench.errors import Misuse
from workbench.evidence import Finding
from workbench.ledger import Ledger, digest
from workbench.ledger.heads import MOVES, fold

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).with_name("crashing.py"))
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)

ACTS = ("promote", "rollback", "canary", "step", "clear", "retire", "reject", "from-canary", "shadow")
MOST_STEPS = 200


def templates(folder):
    """For every act a folder in which it can be done."""
    base = folder / "base"
    base.mkdir()
    for name in ("promotion", "rollback", "stage"):
        (base / f"{name}.rego").write_text(f"package {name}\n")
    place = crashing.Place(base)
    place.register(1, 2, 3)
    place.promote(1)
    place.promote(2)
    place.close()
    staged = folder / "staged"
    shutil.copytree(base, staged)
    place = crashing.Place(staged)
    said = {"actor": "risk-officer", "why": "step by step", "now": crashing.NOW}
    place.gate.stage("lending", 3, "canary", weight=0.1, **said)
    place.close()
    return {act: staged if act in {"step", "clear", "from-canary", "retire"} else base for act in ACTS}


def act_on(place, act):
    """Do one act."""
    place.act("promote" if act == "from-canary" else act)


def child_of(folder, act, last=0, acknowledge=None):
    """Do an act in a child that dies before its step `last`; whether it was killed."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            place = crashing.Place(folder, last)
            act_on(place, act)
            place.steps.step()
            if acknowledge is not None:
                os.write(acknowledge, b"done\n")
        except Misuse:
            code = 3  # it is done already: asking again is refused in words
        except BaseException as error:  # noqa: BLE001 - the child must not go on as its parent
            sys.stderr.write(f"{act}: {type(error).__name__}: {error}\n")
            code = 2
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 2:
        raise RuntimeError(f"{act} failed in {folder}")
    return status == -signal.SIGKILL


def traffic(folder, chance, seconds):
    """Acts at random in a child that is killed after some time; the keys of those it was told of."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            place = crashing.Place(folder)
            said = {"actor": "risk-officer", "why": "step by step", "now": crashing.NOW}
            for n in itertools.count():
                key, version = f"t{n}", chance.choice([1, 2, 3])
                acts = [
                    lambda v=version, k=key: place.gate.promote("lending", v, key=k, **said),
                    lambda k=key: place.gate.rollback("lending", key=k, **said),
                    lambda v=version, k=key: place.gate.stage("lending", v, "shadow", key=k, **said),
                    lambda v=version, k=key: place.gate.stage("lending", v, "canary", weight=0.1, key=k, **said),
                    lambda k=key: place.gate.clear("lending", "canary", key=k, **said),
                ]
                try:
                    chance.choice(acts)()
                except Misuse:
                    continue
                os.write(writing, f"{key}\n".encode())
        finally:
            os._exit(2)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        return [line.strip() for line in told if line.endswith("\n")]


def violations(folder, *, acknowledged=(), recovered=True):
    """What does not hold, in words."""
    found = []
    registry = crashing.FileRegistry(folder / "registry.db")
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        checked = ledger.verify()
        entries = ledger.entries()
        found += [f"ledger: {problem}" for problem in checked.problems]
        recorded, granted = set(), collections.Counter()
        for entry in entries:
            if entry.kind == "evidence.recorded":
                recorded.add(Finding.from_body(entry.body).digest)
            if entry.kind in (*MOVES, "version.retired"):
                body, decision = entry.body, entry.body.get("decision", {})
                cause = entries[body["cause"] - 1] if "cause" in body else entry
                if decision.get("decision") != "allow" or decision.get("input_digest") != digest(cause.body["input"]):
                    found.append(f"entry {entry.seq} rests on no decision")
                if not cause.body["evidence"] or not set(cause.body["evidence"]) <= recorded:
                    found.append(f"entry {entry.seq} rests on a decision without evidence")
                granted[entry.key] += entry.key is not None
        heads = {(head.model, head.slot): head for head in ledger.heads(cleared=True)}
        if heads != fold(entries):
            found.append("a head is not the last move")
        champion = [e for e in entries if e.kind in {"promotion.granted", "rollback.granted"}][-1]
        if heads["lending", "champion"].seq != champion.seq:
            found.append("the champion is not the last promotion")
        found += [f"the act {key} is there {many} times" for key, many in granted.items() if many > 1]
        keys = {entry.key for entry in entries}
        found += [f"{key} was acknowledged and is lost" for key in acknowledged if key not in keys]
        if recovered:
            for (model, slot), head in heads.items():
                wanted = None if head.version is None else (head.version, head.generation)
                if registry.alias(model, slot) != wanted:
                    found.append(f"the alias {slot} is {registry.alias(model, slot)}, not {wanted}")
            if ledger.owed():
                found.append("something is still owed")
    registry.close()
    return found


def recover(folder, chance, kills):
    """Reconcile, killed at a random step at first; then to the end."""
    if child_of(folder, "reconcile", chance.randint(1, 25)):
        kills["in recovery"] += 1
    if child_of(folder, "reconcile"):
        raise RuntimeError("a recovery was killed that was not to be")


def main(folder, runs, seed):
    """So many runs; what was violated."""
    chance, kills, wrong = random.Random(seed), collections.Counter(), []
    began, done = templates(folder), 0
    points = ((act, last) for last in range(1 + (seed + 1) % 2, MOST_STEPS, 2) for act in ACTS)
    finished = set()
    for number in range(runs):
        copy = folder / f"run-{number}"
        if number % 3 and len(finished) < len(ACTS):
            act, last = next(points)
            while act in finished:
                act, last = next(points)
            shutil.copytree(began[act], copy)
            reading, writing = os.pipe()
            if child_of(copy, act, last, writing):
                kills["at a step"] += 1
            else:
                finished.add(act)  # it came through: every step of it has been gone through
            os.close(writing)
            with os.fdopen(reading) as told:
                acknowledged = ["act"] if told.read() and act != "reject" else []
            wrong += [
                (number, act, last, told) for told in violations(copy, acknowledged=acknowledged, recovered=False)
            ]
            recover(copy, chance, kills)
            child_of(copy, act)  # whoever asked asks again, under the same key
            recover(copy, chance, kills)
            wrong += [(number, act, last, told) for told in violations(copy, acknowledged=acknowledged)]
        else:
            shutil.copytree(began[chance.choice(ACTS)], copy)
            told = traffic(copy, chance, chance.uniform(0.002, 0.03))
            kills["at random"] += 1
            recover(copy, chance, kills)
            wrong += [(number, "traffic", 0, said) for said in violations(copy, acknowledged=told)]
        shutil.rmtree(copy)
        done += 1
    print(json.dumps({"runs": done, "kills": kills, "acts": ACTS, "whole": sorted(finished), "violations": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
