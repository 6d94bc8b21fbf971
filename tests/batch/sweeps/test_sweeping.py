"""Sweeps over simulators: on disk before they start, each run under its key, one parent, one entry of the whole."""

import json
import threading

import pytest

from workbench.batch.folders import runs_folder
from workbench.batch.lanes import Limits
from workbench.batch.sweeps import Options, Plan
from workbench.batch.sweeps.crew import Quiet
from workbench.batch.sweeps.folder import SweepFolder, sweeps_folder
from workbench.errors import Misuse


@pytest.fixture
def swept_over(place):
    """A sweep of three runs that has finished."""
    sweep = place.begin(best="loss:min")
    return sweep, place.sweeps.go_on(sweep.id)


def test_a_sweep_is_on_disk_before_anything_runs(place):
    plan = place.sweeps.plan(place.notebook, {"seed": "1:3:3"}, fixed={"label": "x"})
    options = Options(jobs=2, retries=1, transient=("OSError",), limits=Limits(seconds=9.5), best="loss:min")
    sweep = place.sweeps.begin(place.notebook, plan, options)
    assert (sweep.plan, sweep.options, sweep.actor, sweep.name) == (plan, options, "analyst", "weekly")
    assert place.sweeps.sweep(sweep.id) == sweep
    folder = SweepFolder(sweeps_folder(place.root) / sweep.id)
    assert folder.notebook.read_text() == place.notebook.read_text()
    assert place.sweeps.result(sweep.id).status == "stopped"
    assert (place.lane.executed, place.opened, place.ledger.entries()) == ([], 0, [])


def test_each_run_has_its_key_its_values_and_the_one_parent(place, swept_over):
    sweep, result = swept_over
    runs = place.runs()
    assert sorted(key.partition(sweep.id)[2] for key in runs) == ["", "/1", "/2", "/3"]
    parent = place.store.attempts(sweep.key)[0]
    assert result.parent == parent
    for number in (1, 2, 3):
        child = runs[f"{sweep.key}/{number}"]
        assert child["tags"]["mlflow.parentRunId"] == parent
        assert child["parameters"] == {"seed": number, "label": "plain"}
    told = runs[sweep.key]
    assert (told["status"], told["parameters"]) == ("FINISHED", {"seed": "1, 2, 3"})
    assert told["metrics"] == {"seed": 2, "loss": 0}
    assert told["tags"]["workbench.sweep.over"] == "seed"
    assert told["tags"]["workbench.sweep.best"] == result.best.run_id
    assert told["tags"]["workbench.sweep.best_value"] == "loss = 0"
    assert {"index.html", "summary.csv", "sweep.json"} <= set(told["files"])


def test_the_ledger_is_told_of_the_whole_once(place, swept_over):
    sweep, result = swept_over
    (entry,) = place.told("sweep.finished")
    assert (entry.subject, entry.why) == (f"sweep/{sweep.id}", "3 of 3 runs finished")
    assert entry.body["children"] == [[child.number, child.run_id, "finished"] for child in result.children]
    assert entry.body["best"] == {
        "number": 2,
        "run_id": result.best.run_id,
        "metric": "loss",
        "lowest": True,
    }
    assert len(place.told("run.finished")) == 3


def test_a_sweep_that_finished_is_not_run_again_and_opens_no_store(place, swept_over):
    _, result = swept_over
    opened = place.opened
    again = place.sweeps.go_on("last")
    assert again.children == result.children
    assert (len(place.lane.executed), place.opened, len(place.told("sweep.finished"))) == (3, opened, 1)


def test_the_parent_names_the_runs_that_come_from_earlier_ones(place, swept_over):
    earlier = [child.run_id for child in swept_over[1].children]
    sweep = place.begin({"seed": [2, 3, 4]})
    place.sweeps.go_on(sweep.id)
    assert place.runs()[sweep.key]["tags"]["workbench.sweep.reused"] == ", ".join(earlier[1:])
    whole = place.begin()
    assert place.sweeps.go_on(whole.id).reused == 3
    assert whole.key not in place.runs()


def test_sweeps_are_listed_newest_first(place):
    first, second = place.begin(), place.begin()
    assert [sweep.id for sweep, _, _ in place.sweeps.all()] == sorted([first.id, second.id], reverse=True)
    assert len(place.sweeps.all(limit=1)) == 1


