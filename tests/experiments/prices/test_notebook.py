"""The pricing notebook tells its story on RAND and in a simulated world; a stand-in plays the bench."""

import pytest

from workbench.experiments.bandits.decision_table import DecisionTable


@pytest.mark.slow
def test_it_runs_the_case_from_end_to_end(play):
    hands = play("price_bandit", days=20, runs=1, segments=3, visitors=300)
    finding = hands.finding
    assert finding.subject == "pricing/saas-plans" and finding.kind == "pricing"
    assert finding.figures["gain"].probability is not None and finding.figures["exploring"].target == 20000
    assert -0.3 < hands.numbers["elasticity.visits"] < -0.1
    assert {"design.json", "state.json", "table.json", "revenue.png", "lost.png"} == set(hands.files)
    table = DecisionTable.from_json(hands.files["table.json"])
    assert [leaf.name for leaf in table.leaves] == ["segment 1", "segment 2", "segment 3"]
    charged = [float(arm) for arms in table.weights.values() for arm, weight in arms.items() if weight]
    assert min(charged) >= 9 and max(charged) <= 59 and finding.details["table"] == table.version
    assert "logistic curve" in hands.lesson
