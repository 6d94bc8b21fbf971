"""Commits what a run found: the tracking store first, then one transaction of the ledger.

The ledger is the truth, so it comes last: what is in it is whole in MLflow. A process that dies
between the two leaves a version in the registry that the ledger does not know; the next attempt
under the same key adopts it instead of making another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.batch.record import MODELS, read_record
from workbench.batch.tracking import KEY, MODEL_DIGEST, Registered, Tracking
from workbench.ledger import Ledger, ModelVersion, digest


def commit_run(
    folder: Path,
    run_id: str,
    *,
    name: str,
    parameters: Mapping[str, Any],
    notebook_digest: str,
    tracking: Tracking,
    ledger: Ledger,
    actor: str,
    now: datetime,
    key: str,
) -> dict[str, Any]:
    """Log a finished run, register its models, and tell the ledger, in that order.

    Args:
        folder: The run's folder with the executed notebook, the report and the record.
        run_id: The run in the tracking store.
        name: The notebook's name.
        parameters: What it ran with.
        notebook_digest: SHA-256 of the notebook's cells, hex.
        tracking: Where runs and models are kept.
        ledger: Where it is told.
        actor: Who ran it.
        now: The time, aware.
        key: The run's idempotency key.

    Returns:
        The body of the `run.finished` entry.
    """
    record = read_record(folder)
    tags = {"workbench.notebook_digest": notebook_digest, "workbench.sentence": record["sentence"][:5000]}
    tags |= {f"workbench.data.{data['name']}"[:250]: data["digest"] for data in record["data"]}
    tracking.log(run_id, metrics=record["metrics"], tags=tags, folder=folder)
    versions = [
        _register(model, run_id, parameters, notebook_digest, tracking, actor, now, key) for model in record["models"]
    ]
    findings = [_addressed(finding, run_id, versions) for finding in record["findings"]]
    body = {
        "name": name,
        "parameters": parameters,
        "notebook_digest": notebook_digest,
        "folder": folder.name,
        "metrics": record["metrics"],
        "sentence": record["sentence"],
        "lessons": record["lessons"],
        "data": record["data"],
        "versions": [[version.model, version.version] for version in versions],
        "findings": findings,
    }
    tracking.finish(run_id, "FINISHED")
    with ledger.transaction() as writer:
        for version in versions:
            writer.append(
                "version.registered",
                subject=version.subject,
                actor=actor,
                why=record["sentence"] or f"trained by {name}",
                body=version.as_body(),
                now=now,
                key=f"{key}/version/{version.model}",
            )
        for number, finding in enumerate(findings, start=1):
            writer.append(
                "evidence.recorded",
                subject=finding["subject"],
                actor=actor,
                why=finding["sentence"],
                body={**finding, "digest": digest(finding)},
                now=now,
                key=f"{key}/evidence/{number}",
            )
        why = record["sentence"] or f"ran {name}"
        writer.append("run.finished", subject=f"run/{run_id}", actor=actor, why=why, body=body, now=now, key=key)
    return body


def _register(
    model: Mapping[str, Any],
    run_id: str,
    parameters: Mapping[str, Any],
    notebook_digest: str,
    tracking: Tracking,
    actor: str,
    now: datetime,
    key: str,
) -> ModelVersion:
    """The version of a model that this key registers: made now, or adopted from a killed attempt."""
    name = model["name"]
    tag = f"{key}/version/{name}"
    found = tracking.registered_under(tag)
    if found is None:
        tags = {
            KEY: tag,
            MODEL_DIGEST: model["model_digest"],
            "workbench.data_digest": model["data_digest"],
            "workbench.feature_set": model["feature_set"],
            "workbench.notebook_digest": notebook_digest,
        }
        if model["threshold"] is not None:
            tags["workbench.threshold"] = f"{model['threshold']:g}"
        number = tracking.register(run_id, name, f"{MODELS}/{name}/model", tags=tags)
        found = Registered(name, number, run_id, tags)
    return ModelVersion(
        model=name,
        version=found.version,
        run_id=found.run_id,
        source=f"runs:/{found.run_id}/{MODELS}/{name}",
        model_digest=found.tags[MODEL_DIGEST],
        data_digest=model["data_digest"],
        feature_set=model["feature_set"],
        notebook_digest=notebook_digest,
        threshold=model["threshold"],
        parameters=parameters,
        metrics=model["metrics"],
        registered_at=now.isoformat(),
        registered_by=actor,
    )


def _addressed(finding: Mapping[str, Any], run_id: str, versions: Sequence[ModelVersion]) -> dict[str, Any]:
    """A finding about a model that this run registered is about the version it became."""
    subjects = {version.model: version.subject for version in versions}
    subject = subjects.get(finding["subject"], finding["subject"])
    return {**finding, "subject": subject, "run_id": finding.get("run_id") or run_id}
