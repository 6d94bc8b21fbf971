"""A run checks first, commits last, and is honest in between; with kernels and an MLflow that are real."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workbench import open_bench
from workbench.batch import run
from workbench.batch.lanes import Failure
from workbench.bench import create
from workbench.errors import EngineError, Misuse
from workbench.evidence import Finding
from workbench.ledger import Ledger

SECRET = "WORKBENCH_TEST_SECRET"  # no password; stands for one

GOOD = (
    """#markdown
# Who repays?

An analyst trains two models on invented applications.""",
    """#parameters
from datetime import date
from pathlib import Path

seed: int = 7  # seed of the random numbers
since: date = date(2026, 1, 31)  # first day
place: Path = Path("data/loans.csv")  # where it lies
label: str = "plain"  # title""",
    """import os
import numpy as np
import pandas as pd
import plotly.express as px
import workbench
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from workbench.evidence import Figure, Finding
record = workbench.open_bench().record()""",
    f"""print(repr([type(since).__name__, since.year, place.suffix, label]))
print({SECRET!r} in os.environ, sorted(n for n in os.environ if n.startswith("WORKBENCH")))
print(os.getcwd() == os.environ["WORKBENCH_WORKSPACE"])""",
    """rng = np.random.default_rng(seed)
loans = pd.DataFrame({"income": rng.normal(50, 10, 300), "dependents": rng.integers(0, 4, 300)})
repaid = (loans["income"] > 45).astype(int)
boosted = make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=10)).fit(loans, repaid)
plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(loans, repaid)
loans.head(3)""",
    """given = dict(example=loans.head(), data_digest="d" * 64, feature_set="loan@1")
record.model(boosted, name="lending", threshold=0.5, metrics={"f1": 0.9}, profile="{}", **given)
record.model(plain, name="pricing", threshold=None, **given)""",
    """record.metric("f1", 0.9)
record.data("loans", "d" * 64, len(loans))
record.file("notes.txt", "ü")
record.lesson("Dependents did not help.")
record.sentence("Income tells <who> repays & who does not.")
record.finding(Finding(kind="performance", subject="lending", verdict="pass", sentence="Good enough.",
    figures={"f1": Figure(0.9, 0.8, 0.95, probability=0.97, target=0.8)}, data_digest="d" * 64,
    run_id=record.run_id, at="2026-01-31T00:00:00+00:00"))""",
    """px.bar(x=["a", "b"], y=[1, 2]).show()""",
    "record.close()",
)


class Place:
    """A workspace with its real engines, and runs in it in a few words."""

    def __init__(self, root):
        create(root)
        self.bench = open_bench(root)
        self.root = self.bench.root
        self.notebooks = root.with_name("notebooks")
        self.notebooks.mkdir()

    def run(self, notebook, parameters=None, **more):
        return run(
            notebook,
            parameters or {},
            workspace_root=self.root,
            tracking=lambda: self.bench.store,
            ledger=self.bench.ledger,
            actor="analyst",
            now=self.bench.now,
            environ={**os.environ, SECRET: "not for kernels"},
            **more,
        )

    def status(self, run_id):
        """What MLflow says of a run."""
        import mlflow

        uri = f"sqlite:///{self.root / 'mlflow.db'}"
        return mlflow.MlflowClient(tracking_uri=uri).get_run(run_id).info.status


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    opened = Place(tmp_path_factory.mktemp("real") / "w")
    yield opened
    opened.bench.close()


@pytest.fixture(scope="module")
def good(place, write_notebook):
    """One run of a notebook that does all a notebook may do, and the cells that were counted."""
    notebook = write_notebook(place.notebooks / "who repays.ipynb", *GOOD)
    counted = []
    given = {"since": "2025-12-24", "place": "x/y.parquet", "label": "drawn"}
    outcome = place.run(notebook, given, key="good/1", on_cell=lambda done, total: counted.append((done, total)))
    assert outcome.status == "finished", outcome.sentence
    return outcome, counted


