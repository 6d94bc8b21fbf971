"""A sweep on disk, so that it goes on after any kill: what was planned, and what has ended.

reports/sweeps/20260105-090000-train-1f3a/
    sweep.json          what is to run and how; written last when a sweep begins, and never again
    notebook/           the notebook as it was then
    ended.jsonl         a line for each run that ended, the newest of a run counts
    summary.csv, index.html

One process at a time runs a sweep: it holds the lock in reports/sweeps/.locks. A line `closed` says that
what has ended was told to the tracking store and the ledger.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch.folders import slug, write_whole
from workbench.batch.lanes import Limits
from workbench.batch.sweeps.plan import How, Plan
from workbench.batch.sweeps.results import Child
from workbench.errors import EngineError, Misuse
from workbench.ledger.sharing import file_mode

if TYPE_CHECKING:
    from filelock import FileLock

SWEEP = "sweep.json"
ENDED = "ended.jsonl"
LOCK_SECONDS = 0.5  # a look at whether a sweep is being run holds its lock for less
OWN = {"number", "parameters"}  # of a child, what the plan says


@dataclass(frozen=True)
class Options:
    """How a sweep is run; kept, and taken again when it goes on."""

    jobs: int = 1  # runs at the same time
    retries: int = 0  # further attempts at a run that failed for something transient
    transient: tuple[str, ...] = ()  # names of the exceptions that are
    limits: Limits = field(default_factory=Limits)  # of each run
    best: str = ""  # the metric to compare by, e.g. "f1" or "loss:min"
    fail_fast: bool = False  # begin nothing more after a run that failed
    fresh: bool = False  # run even what an earlier run of the same content could stand for


@dataclass(frozen=True)
class Sweep:
    """A sweep as it was planned."""

    id: str
    name: str  # the notebook's
    source: str  # path of the notebook it was planned from
    notebook_digest: str
    plan: Plan
    options: Options
    actor: str
    began: str  # ISO 8601
    given_key: str = ""  # the idempotency key that it was asked for under, if any

    @property
    def key(self) -> str:
        """The idempotency key of the whole; a run's has its number behind it."""
        return f"sweep/{self.id}"


