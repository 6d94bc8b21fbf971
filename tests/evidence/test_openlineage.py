"""Runs are told as OpenLineage events whose required fields and facets have the form of the specification."""

import re
import uuid
from datetime import datetime

import pytest

from workbench.bench import open_bench
from workbench.evidence.openlineage import EVENT, PRODUCER, events, run_uuid

URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


@pytest.fixture(scope="session")
def told_events(told):
    with open_bench(told) as bench:
        return list(events(bench.ledger.entries(), "bank"))


def test_each_run_starts_and_completes(told_events, tale):
    train, audit = run_uuid(tale.RUN), run_uuid(tale.AUDIT)
    assert [(e["eventType"], e["run"]["runId"]) for e in told_events] == [
        ("START", train), ("COMPLETE", train), ("START", audit), ("COMPLETE", audit),
    ]  # fmt: skip


def test_every_required_field_is_there_and_of_its_type(told_events):
    """By hand from the specification: RunEvent, Run, Job, InputDataset, OutputDataset, and every facet."""
    for event in told_events:
        assert event["schemaURL"] == EVENT
        assert event["producer"] == PRODUCER
        assert datetime.fromisoformat(event["eventTime"]).tzinfo
        assert str(uuid.UUID(event["run"]["runId"])) == event["run"]["runId"]
        assert event["job"]["namespace"] == "bank"
        assert event["job"]["name"]
        holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
        for dataset in (*event["inputs"], *event["outputs"]):
            assert dataset["namespace"]
            assert dataset["name"]
        for facet in (facet for holder in holders for facet in holder["facets"].values()):
            assert URI.fullmatch(facet["_producer"])
            assert URI.fullmatch(facet["_schemaURL"])


def test_every_facet_of_the_standard_has_what_its_schema_requires(told_events):
    """The required properties, and their types, of the facets' schemas as openlineage.io publishes them."""
    required = {
        "jobType": {"processingType": str, "integration": str},
        "documentation": {"description": str},
        "version": {"datasetVersion": str},
        "errorMessage": {"message": str, "programmingLanguage": str},
    }
    seen = set()
    for event in told_events:
        assert set(event) == {
            "eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL",
        }  # fmt: skip
        assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
        for holder in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for name, facet in holder["facets"].items():
                assert name in required or name.startswith("workbench_")  # ours carry our prefix
                for key, kind in required.get(name, {}).items():
                    assert isinstance(facet[key], kind)
                seen.add(name)
    assert {"jobType", "documentation", "version"} <= seen


def test_inputs_carry_our_digest_and_the_word_of_dvc_and_feast(told_events, tale):
    inputs = {one["name"]: one["facets"] for one in told_events[1]["inputs"]}
    assert inputs["loans"]["version"]["datasetVersion"] == tale.DATA
    assert inputs["loans.parquet"]["workbench_data"]["dvc"]["md5"] == "a" * 32
    assert inputs["loans.parquet"]["workbench_data"]["feast"][0]["view"] == "applicants"


def test_a_registered_version_is_an_output_of_its_run(told_events):
    (output,) = told_events[1]["outputs"]
    assert output["name"] == "models/lending"
    assert output["facets"]["version"]["datasetVersion"] == "1"
    assert told_events[0]["outputs"] == []


def test_a_failed_run_ends_in_a_failure(told, tale):
    from workbench.ledger.entry import GENESIS, chained

    body = {"name": "train", "seconds": 1.0, "error": "ValueError", "message": "no rows"}
    entry = chained(seq=1, at=datetime.fromisoformat("2026-01-01T00:00:00+00:00"), kind="run.failed", subject="run/r",
                    actor="analyst", why="", body=body, key=None, prev=GENESIS)  # fmt: skip
    begun, failed = events([entry], "bank")
    assert (begun["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError: no rows"
    assert "errorMessage" not in begun["run"]["facets"]
