"""The pricing notebook tells its story on RAND and in a simulated world; a stand-in plays the bench."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import workbench
from workbench.batch import parameters
from workbench.experiments.bandits.decision_table import DecisionTable

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "price_bandit.ipynb"


class Hands:
    """Takes what a notebook hands over."""

    run_id = "r1"
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.files: dict[str, str | bytes] = {}
        self.said: dict[str, Any] = {}

    def metrics(self, values: dict[str, float]) -> None:
        self.numbers |= values

    def file(self, name: str, content: str | bytes) -> None:
        self.files[name] = content

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **more: self.said.__setitem__(name, given)


def run(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Hands:
    """The notebook's code cells in order, parameters checked and injected as the runner does."""
    hands = Hands()
    monkeypatch.setattr(workbench, "open_bench", lambda: SimpleNamespace(record=lambda: hands))
    values = parameters.read(NOTEBOOK).validate(given)
    cells = [c for c in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    space: dict[str, Any] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), space)
        if "parameters" in cell["metadata"].get("tags", []):
            space |= values
    return hands


@pytest.mark.slow
def test_it_runs_the_case_from_end_to_end(monkeypatch):
    hands = run(monkeypatch, days=20, runs=1, segments=3, visitors=300)
    (finding,) = hands.said["finding"]
    assert finding.subject == "pricing/saas-plans" and finding.kind == "pricing"
    assert finding.figures["gain"].probability is not None and finding.figures["exploring"].target == 20000
    assert -0.3 < hands.numbers["elasticity.visits"] < -0.1
    assert {"design.json", "state.json", "table.json", "revenue.png", "lost.png"} == set(hands.files)
    table = DecisionTable.from_json(hands.files["table.json"])
    assert [leaf.name for leaf in table.leaves] == ["segment 1", "segment 2", "segment 3"]
    charged = [float(arm) for arms in table.weights.values() for arm, weight in arms.items() if weight]
    assert min(charged) >= 9 and max(charged) <= 59 and finding.details["table"] == table.version
    assert "logistic curve" in hands.said["lesson"][0] and "close" in hands.said
