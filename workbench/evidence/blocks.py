r"""The pieces that cards and documentation are made of, and how they read as HTML and as Markdown.

Whatever text comes from the ledger is shown as text in both: nothing in a name or a reason is markup. A page
is one file of HTML that loads nothing, and forbids it.

>>> print(as_markdown("Card", [Section("Data", (Hole("no data", "workbench run train"),))]).splitlines()[-1])
> **Missing:** no data\. Fill it: `workbench run train`
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$])")
LONG = 30  # letters of a word that may be broken
NUMBER = re.compile(r"[-+\u2212]?[\d,]+(\.\d+)?(e[-+]?\d+)?%?", re.IGNORECASE)
WHEN = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")
STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:0 auto;
padding:2rem 1.25rem 4rem;max-width:54rem}h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2.2rem 0 .4rem;padding-top:.6rem;border-top:1px solid #d5dae0}
p{margin:.4rem 0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.92rem}
caption{text-align:left;font-weight:600;padding:.2rem 0}th,td{text-align:left;vertical-align:top;
padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e4e8ec;overflow-wrap:break-word}td.long{overflow-wrap:anywhere}
th{font-weight:600}.number{text-align:right;padding-right:1.4rem;font-variant-numeric:tabular-nums}.when{white-space:nowrap}
.wide{overflow-x:auto}.of{color:#57606a;font-size:.85rem;white-space:nowrap}.hole{border:2px dashed #b35900;
border-radius:6px;padding:.5rem .8rem;margin:.6rem 0;background:#fff8ef}
code,pre{font:.88rem/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
pre{background:#f5f7f9;padding:.8rem;border-radius:6px;white-space:pre-wrap;tab-size:4}
nav ol{padding-left:1.2rem}a{color:#0a58a6}.lead{color:#57606a}
@media print{body{padding:0}.hole{background:none}}
"""


@dataclass(frozen=True)
class Said:
    """A statement, and the entries of the ledger that it stands in."""

    words: str
    entries: tuple[int, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of texts under heads; the first column names the row."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    entries: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hole:
    """What is missing, and the command that fills it; without one, who must."""

    missing: str
    command: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class Quoted:
    """A longer text as it is, e.g. a policy."""

    title: str
    text: str
    entries: tuple[int, ...] = ()


Block = Said | Table | Hole | Quoted


@dataclass(frozen=True)
class Section:
    """A part of a page under its title."""

    title: str
    blocks: tuple[Block, ...]


def as_html(title: str, sections: Sequence[Section], *, lead: str = "") -> str:
    """The page as one file of HTML."""
    contents = "".join(f'<li><a href="#s{n}">{_safe(s.title)}</a></li>' for n, s in enumerate(sections, 1))
    body = "".join(
        f'<section aria-labelledby="s{n}"><h2 id="s{n}">{_safe(section.title)}</h2>'
        + "".join(_html(block) for block in section.blocks)
        + "</section>"
        for n, section in enumerate(sections, 1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body><main><h1>{_safe(title)}</h1>"
        f'<p class="lead">{_safe(lead)}</p><nav aria-label="Contents"><ol>{contents}</ol></nav>'
        f"{body}</main></body></html>\n"
    )


def as_markdown(title: str, sections: Sequence[Section], *, lead: str = "") -> str:
    """The page as Markdown."""
    parts = [f"# {_plain(title)}", _plain(lead)] if lead else [f"# {_plain(title)}"]
    for section in sections:
        parts += [f"## {_plain(section.title)}", *(_markdown(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def holes(sections: Sequence[Section]) -> list[Hole]:
    """All that is missing, in order."""
    return [block for section in sections for block in section.blocks if isinstance(block, Hole)]


def _html(block: Block) -> str:
    if isinstance(block, Said):
        return f"<p>{_safe(block.words)}{_of_html(block.entries)}</p>"
    if isinstance(block, Hole):
        way = f" Fill it: <code>{_safe(block.command)}</code>" if block.command else f" {_safe(block.otherwise)}"
        return f'<p class="hole"><strong>Missing:</strong> {_safe(block.missing)}.{way}</p>'
    if isinstance(block, Quoted):
        return f"<p>{_safe(block.title)}{_of_html(block.entries)}</p><pre>{_safe(block.text)}</pre>"
    looks = [_look([row[n] for row in block.rows]) for n in range(len(block.heads))]
    heads = "".join(f'<th scope="col"{look}>{_safe(head)}</th>' for head, look in zip(block.heads, looks, strict=True))
    rows = "".join(
        f'<tr><th scope="row">{_name(row[0])}</th>'
        + "".join(_cell(cell, look) for cell, look in zip(row[1:], looks[1:], strict=True))
        + "</tr>"
        for row in block.rows
    )
    caption = f"<caption>{_safe(block.title)}{_of_html(block.entries)}</caption>"
    table = f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    title = _safe(block.title or ", ".join(block.heads))
    label = f'role="region" tabindex="0" aria-label="{title}"'  # a keyboard has to reach what scrolls
    return f'<div class="wide" {label}>{table}</div>'


def _look(cells: Sequence[str]) -> str:
    """How a column stands: numbers under one another, days in one line."""
    told = [cell for cell in cells if cell]
    for name, form in (("number", NUMBER), ("when", WHEN)):
        if told and all(form.fullmatch(cell) for cell in told):
            return f' class="{name}"'
    return ""


def _name(text: str) -> str:
    """The name of a row, which may be broken after a point or a line below."""
    return re.sub(r"([._])(?=\w)", r"\1<wbr>", _safe(text))


def _cell(text: str, look: str) -> str:
    """A cell; one with a long word, such as a digest, may break it."""
    look = look or (' class="long"' if any(len(word) > LONG for word in text.split()) else "")
    return f"<td{look}>{_safe(text)}</td>"


def _markdown(block: Block) -> str:
    if isinstance(block, Said):
        return f"{_plain(block.words)}{_of(block.entries)}"
    if isinstance(block, Hole):
        way = f" Fill it: {_code(block.command)}" if block.command else f" {_plain(block.otherwise)}"
        return f"> **Missing:** {_plain(block.missing)}\\.{way}"
    if isinstance(block, Quoted):
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
        return f"{_plain(block.title)}{_of(block.entries)}\n\n{fence}\n{block.text.rstrip()}\n{fence}"
    rule = f"|{'|'.join('---' for _ in block.heads)}|"
    lines = [f"**{_plain(block.title)}**{_of(block.entries)}", "", _row(block.heads), rule]
    return "\n".join([*lines, *(_row(row) for row in block.rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_plain(str(cell)) for cell in cells)} |"


def _of(entries: Sequence[int]) -> str:
    return f" ({_named(entries)})" if entries else ""


def _of_html(entries: Sequence[int]) -> str:
    return f' <span class="of">{_named(entries)}</span>' if entries else ""


def _named(entries: Sequence[int]) -> str:
    return f"{'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, entries))}"


def _safe(text: str) -> str:
    return html.escape(_shown(text), quote=True)


def _plain(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(_shown(text).split()))


def _code(text: str) -> str:
    shown = " ".join(_shown(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _shown(text: str) -> str:
    """A text without signs that turn its direction or are no text; every space stays one."""
    kept = (c if c.isprintable() or c in "\n\t" else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "".join(kept)
