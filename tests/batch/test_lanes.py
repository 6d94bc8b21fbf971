"""What every lane keeps: one set of behaviours, run over each way to execute a notebook.

A new lane is one more name in `LANES`.
"""

import contextlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psutil
import pytest

from workbench.batch.inline import inline
from workbench.batch.kernels import cold, warm
from workbench.batch.lanes import Job, Limits
from workbench.bench import create
from workbench.bench.notebooks import ATTEMPT
from workbench.engines.dask import dask_lane

LANES = ["cold", "warm", "inline", "dask"]
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
    elif request.param == "cold":
        yield cold
    else:
        forked = {"warm": warm, "inline": inline}[request.param]
        yield partial(forked, zygote=request.getfixturevalue("zygote"))


@pytest.fixture
def execute(lane, tmp_path, write_notebook):
    """Runs cells in a run's folder; how it ended, and the notebook it left."""

    def call(*cells, environ=None, on_cell=None, folder="run", **limits):
        run_folder = tmp_path / folder
        run_folder.mkdir(exist_ok=True)
        notebook = write_notebook(run_folder / "notebook.ipynb", *cells)
        job = Job(notebook, tmp_path, run_folder, dict(environ or os.environ), Limits(**limits))
        ended = lane(job, on_cell)
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


# limits

SPIN = "import signal, subprocess\nprint('so far', flush=True)\nsubprocess.Popen(['sleep', '300'])\n"
DEAF = f"{SPIN}signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"
HELD = f"{SPIN}import re\nre.match('(a+)+b', 'a' * 60)"  # in C code, which holds the interpreter


@pytest.fixture
def left_behind(tmp_path):
    """The processes that still run in a workspace, after a moment to end."""

    def call():
        end = time.monotonic() + 5
        while (found := running_in(tmp_path)) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    return call


def running_in(workspace):
    """The processes that were told this workspace and live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mine = process.environ().get("WORKBENCH_WORKSPACE") == str(workspace) or process.cwd() == str(workspace)
            if mine and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize("cell", [DEAF, HELD], ids=["deaf", "held"])
def test_a_cell_that_takes_too_long_is_ended_even_where_it_does_not_listen(execute, left_behind, cell):
    ended, notebook = execute("print('before')", cell, cell_seconds=2)
    assert (ended.failure.error, ended.failure.cell) == ("CellTimeout", 2)
    assert printed(notebook).startswith("before\n")
    assert not [line for line in left_behind() if "sleep" in line]


def test_a_run_that_takes_too_long_is_ended(execute, left_behind):
    ended, notebook = execute("print('before')", DEAF, seconds=3)
    assert ended.failure.error == "RunTimeout"
    assert printed(notebook) == "before\nso far\n"
    assert not [line for line in left_behind() if "sleep" in line]


@pytest.mark.parametrize("where", ["itself", "a child process"])
def test_a_cell_that_takes_too_much_memory_is_ended_and_told_so(execute, where):
    leak = "import time\nkept = b'x' * (400 << 20)\ntime.sleep(30)"
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {leak!r}])"
    ended, notebook = execute("print('before')", leak if where == "itself" else child, memory=250 << 20)
    assert ended.failure.error == "OutOfMemory"
    assert "GB" in ended.failure.message
    assert printed(notebook) == "before\n"


def test_a_hundred_megabytes_of_printing_are_kept_small_and_said_so(execute):
    ended, notebook = execute("for _ in range(1000):\n    print('x' * 100_000)", "print('after')")
    assert ended.failure is None
    text = printed(notebook)
    assert len(text) < 11_000_000
    assert "the rest of what this cell printed was not kept" in text
    assert text.endswith("after\n")


COUNTS = """
import subprocess
child = subprocess.Popen(["seq", "1000000"])
while child.poll() is None:
    print(end="")  # each takes over what the child has written by now
"""


def test_nothing_is_lost_of_what_a_child_process_writes_while_it_is_taken_over(execute):
    ended, notebook = execute(COUNTS)
    assert ended.failure is None
    assert printed(notebook).split() == [str(number) for number in range(1, 1_000_001)]


def test_a_child_process_that_empties_the_file_is_heard_each_time(execute):
    cell = "import os\nfor sign in 'aab':\n    os.system(f'echo {sign} > /dev/stdout')\n    print('told')"
    ended, notebook = execute(cell)
    assert ended.failure is None
    assert sorted(printed(notebook).split()) == ["a", "a", "b", "told", "told", "told"]


def test_one_print_of_seventy_megabytes_is_not_taken_for_a_dead_kernel(execute):
    ended, notebook = execute("print('x' * 70_000_000)", "print('after')")
    assert ended.failure is None
    assert printed(notebook).endswith("[the rest of what this cell printed was not kept]\nafter\n")


@pytest.mark.parametrize("cell", ["raise SystemExit(3)", "import sys; sys.exit(3)", "import sys; sys.exit('no data')"])
def test_leaving_a_cell_by_an_exit_is_a_failure_of_it(execute, cell):
    ended, _ = execute(cell, "print('never')")
    assert (ended.failure.error, ended.failure.cell) == ("SystemExit", 1)


def test_what_it_took_is_told(execute):
    spin = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end:\n    pass"
    ended, _ = execute(spin, "kept = b'x' * (300 << 20)\nimport time; time.sleep(0.5)")
    assert 0.9 < ended.usage.cpu_seconds < 5
    assert 300 << 20 < ended.usage.peak_memory < 500 << 20
