"""Two runs set side by side: what differs is found, what is the same is said to be, and a page shows it safely."""

import importlib.util
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.batch import history, run
from workbench.batch.comparison import Metric, Side, compare, side_of
from workbench.batch.comparison_page import comparison_page
from workbench.batch.history import find_run, newest_first, past_runs, two_runs
from workbench.batch.lanes import Ended, Failure, Usage
from workbench.batch.record import Record
from workbench.batch.rerun import rerun
from workbench.errors import Misuse
from workbench.ledger import Ledger


def module_of(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


REPORTS, OUTPUTS = module_of("test_report"), module_of("test_outputs")


class Analyst:
    """A lane in which the notebook's seed decides what comes out; `said` is what the last cell prints."""

    def __init__(self, simulated):
        self.simulated = simulated
        self.f1 = lambda seed: seed / 10
        self.outputs = lambda seed: [OUTPUTS.stream(f"seed {seed}")]
        self.failure = None

    def __call__(self, job, on_cell=None):
        content = json.loads(job.notebook.read_text("utf-8"))
        injected = next(c["source"] for c in content["cells"] if "injected-parameters" in c["metadata"].get("tags", []))
        seed = int(injected.partition("seed = ")[2].splitlines()[0])
        content["cells"][-1]["outputs"] = self.outputs(seed)
        job.notebook.write_text(json.dumps(content))
        record = Record.in_run(job.run_folder, now=None)
        record.metrics({"f1": self.f1(seed), "n": 100.0})
        verdict = "pass" if self.f1(seed) > 0.5 else "fail"
        figures = {"f1": {"value": self.f1(seed)}, "undefined": {"value": None}}
        record.finding(self.simulated.Finding(run_id=record.run_id, verdict=verdict, figures=figures))
        record.sentence(f"With seed {seed}, run {record.run_id}.")
        record.close()
        return Ended(self.failure, Usage(1.5, 10_000_000), "simulated")


@pytest.fixture
def world(tmp_path, simulated, write_notebook):
    """Runs over simulators, and the ledger that tells of them."""
    tracking = simulated.SimulatedTracking(tmp_path / "tracking.json")
    lane, clock = Analyst(simulated), simulated.Clock()
    cells = ("#markdown\n# Question", "#parameters\nseed: int = 7", "a = 1\nb = 2\nc = 3", "print(seed)")
    write_notebook(tmp_path / "weekly.ipynb", *cells)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:

        class World:
            root = tmp_path

            def run(self, seed=7, notebook=None, **more):
                return run(
                    notebook or tmp_path / "weekly.ipynb",
                    {"seed": seed},
                    workspace_root=tmp_path,
                    tracking=lambda: tracking,
                    ledger=ledger,
                    actor="analyst",
                    now=clock,
                    environ={},
                    lane=lane,
                    **more,
                )

            def compare(self, *names):
                return compare(*(side_of(each) for each in two_runs(ledger, tmp_path, *(*names, None)[:2])))

            def rerun(self, name):
                past = find_run(ledger, tmp_path, name)
                return rerun(
                    past,
                    lambda notebook: self.run(past.parameters["seed"], notebook, reproduces=past.run_id),
                    ledger=ledger,
                    root=tmp_path,
                )

            def write(self, *texts):
                write_notebook(tmp_path / "weekly.ipynb", *texts)

        World.lane, World.ledger, World.tracking, World.cells = lane, ledger, tracking, cells
        yield World()


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """An empty ledger, of which two entries are read at first, then eight, then 32."""
    monkeypatch.setattr(history, "PAGE", 2)
    monkeypatch.setattr(history, "GROWTH", 4)
    with Ledger.open(f"sqlite:///{tmp_path / 'own.db'}") as opened:
        yield opened


# naming runs


def test_past_runs_are_told_newest_first_with_what_they_took(world):
    world.run(1)
    world.lane.failure = Failure("ValueError", "no", 2)
    world.run(2)
    failed, finished = past_runs(world.ledger, world.root)
    assert (failed.status, failed.sentence) == ("failed", "cell 2 failed: ValueError: no")
    assert (finished.status, finished.metrics) == ("finished", {"f1": 0.1, "n": 100.0})
    assert (finished.cpu_seconds, finished.peak_memory, finished.lane) == (1.5, 10_000_000, "simulated")
    assert finished.notebook.is_file() and finished.report.is_file()
    assert [each.run_id for each in past_runs(world.ledger, world.root, failed=True)] == [failed.run_id]
    assert [each.run_id for each in past_runs(world.ledger, world.root, failed=False)] == [finished.run_id]
    assert past_runs(world.ledger, world.root, name="monthly") == []
    assert len(past_runs(world.ledger, world.root, name="weekly", limit=1)) == 1


def told(ledger, *names):
    """Tell a ledger of finished runs r0, r1, … of the notebooks named."""
    for number, name in enumerate(names):
        body = {"name": name, "parameters": {}, "folder": "f"}
        now = datetime(2026, 1, 1, tzinfo=UTC)
        ledger.append("run.finished", subject=f"run/r{number}", actor="a", why="", body=body, now=now)


@pytest.mark.parametrize("many", [0, 1, 2, 3, 8, 9, 33])
def test_every_run_is_told_once_however_many_pages_it_takes(ledger, many):
    told(ledger, *["n"] * many)
    assert [run.run_id for run in newest_first(ledger, Path())] == [f"r{n}" for n in reversed(range(many))]


@pytest.mark.parametrize("meanwhile", [1, 7, 20])
def test_a_run_that_ends_while_others_are_read_moves_none_of_them(ledger, meanwhile):
    told(ledger, *["n"] * 5)
    runs = newest_first(ledger, Path())
    first = [next(runs).run_id for _ in range(2)]
    told(ledger, *["n"] * meanwhile)
    assert [*first, *(run.run_id for run in runs)] == ["r4", "r3", "r2", "r1", "r0"]


def test_the_ledger_is_read_no_further_than_runs_are_asked_for(ledger):
    told(ledger, "rare", *["n"] * 10, "rare", "n")
    asked = []

    class Counting:
        def entries(self, **given):
            asked.append(given["limit"])
            return ledger.entries(**given)

    assert [run.run_id for run in past_runs(Counting(), Path(), name="rare", limit=1)] == ["r11"]
    assert asked == [2]
    assert [run.run_id for run in past_runs(Counting(), Path(), name="rare", limit=2)] == ["r11", "r0"]
    assert asked == [2, 2, 8, 32]


def test_a_run_is_named_by_the_beginning_of_its_id_or_by_its_notebook(world):
    ids = [world.run(seed).run_id for seed in (1, 2, 3)]

    def named(text):
        return find_run(world.ledger, world.root, text).run_id

    assert named("weekly") == named("last") == named("weekly.ipynb") == named("weekly~0") == ids[2]
    assert (named("weekly~2"), named("last~1")) == (ids[0], ids[1])
    assert named(ids[1]) == named(f"run/{ids[1]}") == ids[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekly~3", "weekly finished 3 times"),
        ("monthly", "no run 'monthly'"),
        ("ab", "no run 'ab'"),
        ("ffffffff", "no run 'ffffffff'"),
        ("00", "no run"),
        ("'; DROP TABLE entries; --", "no run"),
        ("", "no run"),
        ("weekly~-1", "no run"),
        ("~1", "no run"),
    ],
)
def test_a_name_of_no_run_is_answered_with_the_way_to_the_names(world, text, said):
    for seed in (1, 2, 3):
        world.run(seed)
    with pytest.raises(Misuse, match=said) as caught:
        find_run(world.ledger, world.root, text)
    assert "workbench runs" in caught.value.hint


