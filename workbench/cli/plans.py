"""Designs registered in files before the data is read: written once, told to the ledger, compared afterwards.

A file is the design's own text and the time of its registration, which is no part of the digest.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.experiments import Design

KIND = "design.registered"  # of the ledger's entry


class Plan(NamedTuple):
    """A registered design beside the one that is used."""

    digest: str | None = None  # of the registered one; None: none was
    differing: tuple[str, ...] = ()  # fields in which the two differ
    at: str | None = None  # when it was registered; None: the file does not say
    told: bool | None = None  # whether the workspace's ledger knows of it; None: there is no workspace, or it differs

    def as_json(self) -> dict[str, Any]:
        """What a result says of it; nothing where there is no registered design."""
        return (
            {}
            if self.digest is None
            else {
                "differing": list(self.differing),
                "registered_at": self.at,
                "in_ledger": self.told,
            }
        )


def register_plan(design: Design, path: Path, workspace: Path | None) -> str:
    """Keep a design in a new file, and in the ledger of the workspace if there is one.

    Args:
        design: What is planned.
        path: A file that is not there yet, or holds this design.
        workspace: The workspace; None: the one the current folder lies in, if any.

    Returns:
        What was done, in words.

    Raises:
        Misuse: The file holds something else, or the named workspace is none.
        EngineError: The file cannot be written.
    """
    from workbench.experiments.design import REGISTERED

    digest = design.digest[:12]
    if path.exists():
        kept = compared(design, path, workspace)
        if kept.differing:
            raise Misuse(
                f"{path} holds another design, which differs in {', '.join(kept.differing)}",
                hint="a registered design is not changed; give another file, or delete this one yourself",
            )
        _tell_ledger(design, workspace)
        return f"{path} holds this design already, digest {digest}, registered at {kept.at or 'a time not told'}"
    body = json.loads(design.as_json()) | {REGISTERED: datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}", hint="give a folder that is there") from error
    where = " and in the ledger" if _tell_ledger(design, workspace) else ""
    return f"the design is kept in {path}{where}, digest {digest}; the data was not read"


def compared(design: Design, registered: Path | None, workspace: Path | None) -> Plan:
    """A design beside the registered one.

    Raises:
        Misuse: The file cannot be read, or holds no design.
    """
    if registered is None:
        return Plan()
    from workbench.experiments.design import REGISTERED
    from workbench.experiments.design import Design as Planned

    try:
        text = registered.read_text("utf-8")
        fields = json.loads(text)
        at = fields.pop(REGISTERED, None)
        then = Planned.from_json(json.dumps(fields))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        why = error.message if isinstance(error, Misuse) else "it is no design"
        raise Misuse(
            f"the registered design {registered} cannot be read: {why}", hint="workbench ab … --register"
        ) from error
    differing = design.differing(text)
    told = _in_ledger(then.digest, workspace)
    return Plan(then.digest, differing, at if isinstance(at, str) and at.isprintable() else None, told)


def _in_ledger(digest: str, workspace: Path | None) -> bool | None:
    """Whether the ledger of a workspace holds a registration; None where there is no workspace."""
    from workbench import open_bench

    try:
        bench = open_bench(workspace)
    except Misuse:
        if workspace is not None:
            raise
        return None
    with bench:
        return any(entry.body.get("digest") == digest for entry in bench.ledger.entries(kind=KIND))


def _tell_ledger(design: Design, workspace: Path | None) -> bool:
    """Whether there is a workspace, whose ledger then holds the registration once."""
    from workbench import open_bench

    try:
        bench = open_bench(workspace)
    except Misuse:
        if workspace is not None:
            raise
        return False
    with bench:
        bench.ledger.append(
            KIND,
            subject=f"experiment/{design.name}",
            actor=bench.actor,
            why="registered before the data was read",
            body={"name": design.name, "digest": design.digest},
            now=bench.now(),
            key=f"{KIND}/{design.digest}",
        )
    return True
