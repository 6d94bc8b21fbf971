"""Shipped policies by name, and an engine that runs the child's code without starting a child."""

import json
from pathlib import Path

import pytest

from workbench.engines.rego import read_answer
from workbench.engines.rego_child import RULES, answered
from workbench.policy import Policy

POLICIES = Path(__file__).parents[2] / "templates" / "policies"


class SameProcess:
    """The Rego engine without its process."""

    def __init__(self):
        self._known = {}

    def evaluate(self, source, package, document):
        policy = json.dumps([source, package, RULES]).encode()
        return read_answer(json.dumps(answered(self._known, policy, json.dumps(document, ensure_ascii=False))), source)


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
