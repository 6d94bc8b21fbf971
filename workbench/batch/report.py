"""The report of a run: its executed notebook as one HTML page without code, for people who decide.

The page stands alone. It loads nothing from outside and runs no script but the one that draws plotly
figures, which is carried in it: a content policy in its head says so to the browser, by hash. All that
a notebook put out is untrusted text and is cleaned; a figure is drawn again from its data.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.folders import write_whole

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
STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f6f7f9; color: #1c2430; font: 16px/1.55 system-ui, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 3rem 4rem; background: #fff; min-height: 100vh;
       box-sizing: border-box; box-shadow: 0 0 0 1px #e4e7ec; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1.25rem; }
h2 { font-size: 1.3rem; margin: 2.25rem 0 .5rem; } h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
.said { font-size: 1.1rem; border-left: 4px solid #2463a6; background: #eff5fb;
        padding: .8rem 1.1rem; margin: 0 0 1.25rem; }
.failed { border-color: #b3261e; background: #fdf0ef; }
table { border-collapse: collapse; font-size: .9rem; margin: .75rem 0; display: block; overflow-x: auto; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #e4e7ec; text-align: left; vertical-align: top; }
td { font-variant-numeric: tabular-nums; } thead th { border-bottom: 2px solid #c5ccd6; }
.parameters th { font-weight: 500; color: #55606f; } .parameters { margin-bottom: 2rem; }
pre { font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap; margin: .5rem 0; }
img, svg { max-width: 100%; height: auto; } .figure { min-height: 28rem; margin: 1rem 0; }
.output_stderr { display: none; } .output_error pre { color: #b3261e; }
@media print { body { background: #fff; } main { box-shadow: none; padding: 0; } }
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
    scripts: list[str] = []
    data = ""
    if figures:
        from plotly.offline import get_plotlyjs

        scripts = [get_plotlyjs().replace("\r\n", "\n"), DRAW]
        told = json.dumps(figures).replace("<", "\\u003c")
        data = f'<script type="application/json" id="figures">{told}</script>'
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data: blob:",
            "font-src data:",
            "style-src 'unsafe-inline'",
            "script-src " + (" ".join(_hash(script) for script in scripts) or "'none'"),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n{data}"
        f"{''.join(f'<script>{script}</script>' for script in scripts)}\n</body>\n</html>\n"
    )


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
