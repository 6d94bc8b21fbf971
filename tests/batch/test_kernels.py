"""A kernel sees only what it may, tells how it failed, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from workbench.batch.kernels import cold
from workbench.batch.lanes import Failure, Job, kernel_environment
from workbench.batch.notebook import content_of, injected

RUNNER = """
import os, sys
from pathlib import Path
from workbench.batch.kernels import cold
from workbench.batch.lanes import Job
place = Path(sys.argv[1])
cold(Job(place / "n.ipynb", place, place, dict(os.environ)))
"""
NAP = (
    "import os, pathlib, subprocess, time\n"
    "helper = subprocess.Popen(['sleep', '300'])\n"
    "pathlib.Path('pids').write_text(f'{os.getpid()} {helper.pid}')\n"
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="processes are watched by signals")]


@pytest.fixture
def execute(tmp_path, write_notebook):
    """Runs cells in a kernel; what went wrong, and the notebook it left."""

    def call(*cells, environ=None, on_cell=None, place=tmp_path):
        notebook = write_notebook(place / "n.ipynb", *cells)
        ended = cold(Job(notebook, place, place, environ or dict(os.environ)), on_cell)
        return ended.failure, json.loads(notebook.read_text("utf-8"))

    return call


def seen(environ):
    return kernel_environment(Job(Path("n"), Path("/w"), Path("/r"), environ))


def printed(notebook):
    """All that the cells printed, as one text."""
    outputs = [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def pids_of(place):
    return [int(pid) for pid in (place / "pids").read_text().split()]


# what it sees


def test_a_kernel_sees_no_secret_of_the_runner(execute):
    _, notebook = execute("import os; print(sorted(os.environ))", environ={**os.environ, "AWS_SECRET": "hunter2"})
    assert "AWS_SECRET" not in printed(notebook)
    assert "WORKBENCH_RUN" in printed(notebook)
    assert "hunter2" not in json.dumps(notebook)


def test_a_kernel_is_told_its_run_and_works_in_the_workspace(execute, tmp_path):
    cell = "import os; print(os.getcwd(), os.environ['WORKBENCH_WORKSPACE'], os.environ['WORKBENCH_RUN'])"
    assert printed(execute(cell)[1]).split() == [str(tmp_path)] * 3


def test_a_kernel_is_one_of_this_interpreter_whatever_the_kernelspecs_say(execute, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    environ = {**os.environ, "JUPYTER_PATH": str(tmp_path / "jupyter")}
    assert printed(execute("import sys; print(sys.prefix)", environ=environ)[1]).strip() == sys.prefix


def test_thread_counts_are_one_unless_the_environment_says_otherwise():
    assert seen({})["OMP_NUM_THREADS"] == "1"
    assert seen({"OMP_NUM_THREADS": "8"})["OMP_NUM_THREADS"] == "8"


def test_injected_dates_and_paths_arrive_as_dates_and_paths(tmp_path, write_notebook):
    imports = "#parameters\nfrom datetime import date\nfrom pathlib import Path\n"
    cell = f"{imports}since: date = date(2026, 1, 1)\nwhere: Path = Path('a')"
    notebook = write_notebook(tmp_path / "n.ipynb", cell, "print(repr(since), type(where).__mro__[1].__name__)")
    content = injected(content_of(notebook), {"since": date(2026, 12, 24), "where": Path("b c")})
    notebook.write_text(json.dumps(content))
    assert cold(Job(notebook, tmp_path, tmp_path, dict(os.environ))).failure is None
    assert printed(json.loads(notebook.read_text())) == "datetime.date(2026, 12, 24) Path\n"


@pytest.mark.parametrize("name", ["a b", "größe", "{x}", 'it\'s "q"', "%d;$HOME"])
def test_a_hostile_folder_name_is_only_a_name(execute, tmp_path, name):
    place = tmp_path / name
    place.mkdir()
    failure, notebook = execute("import os; print(os.getcwd())", place=place)
    assert failure is None
    assert printed(notebook).strip() == str(place)


# how it goes


def test_each_code_cell_is_counted_when_it_is_done(execute):
    seen = []
    execute("#parameters\na: int = 1", "#markdown\nwords", "a", "", "a + 1", on_cell=lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_failing_cell_is_told_with_its_number_and_the_outputs_so_far_are_kept(execute):
    failure, notebook = execute("print('so far')", "1 / 0", "print('never')")
    assert failure == Failure("ZeroDivisionError", "division by zero", 2)
    assert failure.sentence == "cell 2 failed: ZeroDivisionError: division by zero"
    assert failure.hint == ""
    assert printed(notebook) == "so far\n"


def test_an_error_of_ours_in_a_cell_keeps_its_way_out(execute):
    failure, _ = execute("from workbench.errors import Misuse", "raise Misuse('days is 0', hint='give at least 1')")
    assert failure == Failure("Misuse", "days is 0", 2, hint="give at least 1")
    assert failure.sentence == "cell 2 failed: days is 0"


def test_a_message_without_end_is_cut(execute):
    failure, _ = execute("raise ValueError('x' * 1_000_000)")
    assert len(failure.sentence) < 2100


def test_input_is_refused_and_does_not_wait_for_anyone(execute):
    failure, _ = execute("input('name?')")
    assert failure.error == "StdinNotImplementedError"


def test_a_kernel_that_dies_is_told(execute):
    failure, _ = execute("import os; os._exit(1)")
    assert failure.error == "KernelDied"
    assert "the kernel died" in failure.sentence


# what it leaves


def test_nothing_that_a_kernel_started_outlives_it(execute, tmp_path):
    execute(NAP)
    assert wait_until(lambda: not any(is_running(pid) for pid in pids_of(tmp_path)), 3)


def test_nothing_that_a_failed_kernel_started_outlives_it(execute, tmp_path):
    execute(f"{NAP}os._exit(1)")
    assert wait_until(lambda: not any(is_running(pid) for pid in pids_of(tmp_path)), 3)


def test_a_slow_teardown_is_not_waited_for(execute):
    """A heavy interpreter takes seconds to tear itself down; its outputs are complete before."""
    began = time.monotonic()
    execute("import atexit, time\natexit.register(time.sleep, 20)")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_runner_that_is_ended_leaves_no_kernel(tmp_path, write_notebook, sent):
    write_notebook(tmp_path / "n.ipynb", f"{NAP}time.sleep(300)")
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        assert wait_until((tmp_path / "pids").exists, 60)
        time.sleep(0.5)
        kernel = pids_of(tmp_path)[0]
        runner.send_signal(sent)
        assert runner.wait(timeout=20) != 0
        assert wait_until(lambda: not is_running(kernel), 10)
    finally:
        runner.kill()
        for pid in pids_of(tmp_path) if (tmp_path / "pids").exists() else []:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
