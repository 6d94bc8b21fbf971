"""A page that stands alone: it loads nothing, and runs no script but the one that draws plotly figures.

The script is carried in the page; a content policy in its head says so to the browser, by hash. What
is put into the body must be escaped or cleaned before: see `workbench.batch.rendering`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from typing import Any

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


def offline_page(title: str, body: str, figures: Sequence[Any] = (), *, style: str = "") -> str:
    """A whole HTML page.

    Args:
        title: Text of the title.
        body: HTML that is clean; it has a place with the id `figure-N` for the Nth figure, from 1.
        figures: Plotly figures as plain JSON.
        style: CSS beyond the house's own.
    """
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
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n{data}"
        f"{''.join(f'<script>{script}</script>' for script in scripts)}\n</body>\n</html>\n"
    )


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
