"""The pages in a real browser: drawn without a request that leaves the machine, and acting when clicked."""

import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
STORY = f"""
import json, runpy
from pathlib import Path
story = runpy.run_path({str(Path(__file__).with_name("conftest.py"))!r})
world = story["World"]()
"""
PROMOTIONS = """
from dataclasses import replace
from workbench.views import promotions_page
done = Path("done.json")
def do(wish, why):
    if wish.action == "rollback":
        raise RuntimeError("secret internals")
    said = world.do(wish, why)
    done.write_text(json.dumps(world.asked))
    return said
world.waiting = [story["Waiting"](story["question"](2, given=("auditor",), may=("risk-officer",)))]
promotions_page(world.read, replace(world.acts, do=do))
"""
MONITORING = """
beats = [0]
estate = story["Estate"]()
def read():
    beats[0] += 1
    odd = story["line"]("<script>document.title='broken'</script>", requests=1000 + beats[0])
    more = [story["line"](f"model-{n:03}") for n in range(297)]
    estate.lines = [*estate.lines[:3], odd, *more]
    return story["Estate"].read(estate)
estate.page(read=read, every=1)
"""
CROWD = """
from dataclasses import replace
from workbench.views import promotions_page
board = [
    replace(one, version=replace(one.version, model=f"model {n:03}"), decision=None)
    for n in range(100)
    for one in world.board()[0]
]
promotions_page(lambda: replace(world.read(), candidates=board), world.acts)
"""
LIVE = """
from dataclasses import replace
beats = [0]
estate = story["Estate"]()
estate.problems = ("pricing: its log cannot be read",)
def read():
    beats[0] += 1
    estate.lines[2] = replace(estate.lines[2], requests=beats[0])
    estate.given = {"marks": (story["Mark"](story["NOW"], "champion", f"read {beats[0]} times"),)}
    return story["Estate"].read(estate)
estate.page(read=read, every=1)
"""
EXPERIMENTS = f"""
from workbench.views import experiments_page
tried = runpy.run_path({str(Path(__file__).with_name("tried.py"))!r})
pasts = [tried["past"](), tried["past"](tried["HOSTILE"], "fail", lesson="colour does nothing")]
experiments_page(lambda: pasts, open_one=tried["Story"])
"""
AUDITS = f"""
told = runpy.run_path({str(Path(__file__).with_name("audits_told.py"))!r})
"""
FAIRNESS = f"""{AUDITS}
from workbench.views import fairness_page
versions = [told["audited"](), told["unaudited"](), told["unaudited"](7, "candidate", model=told["HOSTILE"])]
fairness_page(lambda: versions, thresholds_of=lambda _: told["table"]())
"""
DRIFT = f"""{AUDITS}
from workbench.views import drift_page
drift_page(lambda: [told["looked"](), told["looked"](told["HOSTILE"], moved=False), told["overlooked"]()])
"""
LINEAGE = """
from workbench.ledger.lineage import Lineage
from workbench.ledger.telling import Edge, Node
from workbench.views import lineage_page
from workbench.views.lineage import Traced
def chain(name):
    things = [Node("data", "d1"), Node("notebook", "n1"), Node("run", "r1"), Node("version", name),
              Node("evidence", "e1"), Node("decision", "7"), Node("prediction", "p1")]
    edges = [Edge(a.id, b.id, "made", 1) for a, b in zip(things, things[1:])]
    return lambda: Lineage({one.id: one for one in things}, edges)
def traced(number):
    return Traced("lending", number, number == 1, "2026-03-02T09:30:00+00:00", "analyst", chain(f"lending/{number}"),
                  tuple, lambda: 0)
lineage_page(lambda: [traced(2), traced(1)])
"""
APPROVALS = """
from workbench.views import approvals_page
asked = [story["question"](2, model=f"model {n:02}", may=("risk-officer",)) for n in range(50)]
world.waiting = [story["Waiting"](one) for one in asked]
approvals_page(world.read, world.acts)
"""
REVIEW = f"""
import runpy
from workbench.views import review_page
held = runpy.run_path({str(Path(__file__).with_name("test_held.py"))!r})
queue = held["Queue"](*(held["waiting"](f"p{{n}}") for n in range(12)))
review_page(queue.read, decide=queue.decide, actor="risk-officer")
"""
MOVING = REVIEW.replace(
    "review_page(",
    """
from workbench.views import held as page
page.EVERY = 1
over = [f"p{n}" for n in (1, 3, 4, 5, 6, 7, 8, 9)]
def read():
    gone = over.pop(0) if over else ""
    kept = [row for row in queue.rows if row.held.id != gone]
    queue.rows = [held["waiting"](f"q{len(over)}"), *kept] if over else kept
    return list(queue.rows)
queue.read = read
review_page(""",
)
PAGES = {
    "approvals": APPROVALS,
    "review": REVIEW,
    "moving": MOVING,
    "lineage": LINEAGE,
    "promotions": PROMOTIONS,
    "monitoring": MONITORING,
    "live": LIVE,
    "crowd": CROWD,
    "experiments": EXPERIMENTS,
    "fairness": FAIRNESS,
    "drift": DRIFT,
}