def test_what_is_to_run_afresh_does_so_after_a_stop_too(place, swept_over):
    taken = place.sweeps.go_on(place.begin().id)
    assert (taken.reused, len(place.lane.executed)) == (3, 3)
    afresh = place.sweeps.go_on(place.begin(fresh=True).id)
    assert (afresh.reused, len(place.lane.executed)) == (0, 6)


def test_a_sweep_that_was_begun_before_there_was_such_an_option_goes_on(place):
    sweep = place.begin()
    path = sweeps_folder(place.root) / sweep.id / "sweep.json"
    kept = json.loads(path.read_text())
    del kept["options"]["fresh"]
    path.write_text(json.dumps(kept))
    assert place.sweeps.sweep(sweep.id) == sweep


def test_a_table_of_the_runs_is_at_hand_in_python(swept_over):
    frame = swept_over[1].frame()
    assert list(frame.index) == [1, 2, 3]
    assert list(frame["loss"]) == [1, 0, 1]
    assert list(frame["metric seed"]) == [1, 2, 3]
    assert set(frame["status"]) == {"finished"}


def test_what_failed_is_told_with_its_cell_and_run_again_only_when_asked(place):
    place.lane.fails = {2: ["ValueError"]}
    sweep = place.begin()
    result = place.sweeps.go_on(sweep.id)
    failed = result.children[1]
    assert (result.status, failed.status, failed.error, failed.cell) == ("failed", "failed", "ValueError", 3)
    assert failed.sentence == "cell 3 failed: ValueError: it is <b>away</b>"
    assert (runs_folder(place.root) / failed.folder / "report.html").is_file()
    assert place.runs()[sweep.key]["status"] == "FAILED"
    assert place.runs()[sweep.key]["metrics"] == {}
    assert place.sweeps.go_on(sweep.id).status == "failed"
    assert len(place.lane.executed) == 3
    assert place.sweeps.left(sweep.id, sweep.options, retry_failed=True) == [failed]
    mended = place.sweeps.go_on(sweep.id, retry_failed=True)
    assert (mended.status, mended.children[1].attempts, len(place.lane.executed)) == ("finished", 2, 4)
    assert place.runs()[sweep.key]["status"] == "FINISHED"
    assert [entry.why for entry in place.told("sweep.finished")] == [
        "2 of 3 runs finished",
        "3 of 3 runs finished",
    ]


def test_what_failed_for_something_transient_is_run_again_unasked(place):
    place.lane.fails = {2: ["OperationalError"], 3: ["ValueError"]}
    sweep = place.begin(transient=("OperationalError",))
    assert place.sweeps.go_on(sweep.id).count("failed") == 2
    again = place.sweeps.go_on(sweep.id)
    assert [child.status for child in again.children] == ["finished", "finished", "failed"]


def test_attempts_are_each_a_run_of_the_store_below_the_parent(place, monkeypatch):
    monkeypatch.setattr("workbench.batch.sweeps.crew.FIRST_PAUSE", 0.001)
    place.lane.fails = {1: ["OperationalError"] * 2}
    sweep = place.begin({"seed": [1]}, retries=2, transient=("OperationalError",))
    (child,) = place.sweeps.go_on(sweep.id).children
    assert (child.status, child.attempts) == ("finished", 3)
    attempts = place.store.attempts(f"{sweep.key}/1")
    assert [place.store.state["runs"][run]["status"] for run in attempts] == ["FAILED", "FAILED", "FINISHED"]
    assert len(place.told("run.failed")) == 2


def test_an_interrupted_sweep_keeps_what_ended_and_is_gone_on_with(place):
    class Interrupting(Quiet):
        def ended(self, child):
            place.lane.waits.clear()
            raise KeyboardInterrupt

    sweep = place.begin()
    with pytest.raises(KeyboardInterrupt):
        place.sweeps.go_on(sweep.id, onlooker=Interrupting())
    stopped = place.sweeps.result(sweep.id)
    assert (stopped.status, stopped.children[0].status) == ("stopped", "finished")
    assert stopped.page.is_file()
    assert place.runs()[sweep.key]["status"] == "KILLED"
    assert "RUNNING" not in {kept["status"] for kept in place.runs().values()}
    assert place.told("sweep.finished") == []
    place.lane.waits.set()
    rest = place.sweeps.go_on(sweep.id)
    assert (rest.status, rest.reused) == ("finished", 0)
    assert place.runs()[sweep.key]["status"] == "FINISHED"
    assert len(place.told("run.finished")) == 3


