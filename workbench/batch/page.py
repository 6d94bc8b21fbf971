"""The frame of the pages that batch writes: each stands alone, in one look, and loads nothing from outside.

A content policy in the head says to the browser which scripts are the page's own, by hash, and that
nothing else may run or load. The body is HTML that the caller has made safe.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence

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


def page(title: str, body: str, *, scripts: Sequence[str] = (), data: str = "", style: str = "") -> str:
    """A page.

    Args:
        title: Of the window, as plain text.
        body: HTML, made safe.
        scripts: What may run, in this order, after the body.
        data: HTML that scripts read and nobody sees.
        style: CSS beyond the common one.
    """
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