class App:
    """A page of a browser that looks at a notebook in Voila."""

    def __init__(self, page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.left: list[str] = []  # addresses that were asked for outside this machine
        self.errors: list[str] = []
        page.route("**/*", self._guard)
        self.sent = 0  # messages to the kernel
        page.on("websocket", lambda socket: socket.on("framesent", self._count))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def read(self) -> str:
        return self.page.inner_text("body")

    def press(self, words: str) -> None:
        self.page.get_by_role("button", name=words, exact=True).click()

    def wait_for(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=30_000)

    def rates(self, group: str) -> list[str]:
        """A group's numbers in the explorer of thresholds."""
        row = self.page.locator(".wb-explorer tr").filter(has=self.page.get_by_role("rowheader", name=group)).first
        return row.locator("td.wb-number").all_inner_texts()

    def cut_off(self, width: int) -> list[str]:
        """What reaches beyond the right edge of a window of this width."""
        self.page.set_viewport_size({"width": width, "height": 1100})
        for _ in range(20):  # the page is laid out anew, on a busy machine not at once
            found = self.page.evaluate(
                """() => [...document.querySelectorAll('.wb-page *')]
                    .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"""
            )
            if not found:
                break
            self.page.wait_for_timeout(100)
        return found

    def beyond(self, width: int) -> int:
        """Pixels by which the page is wider than a window of this width; what scrolls in its own place is not."""
        self.page.set_viewport_size({"width": width, "height": 1100})
        for _ in range(20):
            found = self.page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth")
            if found <= 0:
                break
            self.page.wait_for_timeout(100)
        return int(found)

    def _count(self, _) -> None:
        self.sent += 1

    def _guard(self, route) -> None:
        address = route.request.url
        if address.startswith(("http://127.0.0.1:", "blob:", "data:")):
            route.continue_()
        else:
            self.left.append(address)
            route.abort()


@pytest.fixture(scope="module")
def browser():
    """Chromium, once for all pages."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served_notebooks(tmp_path_factory):
    """Voila over the notebooks: its folder and its address."""
    folder = tmp_path_factory.mktemp("voila")
    for name, code in PAGES.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook(STORY + code)))
    server, address = serve(folder)
    yield folder, address
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(20)


@pytest.fixture
def app(browser, served_notebooks):
    """Opens one of the notebooks."""
    folder, address = served_notebooks
    pages = []

    def opened(name: str) -> App:
        pages.append(browser.new_page(viewport={"width": 1280, "height": 900}))
        app = App(pages[-1], folder)
        app.page.goto(f"{address}/voila/render/{name}.ipynb")
        app.page.locator(".wb-page .wb-lead").wait_for(timeout=90_000)
        return app

    yield opened
    for page in pages:
        page.close()


def notebook(code: str) -> dict:
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# The page"}
    cell = {"cell_type": "code", "execution_count": None, "id": "page", "metadata": {}, "outputs": [], "source": code}
    return {"cells": [title, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def serve(folder: Path) -> tuple[subprocess.Popen, str]:
    """Stock Voila over a folder, with folders of its own for whatever it writes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    command = [sys.executable, "-m", "voila", ".", "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with (folder / "voila.log").open("w") as log:
        environment = {**os.environ, **own, "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return server, f"http://127.0.0.1:{port}"
    raise AssertionError((folder / "voila.log").read_text())


# the stock template of Voila names two style sheets on a foreign host; ours does not, and it has its own test
STOCK = "/@fortawesome/fontawesome-free@"


def test_a_person_decides_on_the_promotions_page(app):
    page = app("promotions")
    assert "1 question waits for your answer. 1 version waits for a decision." in page.read()
    assert page.page.get_by_role("button", name="Promote version 2").is_disabled()
    page.page.get_by_label("Your reason to promote lending 2, or not to (required)").fill("too uneven")
    page.press("Refuse")
    page.wait_for("You refused.")

    page.press("Look at version 3")
    assert page.beyond(390) <= 0
    assert [page.cut_off(width) for width in (820, 1280)] == [[], []]
    page.page.get_by_label("Your reason (required)").nth(1).fill("it was <b>fair</b>")
    page.press("Promote version 3 again")
    page.wait_for("This moves lending from version 1 to version 3.")
    page.page.keyboard.press("Enter")  # the second button has the focus
    page.wait_for("Version 3 is champion")
    assert json.loads((page.folder / "done.json").read_text())[1:] == [["promote", "lending", 3, "it was <b>fair</b>"]]
    assert "it was <b>fair</b>" in page.read()

    page.press("Roll back …")
    page.page.get_by_label("Why go back from lending’s present version? (required)").fill("complaints at the branch")
    page.press("Roll back")
    page.press("Yes, go back to version 1")
    page.wait_for("It broke off unexpectedly.")
    assert "Traceback" not in page.read()
    assert "secret internals" not in page.read()

    page.page.get_by_label("Your reason (required)").first.fill("it lends too unevenly")
    page.press("Reject version 2")
    page.wait_for("No version waits for a decision.")
    assert [act[0] for act in json.loads((page.folder / "done.json").read_text())] == ["refuse", "promote", "reject"]
    assert [address for address in page.left if STOCK not in address] == []
    assert page.errors == []


def test_the_monitoring_page_is_found_through_by_keys_and_keeps_itself_fresh_in_place(app):
    page = app("monitoring")
    assert "lending: Income moved. Accuracy fell." in page.read()
    page.page.locator(".wb-model[data-model=lending]").wait_for()
    assert page.beyond(390) <= 0
    assert [page.cut_off(width) for width in (820, 1280)] == [[], []]
    row = page.page.locator(".wb-model[data-model^='<script>']")
    element = row.element_handle()
    before = row.locator(".wb-count").inner_text()
    page.page.wait_for_function(
        "([row, was]) => row.querySelector('.wb-count').innerText !== was", arg=[element, before]
    )
    assert element.evaluate("row => row.isConnected"), "the row on the page is still the same"
    assert "<script>document.title='broken'</script>" in page.read()
    assert page.page.title() != "broken"

    page.page.locator(".wb-model[data-model=lending]").focus()
    page.page.keyboard.press("/")
    page.page.keyboard.type("model-2 order")
    page.page.get_by_text("97 of 301").wait_for()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    page.page.get_by_role("heading", name="model-201", exact=False).first.wait_for()

    page.press("Roll back …")
    page.page.get_by_label("Why go back? (required)").fill("it is slow")
    page.press("Roll back")
    page.wait_for("back to version 1.")
    page.press("Yes, go back to version 1")
    page.wait_for("model-201 is back on version 1, generation 4.")
    assert "Traceback" not in page.read()
    assert [address for address in page.left if STOCK not in address] == []
    assert page.errors == []


def test_the_policy_is_asked_about_a_hundred_models_once_the_browser_has_drawn_the_board(app):
    page = app("crowd")
    page.wait_for("100 versions wait for a decision. The policy allows 100 of them.")
    page.wait_for("Show 8 more of 92 models")
    assert page.page.locator(".wb-section .wb-title h2").count() == 8
    assert "not asked yet" not in page.read()
    assert page.errors == []


READ = "() => Number(/read (\\d+) times/.exec(document.querySelector('.wb-marks').innerText)[1])"


def test_a_page_that_keeps_itself_fresh_leaves_alone_what_did_not_change(app):
    page = app("live").page
    page.set_viewport_size({"width": 390, "height": 844})
    timed = page.locator(".wb-timed")
    timed.wait_for()
    ends = timed.evaluate("e => e.getBoundingClientRect().right - e.firstChild.getBoundingClientRect().right")
    assert abs(ends) < 1, "the newest end is in view first"
    assert timed.evaluate("e => e.scrollWidth - e.clientWidth") > 100
    shift = "e => e.querySelector('.wb-scale').getBoundingClientRect().left - e.getBoundingClientRect().left"
    assert abs(timed.evaluate(shift)) < 1, "and so are titles and scales"

    page.get_by_text("1 thing could not be looked at").click()
    page.get_by_role("button", name="Roll back …").click()
    page.get_by_label("Why go back? (required)").fill("half a sent")
    timed.evaluate("e => { e.scrollLeft = -100; e.focus({ preventScroll: true }); }")
    page.evaluate(
        """() => {
            scrollTo(0, 500);
            window.gone = [];
            window.kept = [...document.querySelectorAll('.wb-page *')];
            const watch = new MutationObserver(all => all.forEach(one => gone.push(...one.removedNodes)));
            watch.observe(document.querySelector('.wb-page'), { childList: true, subtree: true });
        }"""
    )
    scrolled, before = page.evaluate("() => scrollY"), page.evaluate(READ)
    page.wait_for_function(f"was => ({READ})() > was + 1", arg=before, timeout=60_000)
    assert page.evaluate("() => gone.map(one => one.outerHTML).filter(Boolean)") == [], (
        "nothing was taken away and put back"
    )
    assert page.evaluate("() => kept.every(one => one.isConnected)")
    assert page.locator("details.wb-more[open]").first.inner_text().endswith("pricing: its log cannot be read")
    assert page.get_by_label("Why go back? (required)").input_value() == "half a sent"
    assert timed.evaluate("e => [e.scrollLeft, document.activeElement === e]") == [-100, True]
    assert page.evaluate("() => scrollY") == scrolled


def test_pieces_become_what_they_are_told_whatever_they_were(app):
    """Any text after any other: what stands there in the end is what ipywidgets would have put there."""
    page = app("live").page
    texts = [
        "", "plain", "<p>a</p>", "<p>a</p><p>b</p>", "<p>b</p>",
        "<p class='x'>b</p>text<ul><li>1<li>2<li>3</ul>", "<ul><li>0<li>1<li>3<li>4</ul>",
        "<svg viewBox='0 0 9 9'><path d='M0 0'/></svg>", "<svg><rect width='3'/></svg>",
        "<details><summary>s</summary>one</details>", "<p>first</p><details><summary>s</summary>two</details>",
        "a<b>c</b>",
    ]  # fmt: skip
    wrong = page.evaluate(
        """texts => {
            const piece = document.querySelector('.wb-page .widget-html-content');
            const plain = document.createElement('div'), wrong = [];
            for (const from of texts) for (const to of texts) {
                piece.innerHTML = from;
                piece.innerHTML = to;
                plain.innerHTML = to;
                if (plain.innerHTML !== piece.innerHTML) wrong.push([from, to, piece.innerHTML]);
            }
            piece.innerHTML = "<ul><li>old</li><li><details><summary>s</summary>x</details></li></ul>";
            const details = piece.querySelector('details');
            details.open = true;
            piece.innerHTML = "<ul><li>new</li><li>old</li><li><details><summary>s</summary>x</details></li></ul>";
            if (piece.querySelector('details') !== details || !details.open) wrong.push("details were shut");
            return wrong;
        }""",
        texts,
    )
    assert wrong == []


def test_a_slider_on_the_page_of_experiments_asks_again(app):
    page = app("experiments")
    assert "2 experiments: 1 found something better, 1 found that nothing was." in page.read()
    page.page.get_by_role("button", name="Look").first.click()
    page.wait_for("Take it")
    assert page.beyond(390) <= 0
    assert [page.cut_off(width) for width in (820, 1280)] == [[], []]
    curve = page.page.get_by_role("img", name="How likely each size of the effect of new on orders is")
    assert "most likely about +3.4\u00a0%" in curve.get_attribute("aria-label")

    slider = page.page.get_by_role("slider").first
    slider.focus()
    for _ in range(6):  # effects are within ±1 %
        page.page.keyboard.press("ArrowRight")
    page.page.locator(".wb-curves[aria-label*='most likely about +0.52\u00a0%']").wait_for(timeout=30_000)

    page.page.get_by_label("Find an experiment").fill("colour")
    page.page.locator(".wb-curves").first.wait_for(state="detached")  # the other experiment is left, folded
    page.page.get_by_text("<script>alert(1)</script>").first.wait_for()
    assert "Traceback" not in page.read()
    assert [address for address in page.left if STOCK not in address] == []
    assert page.errors == []


def test_the_threshold_explorer_moves_without_asking_the_kernel(app):
    page = app("fairness")
    assert "0 of 3 versions shown to be fair." in page.read()
    slider = page.page.get_by_role("slider", name="A score of at least this gets a yes")
    slider.wait_for(timeout=30_000)
    assert page.beyond(390) <= 0
    assert [page.cut_off(width) for width in (820, 1280)] == [[], []]
    assert (slider.get_attribute("aria-valuetext"), page.rates("of colour")) == ("0.6", rates("of colour", 0.6))

    page.page.wait_for_timeout(500)  # until the page has settled
    before = page.sent
    slider.focus()
    for _ in range(20):  # half a hundredth each
        page.page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "0.5"
    for group in ("of colour", "white"):
        assert page.rates(group) == rates(group, 0.5) != rates(group, 0.6)
    assert page.page.locator(".wb-explorer").get_by_role("status").inner_text().startswith("At 0.5: ")
    page.press("This version’s own: 0.6")
    assert page.rates("white") == rates("white", 0.6)
    page.page.keyboard.press("Tab")
    page.page.wait_for_timeout(300)
    assert page.sent == before > 0, "nothing more was sent to the kernel"

    assert "<script>document.title='broken'</script>" in page.read()
    assert page.page.title() != "broken"
    assert "Traceback" not in page.read()
    assert [address for address in page.left if STOCK not in address] == []
    assert page.errors == []


def test_what_is_too_wide_for_a_phone_says_so_and_keeps_its_names_in_view(app):
    page = app("fairness").page
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("slider", name="A score of at least this gets a yes").wait_for(timeout=30_000)
    wide = page.locator(".wb-wide:has(.wb-groups)").first
    assert wide.evaluate("e => [e.scrollWidth > e.clientWidth + 50, getComputedStyle(e).backgroundImage !== 'none']")
    name = "e => e.querySelector('tbody th').getBoundingClientRect().left - e.getBoundingClientRect().left"
    wide.evaluate("e => e.scrollLeft = 150")
    assert abs(wide.evaluate(name)) < 1
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    lined_up = """e => [...e.querySelectorAll('tr')].map(row => [...row.cells].map(cell => cell.getBoundingClientRect())
        .filter(place => place.width).map(place => Math.round(place.left)))"""
    for table in page.locator(".wb-wide").all():
        assert len({tuple(row) for row in table.evaluate(lined_up)}) == 1, "each number stands below its own head"
    explorer = page.locator(".wb-explorer")
    assert explorer.evaluate("e => e.scrollWidth <= e.clientWidth"), "the slider does not slide away"


def test_a_lineage_on_a_phone_begins_with_what_was_asked_about_and_stays_where_one_scrolls_it(app):
    page = app("lineage").page
    page.set_viewport_size({"width": 390, "height": 844})
    middle = """e => {
        const about = e.querySelector('.wb-about').getBoundingClientRect(), here = e.getBoundingClientRect();
        return about.left + about.width / 2 - here.left - here.width / 2; }"""
    page.get_by_role("button", name="Look", exact=True).click()
    page.get_by_role("button", name="Close").nth(1).wait_for()
    shown = page.locator(".wb-lineage").nth(1)  # the first was drawn while all had room
    assert shown.evaluate("e => e.scrollWidth > e.clientWidth + 50")
    assert abs(shown.evaluate(middle)) < 2
    shown.evaluate("e => e.scrollLeft = 0")
    page.set_viewport_size({"width": 420, "height": 844})
    page.wait_for_timeout(500)
    assert shown.evaluate("e => e.scrollLeft") == 0


def test_a_long_queue_is_walked_through_by_keys_alone(app):
    page = app("approvals").page
    assert page.locator(".wb-card").count() == 8
    assert page.locator(".wb-lead").inner_text() == "50 questions wait for people, 50 of them for you."
    reasons = page.get_by_label("Your reason to promote")
    reasons.nth(1).focus()
    outline = "e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).outlineWidth]"
    assert reasons.nth(1).evaluate(outline) == ["solid", "3px"]
    page.keyboard.type("the sample leaves out rural branches")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".wb-toast").get_by_text("You refused.").wait_for(timeout=30_000)
    page.wait_for_function("() => document.activeElement.value === ''")
    card = page.locator(".wb-card:has(:focus)")
    assert card.get_by_role("heading").inner_text() == "Promote model 02 2?"
    assert card.get_by_role("heading").evaluate("e => e.getBoundingClientRect().top > 0"), "what it is about is in view"
    assert page.locator(".wb-card").count() == 8
    assert page.locator(".wb-lead").inner_text() == "49 questions wait for people, 49 of them for you."


def test_held_answers_are_decided_by_keys_alone_on_a_phone_too(app):
    page = app("review")
    assert page.beyond(390) <= 0
    page.page.set_viewport_size({"width": 390, "height": 844})
    page.page.get_by_label("Your reason about prediction p1 (required)").focus()
    page.page.keyboard.type("the employer does not exist")
    for key in ("Tab", "Tab", "Enter"):  # past what confirms, to what changes
        page.page.keyboard.press(key)
    page.page.get_by_role("button", name="Yes, answer no").wait_for(timeout=30_000)
    page.page.wait_for_function("() => document.activeElement.innerText === 'Yes, answer no'")
    page.page.keyboard.press("Enter")
    toast = page.page.locator(".wb-toast")
    toast.wait_for(timeout=30_000)
    assert toast.inner_text() == "p1 was decided. Ledger entry 9."
    assert toast.evaluate("e => e.getBoundingClientRect().width") > 200, "wide enough to be read"
    page.page.wait_for_function("() => document.activeElement.labels?.[0].innerText.includes('prediction p2')")
    assert page.read().count("<script>x</script>") == 10
    page.press("Show 1 more of 1 answer")
    page.page.get_by_label("Your reason about prediction p11 (required)").wait_for(timeout=30_000)
    assert "Traceback" not in page.read()
    assert page.errors == []


def test_held_answers_are_read_again_while_somebody_writes_and_the_keyboard_stays_where_it_is(app):
    page = app("moving")
    reason = page.page.get_by_label("Your reason about prediction p2 (required)")
    reason.focus()
    for word in ("the ", "employer ", "does ", "not ", "exist"):
        page.page.keyboard.type(word)
        page.page.wait_for_timeout(700)  # several readings: one is over, and one is new and comes first
    assert reason.input_value() == "the employer does not exist"
    page.page.wait_for_function("() => document.activeElement.labels?.[0].innerText.includes('prediction p2')")
    page.page.get_by_label("Your reason about prediction q2 (required)").wait_for(timeout=30_000)
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    page.wait_for("p2 was decided")
    assert page.errors == []


def rates(group: str, threshold: float) -> list[str]:
    """What the explorer is to show of a group, worked out from the people themselves."""
    told = runpy.run_path(str(Path(__file__).with_name("audits_told.py")))
    groups, score, label = told["applications"]()
    own = groups["race"] == group
    yes, label = score[own] >= threshold, label[own]
    found = [yes.mean(), yes[label == 1].mean(), yes[label == 0].mean(), (yes == label).mean()]
    return [f"{own.sum():,}", *(f"{100 * value:.1f} %" for value in found)]


def test_the_page_of_drift_shows_the_worst_first(app):
    page = app("drift")
    assert "What lending is asked has drifted." in page.read()
    page.page.get_by_role("img", name="0.610, chance alone reaches 0.050").wait_for()
    assert page.page.get_by_role("img", name="share of columns that drifted, 3 looks").count() == 2
    page.page.get_by_role("button", name="Look").last.click()
    page.wait_for("workbench run drift_check -p model=churn")
    assert page.beyond(390) <= 0
    assert [page.cut_off(width) for width in (820, 1280)] == [[], []]
    assert "<script>document.title='broken'</script>" in page.read()
    assert page.page.title() != "broken"
    assert "Traceback" not in page.read()
    assert [address for address in page.left if STOCK not in address] == []
    assert page.errors == []