class SweepFolder:
    """The files of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def notebook(self) -> Path:
        """The notebook as the sweep began with it.

        Raises:
            EngineError: It is gone.
        """
        found = sorted((self.path / "notebook").glob("*.ipynb"))
        if not found:
            raise EngineError(f"the sweep's copy of its notebook is gone from {self.path}", hint="begin it anew")
        return found[0]

    def sweep(self) -> Sweep:
        """What was planned.

        Raises:
            EngineError: The file was damaged.
        """
        try:
            content = json.loads((self.path / SWEEP).read_text("utf-8"))
            plan, options = content["plan"], content["options"]
            how: How = plan["how"]
            return Sweep(
                **{field.name: content[field.name] for field in fields(Sweep) if field.name not in {"plan", "options"}},
                plan=Plan(how, tuple(plan["swept"]), plan["fixed"], tuple(plan["runs"])),
                options=Options(
                    **{**options, "transient": tuple(options["transient"]), "limits": Limits(**options["limits"])}
                ),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineError(
                f"{self.path / SWEEP} cannot be read: {error}", hint="move that folder away, and begin the sweep anew"
            ) from error

    def children(self, plan: Plan) -> list[Child]:
        """All runs of the plan, with what is known of those that ended."""
        known = {line["number"]: line for line in self._lines() if isinstance(line.get("number"), int)}
        names = {field.name for field in fields(Child)} - OWN
        return [
            Child(number, own, **{k: v for k, v in known.get(number, {}).items() if k in names})
            for number, own in enumerate(plan.runs, start=1)
        ]

    @property
    def has_parent(self) -> bool:
        """Whether a run of the tracking store was, or was about to be, begun for the sweep."""
        return any(line.get("parent") for line in self._lines())

    def note(self, child: Child) -> None:
        """Keep what a run came to; it is on disk when this returns."""
        self._append({name: value for name, value in asdict(child).items() if name != "parameters"})

    @property
    def is_closed(self) -> bool:
        """Whether all that ended was told outside; a run that ends later opens it again."""
        lines = list(self._lines())
        return bool(lines) and lines[-1].get("closed") is True

    def note_closed(self) -> None:
        """Keep that all that ended was told outside."""
        self._append({"closed": True})

    def note_parent(self) -> None:
        """Keep that a run of the tracking store is about to be begun for the sweep."""
        self._append({"parent": True})

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the sweep.

        Raises:
            Misuse: Another process holds it.
        """
        from filelock import Timeout

        try:
            with self._lock(LOCK_SECONDS):
                yield
        except Timeout as error:
            raise Misuse(
                f"the sweep {self.path.name} is being run by another process",
                hint="workbench sweeps says how far it is",
            ) from error

    def is_running(self) -> bool:
        """Whether a process holds it now."""
        from filelock import Timeout

        try:
            with self._lock(0):
                return False
        except Timeout:
            return True

    def _lock(self, seconds: float) -> FileLock:
        from filelock import FileLock

        locks = self.path.parent / ".locks"
        locks.mkdir(exist_ok=True)
        return FileLock(locks / f"{self.path.name}.lock", mode=file_mode(locks), timeout=seconds)

    def _append(self, line: Mapping[str, Any]) -> None:
        # a line that a kill cut short stays behind; the break before the next one keeps it apart
        try:
            with (self.path / ENDED).open("ab") as file:
                file.write(b"\n" + json.dumps(line).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise EngineError(
                f"{self.path / ENDED} cannot be written: {error.strerror or error}",
                hint=f"look at free space, then: workbench run --resume {self.path.name}",
            ) from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            text = (self.path / ENDED).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return
        for line in text.split("\n"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def sweeps_folder(root: Path) -> Path:
    """Where a workspace keeps its sweeps."""
    return root / "reports" / "sweeps"


def make_sweep(
    root: Path, source: Path, digest: str, plan: Plan, options: Options, *, key: str, actor: str, now: datetime
) -> SweepFolder:
    """Write down a sweep that is about to begin, whole or not at all.

    Args:
        root: The workspace's folder.
        source: The notebook; a copy is kept.
        digest: Of its cells.
        plan: What is to run.
        options: How.
        key: Its idempotency key, if it has one.
        actor: Who begins it.
        now: The time.

    Raises:
        EngineError: The folder cannot be written.
    """
    identity = f"{now:%Y%m%d-%H%M%S}-{slug(source.stem)}-{_mark(key) if key else secrets.token_hex(2)}"
    sweep = Sweep(identity, source.stem, str(source), digest, plan, options, actor, now.isoformat(), key)
    folder = sweeps_folder(root) / identity
    try:
        folder.mkdir(parents=True)
        (folder / "notebook").mkdir()
        write_whole(folder / "notebook" / source.name, source.read_text("utf-8"))
        write_whole(folder / SWEEP, json.dumps(asdict(sweep), indent=1))
    except OSError as error:
        raise EngineError(
            f"the sweep's folder {folder} cannot be written: {error.strerror or error}",
            hint="look at permissions and free space",
        ) from error
    return SweepFolder(folder)


def find_sweep(root: Path, identity: str) -> SweepFolder:
    """The sweep with an id, or the only one whose id begins or ends so; "last" is the newest.

    Raises:
        Misuse: There is none, or there are several.
    """
    known = all_sweeps(root)
    ids = [folder.path.name for folder in known]
    if identity == "last" and known:
        return known[-1]
    fits = (
        [identity]
        if identity in ids
        else [i for i in ids if identity and (i.startswith(identity) or i.endswith(identity))]
    )
    if len(fits) == 1:
        return known[ids.index(fits[0])]
    if fits:
        raise Misuse(f"{identity!r} fits {len(fits)} sweeps: {_newest(fits)}", hint="give more of the id")
    raise Misuse(
        f"there is no sweep {identity!r}",
        hint=f"workbench sweeps; the newest: {_newest(ids)}" if ids else "there is none",
    )


def all_sweeps(root: Path) -> list[SweepFolder]:
    """All sweeps that began in a workspace, oldest first."""
    return [SweepFolder(path.parent) for path in sorted(sweeps_folder(root).glob(f"*/{SWEEP}"))]


def sweeps_under(root: Path, key: str) -> list[SweepFolder]:
    """The sweeps that began under a key; one, or none."""
    found = [folder for folder in all_sweeps(root) if folder.path.name.endswith(f"-{_mark(key)}")]
    return [folder for folder in found if folder.sweep().given_key == key]


@contextmanager
def lock_of_key(root: Path, key: str) -> Iterator[None]:
    """Let one process at a time look for a sweep under a key and begin it.

    Raises:
        EngineError: The workspace cannot be written.
    """
    from filelock import FileLock

    locks = sweeps_folder(root) / ".locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"key-{_mark(key)}.lock", mode=file_mode(locks))
        lock.acquire()
    except OSError as error:
        raise EngineError(
            f"the workspace {root} cannot be written: {error.strerror or error}", hint="mend its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _newest(ids: Sequence[str]) -> str:
    return ", ".join(reversed(ids[-3:])) + (", …" if len(ids) > 3 else "")
