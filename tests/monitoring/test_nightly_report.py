"""The nightly report runs from its first cell to its last over stored summaries; a stand-in plays the bench."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import workbench
from workbench.batch import parameters
from workbench.monitoring.incidents import incidents
from workbench.monitoring.passes import one_pass

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATH = Path(__file__).parents[2] / "notebooks" / "nightly_report.ipynb"


class Hands:
    """Takes what a notebook hands over."""

    def __init__(self):
        self.files, self.said = {}, {}

    def file(self, name, content):
        self.files[name] = content

    def __getattr__(self, name):
        return lambda *given: self.said.update({name: given})


def test_the_report_tells_the_worst_model_first_and_writes_nothing(world, monkeypatch):
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

    hands = Hands()
    watch = SimpleNamespace(once=once, incidents=lambda model: incidents(world.ledger, model, alive=True))
    bench = SimpleNamespace(record=lambda: hands, watch=watch)
    monkeypatch.setattr(workbench, "open_bench", lambda: bench)
    values, space = parameters.read(PATH).validate({"closely": 1}), {}
    for cell in json.loads(PATH.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), PATH.name, "exec"), space)
            if "parameters" in cell["metadata"].get("tags", []):
                space |= values
    assert "close" in hands.said
    assert hands.said["sentence"] == ("1 of 2 served models call for action; 1 incidents are open.",)
    assert "lending: " in hands.said["lesson"][0]
    assert hands.files["lending.png"].startswith(b"\x89PNG")
    assert hands.files["standings.csv"].splitlines()[1].startswith("lending,1,act")
    assert len(world.ledger.entries()) == before
