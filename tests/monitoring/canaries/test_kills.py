"""A controller that is killed between any two steps leaves what the next one goes on from; nothing is done twice."""

import os
import shutil
import signal
from contextlib import closing

import pytest

from workbench.engines.rego import RegoEngine
from workbench.ledger.heads import fold
from workbench.monitoring.canaries import Plan

PLAN = Plan.of({"minutes": 0, "requests": 0, "looks": 1, "steps": [0.05, 0.1]})
POINTS = 8  # before and after each write of a pass: the count, the finding, the move, the end


def killed_at(made, point):
    """Run a pass in a fork that is killed at its so-and-so-many-th write; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            with closing(RegoEngine()) as engine:
                trial = made(engine)
                left = [point]

                def cut(owner, name):
                    plain = getattr(owner, name)

                    def counted(*arguments, **more):
                        for late in (False, True):
                            if late:
                                found = plain(*arguments, **more)
                            left[0] -= 1
                            if left[0] < 0:
                                os.kill(os.getpid(), signal.SIGKILL)
                        return found

                    setattr(owner, name, counted)

                cut(trial.store, "put")
                cut(trial.ledger, "append")
                for name in ("stage", "clear", "promote"):
                    cut(trial.gate, name)
                trial.once()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("until", "traffic", "act"),
    [
        (0.05, {"bad": 0.02, "canary_bad": 0.3}, "roll back"),
        (0.05, {"bad": 0.2, "canary_bad": 0.2, "slow": 0.2}, "advance"),
        (0.1, {"bad": 0.2, "canary_bad": 0.2, "slow": 0.2}, "promote"),
    ],
)
def test_a_kill_at_any_write_is_made_good_by_the_next_pass(trial, tmp_path, engine, until, traffic, act):
    trial.start(PLAN)
    while True:  # up to the moment at which it would act
        trial.traffic(seconds=10, **traffic)
        if trial.share() == until and trial.once(dry_run=True).act == act:
            break
        trial.once()
    before = {kind: len(trial.kinds(kind)) for kind in ("stage.granted", "stage.cleared", "promotion.granted")}
    now = trial.now
    trial.close()
    cuts = 0
    for point in range(POINTS):
        folder = tmp_path / str(point)
        folder.mkdir()
        for file in tmp_path.glob("*.*"):
            shutil.copy(file, folder / file.name)

        def made(its, folder=folder):
            again = type(trial)(folder, its)
            again.now = now
            return again

        cuts += killed_at(made, point)
        after = made(engine)
        for _ in range(2):
            after.once()
        grown = {kind: len(after.kinds(kind)) - count for kind, count in before.items()}
        wanted = {
            "roll back": {"stage.granted": 0, "stage.cleared": 1, "promotion.granted": 0},
            "advance": {"stage.granted": 1, "stage.cleared": 0, "promotion.granted": 0},
            "promote": {"stage.granted": 0, "stage.cleared": 1, "promotion.granted": 1},
        }[act]
        assert grown == wanted, point
        assert len(after.kinds("canary.ended")) == (act != "advance")
        outcomes = {"roll back": ["taken back"], "promote": ["promoted"], "advance": []}
        assert [entry.body["outcome"] for entry in after.kinds("canary.ended")] == outcomes[act]
        heads = {(head.model, head.slot): head for head in after.ledger.heads(cleared=True)}
        assert heads == fold(after.ledger.entries())
        after.close()
    assert cuts >= (6 if act == "advance" else 8)
