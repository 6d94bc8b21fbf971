"""What was filled in last for a notebook, kept in the workspace until the form is opened again.

    .forms/ab_test-1f3a5c7e.json      {"seed": "7", "metric": "visits"}

A draft is texts by name, as the command line takes them. It is there whole or not at all; one that
cannot be read is none. Whoever keeps one leaves out what names a secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from workbench.batch.folders import slug, write_whole
from workbench.errors import EngineError
from workbench.ledger.sharing import folder_mode

FOLDER = ".forms"


def keep_draft(root: Path, notebook: Path, values: Mapping[str, str]) -> None:
    """Keep what was filled in for a notebook.

    Raises:
        EngineError: The workspace cannot be written.
    """
    path = _path(root, notebook)
    try:
        path.parent.mkdir(mode=folder_mode(root), exist_ok=True)
        write_whole(path, json.dumps(dict(values), indent=1, ensure_ascii=False))
    except OSError as error:
        raise EngineError(
            f"{path} cannot be written: {error.strerror or error}", hint="look at free space and permissions"
        ) from error


def read_draft(root: Path, notebook: Path) -> dict[str, str]:
    """What was filled in last for a notebook; nothing where there is no draft."""
    try:
        content = json.loads(_path(root, notebook).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: text for name, text in content.items() if isinstance(text, str)}


def _path(root: Path, notebook: Path) -> Path:
    """The draft's file; notebooks of the same name in two folders have one each."""
    whole = notebook.resolve()
    root = root.resolve()
    place = whole.relative_to(root) if whole.is_relative_to(root) else whole
    digest = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()
    return root / FOLDER / f"{slug(notebook.stem)}-{digest[:8]}.json"
