"""The report of a run: its executed notebook as one HTML page without code and without outside requests."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUTSIDE = re.compile(r"<(script|link)\b[^>]*\b(?:src|href)=[\"'](?:https?:)?//[^>]*>(?:\s*</script>)?", re.IGNORECASE)
MATHJAX = re.compile(r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", re.DOTALL)
STYLE = """
<style>
  body { max-width: 960px; margin: 0 auto !important; padding: 24px !important; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none !important; }
  .jp-Cell { padding: 4px 0 !important; }
  .wb-parameters { font: 13px/1.5 system-ui, sans-serif; color: #444; margin: 8px 0 16px; }
  .wb-parameters td { padding: 1px 16px 1px 0; vertical-align: top; }
  .wb-sentence { font: 600 17px/1.45 system-ui, sans-serif; background: #f2f6fb; border-left: 4px solid #2563a8;
                 padding: 12px 16px; margin: 8px 0 16px; }
</style>
"""


def write_report(notebook: Path, report: Path, *, title: str, sentence: str, parameters: Mapping[str, Any]) -> None:
    """Render an executed notebook.

    Args:
        notebook: The executed notebook.
        report: The HTML file to write.
        title: The page's title.
        sentence: What came out; stands at the top.
        parameters: What it ran with.
    """
    import nbformat
    from nbconvert import HTMLExporter

    content = nbformat.read(str(notebook), as_version=4)
    exporter = HTMLExporter(
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        mathjax_url="",
        require_js_url="",
        mermaid_js_url="",
        jquery_url="",
        widget_renderer_url="",
        html_manager_semver_range="",
    )
    exporter.sanitize_html = False  # the notebook is ours; its texts are escaped where they are made
    page, _ = exporter.from_notebook_node(content, resources={"metadata": {"name": title}})
    page = OUTSIDE.sub("", MATHJAX.sub("", page))
    page = re.sub(
        r'<script type="module">(?:(?!</script>).)*mermaid(?:(?!</script>).)*</script>', "", page, flags=re.DOTALL
    )
    page = page.replace("</head>", f"{STYLE}</head>", 1)
    page = re.sub(r"(<body[^>]*>)", lambda found: found[1] + _top(sentence, parameters), page, count=1)
    beside = report.with_name(f".{report.name}")
    beside.write_text(page, "utf-8")
    beside.replace(report)


def _top(sentence: str, parameters: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(str(value))}</td></tr>"
        for name, value in parameters.items()
    )
    said = f'<div class="wb-sentence">{html.escape(sentence)}</div>' if sentence else ""
    table = (
        f'<details class="wb-parameters"><summary>Parameters</summary><table>{rows}</table></details>' if rows else ""
    )
    return said + table
