"""The report of a run: its executed notebook as one HTML page without code, for people who decide."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.folders import write_whole
from workbench.batch.notebook import ERROR_NOTE
from workbench.batch.rendering import page_with, render

HEADING = re.compile(r"\A\s*#\s+(.+?)\s*#*\s*(?:\n|\Z)")


def write_report(
    notebook: Path, report: Path, *, name: str, sentence: str, failed: bool, parameters: Mapping[str, Any]
) -> None:
    """Render an executed notebook.

    Args:
        notebook: The executed notebook.
        report: The HTML file to write, whole or not at all.
        name: The notebook's name, for the page's title where it has no heading.
        sentence: What came out, or what went wrong; stands at the top.
        failed: Whether it went wrong.
        parameters: What it ran with.
    """
    import nbformat

    content = nbformat.read(str(notebook), as_version=4)  # type: ignore[no-untyped-call]
    content.cells = [cell for cell in content.cells if ERROR_NOTE not in cell.metadata.get("tags", [])]
    title = _take_title(content) or name
    figures: list[Any] = []
    body = _top(title, sentence, failed, parameters) + render(content, figures)
    write_whole(report, page_with(title, body, figures))


def _take_title(content: Any) -> str | None:
    """The heading that a notebook opens with, taken out of it."""
    for cell in content.cells[:1]:
        found = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if found:
            cell.source = cell.source[found.end() :]
            return found[1]
    return None


def _top(title: str, sentence: str, failed: bool, parameters: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in parameters.items()
    )
    kind = "said failed" if failed else "said"
    said = f'<p class="{kind}">{html.escape(sentence)}</p>' if sentence else ""
    table = f'<table class="parameters">{rows}</table>' if rows else ""
    return f"<h1>{html.escape(title)}</h1>{said}{table}"
