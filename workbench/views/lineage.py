"""The page of lineage: each version with what it came of and what it led to, as a picture and as a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.evidence.tracing import shown
from workbench.ledger.heads import PROMOTIONS
from workbench.ledger.lineage import Difference, Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views.evidence import folded
from workbench.views.lineage_graph import STYLE, picture, trace
from workbench.views.listing import Kind, Listing
from workbench.views.outcome import link
from workbench.views.papers import Papers
from workbench.views.words import counted, moment, safe, sentence

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.views.deciding import Acts
    from workbench.views.outcome import Place
    from workbench.views.parts import Parts


FEW = 3  # answers that are drawn one by one


@dataclass(frozen=True)
class Traced:
    """One version with its lineage."""

    model: str
    version: int
    champion: bool  # whether it is the champion now
    registered_at: str  # ISO 8601, UTC
    registered_by: str
    trace: Callable[[], Lineage]  # what it came of and what it led to, drawn up when it is looked at
    changed: Callable[[], Sequence[Difference]]  # upstream, against the version before; read when it is shown
    count: Callable[[], int]  # the answers that it gave
    run: Callable[[], Place | None] = lambda: None  # where the run that trained it is to be found

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return f"{self.model}/{self.version}"


@dataclass(frozen=True)
class Sought:
    """Something other than a version that may be meant by whoever types: data, a run, a decision, an answer."""

    id: str  # "data:4f0c9a7e…"
    kind: str
    title: str  # what it is called
    told: str  # what one asks first of it; empty: nothing is known
    trace: Callable[[], Lineage] = field(compare=False)  # as that of a version, answers included


Shown = Traced | Sought


def lineage_page(
    read: Callable[[], Sequence[Traced]],
    acts: Acts | None = None,
    seek: Callable[[str], Sequence[Sought]] | None = None,
) -> Widget:
    """The page on which one sees where each version comes from and what became of it.

    Args:
        read: The versions with their lineage, the newest first.
        acts: What gives story, card and certificate of a version; None: nothing does.
        seek: What else may be meant by the words that somebody typed; None: versions alone are found.
    """

    def closely(parts: Parts, one: Shown, _: Sequence[Shown]) -> list[Any]:
        if isinstance(one, Sought):
            return [parts.html(_drawn(_counted_answers(one.trace(), one.id), one.id))]
        found = one.trace()
        drawn = [parts.html(_told(one, found))]
        if acts is not None:
            papers = Papers(parts, acts, one.model, one.version, without=("Lineage",))
            papers.offer(certificate=any(str(n.facts.get("what", "")) in PROMOTIONS for n in found.nodes.values()))
            drawn.append(papers.widget)
        return drawn

    kind: Kind[Shown] = Kind(
        noun="version",
        style=STYLE,
        name=lambda one: one.title if isinstance(one, Sought) else f"{one.model} version {one.version}",
        words=lambda one: (
            f"{one.model} version {one.version} {one.subject} version:{one.subject}" if isinstance(one, Traced) else ""
        ),
        key=lambda one: one.id if isinstance(one, Sought) else f"version:{one.subject}",
        lead=lambda read: _lead([one for one in read if isinstance(one, Traced)]),
        line=lambda one, _: _sought(one) if isinstance(one, Sought) else _line(one),
        closely=closely,
        seek=seek,
        find="" if seek is None else "Find a version, run, data, decision or answer",
        hint="" if seek is None else "a name, how an id or a digest begins, or the number of an entry",
    )
    return Listing(kind, read).open()


def _lead(versions: Sequence[Traced]) -> str:
    if not versions:
        return (
            '<p class="wb-lead">No version is registered.</p><p>Train the first: <code>workbench run train</code></p>'
        )
    models = counted(len({one.model for one in versions}), "model")
    return (
        f'<p class="wb-lead">Where {counted(len(versions), "version")} of {models} come from.</p>'
        '<p class="wb-quiet">From the data on the left to decisions and answers on the right. '
        "Each step stands in an entry of the ledger.</p>"
    )


def _line(one: Traced) -> str:
    badge = '<span class="wb-badge wb-yes">Champion</span> ' if one.champion else ""
    changed = one.changed()
    if changed:
        told = ", ".join(shown(each.what, 40) for each in changed[:4])
        more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
        what = f"Against the version before, other: {safe(told)}{more}."
    else:
        what = "The first version." if one.version == 1 else "Nothing upstream differs from the version before."
    return (
        f'<div><span class="wb-name">{safe(one.model)}</span> '
        f'<span class="wb-quiet">version {one.version}</span> {badge}'
        f'<span class="wb-quiet">· {safe(moment(one.registered_at))} by {safe(one.registered_by)}</span>'
        f"<p>{what}</p></div>"
    )


def _sought(one: Sought) -> str:
    told = f"<p>{safe(shown(sentence(one.told), 300))}</p>" if one.told else ""
    kind = safe(one.kind.capitalize() if one.kind != "prediction" else "Answer")
    return (
        f'<div><span class="wb-badge wb-kind">{kind}</span> '
        f'<span class="wb-name">{safe(shown(one.title, 120))}</span>{told}</div>'
    )


def _told(one: Traced, found: Lineage) -> str:
    about = f"version:{one.subject}"
    found = _with_answers(found, one)
    changed = ""
    if differences := one.changed():
        rows = "".join(
            f'<tr><th scope="row">{safe(shown(d.what))}</th><td>{safe(shown(d.before) or "none")}</td>'
            f"<td>{safe(shown(d.after) or 'none')}</td></tr>"
            for d in differences
        )
        heads = '<th scope="col">What</th><th scope="col">Before</th><th scope="col">Now</th>'
        changed = folded(
            "What changed upstream", f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )
    return _drawn(found, about, f"{_where(one.run())}{changed}")


def _drawn(found: Lineage, about: str, between: str = "") -> str:
    """The picture and the same as a list."""
    return f"{picture(found, about)}{between}{folded('The same as a list', trace(found, about))}"


def _where(place: Place | None) -> str:
    """The run behind it, as links."""
    if place is None:
        return ""
    run = f" · {link(place.run_link, 'MLflow run')}" if place.run_link else ""
    return f'<p class="wb-quiet">Trained in {link(place.report_link, place.report)}{run}</p>'


def _counted_answers(found: Lineage, about: str) -> Lineage:
    """A lineage with the answers that hang on one thing as one, unless they are few or what it is about."""
    given: dict[str, list[Edge]] = {}
    for edge in found.edges:
        if edge.lower.startswith("prediction:") and edge.lower != about and not found.near(edge.lower, "down"):
            given.setdefault(edge.upper, []).append(edge)
    many = {upper: edges for upper, edges in given.items() if len(edges) > FEW}
    gone = {edge.lower for edges in many.values() for edge in edges}
    nodes = {id_: node for id_, node in found.nodes.items() if id_ not in gone}
    edges = [edge for edge in found.edges if edge.lower not in gone]
    for upper, told in many.items():
        node = Node("prediction", f"{counted(len(told), 'answer')} under {found.nodes[upper].name}")
        nodes[node.id] = node
        edges.append(Edge(upper, node.id, "answered", 0))
    return Lineage(nodes, edges)


def _with_answers(found: Lineage, one: Traced) -> Lineage:
    """A version's lineage with its answers as one thing, below the last move that let it give them."""
    given = one.count()
    if not given:
        return found
    moves = [node for node in found.nodes.values() if str(node.facts.get("what", "")).endswith(".granted")]
    upper = moves[-1].id if moves else f"version:{one.subject}"
    node = Node("prediction", counted(given, "answer"), {"sentence": "given by this version"})
    return Lineage({**found.nodes, node.id: node}, [*found.edges, Edge(upper, node.id, "answered", 0)])
