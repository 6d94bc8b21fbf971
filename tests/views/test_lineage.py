"""The page of lineage, clicked through without a browser: a picture, the same as a list, and hostile names as text."""

import re
import runpy
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bench import open_bench
from workbench.errors import EngineError
from workbench.ledger.lineage import Difference, Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views import lineage_page
from workbench.views.lineage import Traced
from workbench.views.lineage_graph import MOST, picture, trace

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>", "</text></svg><iframe src=//evil.example>", "\u202etxt \x1b[31m",
]  # fmt: skip
KNOWN = {
    "div", "p", "b", "span", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "style",
    "svg", "g", "title", "rect", "text", "path", "code",
}  # fmt: skip


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def harmless(html):
    seen = Tags()
    seen.feed(html)
    assert seen.tags <= KNOWN, seen.tags - KNOWN
    assert not [name for name in seen.attributes if name.startswith("on") or name in {"src", "href"}]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    root = TOLD.tell(tmp_path_factory.mktemp("told") / "w")
    with open_bench(root) as bench:
        TOLD.register(bench, number=2, run_id="c3" * 16, data_digest="d9" * 32)
        yield bench.traces.traced()


def traced(words="lending", **given):
    nodes = {
        f"version:{words}/1": Node("version", f"{words}/1", {"threshold": words}),
        f"run:{words}": Node("run", words, {"name": words, "sentence": words}),
        f"evidence:{words}": Node("evidence", words, {"kind": words, "verdict": "fail", "sentence": words}),
    }
    edges = [Edge(f"run:{words}", f"version:{words}/1", words, 1),
             Edge(f"version:{words}/1", f"evidence:{words}", words, 2)]  # fmt: skip
    known = {"model": words, "version": 1, "champion": True, "registered_at": words, "registered_by": words}
    known |= {
        "trace": lambda: Lineage(nodes, edges),
        "count": lambda: 3,
        "changed": lambda: (Difference(words, words, words),),
    }
    return Traced(**{**known, **given})


def test_the_newest_version_is_open_and_says_what_changed_upstream(versions, reader):
    page = reader(lineage_page(lambda: versions))
    assert page.text.startswith("Where 2 versions of 1 model come from.")
    assert "Against the version before, other: parameter seed" in page.text
    assert page.html.count("<svg") == 1
    assert "parameter seed 1 2" in page.text


def test_the_champion_is_marked_and_its_answers_are_counted(versions, reader):
    page = reader(lineage_page(lambda: versions))
    page.press("Look")
    assert "Champion" in page.text
    assert "1 answer" in page.text


def test_the_picture_has_its_text_beside_it(versions):
    one = versions[-1]
    drawn, listed = picture(one.trace(), "version:lending/1"), trace(one.trace(), "version:lending/1")
    assert 'role="img"' in drawn
    assert re.search(r'aria-label="Lineage of lending/1: \d+ things, told in the list below"', drawn)
    for words in ("train", "loan-credit@1", "promotion.granted"):
        assert words in unescape(listed)
    assert drawn.count("<rect") == len(one.trace().nodes)
    harmless(drawn + listed)


def test_a_crowded_column_is_counted_not_drawn(versions):
    nodes = {f"run:{n}": Node("run", str(n)) for n in range(99)} | {"data:d": Node("data", "d")}
    found = Lineage(nodes, [Edge("data:d", f"run:{n}", "read", n) for n in range(99)])
    drawn = picture(found, "data:d")
    assert drawn.count("<rect") == MOST + 1
    assert f"Run ({MOST} of 99)" in drawn
    assert "and 87 more" in trace(found, "data:d")


def test_no_version_and_a_failing_ledger_are_told_in_words(reader):
    assert "workbench run train" in reader(lineage_page(tuple)).html

    def fail():
        raise EngineError("the ledger is out of reach", hint="workbench doctor")

    assert "the ledger is out of reach" in reader(lineage_page(fail)).text.lower()


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_names_and_reasons_are_shown_as_text(words, reader):
    page = reader(lineage_page(lambda: [traced(words)]))
    harmless(page.html)
    harmless(picture(traced(words).trace(), f"version:{words}/1"))
