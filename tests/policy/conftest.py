"""Shipped policies by name, and an engine that runs the child's code without starting a child."""

import json
from pathlib import Path

import pytest

from workbench.engines.rego import read_answers
from workbench.engines.rego_child import RULES, Rules, evaluate
from workbench.policy import Policy

POLICIES = Path(__file__).parents[2] / "templates" / "policies"


class SameProcess:
    """The Rego engine without its process."""

    def __init__(self):
        self._rules = Rules()

    def evaluate(self, source, package, document):
        policies = json.dumps([[source, package, RULES]]).encode()
        (ruling,) = read_answers(
            json.dumps(self._rules.ask(policies, json.dumps(document, ensure_ascii=False))), [source]
        )
        return ruling

    def values(self, source, package, rules, document):
        return evaluate(source, package, document, rules)


@pytest.fixture(scope="session")
def engine():
    return SameProcess()


@pytest.fixture
def promotion():
    return Policy.load(POLICIES / "promotion.rego")


@pytest.fixture
def rollback():
    return Policy.load(POLICIES / "rollback.rego")


@pytest.fixture
def shipped():
    return [Policy.load(path) for path in sorted(POLICIES.glob("*.rego")) if not path.stem.endswith("_test")]
