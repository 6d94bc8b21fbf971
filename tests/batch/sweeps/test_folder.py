"""The files of a sweep: whole or not there, read after any cut, found by no more than their name."""

import pytest

from workbench.batch.sweeps.folder import SweepFolder, find_sweep, sweeps_folder
from workbench.batch.sweeps.results import Child
from workbench.errors import EngineError, Misuse


@pytest.fixture
def begun(place):
    sweep = place.begin()
    return sweep, SweepFolder(sweeps_folder(place.root) / sweep.id)


def test_the_newest_line_of_a_run_counts_and_one_cut_short_does_not(begun):
    sweep, folder = begun
    folder.note(Child(1, {}, "failed", error="ValueError"))
    with (folder.path / "ended.jsonl").open("a") as file:
        file.write('\n{"number": 1, "status": "fin')
    folder.note(Child(2, {}, "finished", metrics={"loss": 1.0}))
    folder.note(Child(1, {}, "finished", run_id="x"))
    children = folder.children(sweep.plan)
    assert [child.status for child in children] == ["finished", "finished", "waiting"]
    assert (children[0].run_id, children[0].error, children[0].parameters) == ("x", "", {"seed": 1})


def test_a_run_that_ends_after_the_whole_was_closed_opens_it_again(begun):
    _, folder = begun
    assert not folder.is_closed
    folder.note_closed()
    assert folder.is_closed
    folder.note(Child(1, {}, "finished"))
    assert not folder.is_closed


def test_a_sweep_that_was_never_wholly_written_has_not_begun(place, begun):
    (sweeps_folder(place.root) / "20260101-000000-weekly-dead" / "notebook").mkdir(parents=True)
    assert [sweep.id for sweep, _, _ in place.sweeps.all()] == [begun[0].id]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan": 1, "options": {}}'])
def test_a_damaged_plan_is_told(begun, text):
    _, folder = begun
    (folder.path / "sweep.json").write_text(text)
    with pytest.raises(EngineError, match="cannot be read"):
        folder.sweep()


def test_a_copy_of_the_notebook_that_is_gone_is_told(place, begun):
    sweep, folder = begun
    folder.notebook.unlink()
    with pytest.raises(EngineError, match="copy of its notebook is gone"):
        place.sweeps.go_on(sweep.id)


def test_a_sweep_is_found_by_an_end_of_its_id_that_fits_no_other(place):
    one, other = place.begin().id, place.begin().id
    assert find_sweep(place.root, one).path.name == one
    assert find_sweep(place.root, other[-4:]).path.name == other
    assert find_sweep(place.root, "last").path.name == max(one, other)
    with pytest.raises(Misuse, match="fits 2 sweeps"):
        find_sweep(place.root, one[:8])


@pytest.mark.parametrize("identity", ["", "../../..", "*", "/etc", "nope\0"])
def test_what_is_no_id_finds_nothing(place, begun, identity):
    with pytest.raises(Misuse, match="there is no sweep") as told:
        find_sweep(place.root, identity)
    assert begun[0].id in told.value.hint


def test_where_there_is_no_sweep_the_newest_is_not_there_either(place):
    with pytest.raises(Misuse, match="there is no sweep 'last'"):
        find_sweep(place.root, "last")
