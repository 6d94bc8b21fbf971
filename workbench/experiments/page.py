"""An analysis as one page of HTML that needs nothing else: sentence first, then check, table and picture."""

from __future__ import annotations

import base64
from html import escape

from workbench.experiments import pictures, tables, words
from workbench.experiments.results import Analysis

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1f2937}"
    "p.answer{font-size:1.15rem}p.broken{color:#b3261e;font-weight:600}"
    "table{border-collapse:collapse;font-size:.9rem}th,td{padding:.3rem .8rem .3rem 0;text-align:left;"
    "border-bottom:1px solid #e5e7eb}img{max-width:100%}"
)


def page(analysis: Analysis) -> str:
    """The page; every name in it is escaped, and it loads nothing from outside."""
    rows = tables.rows(analysis)
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in rows)
    png = base64.b64encode(pictures.differences(analysis).png).decode()
    kind = "broken" if analysis.sample_ratio.passed is False else "check"
    learned = "".join(f"<li>{escape(lesson)}</li>" for lesson in words.lessons(analysis))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(analysis.name)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(analysis.name)}</h1>"
        f'<p class="answer">{escape(analysis.sentence)}</p>'
        f'<p class="{kind}">{escape(analysis.sample_ratio.sentence)}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f'<p><img alt="differences from the control" src="data:image/png;base64,{png}"></p>'
        f"<ul>{learned}</ul></body></html>\n"
    )
