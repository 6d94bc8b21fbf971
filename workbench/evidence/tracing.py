r"""A lineage in words: what a node is called, what is known of it, and the whole as a tree of lines; pure.

No sign that is not for printing gets through: names and reasons are written by people, and a terminal or a
page shows them as they are.

>>> shown("lending\x1b[31m red", 60)
'lending [31m red'
"""

from __future__ import annotations

from typing import Any

from workbench.ledger.lineage import Lineage, Way
from workbench.ledger.telling import Node

FEW = 8  # things of one kind that hang on one node and are shown
LONGEST = 150  # characters of a line about a node


def tree(found: Lineage, node: Node, wanted: list[Way]) -> list[str]:
    """A node with what it comes from and what became of it, as lines; what was shown already is named once."""
    lines = [told(node)]
    for way in wanted:
        lines.append("comes from" if way == "up" else "led to")
        before = len(lines)
        _branch(found, node, way, "  ", lines, {node.id})
        if len(lines) == before:
            lines.append("  nothing that the ledger knows")
    return lines


def _branch(found: Lineage, node: Node, way: Way, indent: str, lines: list[str], seen: set[str]) -> None:
    near: dict[str, str] = {}
    for edge in found.near(node.id, way):
        near.setdefault(edge.upper if way == "up" else edge.lower, edge.words)
    shown_now = [*near.items()]
    kinds: dict[str, int] = {}
    kept = []
    for other, words in shown_now:
        kind = found.nodes[other].kind
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= FEW:
            kept.append((other, words))
    more = [f"and {count - FEW} more of kind {kind}" for kind, count in kinds.items() if count > FEW]
    for number, (other, words) in enumerate(kept):
        last = number == len(kept) - 1 and not more
        lower = found.nodes[other]
        again = other in seen
        lines.append(f"{indent}{'└─' if last else '├─'} {words}: {told(lower)}{' (see above)' if again else ''}")
        if not again:
            seen.add(other)
            _branch(found, lower, way, indent + ("   " if last else "│  "), lines, seen)
    lines += [f"{indent}└─ {line}" for line in more]


def told(node: Node) -> str:
    """A node in one line, with what a reader asks first."""
    words = particulars(node)
    entry = f" [entry {node.facts['entry']}]" if "entry" in node.facts else ""
    return shown(f"{node.kind} {title(node)}{f': {words}' if words else ''}", LONGEST) + entry


def particulars(node: Node) -> str:
    """What a reader asks first of a node."""
    facts = node.facts
    about: list[Any] = {
        "data": [f"{facts['rows']:,} rows" if isinstance(facts.get("rows"), int) else "",
                 f"DVC md5 {facts['dvc'].get('md5', '')[:12]}" if facts.get("dvc") else ""],
        "run": [facts.get("sentence", "")],
        "version": [f"threshold {facts['threshold']}" if facts.get("threshold") is not None else ""],
        "evidence": [facts.get("verdict", ""), facts.get("sentence", "")],
        "decision": [f"doubted: {facts['doubt']}" if facts.get("doubt") else "", f"by {facts.get('actor')}",
                     facts.get("why", "")],
        "approval": [f"by {facts.get('actor')}", facts.get("why", "")],
        "prediction": [f"{facts['model']} {facts.get('version')}, generation {facts.get('generation')}"
                       if "model" in facts else facts.get("sentence", ""), facts.get("at", "")],
    }.get(node.kind, [])  # fmt: skip
    return ", ".join(str(word) for word in about if word)


def title(node: Node) -> str:
    """What a node is called, with enough of its digest to ask for it."""
    facts = node.facts
    if node.kind in {"data", "notebook"}:
        return " ".join([*(", ".join(facts[k]) for k in ("names",) if facts.get(k)), node.name[:12]])
    if node.kind == "run":
        return f"{facts.get('name', '')} {node.name[:12]}".strip()
    if node.kind == "evidence":
        return f"{facts.get('kind', '')} {node.name[:12]}".strip()
    if node.kind in {"decision", "approval"}:
        return f"{facts.get('what')} {facts.get('subject')}"
    return node.name[:12] if node.kind == "environment" else node.name


def shown(text: str, most: int = 60) -> str:
    """A text in one line as a terminal may show it: no control character gets through."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
