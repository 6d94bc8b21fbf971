"""Commits what a run found: the tracking store first, then one transaction of the ledger.

The ledger is the truth, so it comes last: what is in it is whole in the tracking store. A process may
die after any step; each step can be repeated, so committing the same folder again ends in one run, one
version and one set of entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.batch.folders import MODELS, NOTEBOOK, RunState, write_state
from workbench.batch.model_signatures import sign_model
from workbench.batch.notebook import about_of
from workbench.batch.origins import described_model, origins_of
from workbench.batch.reads import reads_of
from workbench.batch.record import EMPTY, Record, read_record
from workbench.batch.tracking import (
    DATA,
    DATA_DIGEST,
    DESIGN,
    FEATURE_SET,
    KEY,
    MODEL_DIGEST,
    NOTEBOOK_DIGEST,
    PARAMETERS,
    SENTENCE,
    THRESHOLD,
    Registered,
    Tracking,
)
from workbench.ledger import Ledger, ModelVersion, digest
from workbench.ledger.dsse import Signer

INTERACTIVE = "interactive"  # the name of what a person ran cell by cell
NOTHING = "It ran to its end but handed over nothing; end the notebook with record.close()."


def commit_run(
    folder: Path,
    state: RunState,
    *,
    tracking: Tracking,
    ledger: Ledger,
    actor: str,
    now: datetime,
    signer: Callable[[], Signer] | None = None,
) -> dict[str, Any]:
    """Log an executed run, register its models, and tell the ledger, in that order.

    Args:
        folder: The run's folder with the executed notebook, the report and the record.
        state: Whose run it is; its key makes every entry of the ledger happen once.
        tracking: Where runs and models are kept.
        ledger: Where it is told.
        actor: Who ran it.
        now: The time, aware.
        signer: Gives the key that the files of its models are signed with; None: they are not.

    Returns:
        The body of the `run.finished` entry.
    """
    record, reads = read_record(folder), reads_of(folder)
    handed = record or EMPTY
    sentence = handed["sentence"] if record else NOTHING
    design = handed.get("design", "")  # a record of an earlier version has none
    tags = {NOTEBOOK_DIGEST: state.notebook_digest, SENTENCE: sentence, PARAMETERS: digest(dict(state.parameters))}
    tags |= {DESIGN: design} if design else {}
    tags |= {f"{DATA}{data['name']}": data["digest"] for data in handed["data"]}
    tags |= {f"workbench.{name}": str(value) for name, value in usage_of(state).items()}
    signed = _signed(folder, state, handed["models"], signer)
    tracking.log(state.run_id, metrics=handed["metrics"], tags=tags, folder=folder)
    versions = [_registered(model, handed, state, tracking, actor, now) for model in handed["models"]]
    tracking.finish(state.run_id, "FINISHED")
    findings = [_addressed(finding, handed.get("run_id"), state.run_id, versions) for finding in handed["findings"]]
    body = {
        "name": state.name,
        "parameters": dict(state.parameters),
        "notebook_digest": state.notebook_digest,
        "folder": folder.name,
        "seconds": state.seconds,
        **usage_of(state),
        "content": state.content,
        "reproduces": state.reproduces,
        "reads": list(reads.changing),
        "inputs": dict(reads.inputs),
        "metrics": handed["metrics"],
        "sentence": sentence,
        "lessons": handed["lessons"],
        "decision": handed.get("decision", {}),
        "about": about_of(folder / NOTEBOOK),
        "data": handed["data"],
        "design": design,
        **origins_of(folder),
        "versions": [[version.model, version.version] for version in versions],
        "findings": findings,
    }
    known = {model["name"]: {**_known_of(folder, model), **signed} for model in handed["models"]}
    _tell(ledger, state, body, versions, known, findings, actor, now)
    return body


def commit_record(
    record: Record,
    *,
    tracking: Callable[[], Tracking],
    ledger: Ledger,
    actor: str,
    now: Callable[[], datetime],
    signer: Callable[[], Signer] | None = None,
) -> None:
    """Commit the record of a notebook that a person ran cell by cell; again does no harm."""
    key = f"run/{record.run_id}"
    if ledger.find(key) is not None:
        return
    store = tracking()
    begun = store.attempts(key)
    tags = {KEY: key, "workbench.actor": actor}
    run_id = begun[-1] if begun else store.start(INTERACTIVE, parameters={}, tags=tags)
    state = RunState(run_id, key, INTERACTIVE, notebook_digest="", parameters={}, state="executed")
    write_state(record.folder, state)
    commit_run(record.folder, state, tracking=store, ledger=ledger, actor=actor, now=now(), signer=signer)


def usage_of(state: RunState) -> dict[str, Any]:
    """What a run took and how it was run, as its entry has it."""
    return {"lane": state.lane, "cpu_seconds": state.cpu_seconds, "peak_memory": state.peak_memory}


def _registered(
    model: Mapping[str, Any],
    handed: Mapping[str, Any],
    state: RunState,
    tracking: Tracking,
    actor: str,
    now: datetime,
) -> ModelVersion:
    """The version that a model of this run is: registered now, or by an attempt that was killed."""
    name = model["name"]
    key = f"{state.key}/version/{name}"
    found = tracking.registered_under(key)
    if found is None or found.tags.get(NOTEBOOK_DIGEST) != state.notebook_digest:  # it was edited meanwhile
        tags = {
            KEY: key,
            MODEL_DIGEST: model["model_digest"],
            DATA_DIGEST: model["data_digest"],
            FEATURE_SET: model["feature_set"],
            NOTEBOOK_DIGEST: state.notebook_digest,
        }
        if model["threshold"] is not None:
            tags[THRESHOLD] = repr(model["threshold"])
        number = tracking.register(state.run_id, name, f"{MODELS}/{name}/model", tags=tags)
        found = Registered(name, number, state.run_id, tags)
    return ModelVersion(
        model=name,
        version=found.version,
        run_id=found.run_id,
        source=f"runs:/{found.run_id}/{MODELS}/{name}",
        model_digest=found.tags[MODEL_DIGEST],
        data_digest=model["data_digest"],
        feature_set=model["feature_set"],
        notebook_digest=state.notebook_digest,
        threshold=model["threshold"],
        parameters=dict(state.parameters),
        metrics=model["metrics"] or handed["metrics"],
        registered_at=now.isoformat(),
        registered_by=actor,
    )


def _addressed(
    finding: Mapping[str, Any], recorded_as: str | None, run_id: str, versions: Sequence[ModelVersion]
) -> dict[str, Any]:
    """A finding about a model that this run registered is about the version it became."""
    subjects = {version.model: version.subject for version in versions}
    own = finding.get("run_id") in {None, "", recorded_as}
    return {
        **finding,
        "subject": subjects.get(finding["subject"], finding["subject"]),
        "run_id": run_id if own else finding["run_id"],
    }


def _signed(
    folder: Path, state: RunState, models: Sequence[Mapping[str, Any]], signer: Callable[[], Signer] | None
) -> dict[str, str]:
    """Sign the models' files; by which key, for their entries."""
    if signer is None or not models:
        return {}
    key = signer()
    for model in models:
        sign_model(folder / MODELS / model["name"], model["name"], state.run_id, model["model_digest"], key)
    return {"signed_by": key.key_id}