def test_an_id_that_begins_several_runs_is_refused(world):
    for name in ("abcd1", "abcd2"):
        body = {"name": "n", "parameters": {}, "folder": "f"}
        world.ledger.append("run.finished", subject=f"run/{name}", actor="a", why="w", body=body, now=datetime.now(UTC))
    with pytest.raises(Misuse, match="several runs begin with 'abcd'"):
        find_run(world.ledger, world.root, "abcd")
    assert find_run(world.ledger, world.root, "abcd1").run_id == "abcd1"


def test_one_run_is_compared_with_the_one_of_its_notebook_before_it(world):
    first, second, third = (world.run(seed).run_id for seed in (1, 2, 3))
    for name, expected in (("weekly", (second, third)), (second, (first, second))):
        found = two_runs(world.ledger, world.root, name, None)
        assert tuple(each.run_id for each in found) == expected
    with pytest.raises(Misuse, match="no finished run before"):
        two_runs(world.ledger, world.root, first, None)


# comparing


def test_parameters_numbers_and_verdicts_that_differ_are_told(world):
    world.run(5)
    world.run(6)
    found = world.compare("weekly")
    assert [(p.name, p.before, p.after) for p in found.parameters] == [("seed", 5, 6)]
    by_name = {metric.name: metric for metric in found.metrics}
    assert by_name["f1"].difference == pytest.approx(0.1)
    assert by_name["f1"].relative == pytest.approx(0.2)
    assert by_name["n"].same
    (verdict,) = found.verdicts
    assert (verdict.kind, verdict.subject, verdict.before, verdict.after) == ("performance", "lending", "fail", "pass")
    assert [output.same for output in found.outputs] == [False]
    assert found.sentence == "What came out differs in 1 metric, 1 finding and 1 output."
    assert found.cells == ()
    assert json.loads(json.dumps(found.as_json()))["results"] == list(found.results)


