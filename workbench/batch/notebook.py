"""The notebook as a file: its cells, its digest, and the copy that a run executes.

Plain JSON, no nbformat: that takes 1.4 seconds to import, and a wrong parameter is told before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from workbench.errors import Misuse
from workbench.ledger import digest

TAG = "parameters"
INJECTED = "injected-parameters"  # papermill's name for the cell with the values of a run
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook's content as the file has it.

    Raises:
        Misuse: The file cannot be read, or is no notebook.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}", hint="give the path of a notebook") from error
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{path} is no notebook: {error}", hint="open it in JupyterLab and save it again") from error
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise Misuse(f"{path} is no notebook: it has no cells", hint="open it in JupyterLab and save it again")
    return content


def parameters_source(content: Mapping[str, Any], name: str) -> str:
    """The text of the cell that is tagged "parameters".

    Raises:
        Misuse: There is none.
    """
    for cell in content["cells"]:
        if _tagged(cell, TAG):
            return _text(cell)
    raise Misuse(
        f"{name} has no parameters cell",
        hint=f'tag its first code cell "{TAG}" and declare a parameter a line: seed: int = 1  # random seed',
    )


def notebook_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the kinds and texts of a notebook's cells, in hex; outputs and metadata do not count."""
    return digest([[cell.get("cell_type"), _text(cell)] for cell in content["cells"] if not _tagged(cell, INJECTED)])


def with_values(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with a cell of a run's values after its parameters cell, as papermill would inject it.

    Dates and paths arrive as dates and paths; papermill itself would make them texts.
    """
    cells = [cell for cell in content["cells"] if not _tagged(cell, INJECTED)]
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
        "source": values_source(values),
    }
    if (content.get("nbformat", 4), content.get("nbformat_minor", 0)) >= (4, 5):
        cell["id"] = INJECTED
    place = next(number for number, cell in enumerate(cells, start=1) if _tagged(cell, TAG))
    metadata = {**content.get("metadata", {}), "kernelspec": KERNEL}
    return {**content, "metadata": metadata, "cells": [*cells[:place], cell, *cells[place:]]}


def values_source(values: Mapping[str, Any]) -> str:
    """Python that assigns the values, with the imports they need.

    >>> print(values_source({"since": date(2026, 1, 1), "alpha": 0.05}))
    # Parameters
    from datetime import date
    since = date(2026, 1, 1)
    alpha = 0.05
    """
    lines = [f"{name} = {_written(value)}" for name, value in values.items()]
    flat = [item for value in values.values() for item in (value if isinstance(value, list) else [value])]
    if any(isinstance(item, PurePath) for item in flat):
        lines.insert(0, "from pathlib import Path")
    if any(isinstance(item, date) for item in flat):
        lines.insert(0, "from datetime import date")
    return "\n".join(["# Parameters", *lines])


def plain(value: Any) -> Any:
    """A parameter's value as JSON: dates and paths as texts."""
    if isinstance(value, date | PurePath):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def _written(value: Any) -> str:
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, PurePath):
        return f"Path({str(value)!r})"
    return f"[{', '.join(_written(item) for item in value)}]" if isinstance(value, list) else repr(value)


def _tagged(cell: Mapping[str, Any], tag: str) -> bool:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    return isinstance(tags, list) and tag in tags


def _text(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return (
        "".join(str(line) for line in source)
        if isinstance(source, Sequence) and not isinstance(source, str)
        else str(source)
    )
