"""Cards and documentation say what the ledger says, name what is missing, and show hostile text as text."""

from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser

import pytest

from workbench.bench import open_bench
from workbench.errors import Misuse
from workbench.evidence.blocks import Hole, Quoted, Said, Section, Table, as_html, as_markdown
from workbench.evidence.cards import documentation, model_card
from workbench.evidence.known import gather

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'); DROP TABLE entries; --",
    "../../etc/passwd",
    "$(rm -rf ~) `id` | cat ; &",
    "](javascript:alert(1)) [x](http://evil.example) | ``` \n# heading",
    "\u202egnp.exe \x1b[31m red",
    "</style><svg onload=alert(1)>",
]
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "nav", "ol", "li", "a", "section",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "strong", "code", "pre",
    "div", "wbr",
}  # fmt: skip


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.links = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src"}]


def harmless(page):
    seen = Tags()
    seen.feed(page)
    assert seen.tags <= KNOWN, seen.tags - KNOWN
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert all(link.startswith("#s") for link in seen.links)
    assert "default-src 'none'" in page


@pytest.fixture(scope="session")
def entries(told):
    with open_bench(told) as bench:
        return bench.ledger.entries()


@pytest.fixture(scope="session")
def cards(told):
    with open_bench(told) as bench:
        return bench.papers.card("lending", 1), bench.papers.documentation("lending", 1)


def test_a_card_says_what_was_found_and_in_which_entry(cards):
    page = cards[0].as_markdown()
    assert "Pass: Shown to be fair by race and by sex\\. (entry 5)" in page
    assert "| f1 | 0\\.93 | 0\\.92 to 0\\.94 | 1\\.000 to reach 0\\.8 | 1,989 |" in page
    assert "It fails where income is unknown\\." in page
    assert "promotion\\.granted by risk\\-officer" in page


def test_what_is_missing_is_a_hole_with_the_command_that_fills_it(cards):
    told = {hole.missing: hole.command for hole in cards[0].holes}
    assert told["an audit of the data's quality"] == "workbench run data_quality"
    assert told["a look at what it is asked"] == "workbench run drift_check -p model=lending -p version=1"
    assert any("how long logs may be kept" in missing for missing in told)
    assert f"{len(told)} parts are missing" in cards[0].lead


def test_a_version_with_nothing_but_its_registration_is_mostly_holes(entries):
    registered = [entry for entry in entries if entry.kind == "version.registered"]
    known = gather(registered, "lending", 1, now=NOW)
    missing = [hole.missing for hole in model_card(known).holes]
    assert "the run that trained it" in missing
    assert "performance evidence about lending/1" in missing
    assert "fairness evidence about lending/1" in missing
    assert "a decision about it" in missing
    assert "the policy that judged it" in [hole.missing for hole in documentation(known).holes]


def test_the_documentation_has_every_point_of_annex_four(cards):
    page = cards[1].as_html()
    for point in ("1", "2", "2 (b)", "2 (d)", "2 (e)", "2 (g), 3, 4", "3", "5", "6", "7", "8", "9"):
        assert f"(Annex IV, {point})" in page
    assert "package promotion" in page
    assert "EU declaration of conformity" in [h.missing[4:] for h in cards[1].holes]


def test_pages_are_small_and_load_nothing(cards):
    for card in cards:
        page = card.as_html()
        harmless(page)
        assert len(page.encode()) < 300_000


def test_a_pack_holds_everything_that_an_authority_asks_for(told, tmp_path):
    with open_bench(told) as bench:
        files = {path.name for path in bench.papers.write_pack("lending", 1, tmp_path / "pack")}
    assert files == {
        "card.html", "card.md", "certificate.json", "documentation.html", "documentation.md", "entries.jsonl",
        "evidence-fairness.json", "evidence-performance.json", "lineage.json", "verify_certificate.py",
    }  # fmt: skip


def test_an_unknown_version_is_refused_with_those_that_there_are(told):
    with open_bench(told) as bench, pytest.raises(Misuse, match="lending has no version 7"):
        bench.papers.card("lending", 7)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_names_and_reasons_are_shown_as_text(entries, words):
    def poisoned(entry):
        body = dict(entry.body)
        if entry.kind == "version.registered":
            body |= {"feature_set": words, "registered_by": words, "source": words, "mlflow": {"flavors": [words]}}
        if entry.kind == "evidence.recorded":
            body |= {"sentence": words, "verdict": words, "figures": {words: {"value": 0.5}}}
        if entry.kind == "run.finished":
            body |= {"lessons": [words], "parameters": {words: words}, "about": {words: words}}
        return replace(entry, actor=words, why=words, body=body)

    known = gather([poisoned(entry) for entry in entries], "lending", 1, now=NOW)
    for card in (model_card(known), documentation(known)):
        page, text = card.as_html(), card.as_markdown()
        harmless(page)
        assert "javascript:alert(1)) [x]" not in text
        assert "\n# heading" not in text
        assert "\u202e" not in page + text
        assert "\x1b" not in page + text
        assert "<script" not in text.replace("\\<", "")
    shown = " ".join("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in words).split())
    assert shown in " ".join(unescape(page).split())


@pytest.mark.parametrize("words", HOSTILE)
def test_every_kind_of_block_shows_hostile_words_as_text(words):
    blocks = (
        Said(words, (1,)),
        Table(words, (words, words), ((words, words),)),
        Hole(words, words),
        Quoted(words, words),
    )
    harmless(as_html(words, [Section(words, blocks)], lead=words))
    text = as_markdown(words, [Section(words, blocks)], lead=words)
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert len(fences) == 2
    assert len(set(fences)) == 1, "what is quoted does not end its own fence"
