"""What every lane keeps: one set of behaviours, run over each way to execute a notebook.

A new lane is one more name in `LANES`.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.batch.kernels import cold
from workbench.batch.lanes import Job
from workbench.bench import create
from workbench.bench.notebooks import ATTEMPT
from workbench.engines.dask import dask_lane

LANES = ["cold", "dask"]
HOSTILE = "a b{0}'\"<b>$(true);é実"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="processes are watched by signals")]


@pytest.fixture(params=LANES)
def lane(request, tmp_path):
    """Each lane in turn."""
    if request.param == "dask":
        cluster = request.getfixturevalue("shared_cluster")
        create(tmp_path)
        with dask_lane(cluster.address, tmp_path, (*ATTEMPT, "cold")) as opened:
            yield opened
    else:
        yield {"cold": cold}[request.param]


@pytest.fixture
def execute(lane, tmp_path, write_notebook):
    """Runs cells in a run's folder; how it ended, and the notebook it left."""

    def call(*cells, environ=None, on_cell=None, folder="run"):
        run_folder = tmp_path / folder
        run_folder.mkdir(exist_ok=True)
        notebook = write_notebook(run_folder / "notebook.ipynb", *cells)
        ended = lane(Job(notebook, tmp_path, run_folder, dict(environ or os.environ)), on_cell)
        return ended, json.loads(notebook.read_text("utf-8"))

    return call


def printed(notebook):
    """All that the cells printed, as one text."""
    outputs = [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


def test_a_notebook_runs_to_its_end_and_says_by_which_lane(execute):
    ended, notebook = execute("x = 2", "print(x * 21)")
    assert ended.failure is None
    assert ended.lane
    assert printed(notebook) == "42\n"
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2]


def test_a_failing_cell_is_told_by_its_number_and_the_outputs_before_it_are_kept(execute):
    ended, notebook = execute("print('before')", "raise ValueError('too few rows')", "print('after')")
    assert (ended.failure.error, ended.failure.message, ended.failure.cell) == ("ValueError", "too few rows", 2)
    assert printed(notebook) == "before\n"


def test_a_kernel_that_dies_is_told_and_the_outputs_before_it_are_kept(execute):
    ended, notebook = execute("print('before')", "import os; os._exit(3)")
    assert ended.failure.error == "KernelDied"
    assert printed(notebook) == "before\n"


def test_the_cells_work_in_the_workspace_and_see_no_secret(execute, tmp_path):
    told = "import json, os; print(json.dumps([os.getcwd(), os.environ['WORKBENCH_WORKSPACE'], sorted(os.environ)]))"
    _, notebook = execute(told, environ={**os.environ, "AWS_SECRET": "hunter2"})
    where, workspace, names = json.loads(printed(notebook))
    assert where == workspace == str(tmp_path)
    assert "AWS_SECRET" not in names
    assert names.count("WORKBENCH_RUN") == 1


def test_what_the_cells_write_lies_in_the_run_folder(execute, tmp_path):
    cell = (
        "import os, pathlib\nhere = pathlib.Path(os.environ['WORKBENCH_RUN'])\n"
        "(here / 'files').mkdir()\n(here / 'files' / 'table.csv').write_text('a')\n"
        "(here / 'record.json').write_text('{}')"
    )
    assert execute(cell)[0].failure is None
    left = sorted(path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*"))
    assert left == ["files", "files/table.csv", "notebook.ipynb", "record.json"]


def test_the_cells_done_are_counted(execute):
    counted = []
    execute("1", "#markdown\nwords", "2", "3", on_cell=lambda done, of: counted.append((done, of)))
    assert counted[-1] == (3, 3)
    assert counted == sorted(counted)


def test_a_folder_of_any_name_will_do(execute):
    ended, notebook = execute("print('here')", folder=HOSTILE)
    assert ended.failure is None
    assert printed(notebook) == "here\n"


def test_two_at_once_do_not_mix(execute):
    cell = "import os, time; print(os.environ['WORKBENCH_RUN']); time.sleep(0.5)"
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda name: execute(cell, folder=name), ["one", "two"]))
    assert [ended.failure for ended, _ in done] == [None, None]
    assert "one" in printed(done[0][1])
    assert "two" in printed(done[1][1])
