"""A lineage as a picture: one column a kind, curves from what was there to what was made of it; SVG text alone.

Nothing is loaded and nothing runs. The picture has its text equivalent beside it, a nested list that a
keyboard and a screen reader can follow.

>>> column_of("data"), column_of("version")
(0, 3)
>>> label(Node("decision", "7", {"what": "promotion.granted", "actor": "risk-officer"}))
('promotion granted', 'by risk-officer, entry 7')
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.evidence.tracing import particulars, shown, title
from workbench.ledger.lineage import Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views.words import moment, safe

COLUMNS = (
    ("data",),
    ("feature set", "notebook", "environment"),
    ("run",),
    ("version",),
    ("evidence", "approval"),
    ("decision",),
    ("prediction",),
)
HEADS = ("Data", "Made with", "Run", "Version", "Evidence", "Decision", "Answers")
WIDTH, HEIGHT, GAP, FREE = 164, 46, 28, 12  # of a box; between columns; between rows; in the picture's own units
TOP = 26  # room for the heads
MOST = 12  # boxes of one column; the rest is counted
LETTERS = 19  # of a box's first line

STYLE = """
.wb-served .wb-name { font-weight:650; font-size:16px; }
.wb-badge.wb-kind { background:var(--soft); color:var(--quiet); border:1px solid var(--line); }
.wb-lineage:focus-visible { outline:2px solid var(--ours); outline-offset:2px; }
.wb-lineage svg { display:block; min-width:1060px; width:100%; height:auto; font:12.5px system-ui,sans-serif; }
.wb-lineage text { fill:var(--ink); }
.wb-lineage .wb-minor { fill:var(--quiet); font-size:11px; }
.wb-lineage rect { fill:var(--card); stroke:var(--field); stroke-width:1; }
.wb-lineage .wb-about rect { stroke:var(--ours); stroke-width:2.5; }
.wb-lineage .wb-yes rect { stroke:var(--yes); stroke-width:1.6; }
.wb-lineage .wb-fail rect { stroke:var(--no); stroke-width:2; stroke-dasharray:5 3; }
.wb-lineage path { fill:none; stroke:var(--dim); stroke-width:1.3; }
.wb-trace ul { margin:0; padding-left:1.1em; }
.wb-trace li { margin:2px 0; overflow-wrap:anywhere; }
"""


def column_of(kind: str) -> int:
    """The column that a kind stands in, from the left."""
    return next(number for number, kinds in enumerate(COLUMNS) if kind in kinds)


def picture(found: Lineage, about: str) -> str:
    """The picture of a lineage as SVG.

    Args:
        found: What to draw.
        about: Id of the node that it is about.
    """
    columns = _columns(found, about)
    filled = [number for number, nodes in enumerate(columns) if nodes]
    places: dict[str, tuple[int, int]] = {}
    tallest = max((len(nodes) for nodes in columns), default=1)
    height = TOP + tallest * (HEIGHT + FREE)
    for at, number in enumerate(filled):
        start = TOP + (tallest - len(columns[number])) * (HEIGHT + FREE) // 2
        for row, node in enumerate(columns[number]):
            places[node.id] = (at * (WIDTH + GAP), start + row * (HEIGHT + FREE))
    drawn = [edge for edge in found.edges if edge.upper in places and edge.lower in places]
    lines = "".join(_curve(edge, places, height) for edge in drawn)
    boxes = "".join(_box(found.nodes[name], x, y, about=name == about) for name, (x, y) in places.items())
    heads = "".join(
        f'<text class="wb-minor" x="{at * (WIDTH + GAP) + 2}" y="14">{HEADS[number]}{_more(found, number)}</text>'
        for at, number in enumerate(filled)
    )
    width = max(1, len(filled)) * (WIDTH + GAP) - GAP
    words = safe(f"Lineage of {title(found.nodes[about])}: {len(found.nodes)} things, told in the list below")
    return (
        f'<div class="wb-lineage wb-wide" tabindex="0" role="region" aria-label="Picture of the lineage">'
        f'<svg role="img" aria-label="{words}" viewBox="-2 0 {width + 4} {height + FREE // 2}">'
        f"{heads}{lines}{boxes}</svg></div>"
    )


def label(node: Node) -> tuple[str, str]:
    """The two lines of a node's box: what people call it, and what tells it from others."""
    facts, short = node.facts, node.name[:12]
    entry = f"entry {node.name}"
    named = ", ".join(facts.get("names", ()))
    by = ", ".join(words for words in (f"by {facts['actor']}" if facts.get("actor") else "", entry) if words)
    rows = f"{facts['rows']:,} rows, {short[:7]}" if isinstance(facts.get("rows"), int) else short
    told: dict[str, tuple[str, str]] = {
        "data": (named or "data", rows),
        "notebook": (named or "notebook", f"notebook {short}"),
        "environment": ("environment", short),
        "run": (str(facts.get("name") or "run"), f"run {short}"),
        "evidence": (str(facts.get("kind") or "evidence"), f"{facts.get('verdict') or 'found'}, {short[:7]}"),
        "decision": (f"{'doubted: ' * bool(facts.get('doubt'))}{facts.get('what', 'decision')}".replace(".", " "), by),
        "approval": (str(facts.get("what", "approval")).replace(".", " "), by),
        "prediction": (node.name, _answered(node)),
        "version": (node.name.replace("/", " version "), f"threshold {facts.get('threshold')}"),
    }
    return told.get(node.kind, (node.name, str(facts.get("sentence", node.kind))))


