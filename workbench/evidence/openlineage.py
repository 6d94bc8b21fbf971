"""Runs as OpenLineage events: plain JSON that any collector of lineage understands, made from the ledger alone.

Each finished run is two events, START and COMPLETE, a failed one START and FAIL. The run's id is a UUID
made from ours, the same at every export. Facets that are ours carry our producer and a schema address
under it; all others are the standard's.

Source:
    The OpenLineage specification 2-0-2 (RunEvent) and its facets for documentation, source code and errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from workbench import __version__
from workbench.ledger import Entry

PRODUCER = f"urn:workbench:{__version__}"
EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = "https://openlineage.io/spec/facets"
OURS = "urn:workbench:facets:v1"
RUNS = uuid.UUID("6f1d5c0a-5f0c-5d43-9f43-3b0f6f4c6b1e")  # of run ids; any that never changes


def events(entries: Iterable[Entry], namespace: str) -> Iterator[dict[str, Any]]:
    """The events of all runs among some entries, in their order.

    Args:
        entries: Of the ledger.
        namespace: Of jobs and data sets, e.g. a company's or a workspace's name.
    """
    versions: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == "version.registered":
            versions.setdefault(str(entry.body.get("run_id")), []).append(entry)
        elif entry.kind in {"run.finished", "run.failed"}:
            run_id = entry.subject.removeprefix("run/")
            yield from _events(entry, run_id, versions.get(run_id, ()), namespace)


def _events(entry: Entry, run_id: str, versions: Iterable[Entry], namespace: str) -> Iterator[dict[str, Any]]:
    body = entry.body
    facets = _run_facets(body, run_id)
    run = {"runId": run_uuid(run_id), "facets": facets}
    job = {"namespace": namespace, "name": str(body.get("name") or "notebook"), "facets": _job_facets(body)}
    began = entry.at - timedelta(seconds=float(body.get("seconds") or 0.0))
    inputs = [_dataset(namespace, *named) for named in _inputs(body)]
    outputs = [_model(version, namespace) for version in versions]
    yield _event("START", began, run, job, inputs, [])
    if entry.kind == "run.failed":
        run = {**run, "facets": {**facets, "errorMessage": _error(body)}}
        yield _event("FAIL", entry.at, run, job, inputs, [])
    else:
        yield _event("COMPLETE", entry.at, run, job, inputs, outputs)


def run_uuid(run_id: str) -> str:
    """OpenLineage's id of a run: a UUID that depends on our id alone.

    >>> run_uuid("r1") == run_uuid("r1"), len(run_uuid("r1"))
    (True, 36)
    """
    return str(uuid.uuid5(RUNS, run_id))


def _event(kind: str, at: datetime, run: Any, job: Any, inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "run": run,
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": EVENT,
    }


def _run_facets(body: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    known = {
        "run_id": run_id,
        "notebook_digest": body.get("notebook_digest"),
        "environment": body.get("environment"),
        "parameters": body.get("parameters"),
        "metrics": body.get("metrics"),
    }
    return {"workbench_run": _ours("Run", {name: value for name, value in known.items() if value})}


def _job_facets(body: Mapping[str, Any]) -> dict[str, Any]:
    kind = {"processingType": "BATCH", "integration": "WORKBENCH", "jobType": "NOTEBOOK"}
    facets = {"jobType": _facet("2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet", kind)}
    about = body.get("about")
    said = body.get("sentence") or (about.get("question") if isinstance(about, Mapping) else "")
    if said:
        schema = "1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet"
        facets["documentation"] = _facet(schema, {"description": str(said)})
    return facets


def _inputs(body: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for data in body.get("data", ()):
        yield str(data["name"]), str(data["digest"]), {"rows": data.get("rows")}
    for source in body.get("sources", ()):
        yield str(source["path"]), str(source["digest"]), {k: source[k] for k in ("dvc", "feast") if k in source}


def _dataset(namespace: str, name: str, found: str, more: Mapping[str, Any]) -> dict[str, Any]:
    told = {"sha256": found} | {key: value for key, value in more.items() if value is not None}
    version = _facet(
        "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet", {"datasetVersion": found}
    )
    return {"namespace": namespace, "name": name, "facets": {"version": version, "workbench_data": _ours("Data", told)}}


def _model(entry: Entry, namespace: str) -> dict[str, Any]:
    known = ("model", "version", "model_digest", "source", "feature_set", "feature_set_digest", "mlflow")
    told = {name: entry.body[name] for name in known if entry.body.get(name)}
    schema = "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
    version = _facet(schema, {"datasetVersion": str(entry.body["version"])})
    facets = {"version": version, "workbench_model": _ours("Model", told)}
    return {"namespace": namespace, "name": f"models/{entry.body['model']}", "facets": facets}


def _error(body: Mapping[str, Any]) -> dict[str, Any]:
    told = {"message": f"{body.get('error')}: {body.get('message')}", "programmingLanguage": "python"}
    return _facet("1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet", told)


def _facet(schema: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{FACETS}/{schema}", **content}


def _ours(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{OURS}#/$defs/Workbench{name}", **content}
