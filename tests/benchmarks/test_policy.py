"""Decisions a second: a process a question, the embedded engine that keeps its children, and a real OPA.

All are asked the same, one after the other and round about; medians are printed. And how long it takes to weigh
a change of policy over a registry of 10,000 versions, beside asking each policy about each whole input.
"""

import importlib.util
import json
import statistics
import time
from pathlib import Path

import pytest

from workbench.engines.opa import OpaEngine
from workbench.engines.rego import RegoEngine
from workbench.ledger import Ledger
from workbench.policy import Policy, decide, decide_many
from workbench.policy.cases import cases_of, read_cases
from workbench.policy.differing import differ, questions

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
ROUNDS, VERSIONS, FEW = 5, 10_000, 500

spec = importlib.util.spec_from_file_location("registry", Path(__file__).parents[1] / "policy" / "registry.py")
registry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(registry)


def one_process_each(policy, documents):
    """A process for every question, as an engine that keeps none would start it."""
    for document in documents:
        engine = RegoEngine()
        decide(engine, policy, document)
        engine.close()


def one_by_one(engine):
    def ask(policy, documents):
        for document in documents:
            decide(engine, policy, document)

    return ask


def together(engine):
    return lambda policy, documents: list(decide_many(engine, policy, documents))


def test_decisions_a_second(opa_program):
    embedded, opa = RegoEngine(), OpaEngine.at(f"opa+exec://{opa_program}")
    ways = {
        "a process each": (one_process_each, 4),
        "embedded": (one_by_one(embedded), 300),
        "embedded, together": (together(embedded), 600),
        "OPA program": (one_by_one(opa), 200),
        "OPA program, together": (together(opa), 400),
    }
    print()
    for name in ("seed", "promotion"):
        policy = Policy.load(POLICIES / f"{name}.rego")
        document = read_cases(cases_of(policy_path := POLICIES / f"{name}.rego"))[0].document
        assert decide(embedded, policy, document).allowed and decide(opa, policy, document).allowed, policy_path
        rates = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, (ask, many) in ways.items():
                began = time.perf_counter()
                ask(policy, [document] * many)
                rates[way].append(many / (time.perf_counter() - began))
        medians = {way: statistics.median(found) for way, found in rates.items()}
        for way, rate in medians.items():
            print(f"{name:10} {way:24} {rate:10,.0f} /s  {rate / medians['a process each']:8.1f} x")
        assert medians["embedded"] > 10 * medians["a process each"]
    embedded.close()
    opa.close()


def timed(work, *given):
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def plainly(engine, old, new, asked):
    """How long it takes to ask each policy about each whole input."""
    return sum(timed(lambda p=policy: [decide(engine, p, one.document) for one in asked]) for policy in (old, new))


@pytest.mark.parametrize("engine", ["embedded", "OPA program"])
def test_a_change_of_policy_over_ten_thousand_versions(tmp_path, engine, request):
    program = request.getfixturevalue("opa_program") if engine != "embedded" else None
    asking = RegoEngine() if program is None else OpaEngine.at(f"opa+exec://{program}")
    seed = Policy.parse("seed", "package model\nallow := input.metrics.fairness >= 0.85\n")
    promotion = Policy.load(POLICIES / "promotion.rego")
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        registry.fill(ledger, VERSIONS // 10, 10)
        began = time.perf_counter()
        asked = questions(ledger, now=registry.NOW)
        print(f"\n{len(asked):,} questions read from the ledger in {time.perf_counter() - began:.1f} s")
    for old, before, after in ((seed, "0.85", "0.95"), (promotion, '"f1": 0.80', '"f1": 0.85')):
        new = Policy.parse(old.name, old.source.replace(before, after))
        began = time.perf_counter()
        found = differ(asking, old, new, asked)
        took = time.perf_counter() - began
        print(f"{engine}: {old.name}, {took:.1f} s, {2 * len(asked) / took:,.0f} decisions/s: {found.sentence}")
        assert found.versions == VERSIONS
        few = asked[:: VERSIONS // FEW]
        ratios = [plainly(asking, old, new, few) / timed(differ, asking, old, new, few) for _ in range(ROUNDS)]
        print(f"{engine}: {old.name}, {statistics.median(ratios):.1f} times as fast as each policy on each whole input")
        assert statistics.median(ratios) > 1
    asking.close()


def test_the_documents_are_of_the_size_that_they_have_in_use():
    (case, *_) = read_cases(POLICIES / "promotion_cases.json")
    assert 1_000 < len(json.dumps(case.document)) < 10_000