def _answered(node: Node) -> str:
    at = str(node.facts.get("at", ""))
    return moment(at) if at else str(node.facts.get("sentence", "given by its version"))


def trace(found: Lineage, about: str) -> str:
    """The same as a nested list: where it comes from, and what it led to."""
    parts = []
    for way, words in (("up", "Comes from"), ("down", "Led to")):
        seen = {about}
        inside = _list(found, about, way, seen)
        parts.append(f"<p><b>{words}</b></p>{inside or '<p>Nothing that the ledger knows.</p>'}")
    return f'<div class="wb-trace">{"".join(parts)}</div>'


def _list(found: Lineage, name: str, way: str, seen: set[str]) -> str:
    items = []
    edges = found.near(name, "up" if way == "up" else "down")
    for other, words in {(edge.upper if way == "up" else edge.lower): edge.words for edge in edges}.items():
        node = found.nodes[other]
        told = shown(f"{words}: {node.kind} {title(node)}", 120)
        about = shown(particulars(node), 160)
        again = other in seen
        seen.add(other)
        inside = "" if again else _list(found, other, way, seen)
        more = " (told above)" if again else f" <span class='wb-quiet'>{safe(about)}</span>" if about else ""
        items.append(f"<li>{safe(told)}{more}{inside}</li>")
        if len(items) == MOST and len(edges) > MOST:
            items.append(f"<li>and {len(edges) - MOST} more</li>")
            break
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _columns(found: Lineage, about: str) -> list[Sequence[Node]]:
    columns: list[list[Node]] = [[] for _ in COLUMNS]
    for node in found.nodes.values():
        columns[column_of(node.kind)].append(node)
    for nodes in columns:
        nodes.sort(key=lambda node: (node.id != about, node.facts.get("entry", 0)))
    return [nodes[:MOST] for nodes in columns]


def _more(found: Lineage, number: int) -> str:
    count = sum(node.kind in COLUMNS[number] for node in found.nodes.values())
    return f" ({MOST} of {count})" if count > MOST else ""


def _box(node: Node, x: int, y: int, *, about: bool) -> str:
    verdict, granted = node.facts.get("verdict"), str(node.facts.get("what", "")).endswith(".granted")
    looks = " ".join(
        ["wb-about"] * about + ["wb-fail"] * (verdict == "fail") + ["wb-yes"] * (verdict == "pass" or granted)
    )
    first, second = (shown(words, LETTERS + more) for words, more in zip(label(node), (0, 5), strict=True))
    whole = shown(f"{node.kind} {title(node)}. {particulars(node)}", 300)
    return (
        f'<g class="{looks}"><title>{safe(whole)}</title>'
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + 9}" y="{y + 18}">{safe(first)}</text>'
        f'<text class="wb-minor" x="{x + 9}" y="{y + 34}">{safe(second)}</text></g>'
    )


def _curve(edge: Edge, places: dict[str, tuple[int, int]], bottom: int) -> str:
    (x1, y1), (x2, y2) = places[edge.upper], places[edge.lower]
    x1, y1, y2 = x1 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
    if x2 < x1:  # within a column, or to the left: around the right side
        x2 += WIDTH
        return f'<path d="M{x1} {y1}C{x1 + 26} {y1} {x2 + 26} {y2} {x2} {y2}"/>'
    bend = GAP // 2
    if x2 - x1 <= GAP:
        return f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'
    start, end = x1 + GAP, x2 - GAP  # below the boxes of the columns between, and up again
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x1 + bend} {bottom} {start} {bottom}'
        f'H{end}C{x2 - bend} {bottom} {x2 - bend} {y2} {x2} {y2}"/>'
    )
