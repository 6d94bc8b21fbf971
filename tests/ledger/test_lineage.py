"""Lineage follows the entries: what came of what, in both directions, and never by what merely shares an origin."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger.entry import GENESIS, chained
from workbench.ledger.lineage import Lineage, differences, lineage
from workbench.ledger.telling import Edge, Node

START = datetime(2026, 1, 1, tzinfo=UTC)


def told(*entries):
    """Entries from (kind, subject, body), one an hour."""
    return [
        chained(seq=n, at=START + timedelta(hours=n), kind=kind, subject=subject, actor="analyst", why="because",
                body=body, key=None, prev=GENESIS)
        for n, (kind, subject, body) in enumerate(entries, 1)
    ]  # fmt: skip


def run(name, run_id, *data, **more):
    read = [{"name": title, "digest": digest, "rows": 9} for title, digest in data]
    return "run.finished", f"run/{run_id}", {"name": name, "notebook_digest": f"n-{name}", "data": read, **more}


def version(number, run_id, data, **more):
    body = {"run_id": run_id, "data_digest": data, "feature_set": "loan@1", "model_digest": "m", "threshold": 0.5}
    return "version.registered", f"lending/{number}", body | more


def evidence(number, run_id, data, digest):
    body = {"kind": "fairness", "run_id": run_id, "data_digest": data, "digest": digest, "verdict": "pass"}
    return "evidence.recorded", f"lending/{number}", body


def granted(number, generation, *digests, **more):
    body = {"decision": {"decision": "allow", "policy": "promotion"}, "generation": generation, "evidence": digests}
    return "promotion.granted", f"lending/{number}", body | more


STORY = told(
    version(1, "r1", "d1"), run("train", "r1", ("loans", "d1"), environment="env"),
    version(2, "r2", "d2"), run("train", "r2", ("loans", "d2"), environment="env"),
    evidence(1, "r3", "d1", "f1"), run("audit", "r3", ("loans", "d1")),
    granted(1, 1, "f1"),
)  # fmt: skip


def names(part):
    return set(part.nodes)


def test_up_leads_from_a_decision_to_the_data():
    found = lineage(STORY).part("decision:7", ["up"])
    assert {"version:lending/1", "evidence:f1", "run:r1", "run:r3", "data:d1", "notebook:n-train"} <= names(found)
    assert not {"version:lending/2", "run:r2", "data:d2"} & names(found)


def test_down_leads_from_data_to_what_became_of_it():
    found = lineage(STORY).part("data:d1", ["down"])
    assert {"run:r1", "version:lending/1", "evidence:f1", "decision:7"} <= names(found)
    assert "version:lending/2" not in names(found)


def test_both_ways_do_not_reach_what_only_shares_an_origin():
    found = lineage(STORY).part("version:lending/1")
    assert "notebook:n-train" in names(found)
    assert "version:lending/2" not in names(found)


def test_every_edge_carries_the_entry_that_says_so():
    by_number = {entry.seq: entry for entry in STORY}
    for edge in lineage(STORY).edges:
        assert edge.seq in by_number


def test_a_prediction_hangs_on_the_decision_of_its_generation():
    answers = [
        {"id": "p1", "model": "lending", "version": 1, "generation": 1},
        {"id": "p2", "model": "lending", "version": 1, "generation": 9},
        {"id": "p3", "model": "nobody", "version": 1, "generation": 1},
    ]
    found = lineage(STORY).with_predictions(answers)
    upper = {name: [edge.upper for edge in found.near(f"prediction:{name}", "up")] for name in ("p1", "p2", "p3")}
    assert upper == {"p1": ["decision:7"], "p2": ["version:lending/1"], "p3": []}
    assert "data:d1" in names(found.part("prediction:p1", ["up"]))


def test_an_approval_stands_between_the_version_and_the_decision_that_counted_it():
    entries = told(
        version(1, "r1", "d1"),
        ("approval.given", "lending/1", {"digest": "q"}),
        ("approval.given", "lending/1", {"digest": "other"}),
        granted(1, 1, approvals=[2]),
    )
    found = lineage(entries).part("decision:4", ["up"])
    assert "approval:2" in names(found)
    assert "approval:3" not in names(found)


def test_sources_of_dvc_and_feast_are_part_of_it():
    view = {"project": "credit", "view": "applicants", "digest": "v"}
    source = {"path": "loans.parquet", "digest": "d9", "dvc": {"md5": "a" * 32}, "feast": [view]}
    found = lineage(told(run("train", "r1", sources=[source])))
    assert found.nodes["data:d9"].facts["dvc"] == {"md5": "a" * 32}
    assert [e.upper for e in found.near("feature set:credit.applicants", "up")] == ["data:d9"]
    assert "run:r1" in names(found.part("feature set:credit.applicants", ["down"]))


def test_data_is_found_by_digest_by_its_beginning_and_by_name():
    long = "abcdef0123456789"
    found = lineage(told(run("train", "r1", ("loans", long))))
    assert [node.name for node in found.named("data", long)] == [long]
    assert [node.name for node in found.named("data", "abcdef")] == [long]
    assert [node.name for node in found.named("data", "loans")] == [long]
    assert found.named("data", "abc") == []
    assert found.named("run", "nothing") == []


def test_one_body_of_data_may_have_several_names():
    found = lineage(told(run("a", "r1", ("loans", "d")), run("b", "r2", ("credit", "d"), ("loans", "d"))))
    assert found.nodes["data:d"].facts["names"] == ["loans", "credit"]


def test_what_changed_upstream_of_two_versions_is_named():
    entries = told(
        version(1, "r1", "d1"),
        run("train", "r1", ("loans", "d1"), parameters={"seed": 1, "depth": 3}, environment="e1"),
        version(2, "r2", "d2", feature_set="loan@2"),
        run("train", "r2", ("loans", "d2"), parameters={"seed": 1, "depth": 4}, environment="e1"),
    )
    found = differences(lineage(entries), "lending/1", "lending/2")
    assert {(d.what, d.before, d.after) for d in found} == {
        ("parameter depth", "3", "4"), ("data loans", "d1", "d2"), ("feature set", "loan@1", "loan@2"),
    }  # fmt: skip


def test_an_entry_of_an_older_workbench_is_followed_as_far_as_it_goes():
    entries = told(("run.finished", "run/r1", {"name": "x"}), ("evidence.recorded", "lending/1", {"kind": "drift"}))
    assert names(lineage(entries)) == {"run:r1", *(n for n in lineage(entries).nodes if n.startswith("evidence:"))}


@given(st.integers(0, 10_000))
def test_up_and_down_are_each_others_mirror(seed):
    rng = random.Random(seed)
    nodes = {f"data:{n}": Node("data", str(n)) for n in range(9)}
    pairs = [(a, b) for a in range(9) for b in range(a + 1, 9) if rng.random() < 0.3]
    found = Lineage(nodes, [Edge(f"data:{a}", f"data:{b}", "made", 1) for a, b in pairs])
    for one in nodes:
        for other in found.part(one, ["down"]).nodes:
            assert one in found.part(other, ["up"]).nodes


def test_a_circle_comes_to_an_end():
    nodes = {name: Node("data", name[5:]) for name in ("data:a", "data:b")}
    found = Lineage(nodes, [Edge("data:a", "data:b", "made", 1), Edge("data:b", "data:a", "made", 2)])
    assert names(found.part("data:a")) == {"data:a", "data:b"}


@pytest.mark.parametrize("name", ["<script>", "'; DROP TABLE entries; --", "../../etc", "$(id)"])
def test_hostile_names_are_names_and_nothing_else(name):
    found = lineage(told(run(name, name, (name, name)), version(1, name, name, feature_set=name)))
    assert found.nodes[f"data:{name}"].facts["names"] == [name]
    assert found.part("version:lending/1", ["up"]).as_json()["nodes"]
