"""The report of a run: its executed notebook as one HTML page without code, for people who decide.

The page stands alone. It loads nothing from outside and runs no script but the one that draws plotly
figures, which is carried in it: a content policy in its head says so to the browser, by hash. All that
a notebook put out is untrusted text and is cleaned; a figure is drawn again from its data.
"""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.folders import write_whole
from workbench.batch.page import page

FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = {"text/html", "text/markdown", "text/plain", "image/png", "image/jpeg", "image/svg+xml"}
ERROR_NOTE = "papermill-error-cell-tag"  # cells that papermill adds to a notebook that failed
HEADING = re.compile(r"\A\s*#\s+(.+?)\s*#*\s*(?:\n|\Z)")
HIDDEN = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)  # cleaning would leave their text
TAGS = re.findall(
    r"\w+",
    "a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre q s "
    "small span strong sub summary sup table tbody td tfoot th thead tr u ul",
)
ATTRIBUTES = {"align", "alt", "class", "colspan", "rowspan", "scope", "start", "title"}
NOWHERE = re.compile(r"<img(?![^>]*\ssrc=)[^>]*>")  # an image whose source was outside
DRAW = """
for (const [place, figure] of JSON.parse(document.getElementById("figures").textContent).entries()) {
  const layout = Object.assign({}, figure.layout, {autosize: true});
  Plotly.newPlot("figure-" + (place + 1), figure.data, layout, {responsive: true, displaylogo: false});
}
"""


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
    mark = uuid.uuid4().hex
    figures = _take_figures(content, mark)
    body = _body(content)
    for number, _ in enumerate(figures, start=1):
        body = body.replace(f"<p>{mark}-{number}</p>", f'<div class="figure" id="figure-{number}"></div>')
    write_whole(report, _page(title, _top(title, sentence, failed, parameters) + body, figures))


def _take_title(content: Any) -> str | None:
    """The heading that a notebook opens with, taken out of it."""
    for cell in content.cells[:1]:
        found = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if found:
            cell.source = cell.source[found.end() :]
            return found[1]
    return None


def _take_figures(content: Any, mark: str) -> list[dict[str, Any]]:
    """The plotly figures, each leaving its mark; all other outputs are cut down to what a page can show."""
    figures: list[dict[str, Any]] = []
    for cell in content.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]  # the rest of it is code
            elif output.output_type in {"display_data", "execute_result"}:
                if FIGURE in output.data:
                    figures.append(output.data[FIGURE])
                    output.data = {"text/html": f"<p>{mark}-{len(figures)}</p>"}
                output.data = {} if WIDGET in output.data else _shown(output.data)
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    return figures


def _shown(data: Mapping[str, Any]) -> Any:
    from nbformat import NotebookNode

    kept = {kind: value for kind, value in data.items() if kind in SHOWN}
    if isinstance(kept.get("text/html"), str):
        kept["text/html"] = HIDDEN.sub("", kept["text/html"])
        if not kept["text/html"].strip():
            return NotebookNode()  # type: ignore[no-untyped-call]  # only a script that readies the notebook for others
    return NotebookNode(kept)  # type: ignore[no-untyped-call]


def _body(content: Any) -> str:
    """The cells as cleaned HTML without code, by nbconvert's template that links to nothing."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        exclude_raw=True,
        sanitize_html=True,
    )
    exporter.register_filter("clean_html", _clean)  # type: ignore[no-untyped-call]  # nbconvert's own escapes headings and table heads
    body, _ = exporter.from_notebook_node(content)
    return str(body)


def _clean(text: str) -> str:
    """HTML with nothing in it that runs, styles or loads."""
    import bleach  # type: ignore[import-untyped]

    def kept(tag: str, name: str, value: str) -> bool:
        if name in {"src", "href"}:
            return value.startswith("data:image/") if tag == "img" else not value.startswith("data:")
        return name in ATTRIBUTES

    protocols = {*bleach.ALLOWED_PROTOCOLS, "data"}
    cleaned = str(bleach.clean(str(text), tags=TAGS, attributes=kept, protocols=protocols, strip=True))
    return NOWHERE.sub("", cleaned)


def _top(title: str, sentence: str, failed: bool, parameters: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in parameters.items()
    )
    kind = "said failed" if failed else "said"
    said = f'<p class="{kind}">{html.escape(sentence)}</p>' if sentence else ""
    table = f'<table class="parameters">{rows}</table>' if rows else ""
    return f"<h1>{html.escape(title)}</h1>{said}{table}"


def _page(title: str, body: str, figures: list[dict[str, Any]]) -> str:
    if not figures:
        return page(title, body)
    from plotly.offline import get_plotlyjs

    told = json.dumps(figures).replace("<", "\\u003c")
    data = f'<script type="application/json" id="figures">{told}</script>'
    return page(title, body, scripts=[get_plotlyjs().replace("\r\n", "\n"), DRAW], data=data)
