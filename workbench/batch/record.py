"""What a notebook hands over: metrics, findings, a model, files, a sentence and a lesson.

    record = bench.record()
    record.metric("f1", 0.93)
    record.finding(finding)
    record.sentence("Free care raises visits by a third.")
    record.close()

Everything lies in the run's folder until the runner commits it; a kernel never opens the tracking
store or the ledger. `record.json` is written last, whole or not at all.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from workbench.data.digests import digest_folder
from workbench.errors import Misuse

FILE = "record.json"
RUN_FILE = "run.json"  # written by the runner before the kernel starts
MODELS = "models"
FILES = "files"


class Body(Protocol):
    """Anything that has itself as plain JSON, e.g. `workbench.evidence.Finding`."""

    def as_body(self) -> dict[str, Any]:
        """Plain JSON."""
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
        self._content: dict[str, Any] = {
            "run_id": run_id,
            "metrics": {},
            "sentence": "",
            "lessons": [],
            "findings": [],
            "data": [],
            "models": [],
        }

    @classmethod
    def in_run(cls, folder: Path, *, now: datetime) -> Record:
        """The record of the run that a runner has begun in a folder.

        Raises:
            Misuse: No runner began one there.
        """
        try:
            run_id = json.loads((folder / RUN_FILE).read_text("utf-8"))["run_id"]
        except (OSError, ValueError, KeyError) as error:
            raise Misuse(f"{folder} is no run's folder", hint="unset WORKBENCH_RUN, or use workbench run") from error
        return cls(folder, run_id, now=now)

    @classmethod
    def interactive(cls, root: Path, *, now: datetime, commit: Callable[[Record], None]) -> Record:
        """The record of a notebook that a person runs cell by cell; `close` commits it."""
        run_id = uuid.uuid4().hex
        folder = root / "reports" / "runs" / f"{now:%Y%m%d-%H%M%S}-interactive-{run_id[:8]}"
        folder.mkdir(parents=True)
        return cls(folder, run_id, now=now, commit=commit)

    # what is found

    def metric(self, name: str, value: float) -> None:
        """A number to compare runs by; it must be finite.

        Raises:
            Misuse: It is NaN or infinite.
        """
        number = float(value)
        if not math.isfinite(number):
            raise Misuse(f"the metric {name} is {number}; it must be finite", hint="leave an undefined metric out")
        self._content["metrics"][str(name)] = number

    def metrics(self, values: Mapping[str, float]) -> None:
        """Several metrics at once."""
        for name, value in values.items():
            self.metric(name, value)

    def sentence(self, text: str) -> None:
        """What came out, in plain words; the first thing a reader sees."""
        self._content["sentence"] = str(text)

    def lesson(self, text: str) -> None:
        """What was learned, failures too."""
        self._content["lessons"].append(str(text))

    def finding(self, finding: Body) -> None:
        """Evidence; one about a model by its bare name is about the version this run registers."""
        self._content["findings"].append(finding.as_body())

    def data(self, name: str, digest: str, rows: int) -> None:
        """What was read: its name, full-content digest and number of rows."""
        self._content["data"].append({"name": str(name), "digest": str(digest), "rows": int(rows)})

    def file(self, name: str, content: str | bytes) -> Path:
        """A report or table to keep beside the run.

        Raises:
            Misuse: The name is more than a file name.
        """
        if Path(name).name != name or name.startswith("."):
            raise Misuse(f"{name!r} is no plain file name", hint="give a name without folders, e.g. drift.html")
        path = self.folder / FILES / name
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
        feature_set: str,
        profile: str | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """A fitted scikit-learn estimator, to be registered as the next version of a model.

        Args:
            estimator: Fitted; saved in the skops format, never as a pickle.
            name: The model's name: letters, digits, "-" and "_".
            example: A few rows of its input, for the signature.
            threshold: Score at or above which the answer is yes, in [0, 1]; None for none.
            data_digest: Full-content digest of the training data.
            feature_set: "name@version".
            profile: The training data's profile as JSON; drift is measured against it.
            metrics: What it reached, for the registry.

        Raises:
            Misuse: The name or the threshold cannot be used, or it holds types that skops does not know.
        """
        from workbench.batch.models import save_model

        if not name or not all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
            raise Misuse(f"{name!r} cannot name a model", hint='use letters, digits, "-" and "_"')
        if threshold is not None and not 0 <= threshold <= 1:
            raise Misuse(f"the threshold is {threshold}; it must lie in [0, 1]")
        folder = self.folder / MODELS / name
        save_model(estimator, folder / "model", example)
        if profile is not None:
            (folder / "profile.json").write_text(profile, "utf-8")
        self._content["models"].append(
            {
                "name": name,
                "threshold": threshold,
                "data_digest": data_digest,
                "feature_set": feature_set,
                "model_digest": digest_folder(folder / "model"),
                "metrics": dict(metrics or {}),
            }
        )

    def close(self) -> None:
        """Hand over: write `record.json`; in JupyterLab, where no runner does it, commit it too.

        Raises:
            Misuse: The record was closed before.
        """
        if self._closed:
            raise Misuse("the record was closed already", hint="run the notebook from its first cell")
        self._closed = True
        text = json.dumps(self._content, indent=1, allow_nan=False)
        beside = self.folder / f".{FILE}"
        beside.write_text(text, "utf-8")
        beside.replace(self.folder / FILE)
        if self._commit is not None:
            self._commit(self)


def read_record(folder: Path) -> dict[str, Any]:
    """What a closed record holds; an empty one where the notebook closed none."""
    path = folder / FILE
    if not path.is_file():
        return {"metrics": {}, "sentence": "", "lessons": [], "findings": [], "data": [], "models": []}
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