def printed(outcome):
    """All lines that a run's cells printed."""
    cells = json.loads(outcome.notebook.read_text("utf-8"))["cells"]
    texts = [
        output["text"] for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "stream"
    ]
    return "".join("".join(text) for text in texts).splitlines()


def kernels_of(root):
    """Ids of processes that work in this workspace, as a kernel and its children do, forked or started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            folder = (process / "cwd").readlink()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if folder == root and state != "Z":
            found.append(int(process.name))
    return found


def gone(root, seconds=15.0):
    """Whether all kernels of a workspace end within some seconds."""
    until = time.monotonic() + seconds
    while kernels_of(root):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


# a good run


@pytest.mark.slow
def test_a_run_hands_over_what_the_notebook_found(good):
    outcome, _ = good
    assert outcome.metrics == {"f1": 0.9}
    assert outcome.sentence == "Income tells <who> repays & who does not."
    assert outcome.versions == (("lending", 1), ("pricing", 1))
    assert [finding["subject"] for finding in outcome.findings] == ["lending/1"]
    assert not outcome.reused
    assert outcome.notebook.parent == outcome.report.parent
    assert (outcome.notebook.parent / "files" / "notes.txt").read_text("utf-8") == "ü"


@pytest.mark.slow
def test_the_ledger_tells_the_run_its_versions_and_its_evidence(good, place):
    outcome, _ = good
    ledger = place.bench.ledger
    told = [e for e in ledger.entries() if e.key and (e.key == "good/1" or e.key.startswith("good/1/"))]
    assert [e.kind for e in told] == ["version.registered", "version.registered", "evidence.recorded", "run.finished"]
    assert told[-1].subject == f"run/{outcome.run_id}"
    assert told[-1].body["parameters"]["since"] == "2025-12-24"
    assert 0 < told[-1].body["seconds"] < 120
    finding = Finding.from_body(told[2].body)
    assert finding.digest == told[2].body["digest"]
    assert finding.run_id == outcome.run_id
    assert ledger.verify().valid


@pytest.mark.slow
def test_the_models_of_a_run_can_be_loaded_and_score(good, place):
    import pandas as pd

    rows = pd.DataFrame({"dependents": [1.0, 2.0], "income": [70.0, 20.0]})
    for name in ("lending", "pricing"):
        predictor = place.bench.store.load(place.bench.version(name, 1))
        scores = predictor.score(rows)
        assert scores[0] > 0.5 > scores[1]
        assert set(predictor.columns.values()) == {"double"}, "whole numbers may be missing later"
    assert place.bench.store.profile(place.bench.version("lending", 1)) == "{}"
    assert place.bench.store.profile(place.bench.version("pricing", 1)) is None


@pytest.mark.slow
def test_mlflow_has_the_run_finished_with_its_report(good, place):
    outcome, _ = good
    assert place.status(outcome.run_id) == "FINISHED"
    kept = next((place.root / "mlartifacts").glob(f"{outcome.run_id}/artifacts"))
    assert {"notebook.ipynb", "report.html", "record.json", "files", "models"} <= {p.name for p in kept.iterdir()}


@pytest.mark.slow
def test_values_arrive_in_the_kernel_as_what_they_are(good):
    assert printed(good[0])[0] == "['date', 2025, '.parquet', 'drawn']"


@pytest.mark.slow
def test_the_kernel_sees_no_secret_and_works_in_the_workspace(good):
    assert printed(good[0])[1:3] == ["False ['WORKBENCH_RUN', 'WORKBENCH_WORKSPACE']", "True"]


@pytest.mark.slow
def test_the_cells_are_counted_up_to_the_last(good):
    counted = good[1]
    assert counted[-1] == (9, 9)
    assert counted == sorted(counted)


@pytest.mark.slow
def test_no_process_of_a_run_is_left(good, place):
    assert gone(place.root)


@pytest.mark.slow
def test_the_same_key_gives_the_same_outcome_and_runs_nothing(good, place):
    outcome, _ = good
    entries = len(place.bench.ledger.entries())
    folders = sorted((place.root / "reports" / "runs").iterdir())
    began = time.monotonic()
    again = place.run(place.notebooks / "who repays.ipynb", {"label": "drawn"}, key="good/1")
    assert time.monotonic() - began < 1
    assert again == type(outcome)(**{**outcome.__dict__, "reused": True})
    assert len(place.bench.ledger.entries()) == entries
    assert sorted((place.root / "reports" / "runs").iterdir()) == folders


# its report


class Requests(HTMLParser):
    """Gathers what a page would ask others for, and the text that it shows."""

    def __init__(self, page):
        super().__init__()
        self.asked, self.texts, self.within = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.within.append(tag)
        for name, value in attributes:
            if name in {"src", "srcset", "data", "poster"} or (name == "href" and tag != "a"):
                self.asked += [value] if re.match(r"\s*(https?:)?//", value or "") else []

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, text):
        if "style" in self.within:
            self.asked += re.findall(r"url\(\s*[\"']?(?:https?:)?//[^)]*|@import[^;]*", text)
        elif "script" in self.within:
            self.asked += re.findall(r"\b(?:import\s*\(?|from)\s*[\"']https?:[^\"']*", text)
        else:
            self.texts.append(text)


@pytest.mark.slow
def test_the_report_asks_nobody_for_anything_and_shows_no_code(good):
    page = good[0].report.read_text("utf-8")
    found = Requests(page)
    assert found.asked == []
    shown = "".join(found.texts)
    for code in ("import ", "record.", "default_rng", "In [", "Out["):
        assert code not in shown, code
    assert "Content-Security-Policy" in page


@pytest.mark.slow
def test_the_report_says_first_what_came_out(good):
    page = good[0].report.read_text("utf-8")
    assert "<title>Who repays?</title>" in page
    shown = [text.strip() for text in Requests(page).texts if text.strip()]
    body = shown[shown.index("Who repays?") + 1 :]
    assert body[:2] == ["Who repays?", "Income tells <who> repays & who does not."]
    assert "An analyst trains two models on invented applications." in body
    assert "2025-12-24" in body, "it names what it ran with"
    assert "income" in body, "it shows tables"


# runs that fail


@pytest.mark.slow
def test_a_cell_that_raises_fails_the_run_and_leaves_what_there_was(place, write_notebook):
    notebook = write_notebook(
        place.notebooks / "broken.ipynb",
        "#markdown\n# Does it break?",
        "#parameters\nn: int = 3",
        "print('as far as here')",
        "import workbench\nrecord = workbench.open_bench().record()\nrecord.metric('n', n)\nrecord.close()",
        "raise ValueError(f'only {n} people')",
        "print('never')",
    )
    outcome = place.run(notebook, key="broken/1")
    assert (outcome.status, outcome.metrics, outcome.versions) == ("failed", {}, ())
    assert outcome.sentence == "cell 5 failed: ValueError: only 3 people"
    assert printed(outcome) == ["as far as here"]
    shown = [text.strip() for text in Requests(outcome.report.read_text("utf-8")).texts if text.strip()]
    assert shown[:3] == ["Does it break?", "Does it break?", outcome.sentence], "title, heading, what went wrong"
    assert shown.count("Does it break?") == 2
    assert place.status(outcome.run_id) == "FAILED"
    (entry,) = place.bench.ledger.entries(subject=f"run/{outcome.run_id}")
    assert (entry.kind, entry.why) == ("run.failed", outcome.sentence)
    assert entry.key is None, "the same key may be tried again"
    assert place.run(notebook, key="broken/1").status == "failed"
    assert len(place.bench.ledger.entries(kind="run.failed", since=entry.seq)) == 1


@pytest.mark.slow
def test_a_kernel_that_dies_fails_the_run(place, write_notebook):
    cells = ("#parameters\nn: int = 3", "print('as far as here')", "import os\nos._exit(3)")
    outcome = place.run(write_notebook(place.notebooks / "dies.ipynb", *cells))
    assert outcome.status == "failed"
    assert "the kernel died" in outcome.sentence
    assert printed(outcome) == ["as far as here"]
    assert place.status(outcome.run_id) == "FAILED"
    assert gone(place.root)


@pytest.mark.slow
def test_a_notebook_that_closes_no_record_finishes_and_is_told_how_to_hand_over(place, write_notebook):
    cells = ("#parameters\nn: int = 3", "import workbench\nworkbench.open_bench().record().metric('n', n)")
    outcome = place.run(write_notebook(place.notebooks / "open.ipynb", *cells))
    assert (outcome.status, outcome.metrics) == ("finished", {})
    assert "record.close()" in outcome.sentence
    assert "record.close()" in outcome.report.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["größe 'q' \"d\" {x} (2)", "..", "実験 $(id) %s", "a" * 200])
def test_any_name_of_a_notebook_will_do(place, write_notebook, stem):
    notebook = write_notebook(place.notebooks / f"{stem}.ipynb", "#parameters\nn: int = 3", "print(n)")
    outcome = place.run(place.notebooks / ".." / "notebooks" / notebook.name, {"n": "5"})
    assert (outcome.status, outcome.name) == ("finished", stem)
    assert printed(outcome) == ["5"]
    assert outcome.notebook.parent.parent == place.root / "reports" / "runs"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", outcome.notebook.parent.name)


RUNNER = """
import os, pathlib, sys
from workbench import open_bench
with open_bench(sys.argv[1]) as bench:
    bench.run(pathlib.Path(sys.argv[2]), key=sys.argv[3])
