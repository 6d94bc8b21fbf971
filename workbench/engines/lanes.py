"""By which lane a version answers: its compiled form where one was certified, else the model itself.

The ledger says which: an entry `version.compiled` names the form's file and its digest, or why there is
none. A version with a form is loaded without MLflow and scikit-learn, in milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from workbench.engines import onnx
from workbench.errors import EngineError
from workbench.ledger import Entry, Ledger, ModelVersion
from workbench.ledger.sharing import file_mode
from workbench.serving.predictor import Predictor

if TYPE_CHECKING:
    from workbench.engines.mlflow import MlflowStore

COMPILED = "version.compiled"
FOLDER, FILE = "compiled", "model.onnx"  # beside the version's own files
PATIENCE = 600.0  # seconds that a compilation may take
Replay = Callable[[str], Sequence[tuple[Any, ...]]]


class Lanes:
    """Loads versions, and has them compiled; fulfils the gateway's `Loader` and `Compiler`."""

    def __init__(
        self, ledger: Ledger, store: Callable[[], MlflowStore], artifacts: Path, command: Sequence[str] = ()
    ) -> None:
        """Nothing loaded.

        Args:
            ledger: Has the certificates.
            store: Opens MLflow; called for what has no compiled form.
            artifacts: MLflow's folder of artifacts.
            command: What compiles "MODEL VERSION" in a process of its own; empty: nothing does.
        """
        self._ledger = ledger
        self._store = store
        self._artifacts = artifacts
        self._command = command

    def load(self, version: ModelVersion) -> Predictor:
        """A version ready to answer, by the quickest lane that was proved."""
        entry = self._certified(version)
        why = ""
        if entry is not None and entry.body["form"] == "onnx":
            try:
                return self._compiled(version, entry)
            except EngineError as error:
                why = error.message
        elif entry is not None:
            why = entry.body["why"]
        native = self._store().load(version)
        untried = entry is None and not onnx.available() and bool(self._command) and native.lane == "native"
        return replace(native, why=why or ("" if untried else onnx.available()), untried=untried)

    def compile(self, version: ModelVersion) -> bool:
        """Compile a version in a process of its own, so that answers go on; whether it left a certificate.

        Raises:
            EngineError: The process failed.
        """
        mode = file_mode(self._artifacts.parent)
        try:
            with FileLock(f"{self._artifacts}.compiling.lock", timeout=PATIENCE, mode=mode):  # one at a time on a disk
                entry = self._certified(version)
                if entry is None:  # no other gateway was first
                    self._compile(version)
                    entry = self._certified(version)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{version.subject} was not compiled: {error}") from error
        return entry is not None and entry.body["form"] == "onnx"

    def certify(self, version: ModelVersion, *, replay: Replay, actor: str, now: datetime) -> Entry:
        """Make a version's compiled form, prove it, and note it in the ledger; or note why there is none.

        Args:
            version: What is compiled.
            replay: Rows of a model that were served, each in the order of its columns.
            actor: Who asks.
            now: The time, UTC.

        Raises:
            EngineError: The version itself does not load, or the extra is not installed.
        """
        import numpy as np

        from workbench.data import Profile

        if missing := onnx.available():
            raise EngineError(missing, hint=onnx.EXTRA)
        store = self._store()
        native = store.load(version)
        stored = store.profile(version)
        profile = None if stored is None else Profile.from_json(stored)
        rows = replay(version.model) if native.lane == "native" else ()
        failures = [] if native.lane == "native" else ["it is no model of scikit-learn"]
        for single in (False, True) if native.lane == "native" else ():
            try:
                form = onnx.convert(native, single=single)
                run = onnx.session(form, native.columns)
                certificate, failing = onnx.prove(
                    native, run, replayed=rows, profile=profile, rng=np.random.default_rng(version.version)
                )
            except EngineError as error:
                failures.append(error.message)
                continue
            if not failing:
                body = {
                    "form": "onnx",
                    "digest": hashlib.sha256(form).hexdigest(),
                    "source": self._keep(version, form, certificate.as_body()),
                    "columns": dict(native.columns),
                    "optional": sorted(native.optional),
                    "ranges": {name: list(ends) for name, ends in native.ranges.items()},
                    "certificate": certificate.as_body(),
                }
                return self._note(version, body, actor, now, "proved equal to the model")
            failures.append(failing)
        return self._note(version, {"form": "none", "why": failures[0]}, actor, now, "no form that is equal")

    def _compile(self, version: ModelVersion) -> None:
        ended = subprocess.run(
            [*self._command, version.model, str(version.version)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if ended.returncode:
            said = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise EngineError(f"{version.subject} was not compiled: {said[0][:300]}")

    def _compiled(self, version: ModelVersion, entry: Entry) -> Predictor:
        run_id, _, path = entry.body["source"].removeprefix("runs:/").partition("/")
        file = self._artifacts / run_id / "artifacts" / path
        try:
            form = file.read_bytes()
        except OSError as error:
            raise EngineError(f"the compiled form is gone: {file}") from error
        if hashlib.sha256(form).hexdigest() != entry.body["digest"]:
            raise EngineError("the compiled form is not the one that was certified")
        columns = entry.body["columns"]
        return Predictor(
            version,
            None,
            columns,
            optional=frozenset(entry.body["optional"]),
            ranges={name: (low, high) for name, (low, high) in entry.body["ranges"].items()},
            lane="onnx",
            compiled=onnx.session(form, columns),
        )

    def _certified(self, version: ModelVersion) -> Entry | None:
        """The newest entry about these very files, made by the packages that are installed where there is no form."""
        found = self._ledger.entries(subject=version.subject, kind=COMPILED, newest_first=True, limit=1)
        if not found or found[0].body["model_digest"] != version.model_digest:
            return None
        if found[0].body["form"] == "none" and not onnx.available() and found[0].body["made_with"] != onnx.versions():
            return None  # newer packages may do better
        return found[0]

    def _keep(self, version: ModelVersion, form: bytes, certificate: dict[str, Any]) -> str:
        """Store a form beside its version; where it is."""
        run_id, _, path = version.source.removeprefix("runs:/").partition("/")
        place = f"{FOLDER}/{path}"
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / place
            target.mkdir(parents=True)
            (target / FILE).write_bytes(form)
            (target / "certificate.json").write_text(json.dumps(certificate, indent=2))
            self._store().log(run_id, metrics={}, tags={}, folder=Path(folder))
        return f"runs:/{run_id}/{place}/{FILE}"

    def _note(self, version: ModelVersion, body: dict[str, Any], actor: str, now: datetime, why: str) -> Entry:
        whole = {**body, "model_digest": version.model_digest, "made_with": onnx.versions()}
        return self._ledger.append(COMPILED, subject=version.subject, actor=actor, why=why, body=whole, now=now)
