"""Where the policies of a workspace are, what evaluates them there, and what they are asked about its versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.engines.opa import OpaEngine
    from workbench.engines.rego import RegoEngine
    from workbench.policy.differing import Question


@contextmanager
def opened(workspace: Path | None) -> Iterator[tuple[Bench | None, RegoEngine | OpaEngine]]:
    """The bench, where there is one, and what evaluates policies there."""
    from workbench.bench import bench_if_any
    from workbench.bench.policies import policy_engine

    bench = bench_if_any(workspace)
    engine = bench.policy_engine if bench else policy_engine()
    try:
        yield bench, engine
    finally:
        engine.close()
        if bench:
            bench.close()


def named(given: Path, bench: Bench | None) -> Path:
    """The policy's file, given by its path or its name.

    Raises:
        Misuse: There is none.
    """
    folders = _folders(bench)
    if given.is_file():
        return given
    if given.parent == Path():
        for folder in folders:
            if (folder / f"{given.stem}.rego").is_file():
                return folder / f"{given.stem}.rego"
    known = sorted(
        {path.stem for folder in folders for path in folder.glob("*.rego") if not path.stem.endswith("_test")}
    )
    raise Misuse(f"there is no policy {str(given)!r}", hint=f"give a path, or one of: {', '.join(known)}")


def with_cases(bench: Bench | None) -> list[Path]:
    """The policies of the first folder that has any, as far as cases stand beside them.

    Raises:
        Misuse: None has.
    """
    from workbench.policy.cases import cases_of

    for folder in _folders(bench):
        found = [path for path in sorted(folder.glob("*.rego")) if cases_of(path).is_file()]
        if found:
            return found
    raise Misuse(
        "no policy has cases beside it", hint="write NAME_cases.json beside NAME.rego; `workbench init` brings some"
    )


def at_hand(bench: Bench) -> set[str]:
    """The digests of the workspace's policies, and of those that are shipped."""
    from workbench.policy import Policy

    found = set()
    for path in (path for folder in _folders(bench) for path in folder.glob("*.rego")):
        with suppress(Misuse):  # a text that is no policy has decided nothing
            found.add(Policy.load(path).digest)
    return found


def questions(bench: Bench, model: str | None, why: str) -> list[Question]:
    """Every version with what the promotion policy would be told of it now, or those of one model."""
    from workbench.policy.differing import questions as read
    from workbench.promotion.declarations import declared_stakes

    stakes = declared_stakes(bench.ledger)
    return read(bench.ledger, now=bench.now(), model=model, actor=bench.actor, why=why, stakes=stakes)


def _folders(bench: Bench | None) -> list[Path]:
    from workbench.bench import shipped

    own = [bench.root / bench.settings.policies] if bench else []
    return [*own, shipped("templates") / "policies"]
