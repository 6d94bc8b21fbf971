"""Whatever a name, a reason or a message holds is shown as text."""

from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workbench.batch import Outcome, Parameter, Parameters
from workbench.batch.kinds import Kind
from workbench.errors import Misuse
from workbench.evidence import Figure
from workbench.policy import Decision, Reason
from workbench.promotion import Candidate, Step
from workbench.views import approvals_page, promotion_board, run_form
from workbench.views.deciding import Acts, Reading, Trouble, Waiting, You
from workbench.views.form import Doing, Filling
from workbench.views.outcome import Change, Place

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</textarea><iframe src=//evil.example>",
    "&lt;b&gt; $\\unicode{x}$ {{7*7}} \u202etxt",
]
KNOWN = {
    "div", "p", "b", "span", "h2", "h3", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt",
    "dd", "details", "summary", "blockquote", "time", "code", "abbr", "style", "svg", "line", "circle", "rect",
    "path", "polygon", "polyline", "pre", "text", "g",
}  # fmt: skip


class Tags(HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def harmless(html: str) -> None:
    seen = Tags()
    seen.feed(html)
    assert seen.tags <= KNOWN, seen.tags - KNOWN
    assert not [name for name in seen.attributes if name.startswith("on") or name in {"src", "href"}]


def whole(page) -> str:
    """The HTML of every widget, hidden ones too."""
    return "\n".join(
        [getattr(page, "value", "")] * (type(page).__name__ == "HTML")
        + [whole(c) for c in getattr(page, "children", ())]
    )


@pytest.mark.parametrize("words", HOSTILE)
def test_the_promotions_page_shows_them_as_text(world, question, reader, words):
    no = Decision("deny", (Reason("x", words, metric=words, flip=words),), words, words, words)
    candidates, trail = world.board()
    poisoned = []
    for candidate in candidates:
        found = {
            kind: replace(f, sentence=words, at=words, figures={**f.figures, words: Figure(0.5, 0.4, 0.6)})
            for kind, f in candidate.findings.items()
        }
        version = replace(
            candidate.version, model=words, registered_by=words, registered_at=words, run_id=words, feature_set=words,
            parameters={words: words}, data_digest=words,
        )  # fmt: skip
        poisoned.append(Candidate(version, candidate.stage, found, no if candidate.decision else None))
    told = [
        replace(
            e, why=words, actor=words, subject=f"{words}/{e.subject[-1]}", body={**e.body, "decision": no.as_body()}
        )
        for e in trail
    ]

    def refuse(*_):
        raise Misuse(words, hint=words)

    asked = Waiting(question(model=words, why=words, given=(words,), may=(words,)))
    reading = Reading(You(words, words, (words,)), poisoned, told, [asked], [Trouble(words, words, words)], {words: 3})
    acts = Acts(
        *[refuse] * 6,
        lambda *_: [Step(datetime(2026, 3, 2, tzinfo=UTC), words, words, words, words, 1)],
        refuse,
        refuse,
        lambda waiting: waiting,
    )
    queue = reader(approvals_page(lambda: reading, acts))
    queue.write(words)
    queue.press("Refuse")
    harmless(whole(queue.page))
    page = reader(promotion_board(reading, acts, lambda: reading))
    page.press("Its story")
    page.press("Look at version 3")
    page.write(words, place=0)
    page.press("Refuse")
    page.write(words, place=1)
    page.press("Reject version 2")
    harmless(whole(page.page))
    assert " ".join(words.split()) in " ".join(unescape(page.html).split())


@pytest.mark.parametrize("words", HOSTILE)
def test_the_confirmation_shows_them_as_text(world, reader, words):
    page = reader(promotion_board(world.read(), replace(world.acts, do=lambda *_: words), world.read))
    page.write("because")
    page.press("Reject version 2")
    harmless(whole(page.page))


@pytest.mark.parametrize("words", HOSTILE)
def test_the_monitoring_page_shows_them_as_text(estate, canary, reader, words):
    """The list is JSON that the browser sets as text; all else is HTML, which is looked at here."""
    estate.lines = [replace(one, sentence=words, taken=words) for one in estate.lines]
    estate.lines[0] = replace(estate.lines[0], model=words)
    estate.problems = (words,)
    taken = {"sentence": words, "symptoms": (words,), "state": "acknowledged", "by": words, "why": words, "id": words}
    parts = tuple(replace(part, what=words, words=words) for part in estate.incidents[0].causes)
    estate.incidents = [replace(estate.incidents[0], model=words, causes=parts, **taken)]
    estate.given = {"words": words, "assumption": words, "canary": canary(next=words)}
    estate.said = words
    page = reader(estate.page(actor=words))
    page.press("Roll back …")
    page.write("because")
    page.press("Roll back")
    harmless(whole(page.page))


@pytest.mark.parametrize("words", HOSTILE)
def test_the_run_form_shows_them_as_text(words, reader):
    def kind(leaf, **more):
        return Kind(leaf, **more)

    declared = [
        Parameter("a", "str", kind("str"), words, words, 1),
        Parameter("b", "list[str]", kind("str", listed=True), [words], words, 2),
        Parameter("c", "Literal", kind("Literal", options=(words, "x")), words, words, 3),
        Parameter("d", "Path", kind("Path"), Path(words), words, 4),
    ]
    finding = {"kind": words, "subject": words, "verdict": words, "sentence": words}
    came = Outcome(
        words, words, "finished", Path(words), Path(words), {words: 0.5}, words, ((words, 1),), (finding,), True, words
    )  # fmt: skip
    doing = Doing(
        run=lambda values, on_cell, stop, afresh: came,
        keep=lambda values: None,
        exists=lambda path: False,
        last=lambda: "before",
        compare=lambda before, after: [Change("parameter", words, words, [words]), Change("metric", words, 1, words)],
        place=lambda outcome: Place(f"reports/{words}", words, f"javascript:{words}"),
        read_report=lambda outcome: words,
        read_comparison=lambda before, after: words,
    )
    given = {words: words, "c": words}
    filling = Filling(words, Parameters(words, declared), words, doing, kept=given, asked=given)
    page = reader(run_form(filling, begin=lambda work: work()))
    harmless(whole(page.page))
    page.press("Run")
    harmless(whole(page.page))
    assert " ".join(words.split()) in " ".join(unescape(page.html).split())

    page.press("Show the report here")
    page.press("Show the whole comparison here")
    seen = Tags()
    seen.feed(whole(page.page))
    assert seen.tags - KNOWN == {"iframe"}
    assert not [name for name in seen.attributes if name.startswith("on") or name in {"src", "href"}]

    came = replace(came, status="failed")
    page.press("Run")
    harmless(whole(page.page))
