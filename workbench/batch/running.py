"""Runs a notebook: its parameters checked first, its findings committed last.

    outcome = run(Path("ab_test.ipynb"), {"seed": 7}, key="weekly/2026-01-05", ...)

A run has an idempotency key. Once it has finished under a key, the same key gives that outcome and
nothing runs; one that was executed but killed before its commit is committed, not executed again; one
that was killed earlier is marked failed and runs anew. A key is held by one process at a time.

Keys go first. Where `reuse` is asked for, an earlier run of the same content (cells, parameters, inputs,
code, environment) is given next, and nothing runs; under a key, the ledger then says which run it was.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, Literal

from workbench.batch.commit import NOTHING, commit_run, usage_of
from workbench.batch.content import Content
from workbench.batch.fingerprint import content_of_run
from workbench.batch.folders import (
    NOTEBOOK,
    REPORT,
    RunState,
    find_folder,
    make_folder,
    runs_folder,
    write_state,
    write_whole,
)
from workbench.batch.holding import held
from workbench.batch.kernels import cold
from workbench.batch.kinds import plain
from workbench.batch.lanes import Failure, Job, Lane, Limits, OnCell
from workbench.batch.notebook import content_of, digest_of, injected
from workbench.batch.parameters import declared
from workbench.batch.record import read_record
from workbench.batch.redaction import Redaction
from workbench.batch.reuse import AFRESH, REUSED, Found, check_content, find_earlier, keep_content, note_reuse
from workbench.batch.secrets import Secret
from workbench.batch.tracking import KEY, PARENT, REPRODUCES, Tracking
from workbench.errors import EngineError, Misuse
from workbench.ledger import Entry, Ledger
from workbench.ledger.dsse import Signer

NO_LIMITS = Limits()


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    run_id: str
    name: str  # the notebook's
    status: Literal["finished", "failed"]
    notebook: Path  # executed, or partly where it failed
    report: Path  # HTML without code
    metrics: Mapping[str, float]
    sentence: str  # what came out, or what went wrong
    versions: tuple[tuple[str, int], ...] = ()  # registered: (model, version)
    findings: tuple[Mapping[str, Any], ...] = ()  # bodies of the evidence
    reused: bool = False  # True: an earlier run, under the same key or of the same content
    because: str = field(default="", compare=False)  # why it ran, or which earlier run it is, in words
    failure: Failure | None = None  # why it did not come to its end


@dataclass(frozen=True)
class Home:
    """Where runs live and are told: everything outside that a run needs."""

    root: Path
    tracking: Callable[[], Tracking]  # opens the store; called once the parameters are known to be good
    ledger: Ledger
    actor: str
    now: Callable[[], datetime]
    signer: Callable[[], Signer] | None = None  # gives the key that signs the files of models


@dataclass(frozen=True)
class Way:
    """How one run is executed."""

    environ: Mapping[str, str]
    lane: Lane
    limits: Limits
    on_cell: OnCell | None
    parent: Callable[[], str] | None
    stop: Event | None
    secrets: Mapping[str, str]  # references by parameter
    content: Callable[[], Content]  # takes what the run depends on, as the disk is now


def run(
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    workspace_root: Path,
    tracking: Callable[[], Tracking],
    ledger: Ledger,
    actor: str,
    now: Callable[[], datetime],
    environ: Mapping[str, str],
    key: str | None = None,
    on_cell: OnCell | None = None,
    lane: Lane = cold,
    limits: Limits = NO_LIMITS,
    parent: Callable[[], str] | None = None,
    stop: Event | None = None,
    reuse: bool = False,
    reproduces: str = "",
    signer: Callable[[], Signer] | None = None,
) -> Outcome:
    """Run a notebook and commit what it found.

    Args:
        notebook: Path of the notebook.
        parameters: Values by name, of their types or as texts; the rest by default.
        workspace_root: The workspace it runs in.
        tracking: Opens the tracking store.
        ledger: Where it is told.
        actor: Who runs it.
        now: Reads the clock.
        environ: The environment whose allowed part a kernel inherits.
        key: Idempotency key; by default a new one.
        on_cell: Called with (cells done, cells in all).
        lane: How the cells are run.
        limits: What the cells may take.
        parent: Gives the tracking store's run that this one is a part of; asked only when something runs.
        stop: Once it is set, what runs is ended and `Stopped` is raised.
        reuse: Whether an earlier finished run of the same content will do.
        reproduces: The run of which this is a rerun.
        signer: Gives the key that signs the files of its models; None: they are not signed.

    Returns:
        The outcome; a cell that raises or a kernel that dies gives one with the status "failed".

    Raises:
        Misuse: The notebook has no parameters cell, a parameter does not fit, a secret cannot be had or
            kept, or the key was used for something else.
        EngineError: The workspace or the tracking store cannot be written.
    """
    content = content_of(notebook)
    known = notebook.resolve().parent == workspace_root.resolve() / "notebooks"  # then its name will do
    where = shlex.quote(notebook.name if known else str(notebook))
    values = declared(content["cells"], notebook.name).validate(parameters, where=where)
    plain_values = {name: plain(value) for name, value in values.items()}
    root = workspace_root.resolve()

    secrets = {name: value.reference for name, value in values.items() if isinstance(value, Secret)}

    def content_now() -> Content:
        return content_of_run(notebook.stem, content, plain_values, root=root, environ=environ, secrets=tuple(secrets))

    before = content_now()
    fresh = RunState(
        run_id="",
        key=key or f"run/{uuid.uuid4().hex}",
        name=notebook.stem,
        notebook_digest=digest_of(content),
        parameters=plain_values,
        content=before.key,
        reproduces=reproduces,
    )
    home = Home(root, tracking, ledger, actor, now, signer)
    way = Way(environ, lane, limits, on_cell, parent, stop, secrets, content_now)
    with held(home.root, key) if key else contextlib.nullcontext(False) as tried:
        given = {name: fresh.parameters[name] for name in parameters}
        done = _finished(home, fresh, given) if key else None
        if done is not None:
            return done
        found = find_earlier(before, root=root, ledger=ledger) if reuse else Found(None, AFRESH)
        if found.entry is not None:  # before the tracking store is opened: a hit costs milliseconds
            if key:
                note_reuse(ledger, fresh, found, actor=actor, now=now())
            return replace(_told(found.entry, root), because=found.because)
        done = _resumed(home, fresh, given) if tried else None
        return done or replace(_anew(home, fresh, injected(content, values), way, before), because=found.because)


def _finished(home: Home, fresh: RunState, given: Mapping[str, Any]) -> Outcome | None:
    """What the key came to earlier, if it was for the same.

    Raises:
        Misuse: It was for something else.
        EngineError: The ledger is damaged.
    """
    entry = home.ledger.find(fresh.key)
    if entry is None:
        return None
    of_a_run = entry.kind in {"run.finished", REUSED}
    if not of_a_run or entry.body["name"] != fresh.name:
        was = entry.body["name"] if of_a_run else entry.kind
        raise Misuse(f"the key {fresh.key!r} was used for {was}, not for {fresh.name}", hint="give another key")
    _check_same(fresh.key, entry.body["parameters"], given)
    ran = home.ledger.find(entry.body["of"]) if entry.kind == REUSED else entry
    if ran is None:
        raise EngineError(f"the ledger lacks the run that {fresh.key!r} stands for", hint="workbench ledger verify")
    return replace(_told(ran, home.root), because="this ran before under the same key")


def _resumed(home: Home, fresh: RunState, given: Mapping[str, Any]) -> Outcome | None:
    """Commit what an attempt under this key executed before it was killed; mark the others failed.

    Raises:
        Misuse: It was executed with other parameters.
    """
    store = home.tracking()
    for run_id in reversed(store.attempts(fresh.key)):
        found = find_folder(home.root, run_id)
        if found is not None and found[1].state == "executed" and found[1].notebook_digest == fresh.notebook_digest:
            folder, state = found
            _check_same(fresh.key, state.parameters, given)
            body = _committed(home, store, folder, state)
            store.abandon(fresh.key)
            because = "it had run under the same key, and is committed now"
            return replace(_outcome(run_id, body, folder, reused=True), because=because)
    store.abandon(fresh.key)
    return None


def _check_same(key: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    other = [name for name, value in given.items() if before.get(name) != value]
    if other:
        name = other[0]
        raise Misuse(
            f"the key {key!r} was used with {name} = {before.get(name)!r}; now it is {given[name]!r}",
            hint="give another key, or none",
        )


def _anew(home: Home, fresh: RunState, notebook: Mapping[str, Any], way: Way, before: Content) -> Outcome:
    redaction = Redaction.of(way.secrets, way.environ, notebook)
    began, store = home.now(), home.tracking()
    tags = {KEY: fresh.key, "workbench.notebook": fresh.name, "workbench.actor": home.actor}
    if way.parent:
        tags[PARENT] = way.parent()
    if fresh.reproduces:
        tags[REPRODUCES] = fresh.reproduces
    run_id = store.start(fresh.name, parameters=fresh.parameters, tags=tags)
    try:
        state = replace(fresh, run_id=run_id)
        folder = make_folder(home.root, fresh.name, began, run_id)
        write_state(folder, state)
        keep_content(folder, before)
        write_whole(folder / NOTEBOOK, json.dumps(notebook, indent=1))
        cells_began = home.now()
        job = Job(folder / NOTEBOOK, home.root, folder, way.environ, way.limits, way.secrets, way.stop)
        ended = redaction.around(way.lane, job, way.on_cell)
        state = replace(
            state,
            state="failed" if ended.failure else "executed",
            seconds=(home.now() - cells_began).total_seconds(),
            lane=ended.lane,
            cpu_seconds=ended.usage.cpu_seconds,
            peak_memory=ended.usage.peak_memory,
        )
        check_content(folder, before, way.content)
        _report(folder, state, ended.failure)
        write_state(folder, state)
        if ended.failure:
            return _failed(home, store, folder, state, ended.failure)
        body = _committed(home, store, folder, state)
    except BaseException as error:
        with contextlib.suppress(EngineError):
            store.finish(run_id, "KILLED")
        if isinstance(error, OSError):
            raise EngineError(
                f"the run cannot be written: {error}", hint="look at free space and permissions"
            ) from error
        raise
    return _outcome(run_id, body, folder, reused=False)


def _committed(home: Home, store: Tracking, folder: Path, state: RunState) -> dict[str, Any]:
    return commit_run(
        folder,
        state,
        tracking=store,
        ledger=home.ledger,
        actor=home.actor,
        now=home.now(),
        signer=home.signer,
    )


def _failed(home: Home, store: Tracking, folder: Path, state: RunState, failure: Failure) -> Outcome:
    store.log(state.run_id, metrics={}, tags={"workbench.failure": failure.sentence}, folder=folder)
    store.finish(state.run_id, "FAILED")
    body = {
        "name": state.name,
        "parameters": dict(state.parameters),
        "folder": folder.name,
        "seconds": state.seconds,
        **usage_of(state),
        "reproduces": state.reproduces,
        "cell": failure.cell,
        "error": failure.error,
        "message": failure.message,
    }
    home.ledger.append(
        "run.failed",
        subject=f"run/{state.run_id}",
        actor=home.actor,
        why=failure.sentence,
        body=body,
        now=home.now(),
    )
    return Outcome(
        run_id=state.run_id,
        name=state.name,
        status="failed",
        notebook=folder / NOTEBOOK,
        report=folder / REPORT,
        metrics={},
        sentence=failure.sentence,
        failure=failure,
    )


def _report(folder: Path, state: RunState, failure: Failure | None) -> None:
    from workbench.batch.report import write_report

    record = read_record(folder)
    write_report(
        folder / NOTEBOOK,
        folder / REPORT,
        name=state.name,
        sentence=failure.sentence if failure else str(record["sentence"] if record else NOTHING),
        failed=failure is not None,
        parameters=state.parameters,
    )


def _told(entry: Entry, root: Path) -> Outcome:
    folder = runs_folder(root) / str(entry.body["folder"])
    return _outcome(entry.subject.partition("/")[2], entry.body, folder, reused=True)


def _outcome(run_id: str, body: Mapping[str, Any], folder: Path, *, reused: bool) -> Outcome:
    return Outcome(
        run_id=run_id,
        name=body["name"],
        status="finished",
        notebook=folder / NOTEBOOK,
        report=folder / REPORT,
        metrics=body["metrics"],
        sentence=body["sentence"],
        versions=tuple((model, version) for model, version in body["versions"]),
        findings=tuple(body["findings"]),
        reused=reused,
    )
