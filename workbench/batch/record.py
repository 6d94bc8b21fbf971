"""What a notebook hands over: metrics, findings, a model, files, a sentence and a lesson.

    record = bench.record()
    record.metric("f1", 0.93)
    record.finding(finding)
    record.sentence("Free care raises visits by a third.")
    record.close()

Everything lies in the run's folder until the runner commits it; a run's kernel never writes to the
tracking store or the ledger. `record.json` is written last, whole or not at all: a notebook that ends without
`close` hands over nothing.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from workbench.batch.folders import FILES, MODELS, RECORD, make_folder, read_state, workspace_of, write_whole
from workbench.batch.reads import note_input
from workbench.errors import EngineError, Misuse
from workbench.ledger import canonical

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TEXTS = ("kind", "subject", "verdict", "sentence", "data_digest", "run_id", "at")  # of a finding
FIGURE = frozenset({"value", "low", "high", "probability", "target", "needed", "n"})  # fields of a figure
EMPTY: Mapping[str, Any] = {
    "metrics": {},
    "sentence": "",
    "lessons": [],
    "decision": {},
    "findings": [],
    "data": [],
    "models": [],
    "design": "",
}


class Body(Protocol):
    """Anything that has itself as plain JSON, e.g. `workbench.evidence.Finding`."""

    def as_body(self) -> dict[str, Any]:
        """Plain JSON."""
        ...


class Plan(Protocol):
    """What is going to be done, e.g. `workbench.experiments.Design`."""

    def as_json(self) -> str:
        """The whole plan as text."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of that text, in hex."""
        ...


class Labelled(Protocol):
    """A feature set, e.g. `workbench.data.FeatureSet`."""

    @property
    def label(self) -> str:
        """Name and version: "loan-credit@1"."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 over name, version and columns, in hex."""
        ...