"""


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_runner_that_is_stopped_leaves_no_kernel_and_its_key_can_be_run_again(place, write_notebook, fatal):
    key = f"stopped/{fatal}"
    marker = place.root / f"second-{fatal}"
    slow = f"import pathlib, time\nif not pathlib.Path({str(marker)!r}).exists():\n    time.sleep(100)"
    notebook = write_notebook(place.notebooks / f"slow-{fatal}.ipynb", "#parameters\nn: int = 3", slow)
    command = [sys.executable, "-c", RUNNER, str(place.root), str(notebook), key]
    runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not kernels_of(place.root) and time.monotonic() < until and runner.poll() is None:
        time.sleep(0.1)
    time.sleep(1)
    runner.send_signal(fatal)
    assert runner.wait(timeout=30) != 0
    assert gone(place.root)
    marker.touch()
    outcome = place.run(notebook, key=key)
    assert (outcome.status, outcome.reused) == ("finished", False)
    first, second = place.bench.store.attempts(key)
    assert second == outcome.run_id
    assert place.status(first) in {"FAILED", "KILLED"}
    assert place.bench.store.unfinished() == []


# without a kernel: keys, failures, concurrency


@pytest.fixture
def world(tmp_path, simulated, write_notebook):
    """Runs over simulators: a notebook, a tracking store in a file, and a lane without a kernel."""
    tracking = simulated.SimulatedTracking(tmp_path / "tracking.json")
    notebook = write_notebook(tmp_path / "weekly.ipynb", "#parameters\nseed: int = 7  # seed, at least 0")

    def go(parameters=None, *, lane=None, notebook=notebook, **more):
        with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            return run(
                notebook,
                parameters or {},
                workspace_root=tmp_path,
                tracking=lambda: tracking,
                ledger=ledger,
                actor="analyst",
                now=simulated.Clock(),
                environ={},
                lane=lane or simulated.SimulatedLane(),
                **more,
            )

    go.tracking, go.root = tracking, tmp_path
    go.entries = lambda: Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}").entries()
    return go


def test_a_wrong_parameter_is_told_before_anything_is_opened_or_written(world, simulated):
    lane = simulated.SimulatedLane()
    with pytest.raises(Misuse, match="seed is -1"):
        world({"seed": -1}, lane=lane, key="k")
    assert lane.times == 0
    assert world.tracking.calls == []
    assert not (world.root / "reports").exists()


def test_a_key_runs_once(world, simulated):
    lane = simulated.SimulatedLane()
    first = world({"seed": 8}, lane=lane, key="weekly/1")
    second = world({"seed": "8"}, lane=lane, key="weekly/1")
    assert lane.times == 1
    assert (first.reused, second.reused) == (False, True)
    assert second.run_id == first.run_id


def test_runs_without_a_key_are_runs_of_their_own(world):
    assert world().run_id != world().run_id


def test_a_key_of_another_notebook_is_refused(world, write_notebook):
    world(key="weekly/1")
    other = write_notebook(world.root / "monthly.ipynb", "#parameters\nseed: int = 7")
    with pytest.raises(Misuse, match="'weekly/1' was used for weekly") as caught:
        world(notebook=other, key="weekly/1")
    assert caught.value.hint


def test_a_key_with_other_parameters_is_refused(world):
    world({"seed": 8}, key="weekly/1")
    with pytest.raises(Misuse, match="with seed = 8; now it is 9"):
        world({"seed": 9}, key="weekly/1")
    assert world(key="weekly/1").reused, "what is not said is not compared"


def test_a_killed_run_is_not_taken_for_one_with_other_parameters(world, simulated, monkeypatch):
    """What was executed before the commit failed has the key, and keeps it with its own parameters."""

    def unreachable(*arguments, **options):
        raise EngineError("the store is out of reach")

    with monkeypatch.context() as patch:
        patch.setattr(world.tracking, "log", unreachable)
        with pytest.raises(EngineError, match="out of reach"):
            world({"seed": 8}, key="weekly/1")
    with pytest.raises(Misuse, match="with seed = 8; now it is 9"):
        world({"seed": 9}, key="weekly/1")
    assert world.entries() == []
    lane = simulated.SimulatedLane()
    assert world({"seed": 8}, lane=lane, key="weekly/1").reused
    assert lane.times == 0


def test_a_key_that_a_failed_run_had_may_be_tried_again(world, simulated):
    failure = Failure("ValueError", "too few", 3)
    failed = world(lane=simulated.SimulatedLane(failure=failure), key="weekly/1")
    assert (failed.status, failed.sentence) == ("failed", "cell 3 failed: ValueError: too few")
    assert world(key="weekly/1").status == "finished"
    kept = world.tracking.state["runs"]
    assert [run["status"] for run in kept.values()] == ["FAILED", "FINISHED"]
    assert kept[failed.run_id]["tags"]["workbench.failure"] == failed.sentence


def test_two_that_run_one_key_at_once_run_it_once(world, simulated):
    lane = simulated.SimulatedLane(hand_over=lambda folder: time.sleep(0.3))
    outcomes = []
    racers = [threading.Thread(target=lambda: outcomes.append(world(lane=lane, key="weekly/1"))) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert lane.times == 1
    assert sorted(outcome.reused for outcome in outcomes) == [False, True, True]
    assert len({outcome.run_id for outcome in outcomes}) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=["interrupt", "memory"])
def test_a_run_that_is_stopped_is_marked_killed(world, simulated, error):
    def stopped(folder):
        raise error

    with pytest.raises(type(error)):
        world(lane=simulated.SimulatedLane(hand_over=stopped), key="weekly/1")
    assert [run["status"] for run in world.tracking.state["runs"].values()] == ["KILLED"]
    assert world.entries() == []


def test_a_full_disk_is_told_in_words(world, simulated):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(EngineError, match="No space left") as caught:
        world(lane=simulated.SimulatedLane(hand_over=full))
    assert caught.value.hint


def test_a_workspace_that_cannot_be_written_is_told_in_words(world):
    (world.root / "reports").touch()
    for key in (None, "weekly/1"):
        with pytest.raises(EngineError, match=r"cannot be (made|written)"):
            world(key=key)


def test_a_workspace_may_be_named_from_here(world, simulated, monkeypatch):
    """Paths that a kernel is told are whole ones, whatever the runner was given."""
    monkeypatch.chdir(world.root)
    outcome = world()
    assert outcome.notebook.is_absolute()


def test_what_the_runner_is_told_of_the_environment_reaches_the_lane(world, simulated):
    lane = simulated.SimulatedLane()
    world(lane=lane)
    assert lane.environ == {}
