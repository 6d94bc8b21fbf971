"""The page of lineage, clicked through without a browser: a picture, the same as a list, and hostile names as text."""

import re
import runpy
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bench import open_bench
from workbench.errors import EngineError, Misuse
from workbench.ledger.lineage import Difference, Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views import lineage_page
from workbench.views.lineage import Sought, Traced
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
def bench(tmp_path_factory):
    root = TOLD.tell(tmp_path_factory.mktemp("told") / "w")
    with open_bench(root) as bench:
        TOLD.register(bench, number=2, run_id="c3" * 16, data_digest="d9" * 32)
        yield bench


@pytest.fixture(scope="module")
def versions(bench):
    return bench.traces.traced()


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


# from anything else


def beginnings(bench):
    """What one may type, and what is then to be looked at, by its id."""
    decision = bench.ledger.entries(kind="promotion.granted")[0].seq
    finding = bench.ledger.entries(kind="evidence.recorded")[0].body["digest"]
    return {
        TOLD.DATA[:7]: f"data:{TOLD.DATA}",
        "TRAINING PART": f"data:{TOLD.PART}",
        "data: loans.parquet": f"data:{TOLD.FILE}",
        "a1a1": f"run:{TOLD.RUN}",
        f"run/{TOLD.RUN}": f"run:{TOLD.RUN}",
        "reports/runs/20261127-215839-train-a1a1a1a1/report.html": f"run:{TOLD.RUN}",
        f"entry {decision}": f"decision:{decision}",
        str(decision): f"decision:{decision}",
        "p1": "",  # too short to be a beginning
        "answer request-p1": "prediction:p1",
        "loan-cr": "feature set:loan-credit@1",
        finding[:9]: f"evidence:{finding}",
    }


def versions_in(page):
    """The numbers of the versions that have a line, in their order."""
    return [int(n) for n in re.findall(r'"wb-name">lending</span> <span class="wb-quiet">version (\d)', page.html)]


def test_one_starts_from_data_a_run_a_decision_or_an_answer_by_how_it_begins(bench, reader):
    for typed, wanted in beginnings(bench).items():
        page = reader(lineage_page(bench.traces.traced, seek=bench.decisions.seek))
        page.write(typed)
        found = [one.id for one in bench.decisions.seek(typed)]
        assert found[:1] == ([wanted] if wanted else []), typed
        if not wanted:
            assert "Nothing matches." in page.text
            continue
        if len(found) == 1:
            assert page.buttons[:2] == ["Refresh", "Close"], "the only one is unfolded at once"
            assert page.html.count("<svg") == 1
        harmless(page.html)


def test_what_is_typed_keeps_what_was_looked_at_and_an_emptied_field_shows_the_versions_again(bench, reader):
    page = reader(lineage_page(bench.traces.traced, seek=bench.decisions.seek))
    page.write("a1a1")
    assert "Run train a1a1a1a1a1a1" in page.text
    assert "loan-credit@1" in page.html
    drawn = page.html
    page.write("a1a1a")
    assert page.html == drawn, "nothing is drawn anew"
    page.write("")
    assert "Run train" not in page.text
    assert versions_in(page) == [2, 1]


def test_versions_that_match_stand_before_what_else_does(bench, reader):
    sought = Sought("data:l", "data", "lending rates", "9 rows", lambda: Lineage({"data:l": Node("data", "l")}, []))
    page = reader(lineage_page(bench.traces.traced, seek=lambda words: [sought] if words == "lending" else []))
    page.write("lending")
    assert page.html.index(">version 1<") < page.html.index("lending rates")
    page.write("lending/2")
    assert versions_in(page) == [2]


def test_a_search_that_fails_is_told_in_words_and_the_versions_stay(bench, reader):
    def refuse(words):
        raise Misuse("stranger may not look: no role was given", hint="an admin of the workspace gives roles")

    page = reader(lineage_page(bench.traces.traced, seek=refuse))
    page.write("lending")
    assert "may not look" in page.text
    assert versions_in(page) == [2, 1]
    page.write("")
    assert "may not look" not in page.text


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_things_are_found_and_shown_as_text(words, bench, reader):
    assert not bench.decisions.seek(words)
    node = Node("run", words, {"name": words, "sentence": words})
    sought = Sought(node.id, "run", words, words, lambda: Lineage({node.id: node}, []))
    page = reader(lineage_page(tuple, seek=lambda _: [sought]))
    page.write(words)
    assert "Close" in page.buttons
    harmless(page.html)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_names_and_reasons_are_shown_as_text(words, reader):
    page = reader(lineage_page(lambda: [traced(words)]))
    harmless(page.html)
    harmless(picture(traced(words).trace(), f"version:{words}/1"))


def test_many_answers_are_one_thing_unless_one_asked_for_one(bench, reader):
    nodes = {f"prediction:{n}": Node("prediction", str(n), {"at": "2026-03-02T09:30:00+00:00"}) for n in range(99)}
    nodes["decision:7"] = Node("decision", "7", {"what": "promotion.granted"})
    found = Lineage(nodes, [Edge("decision:7", f"prediction:{n}", "answered under", 0) for n in range(99)])
    page = reader(lineage_page(tuple, seek=lambda words: [Sought(words, "x", words, "", lambda: found)]))
    page.write("decision:7")
    assert "99 answers under 7" in page.text
    assert page.html.count("<rect") == 2
    page.write("prediction:3")
    assert "98 answers under 7" in page.text
    assert "2 Mar 2026, 09:30 UTC" in page.text