def _known_of(folder: Path, model: Mapping[str, Any]) -> dict[str, Any]:
    """What a version's entry says beyond the version itself: MLflow's description, the feature set's digest."""
    told = {"mlflow": described_model(folder, model["name"]), "feature_set_digest": model.get("feature_set_digest")}
    return {name: part for name, part in told.items() if part}


def _tell(
    ledger: Ledger,
    state: RunState,
    body: Mapping[str, Any],
    versions: Sequence[ModelVersion],
    known: Mapping[str, Mapping[str, Any]],
    findings: Sequence[Mapping[str, Any]],
    actor: str,
    now: datetime,
) -> None:
    """All entries of the run in one commit."""
    why = str(body["sentence"]) or f"ran {state.name}"
    with ledger.transaction() as writer:
        for version in versions:
            writer.append(
                "version.registered",
                subject=version.subject,
                actor=actor,
                why=why,
                body={**version.as_body(), **known[version.model]},
                now=now,
                key=f"{state.key}/version/{version.model}",
            )
        for number, finding in enumerate(findings, start=1):
            writer.append(
                "evidence.recorded",
                subject=finding["subject"],
                actor=actor,
                why=finding["sentence"],
                body={**finding, "digest": digest(finding)},
                now=now,
                key=f"{state.key}/evidence/{number}",
            )
        writer.append(
            "run.finished", subject=f"run/{state.run_id}", actor=actor, why=why, body=body, now=now, key=state.key
        )
