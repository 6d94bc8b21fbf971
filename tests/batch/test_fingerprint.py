"""What a run depends on is taken from the disk in full: inputs, modules and what they import, the environment."""

import itertools
import json
import os
import sys
import time
from pathlib import Path

import pytest

from workbench.batch.fingerprint import content_of_run, digest_input, digest_of_file
from workbench.batch.notebook import content_of, injected
from workbench.data import digest_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def taken(tmp_path, write_notebook):
    """Takes the content of a run of cells in a workspace."""

    def take(*cells, environ=None, **parameters):
        notebook = write_notebook(tmp_path / "n.ipynb", "#parameters\nseed: int = 7", *cells)
        return content_of_run("n", content_of(notebook), parameters, root=tmp_path, environ=environ or {})

    return take


def test_the_same_disk_gives_the_same_key(taken):
    assert taken("import json").key == taken("import json").key


def test_a_cell_injected_before_does_not_count(tmp_path, write_notebook):
    notebook = content_of(write_notebook(tmp_path / "n.ipynb", "#parameters\nseed: int = 7", "seed"))
    takes = [
        content_of_run("n", each, {}, root=tmp_path, environ={}) for each in (notebook, injected(notebook, {"seed": 9}))
    ]
    assert takes[0] == takes[1]


def test_a_tag_that_moves_to_another_cell_counts(tmp_path, write_notebook):
    notebook = content_of(write_notebook(tmp_path / "n.ipynb", "#parameters\nseed: int = 7", "seed"))
    before = content_of_run("n", notebook, {}, root=tmp_path, environ={})
    notebook["cells"][1]["metadata"] = {"tags": ["raises-exception"]}
    assert content_of_run("n", notebook, {}, root=tmp_path, environ={}).key != before.key


# inputs


@pytest.mark.parametrize(
    ("cells", "parameters"),
    [
        (("1",), {"data": "d/loans.csv"}),
        (("1",), {"data": "d"}),
        (("1",), {"data": ["x", "d/loans.csv"]}),
        (("1",), {"data": "d/*.csv"}),
        (("read('d/loans.csv')",), {}),
        (("read(Path('d') / 'loans.csv')",), {}),
        (("Path('d').glob('*.csv')",), {}),
        (("sql(\"SELECT * FROM 'd/loans.csv'\")",), {}),
        (("read(f'd/{name}.csv')",), {}),
        (("folder = 'x'\nread(Path('d') / f'{name}.csv')",), {}),
        (("read('d')",), {}),
        (("read('./d')",), {}),
        (("[each.read_text() for each in Path('d').iterdir()]",), {}),
        (("read(Path('d') / name)",), {"name": "x.csv"}),
        (("folder = Path(x or 'd/')",), {}),
    ],
    ids=[
        *("file", "folder", "list", "pattern", "text in the code", "joined texts", "joined pattern", "SQL"),
        *("f-string", "f-string in a folder", "folder", "dotted folder", "listed folder", "unknown name", "default"),
    ],
)
def test_one_byte_of_an_input_counts(taken, tmp_path, cells, parameters):
    (tmp_path / "d").mkdir()
    place = tmp_path / "d" / "loans.csv"
    place.write_text("a,b\n1,2\n")
    os.utime(place, (1, 1))
    before = taken(*cells, **parameters)
    assert len(before.inputs) == 1
    assert taken(*cells, **parameters) == before
    place.write_text("a,b\n1,3\n")
    os.utime(place, (1, 1))  # neither its size nor its time changed
    after = taken(*cells, **parameters)
    assert after.key != before.key
    assert set(after.inputs) == set(before.inputs)


@pytest.mark.parametrize("cell", ["read('d.parquet')", "read('d.parquet/')", "read(f'{x}.parquet')"])
def test_a_folder_is_read_through_its_links_and_an_endless_one_ends(taken, tmp_path, cell):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "d.parquet").mkdir()
    (tmp_path / "d.parquet" / "part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d.parquet" / "again").symlink_to(tmp_path / "d.parquet")
    before = taken(cell)
    (tmp_path / "elsewhere" / "x").write_text("1")
    after = taken(cell)
    assert len(after.inputs) == 1
    assert after.key != before.key


