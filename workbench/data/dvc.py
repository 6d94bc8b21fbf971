r"""What DVC knows of a file, read from its plain files: `NAME.dvc` beside it, or a `dvc.lock` above it.

DVC itself is not needed and nothing of it is run. A file that cannot be read as DVC writes it says nothing:
what is recorded of a run never fails for a neighbour's mistake.

>>> read_dvc_file("outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f\n  size: 14445097\n  path: raw.csv\n")
{'raw.csv': Tracked(md5='22a1a2931c8370d3aeedd7183606fd7f', size=14445097, stage='', origin='')}
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.plain_yaml import mapping, plain_text, read_yaml

LOCK, PIPELINE = "dvc.lock", "dvc.yaml"
CACHE = Path(".dvc/cache/files/md5")  # below a repository: what it holds, a folder's listing too
USERINFO = re.compile(r"//[^/\s]*@")  # of an address: who asks, and often the password; never kept
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True)
class Tracked:
    """One file or folder as DVC tracks it."""

    md5: str  # of its bytes, hex; of a folder, of its listing, and then it ends in ".dir"
    size: int | None  # bytes
    stage: str = ""  # of the pipeline that makes it; "" where none does
    origin: str = ""  # where it was imported from: an address, a path, a repository with its commit

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, without what is not known."""
        told = {"md5": self.md5, "size": self.size, "stage": self.stage, "origin": self.origin}
        return {name: value for name, value in told.items() if value not in {None, ""}}


def tracked_by_dvc(path: Path, root: Path) -> Tracked | None:
    """What DVC knows of a file or folder; None where it knows nothing.

    Args:
        path: The file, whole.
        root: The folder above which nobody looks for a `dvc.lock`.
    """
    for tracked in (path, *path.parents):
        if root not in (tracked, *tracked.parents) or tracked == root:
            break
        found = _known(tracked, root)
        if found is not None:
            return found if tracked == path else _within(found, path.relative_to(tracked).as_posix(), path, root)
    return None


def _known(path: Path, root: Path) -> Tracked | None:
    """What DVC knows of exactly this file or folder."""
    beside = plain_text(path.with_name(f"{path.name}.dvc"))
    if beside is not None:
        found = read_dvc_file(beside).get(path.name)
        if found is not None:
            return found
    for folder in path.parents:
        text = plain_text(folder / LOCK)
        if text is not None:
            return read_lock(text, plain_text(folder / PIPELINE) or "").get(path.relative_to(folder).as_posix())
        if folder == root:
            break
    return None


def _within(folder: Tracked, name: str, path: Path, root: Path) -> Tracked | None:
    """A file of a tracked folder, by the folder's listing in DVC's cache; None where that is not at hand."""
    if not folder.md5.endswith(".dir"):
        return None
    for above in path.parents:
        listing = plain_text(above / CACHE / folder.md5[:2] / folder.md5[2:])
        if listing is not None:
            try:
                files = json.loads(listing)
            except (ValueError, RecursionError):
                return None
            for told in map(mapping, files if isinstance(files, list) else ()):
                md5 = told.get("md5")
                if told.get("relpath") == name and isinstance(md5, str) and MD5.fullmatch(md5):
                    return Tracked(md5, None, folder.stage, folder.origin)
            return None
        if above == root:
            break
    return None


def read_dvc_file(text: str) -> dict[str, Tracked]:
    """The outputs of a `.dvc` file by path; empty where it is none."""
    content = mapping(read_yaml(text))
    if content.get("wdir") not in {None, "."}:
        return {}  # its paths are those of another folder
    return dict(_outputs(content, "", _origin(content)))


def read_lock(text: str, pipeline: str = "") -> dict[str, Tracked]:
    """The dependencies and outputs of a `dvc.lock` by path; an output knows the stage that makes it.

    Args:
        text: Of the lock.
        pipeline: Text of the `dvc.yaml` beside it: the paths of a stage with a `wdir` begin there.
    """
    stages = mapping(mapping(read_yaml(text)).get("stages"))
    plans = mapping(mapping(read_yaml(pipeline)).get("stages")) if pipeline else {}
    found: dict[str, Tracked] = {}
    for name, stage in stages.items():
        plan = plans.get(name, plans.get(str(name).partition("@")[0]))
        start = _folder_of(plan) if pipeline else "."
        if start is None:
            continue
        for path, tracked in _outputs({"outs": mapping(stage).get("deps")}, ""):
            found.setdefault(posixpath.normpath(posixpath.join(start, path)), tracked)
        made = _outputs(stage, str(name))
        found.update((posixpath.normpath(posixpath.join(start, path)), tracked) for path, tracked in made)
    return found


def _folder_of(plan: Any) -> str | None:
    """The folder in which a stage runs, from that of its `dvc.yaml`; None where a template says it, or nothing does."""
    if plan is None:
        return None
    told = mapping(plan)
    wdir = mapping(told.get("do", told)).get("wdir", told.get("wdir", "."))
    return wdir if isinstance(wdir, str) and "${" not in wdir else None


def _origin(content: Mapping[str, Any]) -> str:
    """Where an import came from."""
    deps = content.get("deps")
    dep = mapping(deps[0]) if isinstance(deps, list) and len(deps) == 1 else {}
    repo, path = mapping(dep.get("repo")), dep.get("path")
    if isinstance(repo.get("url"), str):
        return USERINFO.sub("//", f"{repo['url']}@{repo.get('rev_lock', '')}:{path}")
    return USERINFO.sub("//", path) if isinstance(path, str) else ""


def _outputs(content: Any, stage: str, origin: str = "") -> Iterator[tuple[str, Tracked]]:
    outs = mapping(content).get("outs")
    for out in outs if isinstance(outs, list) else ():
        told = mapping(out)
        path, md5, size = told.get("path"), told.get("md5"), told.get("size")
        if isinstance(path, str) and isinstance(md5, str) and MD5.fullmatch(md5):
            yield path, Tracked(md5, size if isinstance(size, int) else None, stage, origin)
