"""A notebook's file: its cells, its digest, and a copy of it with parameters injected.

The copy keeps to papermill's form: the cell tagged `parameters` is followed by one tagged
`injected-parameters`. Here the values are Python of their own types: a date arrives as a date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from workbench.batch.kinds import source
from workbench.batch.secrets import Secret
from workbench.errors import Misuse
from workbench.ledger import digest

TAG = "parameters"
INJECTED = "injected-parameters"
ERROR_NOTE = "papermill-error-cell-tag"  # tags cells that papermill adds to a notebook that failed
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
ABOUT = ("template", "hypothesis", "owner", "created")  # what a filled template says of itself
FORMAT = 4
WITH_IDS = 5  # the minor format from which on cells have an id


def content_of(notebook: Path) -> dict[str, Any]:
    """A notebook as the file has it, its cells known to be cells.

    Raises:
        Misuse: The file cannot be read, or is no notebook.
    """
    hint = "give a notebook, or open it in JupyterLab and save it again"
    try:
        content = json.loads(notebook.read_text("utf-8"))
    except OSError as error:
        raise Misuse(f"{notebook} cannot be read: {error.strerror}", hint="give the path of a notebook") from error
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{notebook} is no notebook: {error}", hint=hint) from error
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not isinstance(content.get("metadata", {}), dict):
        raise Misuse(f"{notebook} is no notebook: it has no cells", hint=hint)
    if content.get("nbformat") != FORMAT or not isinstance(content.get("nbformat_minor"), int):
        raise Misuse(f"{notebook} is of notebook format {content.get('nbformat')}; it must be {FORMAT}", hint=hint)
    for number, cell in enumerate(cells, start=1):
        if not _is_cell(cell):
            raise Misuse(f"{notebook} is no notebook: its item {number} is no cell", hint=hint)
    found: dict[str, Any] = content
    return found


def about_of(notebook: Path) -> dict[str, str]:
    """What a notebook's metadata say that it is for: its hypothesis, owner and day; empty where they say nothing."""
    try:
        about = json.loads(notebook.read_text("utf-8"))["metadata"]["workbench"]
        return {name: about[name] for name in ABOUT if isinstance(about.get(name), str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_tagged(cell: Mapping[str, Any], tag: str) -> bool:
    """Whether a code cell carries a tag."""
    return cell["cell_type"] == "code" and tag in cell.get("metadata", {}).get("tags", [])


def own_cells(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A notebook's cells without those that a runner put in."""
    return [cell for cell in content["cells"] if not _is_runners(cell)]


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of a notebook's cells, in hex; outputs and injected values do not count."""
    cells = own_cells(content)
    return digest([["".join(cell["source"]), cell["cell_type"]] for cell in cells])


def injected(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A notebook that has a cell of its parameters' values after the parameters cell.

    Args:
        content: A notebook with a parameters cell; a cell injected before is left out.
        values: Each parameter's value.
    """
    flat = [item for value in values.values() for item in (value if isinstance(value, list) else [value])]
    lines = ["# Parameters"]
    if any(isinstance(value, date) for value in flat):
        lines.append("from datetime import date")
    if any(isinstance(value, PurePath) for value in flat):
        lines.append("from pathlib import Path")
    if any(isinstance(value, Secret) for value in flat):
        lines.append("from workbench import Secret")
    lines += [f"{name} = {source(value)}" for name, value in values.items()]
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": INJECTED,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
        "source": "\n".join(lines),
    }
    if content["nbformat_minor"] < WITH_IDS:
        del cell["id"]
    cells = own_cells(content)
    after = [is_tagged(cell, TAG) for cell in cells].index(True) + 1
    metadata = {**content.get("metadata", {}), "kernelspec": KERNEL}
    return {**content, "metadata": metadata, "cells": [*cells[:after], cell, *cells[after:]]}


def _is_runners(cell: Mapping[str, Any]) -> bool:
    return is_tagged(cell, INJECTED) or ERROR_NOTE in cell.get("metadata", {}).get("tags", [])


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    metadata, text = cell.get("metadata", {}), cell.get("source")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("tags", []), list):
        return False
    return isinstance(text, str) or (isinstance(text, list) and all(isinstance(line, str) for line in text))
