"""A card and a picture of lineage in a real browser: nothing is asked for, nothing hostile runs, all is in view."""

import shutil

import pytest

from workbench.evidence.blocks import Hole, Quoted, Said, Section, Table, as_html
from workbench.ledger.lineage import Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views.lineage_graph import STYLE, picture, trace

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WORDS = (
    '"><img src=x onerror="document.title=1"><script>document.title=1</script></style><svg onload="document.title=1">'
)
FIGURES = Table(
    "Figures",
    ("Figure", "Value", "95 % interval", "Probability", "Cases"),
    (
        ("demographic_parity_difference.race", "0.09542", "0.06038 to 0.1358", "0.595 to reach 0.1", "1,989"),
        ("lattice_differences", "3", "", "", "15"),
    ),
)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def look(browser, tmp_path):
    """Opens a page of HTML; the addresses that it asked for are kept."""

    def opened(html, width=1000):
        file = tmp_path / "page.html"
        file.write_text(html, "utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert asked == [file.as_uri()]
        return page

    return opened


@pytest.mark.parametrize("width", [1000, 400])
def test_a_card_runs_nothing_and_fits_its_window(look, width):
    blocks = (
        Said(WORDS, (1,)),
        Table(WORDS, (WORDS, "b"), ((WORDS, "a" * 64),)),
        FIGURES,
        Hole(WORDS, WORDS),
        Quoted(WORDS, WORDS),
    )
    page = look(as_html("Card", [Section(WORDS, blocks)], lead=WORDS), width)
    assert page.title() == "Card"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    edges = "[...document.querySelectorAll('td.number')].map(cell => cell.getBoundingClientRect().right)"
    assert len(set(page.evaluate(edges))) == 2, "a column of values and one of cases, each under one another"
    assert page.get_by_text("Missing:").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#s1"


def test_a_picture_of_lineage_runs_nothing_and_keeps_its_words_in_their_boxes(look):
    nodes = {
        f"run:{'r' * 32}": Node("run", "r" * 32, {"name": WORDS, "sentence": WORDS}),
        "version:m/1": Node("version", "m/1", {"threshold": 0.5}),
    }
    found = Lineage(nodes, [Edge(f"run:{'r' * 32}", "version:m/1", WORDS, 1)])
    body = f"<title>Lineage</title><style>{STYLE}</style>{picture(found, 'version:m/1')}{trace(found, 'version:m/1')}"
    page = look(body)
    assert page.title() == "Lineage"
    boxes = page.evaluate(
        "[...document.querySelectorAll('g')].map(g => [g.querySelector('rect').getBBox().width, "
        "...[...g.querySelectorAll('text')].map(t => t.getBBox().width + 9)])"
    )
    assert boxes
    assert all(inside <= box for box, *texts in boxes for inside in texts)