def test_two_runs_of_the_same_come_to_the_same(world):
    world.run(6)
    world.run(6)
    found = world.compare("weekly")
    assert found.results == ()
    assert (found.sentence, found.sentence_same) == ("The same came out.", True)


def test_changed_cells_are_told_as_a_diff_by_id_then_by_content(world):
    world.run()
    first, parameters, middle, last = world.cells
    world.write(first, parameters, "new = 1", last, middle.replace("b = 2", "b = 9"))
    world.run()
    found = {cell.number: cell for cell in world.compare("weekly").cells}
    # the ids are the places here: the third and the fourth have other sources, the fifth is new
    assert found[3].after == "new = 1"
    assert "+new = 1" in found[3].lines
    assert found[5].before is None
    assert "+b = 9" in found[5].lines


def test_a_cell_whose_id_changed_is_found_by_its_content(world):
    side = side_of_cells([("a", "1"), ("b", "2"), ("c", "3")])
    other = side_of_cells([("x", "2"), ("a", "1"), ("y", "4")])
    found = compare(side, other)
    assert [(cell.number, cell.before, cell.after) for cell in found.cells] == [(3, None, "4"), (3, "3", None)]


def side_of_cells(cells):
    content = [{"cell_type": "code", "id": name, "metadata": {}, "source": text, "outputs": []} for name, text in cells]
    return Side(OUTPUTS.run(1), tuple(content), None)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [(0.1 + 0.2, 0.3, True), (1.0, 1.0 + 1e-9, False), (0.0, 1e-13, True), (None, 1.0, False), (1e300, 1e300, True)],
)
def test_two_numbers_are_the_same_within_a_rounding(before, after, same):
    assert Metric("f1", before, after).same is same


def test_a_metric_that_was_zero_has_no_relative_difference():
    assert Metric("f1", 0.0, 1.0).relative is None
    assert Metric("f1", -2.0, -1.0).relative == 0.5


def test_what_else_changed_is_told(world):
    before = world.run()
    content = json.loads((before.notebook.parent / "content.json").read_text())
    content["environment"]["pandas"] = "2.9.9"
    (before.notebook.parent / "content.json").write_text(json.dumps(content))
    world.run()
    (reason,) = world.compare("weekly").reasons
    assert reason.startswith("pandas 2.9.9 → ")