def test_a_file_in_the_home_folder_is_read(taken, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    (home / "x.csv").write_text("a")
    monkeypatch.setenv("HOME", str(home))
    assert taken("read('~/x.csv')").inputs == {"~/x.csv": digest_file(home / "x.csv")}
    assert taken("1", data=f"file://{home}/x.csv").inputs == {f"file://{home}/x.csv": digest_file(home / "x.csv")}


def test_a_workspace_whose_path_looks_like_a_pattern_is_read(tmp_path, write_notebook):
    root = tmp_path / "loans [2026] *"
    (root / "d").mkdir(parents=True)
    (root / "d" / "x.csv").write_text("a")
    notebook = content_of(write_notebook(root / "n.ipynb", "read('d/*.csv')"))
    assert list(content_of_run("n", notebook, {}, root=root, environ={}).inputs) == ["d/*.csv"]


def test_an_address_in_a_parameter_is_a_doubt_that_does_not_tell_it(taken):
    (doubt,) = taken("1", data=["postgresql://me:password@db/x"]).doubts
    assert doubt == "parameter data names an address (postgresql://…), which lies outside and may change"


def test_an_input_that_appears_counts(taken, tmp_path):
    before = taken("1", data="loans.csv")
    (tmp_path / "loans.csv").touch()
    assert before.inputs == {}
    assert taken("1", data="loans.csv").key != before.key


def test_a_file_outside_of_the_workspace_is_named_by_its_whole_path(taken, tmp_path_factory):
    place = tmp_path_factory.mktemp("elsewhere") / "loans.csv"
    place.write_text("a")
    assert taken("1", data=str(place)).inputs == {str(place): digest_file(place)}


@pytest.mark.parametrize(
    "value", ["", " ", ".." * 3000, "\0", "a\nb", "[", "**", 7, None, True, "//", "~", "~/", "file://"]
)
def test_a_value_that_names_nothing_is_no_input(taken, value):
    content = taken("1", data=value)
    assert content.inputs == {}
    assert content.doubts == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(taken, tmp_path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "pipe")
    (tmp_path / "d" / "lost").symlink_to("nowhere")
    assert list(taken("1", data="d").inputs) == ["d"]
    with pytest.raises(FileNotFoundError):
        digest_input(tmp_path / "d" / "pipe")


def test_an_input_that_cannot_be_read_whole_is_a_doubt(taken, tmp_path, monkeypatch):
    (tmp_path / "d").mkdir()
    for name in "abc":
        (tmp_path / "d" / name).touch()
    monkeypatch.setattr("workbench.batch.fingerprint.MOST_FILES", 2)
    assert taken("1", data="d").doubts == ("d cannot be read: it holds more than 2 files",)


def test_a_digest_is_that_of_all_bytes_and_follows_the_file(tmp_path):
    place = tmp_path / "loans.csv"
    for text in ("1", "2", "3"):
        place.write_text(text)
        assert digest_of_file(place) == digest_input(place) == digest_file(place)
    os.utime(place, (1, 1))
    known = digest_of_file(place)
    assert digest_of_file(place) == known == digest_file(place)


# code


@pytest.fixture
def team(tmp_path):
    """A package and a module in the workspace, of which one imports the other."""
    (tmp_path / "team" / "features").mkdir(parents=True)
    (tmp_path / "team" / "__init__.py").touch()
    (tmp_path / "team" / "features" / "__init__.py").write_text("from . import loans")
    (tmp_path / "team" / "features" / "loans.py").write_text("from ..shared import scale\nimport helper")
    (tmp_path / "team" / "shared.py").write_text("scale = 1\nfrom team import features")
    (tmp_path / "team" / "unused.py").touch()
    (tmp_path / "helper.py").write_text("import pandas")
    return tmp_path


def test_modules_are_followed_through_their_imports_and_no_further(taken, team):
    named = {"helper", "team", "team.features", "team.features.loans", "team.shared"}
    assert set(taken("import team.features").modules) == named
    assert set(taken("from team.features.loans import scale").modules) == named
    assert taken("import pandas").modules == {}


@pytest.mark.parametrize("name", ["team/shared.py", "helper.py", "team/features/loans.py", "team/__init__.py"])
def test_a_change_of_a_module_counts(taken, team, name):
    before = taken("import team.features")
    (team / name).write_text(f"{(team / name).read_text()}\nmore = 1")
    after = taken("import team.features")
    changed = [module for module in after.modules if before.modules[module] != after.modules[module]]
    assert changed == [name.removesuffix(".py").replace("/__init__", "").replace("/", ".")]
    assert after.key != before.key


def test_a_change_of_a_module_that_is_not_imported_does_not_count(taken, team):
    before = taken("import team.features")
    (team / "team" / "unused.py").write_text("more = 1")
    assert taken("import team.features") == before


def test_a_folder_that_is_put_on_the_path_is_looked_into(taken, tmp_path_factory):
    place = tmp_path_factory.mktemp("library")
    (place / "theirs.py").write_text("x = 1")
    assert set(taken("import theirs", environ={"PYTHONPATH": str(place)}).modules) == {"theirs"}


def test_data_beside_a_module_counts(taken, team):
    (team / "team" / "features" / "loans.py").write_text("read(Path(__file__).parent / 'weights.json')")
    place = team / "team" / "features" / "weights.json"
    place.write_text("1")
    assert taken("import team.features").inputs == {"team/features/weights.json": digest_file(place)}


def test_a_module_that_is_installed_editable_through_a_hook_counts(taken, tmp_path_factory, monkeypatch):
    import workbench.batch.fingerprint as fingerprint

    place = tmp_path_factory.mktemp("the library")
    (place / "src").mkdir()
    (place / "src" / "theirs.py").write_text("x = 1")
    site = tmp_path_factory.mktemp("site")
    (site / "theirs-1.0.dist-info").mkdir()
    note = {"url": place.as_uri(), "dir_info": {"editable": True}}
    (site / "theirs-1.0.dist-info" / "direct_url.json").write_text(json.dumps(note))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(fingerprint, "_tick", itertools.count().__next__)
    assert set(taken("import theirs").modules) == {"theirs"}


def test_a_doubt_within_a_module_is_a_doubt(taken, tmp_path):
    (tmp_path / "helper.py").write_text("import requests\nrequests.get('x')")
    assert taken("import helper").doubts == ("module helper uses requests, which reads more than its inputs",)


def test_a_module_that_cannot_be_read_is_a_doubt(taken, tmp_path):
    (tmp_path / "helper.py").write_bytes(b"\xff")
    assert taken("import helper").doubts == ("module helper cannot be read",)


def test_the_source_of_the_workbench_counts(taken, tmp_path, monkeypatch):
    import workbench.batch.fingerprint as fingerprint

    own = tmp_path / "workbench"
    own.mkdir()
    (own / "a.py").write_text("1")
    monkeypatch.setattr(fingerprint, "OWN", own)
    monkeypatch.setattr(fingerprint, "_tick", itertools.count().__next__)
    before = taken("1")
    (own / "a.py").write_text("2")
    assert taken("1").key != before.key


# environment


def test_an_installed_version_counts(taken, tmp_path, monkeypatch):
    import workbench.batch.fingerprint as fingerprint

    place = tmp_path / "site"
    (place / "thing-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(fingerprint, "_tick", itertools.count().__next__)
    before = taken("1")
    (place / "thing-1.0.dist-info").rename(place / "thing-1.1.dist-info")
    assert (before.environment["thing"], taken("1").environment["thing"]) == ("1.0", "1.1")


def test_what_is_installed_is_found_as_the_interpreter_finds_it(taken):
    from importlib.metadata import version

    environment = taken("1").environment
    assert {name: environment[name] for name in ("pandas", "mlflow")} == {
        name: version(name) for name in ("pandas", "mlflow")
    }
    assert environment["python"] == sys.version


def test_the_number_of_threads_and_the_time_zone_count_and_a_path_does_not(taken):
    keys = {taken("1", environ=environ).key for environ in ({}, {"TZ": "UTC"}, {"OMP_NUM_THREADS": "4"})}
    assert len(keys) == 3
    assert taken("1", environ={"HOME": "/elsewhere"}).key in keys


def test_the_content_of_a_shipped_notebook_takes_milliseconds(tmp_path):
    notebook = content_of(ROOT / "notebooks" / "train.ipynb")
    content_of_run("train", notebook, {}, root=tmp_path, environ={})
    began = time.process_time()
    for _ in range(10):
        content = content_of_run("train", notebook, {}, root=tmp_path, environ={})
    assert (time.process_time() - began) / 10 < 0.02
    assert content.doubts == ()
    assert json.loads(content.as_json())["notebook"] == "train"


@pytest.mark.parametrize(
    "path",
    [*sorted(ROOT.glob("notebooks/*.ipynb")), *sorted(ROOT.glob("templates/notebooks/*.ipynb"))],
    ids=lambda p: p.stem,
)
def test_no_shipped_notebook_is_doubted_nor_reads_what_the_workbench_writes(tmp_path, path):
    for name in ("ledger.db", "mlflow.db", "reports/runs/1/executed.ipynb", "schedules/weekly.json", "data/cases.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    content = content_of_run(path.stem, content_of(path), {"data": "data/cases.csv"}, root=tmp_path, environ={})
    assert content.doubts == ()
    assert list(content.inputs) == ["data/cases.csv"]