class Record:
    """What one run found, gathered as the notebook goes."""

    def __init__(
        self, folder: Path, run_id: str, *, now: datetime, commit: Callable[[Record], None] | None = None
    ) -> None:
        self.folder = folder
        self.run_id = run_id
        self.now = now
        self._commit = commit
        self._closed = False
        self._content: dict[str, Any] = {"run_id": run_id, **json.loads(json.dumps(EMPTY))}

    @classmethod
    def in_run(cls, folder: Path, *, now: datetime) -> Record:
        """The record of the run that a runner has begun in a folder.

        Raises:
            Misuse: No runner began one there.
        """
        state = read_state(folder)
        if state is None:
            raise Misuse(f"{folder} is no run's folder", hint="unset WORKBENCH_RUN, or use workbench run")
        return cls(folder, state.run_id, now=now)

    @classmethod
    def interactive(cls, root: Path, *, now: datetime, commit: Callable[[Record], None]) -> Record:
        """The record of a notebook that a person runs cell by cell; `close` hands it to `commit`.

        Raises:
            EngineError: The workspace cannot be written.
        """
        run_id = uuid.uuid4().hex
        return cls(make_folder(root, "interactive", now, run_id), run_id, now=now, commit=commit)

    # what is found

    def metric(self, name: str, value: float) -> None:
        """A number to compare runs by.

        Raises:
            Misuse: It is no number, NaN or infinite.
        """
        self._open()["metrics"][str(name)] = _finite(name, value)

    def metrics(self, values: Mapping[str, float]) -> None:
        """Several metrics at once."""
        for name, value in values.items():
            self.metric(name, value)

    def sentence(self, text: str) -> None:
        """What came out, in plain words; the first thing a reader sees."""
        self._open()["sentence"] = str(text).strip()

    def lesson(self, text: str) -> None:
        """What was learned, failures too."""
        self._open()["lessons"].append(str(text).strip())

    def decision(self, decision: str, why: str) -> None:
        """What is done on what was found: "ship", "stop", "run on", …; the last one told counts.

        Raises:
            Misuse: The decision or its reason is empty.
        """
        if not (str(decision).strip() and str(why).strip()):
            raise Misuse("a decision needs its word and its reason", hint='record.decision("stop", "no gain in sight")')
        self._open()["decision"] = {"decision": str(decision).strip(), "why": str(why).strip()}

    def finding(self, finding: Body) -> None:
        """Evidence; one whose subject is a model by its bare name is about the version this run registers.

        Raises:
            Misuse: It is not plain JSON with finite numbers, or lacks what a policy reads.
        """
        body = finding.as_body()
        try:
            plain = json.loads(canonical(body))
        except (TypeError, ValueError) as error:
            raise Misuse(f"the finding is not plain JSON: {error}", hint="undefined figures are None") from error
        _check_finding(plain)
        self._open()["findings"].append(plain)

    def design(self, plan: Plan) -> str:
        """Register what is planned, before any data is read; kept as `design.json`, its digest a tag of the run.

        Returns:
            The digest.

        Raises:
            Misuse: Data was read already, or another plan is registered.
        """
        content = self._open()
        if content["design"] == plan.digest:
            return plan.digest
        if content["design"]:
            raise Misuse("this run has registered another design already", hint="run the notebook from its first cell")
        if content["data"]:
            read = content["data"][0]["name"]
            raise Misuse(f"{read} was read before the design was registered", hint="register the design first")
        self.file("design.json", plan.as_json())
        content["design"] = plan.digest
        return plan.digest

    def data(self, name: str, digest: str, rows: int, *, simulated: bool = False) -> None:
        """What was read.

        Args:
            name: What it is called.
            digest: Of its full content.
            rows: How many.
            simulated: Whether it was made up; then every finding of the run is marked so, no policy is told of it,
                and no later experiment learns from it.
        """
        told = {"name": str(name), "digest": str(digest), "rows": int(rows)}
        self._open()["data"].append(told | ({"simulated": True} if simulated else {}))

    def input(self, path: str | Path) -> Path:
        """A further file or folder that is read, so that the run is used again only while it is unchanged.

        A parameter's value, or a text in the code, that names a file is an input already.

        Args:
            path: Relative to the workspace, or whole.

        Returns:
            The whole path.

        Raises:
            Misuse: It is not there or cannot be read.
        """
        self._open()
        return note_input(self.folder, workspace_of(self.folder), path)

    def file(self, name: str, content: str | bytes) -> Path:
        """A report or table to keep beside the run; where it lies.

        Raises:
            Misuse: The name is more than a file name.
        """
        self._open()
        path = self.folder / FILES / _file_name(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def model(
        self,
        estimator: Any,
        *,
        name: str,
        example: Any,
        threshold: float | None,
        data_digest: str,
        feature_set: str | Labelled,
        profile: Any = None,
        metrics: Mapping[str, float] | None = None,
        extra_files: Mapping[str, str | bytes] | None = None,
    ) -> None:
        """A fitted scikit-learn estimator, to be registered as the next version of a model.

        Args:
            estimator: Fitted; saved in the skops format, never as a pickle.
            name: The model's name: letters, digits, "-" and "_".
            example: A few rows of its input, for the signature.
            threshold: Score at or above which the answer is yes, in [0, 1]; None for none.
            data_digest: Full-content digest of the training data.
            feature_set: "name@version", or the feature set itself: then its digest is kept too.
            profile: The training data's profile, or its JSON; drift is measured against it.
            metrics: What it reached, for the registry.
            extra_files: Further files of the version, by name; its digest covers them.

        Raises:
            Misuse: The name, the threshold or a metric cannot be used, the run has a model of this name already, or
                the estimator holds types that skops does not know.
        """
        from workbench.batch.models import MODEL, PROFILE, save_model
        from workbench.data.digests import digest_folder

        models = self._open()["models"]
        if not MODEL_NAME.fullmatch(name):
            raise Misuse(f"{name!r} cannot name a model", hint='use letters, digits, "-" and "_"')
        if any(model["name"] == name for model in models):
            raise Misuse(f"this run has a model {name} already", hint="give the other a name of its own")
        if threshold is not None and not 0 <= threshold <= 1:
            raise Misuse(f"the threshold is {threshold}; it must lie in [0, 1]", hint="None where there is none")
        reached = {str(metric): _finite(metric, value) for metric, value in (metrics or {}).items()}
        folder = self.folder / MODELS / name
        save_model(estimator, folder / MODEL, example)
        beside = dict(extra_files or {})
        if profile is not None:
            beside[PROFILE] = profile if isinstance(profile, str) else profile.as_json()
        for file, content in beside.items():
            (folder / _file_name(file)).write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        models.append(
            {
                "name": name,
                "threshold": None if threshold is None else float(threshold),
                "data_digest": str(data_digest),
                "feature_set": feature_set if isinstance(feature_set, str) else feature_set.label,
                "feature_set_digest": "" if isinstance(feature_set, str) else feature_set.digest,
                "model_digest": digest_folder(folder),
                "metrics": reached,
            }
        )

    def close(self) -> None:
        """Hand over: write `record.json`; in JupyterLab, where no runner does it, commit it too.

        Closing again does no harm: nothing is written, and a commit that failed is tried again.

        Raises:
            EngineError: The run's folder cannot be written.
        """
        if not self._closed:
            if any(data.get("simulated") for data in self._content["data"]):
                for finding in self._content["findings"]:
                    finding["details"] = {**(finding.get("details") or {}), "simulated": True}
            try:
                write_whole(self.folder / RECORD, json.dumps(self._content, indent=1, allow_nan=False))
            except OSError as error:
                raise EngineError(
                    f"the record cannot be written to {self.folder}: {error.strerror}", hint="look at free space"
                ) from error
            self._closed = True
        if self._commit is not None:
            self._commit(self)

    def _open(self) -> dict[str, Any]:
        if self._closed:
            raise Misuse("the record is closed", hint="run the notebook from its first cell")
        return self._content


def read_record(folder: Path) -> Mapping[str, Any] | None:
    """What a closed record in a run's folder holds; None where the notebook closed none."""
    try:
        content: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return content


def _check_finding(body: Mapping[str, Any]) -> None:
    # refused now: in the ledger for good, it would stop whoever reads the evidence about its subject
    lacking = [name for name in TEXTS if not isinstance(body.get(name), str)]
    if lacking:
        raise Misuse(f"the finding has no text for {', '.join(lacking)}", hint="make it by workbench.evidence")
    try:
        aware = datetime.fromisoformat(body["at"]).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise Misuse(f"the finding's time is {body['at']!r}; it must be ISO 8601 with an offset", hint="record.now")
    figures = body.get("figures")
    if not isinstance(figures, dict):
        raise Misuse("the finding has no figures", hint="figures={} where there are none")
    for name, figure in figures.items():
        if not isinstance(figure, dict) or "value" not in figure or not figure.keys() <= FIGURE:
            raise Misuse(f"the figure {name} is {figure!r}; it must be a Figure", hint="workbench.evidence.Figure(0.9)")


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise Misuse(f"the metric {name} is {value!r}; it must be a number", hint="give a float") from error
    if not math.isfinite(number):
        raise Misuse(f"the metric {name} is {number}; it must be finite", hint="leave an undefined metric out")
    return number


def _file_name(name: str) -> str:
    if not name or Path(name).name != name or name.startswith(".") or any(sign in name for sign in "\\\0"):
        raise Misuse(f"{name!r} is no plain file name", hint="give a name without folders, e.g. drift.html")
    return name