def test_a_changed_notebook_is_known_and_the_copy_is_run(place):
    sweep = place.begin()
    assert not place.sweeps.has_changed(sweep)
    place.write("other: int = 1")
    assert place.sweeps.has_changed(sweep)
    assert place.sweeps.go_on(sweep.id).status == "finished"
    place.notebook.unlink()
    assert place.sweeps.has_changed(sweep)


def test_one_sweep_is_run_by_one_process_at_a_time_and_two_sweeps_by_two(place):
    place.lane.waits.clear()
    one, other = place.begin(), place.begin({"seed": [7, 8]}, jobs=2)
    results = {}

    def go_on(identity):
        results[identity] = place.seen_by("somebody else").go_on(identity)

    threads = [threading.Thread(target=go_on, args=(sweep.id,)) for sweep in (one, other)]
    for thread in threads:
        thread.start()
    while len(place.lane.executed) < 3:
        assert all(thread.is_alive() for thread in threads)
        threading.Event().wait(0.01)
    with pytest.raises(Misuse, match="is being run by another process"):
        place.sweeps.go_on(one.id)
    assert [running for _, _, running in place.sweeps.all()] == [True, True]
    place.lane.waits.set()
    for thread in threads:
        thread.join()
    assert {result.status for result in results.values()} == {"finished"}
    assert sorted(place.lane.executed) == [1, 2, 3, 7, 8]
    assert [running for _, _, running in place.sweeps.all()] == [False, False]


def test_a_run_that_an_earlier_one_stands_for_is_marked_and_opens_no_store(place, swept_over):
    """A cache gives the outcome of a run under another key; here a callable stands for it."""
    from workbench.batch import Outcome
    from workbench.batch.sweeps import Sweeps

    before = swept_over[1].children[0]
    report = runs_folder(place.root) / before.folder / "report.html"

    def cached(notebook, parameters, **_):
        return Outcome(before.run_id, "weekly", "finished", notebook, report, {"loss": 1.0}, "As before.", reused=True)

    def unopened():
        pytest.fail("the store was opened")

    sweeps = Sweeps(
        place.root, run=cached, tracking=unopened, ledger=place.ledger, actor="analyst", now=place.seen_by("x")._now
    )
    sweep = sweeps.begin(place.notebook, swept_over[0].plan, Options(jobs=2))
    result = sweeps.go_on(sweep.id)
    assert (result.status, result.reused, result.parent) == ("finished", 3, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"jobs": 0}, "jobs is 0; it must be at least 1"),
        ({"retries": -1}, "retries is -1"),
        ({"limits": Limits(seconds=0)}, "timeout is 0; it must be above 0"),
        ({"best": ":max"}, "names no metric"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(place, options, said):
    with pytest.raises(Misuse, match=said):
        place.begin(**options)
    assert place.sweeps.all() == []


def test_a_file_of_runs_and_values_to_sweep_over_exclude_each_other(place):
    with pytest.raises(Misuse, match="are listed in a file and swept over values too"):
        place.sweeps.plan(place.notebook, {"seed": "1"}, rows=[{"seed": 1}])


def test_many_runs_that_ended_are_told_quickly(place):
    plan = Plan("grid", ("seed",), {}, tuple({"seed": number} for number in range(2000)))
    sweep = place.sweeps.begin(place.notebook, plan, Options())
    folder = SweepFolder(sweeps_folder(place.root) / sweep.id)
    lines = [{"number": number, "status": "finished", "metrics": {"loss": number}} for number in range(1, 2001)]
    (folder.path / "ended.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert place.sweeps.go_on(sweep.id).count("finished") == 2000


def test_a_key_of_the_whole_is_that_of_one_sweep_and_of_no_other_values(place):
    plan = place.sweeps.plan(place.notebook, {"seed": [1, 2]})
    first = place.sweeps.begin(place.notebook, plan, Options(), key="weekly/2026-W02")
    place.sweeps.go_on(first.id)
    again = place.sweeps.begin(place.notebook, plan, Options(), key="weekly/2026-W02")
    assert again == first
    assert place.sweeps.go_on(again.id).status == "finished"
    assert place.lane.executed == [1, 2]
    assert place.sweeps.begin(place.notebook, plan, Options(), key="weekly/2026-W03").id != first.id
    other = place.sweeps.plan(place.notebook, {"seed": [1, 3]})
    with pytest.raises(Misuse, match="was used for a sweep of weekly over other values"):
        place.sweeps.begin(place.notebook, other, Options(), key="weekly/2026-W02")
