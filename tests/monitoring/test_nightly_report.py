"""The nightly report runs from its first cell to its last over stored summaries; a stand-in plays the bench."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from workbench.monitoring.incidents import incidents
from workbench.monitoring.passes import one_pass

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_report_tells_the_worst_model_first_and_writes_nothing(world, play):
    for model, failed in (("churn", 0), ("lending", 8)):
        world.champion(model)
        world.served(24, model=model, n=40, failed=failed, seed=2)
    world.pass_()
    before = len(world.ledger.entries())

    def once(*, models, hours, write, summarise):
        return one_pass(
            world.ledger, world.log, world.store, lambda v: world.profiles.get(v.subject), now=NOON,
            window=timedelta(hours=hours), models=models, write=write, summarise=summarise,
        )  # fmt: skip

    watch = SimpleNamespace(once=once, incidents=lambda model: incidents(world.ledger, model, alive=True))
    hands = play("nightly_report", bench=SimpleNamespace(watch=watch), closely=1)
    assert hands.sentence == "1 of 2 served models call for action; 1 incidents are open."
    assert "lending: " in hands.lesson
    assert hands.files["lending.png"].startswith(b"\x89PNG")
    assert hands.files["standings.csv"].splitlines()[1].startswith("lending,1,act")
    assert len(world.ledger.entries()) == before
