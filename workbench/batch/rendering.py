"""Cells of an executed notebook as cleaned HTML without code.

All that a notebook put out is untrusted text: nothing in it runs, styles or loads once it is rendered.
A plotly figure is not taken as HTML; its data is handed out, and the page draws it again.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.batch.page import page

FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = {"text/html", "text/markdown", "text/plain", "image/png", "image/jpeg", "image/svg+xml"}
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
_own = threading.local()  # a thread's exporter and cleaner: either is dear to make, and not to be shared


def render(content: Any, figures: list[Any]) -> str:
    """The cells of a notebook as HTML.

    Args:
        content: A notebook as nbformat has it; its outputs are cut down in place.
        figures: Where its plotly figures are added; the Nth of the list is drawn in the place `figure-N`.
    """
    mark, before = uuid.uuid4().hex, len(figures)
    _take_figures(content, figures, mark)
    body = _body(content)
    for number in range(before + 1, len(figures) + 1):
        body = body.replace(f"<p>{mark}-{number}</p>", f'<div class="figure" id="figure-{number}"></div>')
    return body


def page_with(title: str, body: str, figures: Sequence[Any], *, style: str = "") -> str:
    """A whole page of rendered cells, with the one script that draws their figures where there are any.

    Args:
        title: Of the window, as plain text.
        body: HTML, made safe.
        figures: What `render` took out of it.
        style: CSS beyond the common one.
    """
    if not figures:
        return page(title, body, style=style)
    from plotly.offline import get_plotlyjs

    told = json.dumps(figures).replace("<", "\\u003c")
    data = f'<script type="application/json" id="figures">{told}</script>'
    return page(title, body, scripts=[get_plotlyjs().replace("\r\n", "\n"), DRAW], data=data, style=style)


def _take_figures(content: Any, figures: list[Any], mark: str) -> None:
    """The plotly figures, each leaving its mark; all other outputs are cut down to what a page can show."""
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
    from nbconvert.filters.markdown_mistune import InvalidNotebook

    if not hasattr(_own, "exporter"):
        _own.exporter = _exporter()
    try:
        body, _ = _own.exporter.from_notebook_node(content)
    except InvalidNotebook:  # an image is said to be attached to a cell, and is not
        for cell in content.cells:
            cell.source = cell.source.replace("attachment:", "")
        body, _ = _own.exporter.from_notebook_node(content)
    return str(body)


def _exporter() -> Any:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        exclude_raw=True,
        sanitize_html=True,
        optimistic_validation=True,  # it is read and checked once; not again after each preprocessor
    )
    exporter.register_filter("clean_html", _clean)  # type: ignore[no-untyped-call]  # nbconvert's own escapes headings and table heads
    return exporter


def _clean(text: str) -> str:
    """HTML with nothing in it that runs, styles or loads."""
    if not hasattr(_own, "cleaner"):
        _own.cleaner = _cleaner()
    return NOWHERE.sub("", str(_own.cleaner.clean(str(text))))


def _cleaner() -> Any:
    import bleach  # type: ignore[import-untyped]

    def kept(tag: str, name: str, value: str) -> bool:
        if name in {"src", "href"}:
            return value.startswith("data:image/") if tag == "img" else not value.startswith("data:")
        return name in ATTRIBUTES

    protocols = {*bleach.ALLOWED_PROTOCOLS, "data"}
    return bleach.Cleaner(tags=TAGS, attributes=kept, protocols=protocols, strip=True)
