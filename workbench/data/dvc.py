r"""What DVC knows of a file, read from its plain files: `NAME.dvc` beside it, or a `dvc.lock` above it.

DVC itself is not needed and nothing of it is run. A file that cannot be read as DVC writes it says nothing:
what is recorded of a run never fails for a neighbour's mistake.

>>> read_dvc_file("outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f\n  size: 14445097\n  path: raw.csv\n")
{'raw.csv': Tracked(md5='22a1a2931c8370d3aeedd7183606fd7f', size=14445097, stage='')}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.plain_yaml import mapping, plain_text, read_yaml

LOCK = "dvc.lock"
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True)
class Tracked:
    """One file or folder as DVC tracks it."""

    md5: str  # of its bytes, hex; of a folder, of its listing, and then it ends in ".dir"
    size: int | None  # bytes
    stage: str = ""  # of the pipeline that makes it; "" where none does

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, without what is not known."""
        told = {"md5": self.md5, "size": self.size, "stage": self.stage}
        return {name: value for name, value in told.items() if value not in {None, ""}}


def tracked_by_dvc(path: Path, root: Path) -> Tracked | None:
    """What DVC knows of a file or folder; None where it knows nothing.

    Args:
        path: The file, whole.
        root: The folder above which nobody looks for a `dvc.lock`.
    """
    beside = plain_text(path.with_name(f"{path.name}.dvc"))
    if beside is not None:
        found = read_dvc_file(beside).get(path.name)
        if found is not None:
            return found
    for folder in path.parents:
        text = plain_text(folder / LOCK)
        if text is not None:
            return read_lock(text).get(path.relative_to(folder).as_posix())
        if folder == root:
            break
    return None


def read_dvc_file(text: str) -> dict[str, Tracked]:
    """The outputs of a `.dvc` file by path; empty where it is none."""
    return dict(_outputs(read_yaml(text), ""))


def read_lock(text: str) -> dict[str, Tracked]:
    """The dependencies and outputs of a `dvc.lock` by path; an output knows the stage that makes it."""
    stages = mapping(mapping(read_yaml(text)).get("stages"))
    found: dict[str, Tracked] = {}
    for name, stage in stages.items():
        for path, tracked in _outputs({"outs": mapping(stage).get("deps")}, ""):
            found.setdefault(path, tracked)
        found.update(_outputs(stage, str(name)))
    return found


def _outputs(content: Any, stage: str) -> Iterator[tuple[str, Tracked]]:
    outs = mapping(content).get("outs")
    for out in outs if isinstance(outs, list) else ():
        told = mapping(out)
        path, md5, size = told.get("path"), told.get("md5"), told.get("size")
        if isinstance(path, str) and isinstance(md5, str) and MD5.fullmatch(md5):
            yield path, Tracked(md5, size if isinstance(size, int) else None, stage)
