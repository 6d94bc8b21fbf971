"""A schedule: which notebook, when, with what; checked once, and noted in the workspace.

    schedules/weekly.json      what was asked for
    schedules/weekly.log       what cron's runs said

The note is for people and for `workbench schedule list`; what runs is what they installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from workbench.batch.folders import write_whole
from workbench.batch.schedules.cron import Cron
from workbench.batch.schedules.periods import PERIODS, Period, shared
from workbench.errors import EngineError, Misuse

System = Literal["cron", "systemd", "kubernetes"]

SYSTEMS: tuple[System, ...] = ("cron", "systemd", "kubernetes")
FOLDER = "schedules"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")  # what Kubernetes allows a CronJob, and any file system
MEMORY = re.compile(r"[1-9]\d{0,6}[MG]i")
AHEAD = 500  # times that are looked at to see that none share a period


@dataclass(frozen=True)
class Container:
    """What a schedule on Kubernetes needs beside."""

    image: str  # with workbench installed
    claim: str  # the volume claim that holds the workspace


@dataclass(frozen=True)
class Schedule:
    """One notebook, run again and again."""

    name: str
    notebook: str  # a path, or the name of one in the workspace or shipped
    cron: str
    system: System
    key_by: Period  # it runs once in each
    parameters: Mapping[str, str] = field(default_factory=dict)  # as given after -p
    sweeps: Sequence[str] = ()  # as given after --sweep
    memory: str | None = None  # "2Gi"
    container: Container | None = None  # on Kubernetes

    def command(self, workspace: Path) -> list[str]:
        """What is run, after the program's name; afresh each time, since the key keeps it to one run a period."""
        words = ["run", self.notebook, "--workspace", str(workspace)]
        for name, value in self.parameters.items():
            words += ["-p", f"{name}={value}"]
        for sweep in self.sweeps:
            words += ["--sweep", sweep]
        return [*words, "--fresh", "--key", self.name, "--key-by", self.key_by]


def check(schedule: Schedule) -> None:
    """Let pass only what every scheduler can take.

    Raises:
        Misuse: The name or the memory has not the form, or something is missing or too much for the system.
    """
    if not NAME.fullmatch(schedule.name):
        raise Misuse(
            f"the schedule's name is {schedule.name!r}; it must be up to 52 small letters, digits and hyphens",
            hint="for example weekly-audit",
        )
    for text in (schedule.notebook, *schedule.parameters.values(), *schedule.sweeps):
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes of a command line that were no text
            raise Misuse(f"{text!r} is no text that can be written down", hint="write it in UTF-8")
    if schedule.memory is not None and not MEMORY.fullmatch(schedule.memory):
        raise Misuse(f"--memory is {schedule.memory!r}; it must be in Mi or Gi", hint="for example --memory 2Gi")
    if schedule.memory is not None and schedule.system == "cron":
        raise Misuse("cron limits no memory", hint="leave --memory out, or use --as systemd")
    if (schedule.system == "kubernetes") != (schedule.container is not None):
        raise Misuse(
            "--image and --claim belong to --as kubernetes, which needs both",
            hint="--as kubernetes --image IMAGE --claim VOLUME_CLAIM",
        )


def period_for(cron: Cron, asked: Period | None, after: datetime) -> Period:
    """The longest period of which no two times share one, or the one that was asked for.

    Raises:
        Misuse: Two times share the one that was asked for, so that the second would not run.
    """
    times = cron.following(after, AHEAD)
    if asked is None:
        return next((by for by in reversed(PERIODS) if not shared(times, by)), "minute")
    both = shared(times, asked)
    if both:
        raise Misuse(
            f"{both[0]:%Y-%m-%d %H:%M} and {both[1]:%Y-%m-%d %H:%M} lie in one {asked}; only the first would run",
            hint="give a shorter --key-by, or none",
        )
    return asked


def keep(schedule: Schedule, root: Path) -> None:
    """Note a schedule in a workspace.

    Raises:
        Misuse: There is another one of that name.
        EngineError: The workspace cannot be written.
    """
    path = root / FOLDER / f"{schedule.name}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        if path.exists() and read(path) != schedule:
            raise Misuse(
                f"there is another schedule {schedule.name!r}", hint=f"workbench schedule remove {schedule.name}"
            )
        write_whole(path, json.dumps(asdict(schedule), indent=1, ensure_ascii=False))
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}") from error


def kept(root: Path) -> list[Schedule]:
    """The schedules that were noted in a workspace, by name."""
    return [read(path) for path in sorted((root / FOLDER).glob("*.json"))]


def forget(name: str, root: Path) -> Schedule:
    """Remove the note of a schedule.

    Returns:
        What it was.

    Raises:
        Misuse: There is none of that name.
    """
    found = {schedule.name: schedule for schedule in kept(root)}
    if name not in found:
        known = ", ".join(found) or "there are none"
        raise Misuse(f"there is no schedule {name!r}", hint=f"workbench schedule list: {known}")
    (root / FOLDER / f"{name}.json").unlink(missing_ok=True)
    return found[name]


def read(path: Path) -> Schedule:
    """The schedule that a file notes.

    Raises:
        Misuse: The file notes none.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        container = content.pop("container")
        content["sweeps"] = tuple(content["sweeps"])
        made = Schedule(**content, container=Container(**container) if container else None)
        check(made)
        Cron.parse(made.cron)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misuse(
            f"{path} notes no schedule: {error}", hint="remove the file, and add the schedule again"
        ) from error
    return made