def test_a_run_whose_folder_is_gone_is_told(world):
    first = world.run()
    world.run()
    first.notebook.unlink()
    with pytest.raises(Misuse, match="cannot be read"):
        world.compare("weekly")


# the page


def test_the_page_loads_nothing_and_runs_nothing_that_a_notebook_put_there(world):
    hostile = REPORTS.HOSTILE
    world.lane.outputs = lambda seed: [
        *(OUTPUTS.data(text__html=f"{text}{seed}") for text in hostile),
        *(OUTPUTS.stream(text) for text in hostile),
        {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.plotly.v1+json": REPORTS.FIGURE}},
        OUTPUTS.data(image__png=REPORTS.PIXEL),
    ]
    world.write("#parameters\nseed: int = 7", "\n".join(hostile), "1")
    world.run(1)
    world.write("#parameters\nseed: int = 7", "\n".join(reversed(hostile)), "1")
    world.run(2)
    found = world.compare("weekly")
    changed = replace(found.after, sentence=hostile[0], name=hostile[1], parameters={hostile[2]: hostile[3]})
    page = comparison_page(replace(found, after=changed, reasons=tuple(hostile)))
    loads = REPORTS.Loads(page)
    assert loads.found == []
    assert loads.scripts == 2, "plotly, and the few lines that draw"
    assert "Content-Security-Policy" in page
    assert page.count('class="figure"') == 2


def test_the_page_shows_what_differs_and_counts_what_does_not(world):
    world.run(5)
    world.run(6)
    page = comparison_page(world.compare("weekly"))
    for words in ("<td>seed</td><td>5</td><td>6</td>", "+20 %", "<td>fail</td><td>pass</td>", "seed 5", "seed 6"):
        assert words in page
    assert "script-src 'none'" in page
    alike = comparison_page(world.compare("weekly", "weekly"))
    assert "The same came out." in alike
    assert "One cell put out the same in both." in alike


# running again


def test_a_run_is_run_again_from_its_folder_and_compared(world):
    first = world.run(6)
    world.write("#parameters\nseed: int = 7", "another notebook altogether")
    done = world.rerun(first.run_id)
    assert done.same
    assert done.outcome.run_id != first.run_id
    assert done.outcome.name == "weekly"
    assert done.comparison.cells == ()
    again = find_run(world.ledger, world.root, done.outcome.run_id)
    assert (again.reproduces, again.parameters) == (first.run_id, {"seed": 6})
    kept = world.tracking.state["runs"][again.run_id]
    assert kept["tags"]["workbench.reproduces"] == first.run_id


def test_a_run_that_does_not_come_to_the_same_says_what_differs(world):
    world.run(6)
    world.lane.f1 = lambda seed: 0.4
    world.lane.outputs = lambda seed: [OUTPUTS.stream("other")]
    done = world.rerun("weekly")
    assert not done.same
    assert done.comparison.results == (
        "metric f1: 0.6, then 0.4",
        "finding performance of lending: pass, then fail",
        "finding performance of lending: f1 0.6, then 0.4",
        "output of cell 4",
    )


def test_a_run_that_fails_the_second_time_is_not_the_same(world):
    world.run(6)
    world.lane.failure = Failure("ValueError", "no", 2)
    done = world.rerun("weekly")
    assert done.comparison.results[0] == "status: finished, then failed"


def test_what_a_person_ran_cell_by_cell_cannot_be_run_again(world):
    body = {"name": "interactive", "parameters": {}, "folder": "x"}
    world.ledger.append("run.finished", subject="run/abcd", actor="a", why="w", body=body, now=datetime.now(UTC))
    with pytest.raises(Misuse, match=r"its folder .* is gone"):
        world.rerun("abcd")
    (world.root / "reports" / "runs" / "x").mkdir(parents=True)
    with pytest.raises(Misuse, match="ran it cell by cell"):
        world.rerun("abcd")
