"""A zygote forks fresh processes, leaves out what it could not share, serves its user alone, and ends."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from workbench.batch.inline import inline
from workbench.batch.kernels import cold, warm
from workbench.batch.lanes import Job
from workbench.batch.local import Local
from workbench.batch.warm import Unavailable, Zygote, client, wire
from workbench.batch.warm.identity import identify, runtime_folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")]

ROOT = Path(__file__).parents[3]
MODULES = {
    "threaded": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "connected": "import socket\nkept = socket.socket()",
    "broken": "raise ValueError('not today')",
    "sound": "value = 7",
}


@pytest.fixture
def place():
    """A folder with a short path: sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="wz-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environ(place):
    """An environment of its own, with modules to preload."""
    for name, text in MODULES.items():
        (place / f"{name}.py").write_text(text)
    return {**os.environ, "XDG_RUNTIME_DIR": str(place), "PYTHONPATH": f"{ROOT}:{place}"}


@pytest.fixture
def found(environ):
    """A zygote of few modules; ended with the test."""
    made = Zygote(identify(["numpy", "sound"], environ))
    yield made
    made.stop()


@pytest.fixture
def said(found, environ, tmp_path, write_notebook):
    """What a cell prints, as JSON, in a lane."""

    def call(cell, lane="inline", **more):
        lanes = {"cold": cold, "warm": partial(warm, zygote=found), "inline": partial(inline, zygote=found)}
        notebook = write_notebook(tmp_path / "n.ipynb", cell)
        ended = lanes[lane](Job(notebook, tmp_path, tmp_path, {**environ, **more}))
        assert ended.failure is None, ended.failure
        return json.loads("".join(json.loads(notebook.read_text())["cells"][0]["outputs"][0]["text"]))

    return call


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# a fresh process

OPEN = (
    "import json, os, pathlib\n"
    "files = [os.readlink(p) for p in pathlib.Path('/proc/self/fd').iterdir() if os.path.lexists(p)]\n"
)


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_two_forks_draw_different_numbers(said, lane):
    cell = (
        "import json, random, uuid, tempfile, multiprocessing, numpy\n"
        "print(json.dumps([random.random(), numpy.random.rand(), str(uuid.uuid4()), tempfile.mktemp(), "
        "multiprocessing.current_process().authkey.hex()]))"
    )
    assert not set(said(cell, lane)) & set(said(cell, lane))


@pytest.mark.parametrize("lane", ["warm", "inline"])
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_get_the_permissions_that_the_runner_gives(said, lane, mask):
    before = os.umask(mask)
    try:
        assert said("import os, json; now = os.umask(0); print(json.dumps(now))", lane) == mask
    finally:
        os.umask(before)


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_a_fork_has_the_threads_and_the_time_zone_that_its_environment_asks_for(said, lane):
    cell = (
        "import json, time, numpy, threadpoolctl\n"
        "print(json.dumps([[p['num_threads'] for p in threadpoolctl.threadpool_info()], time.tzname[0]]))"
    )
    threads, zone = said(cell, lane, TZ="Asia/Tokyo")
    assert set(threads) == {1} and zone == "JST"
    assert set(said(cell, lane, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")[0]) == {2}


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_nothing_of_one_fork_shows_in_the_next(said, lane):
    change = (
        "import json, os, sys, warnings, logging, numpy, sound\n"
        "numpy.pi = 3; os.environ['LEFT'] = '1'; sound.value = 8\n"
        "warnings.simplefilter('error'); logging.getLogger().setLevel(5); sys.path.append('/left')\n"
        "print(json.dumps(1))"
    )
    look = (
        "import json, os, sys, warnings, logging, numpy, sound\nprint(json.dumps([numpy.pi, os.environ.get('LEFT'), "
        "sound.value, str(warnings.filters), logging.getLogger().level, '/left' in sys.path]))"
    )
    before = said(look, lane)
    said(change, lane)
    assert said(look, lane) == before
    assert before[:3] == [pytest.approx(3.14159, abs=1e-5), None, 7]


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_the_filters_of_warnings_are_those_of_a_new_process(said, lane):
    cell = "import json, warnings; print(json.dumps([str(found) for found in warnings.filters]))"
    assert said(cell, lane) == said(cell, "cold")


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_a_module_of_the_workspace_is_read_as_it_stands(said, lane, tmp_path):
    cell = "import json, ours; print(json.dumps(ours.value))"
    (tmp_path / "ours.py").write_text("value = 1")
    assert said(cell, lane) == 1
    (tmp_path / "ours.py").write_text("value = 'another'")
    assert said(cell, lane) == "another"


def test_a_fork_has_no_open_file_of_the_zygote(said, found):
    files = said(f"{OPEN}print(json.dumps(files))")
    assert not [name for name in files if name.endswith((".sock", ".lock", ".db"))]
    assert sum(name.startswith("socket:") for name in files) <= 4  # its own two, and its event loop's pair


# what is left out


def test_modules_that_could_not_be_shared_are_left_out_and_named(environ, tmp_path, write_notebook):
    found = Zygote(identify(["threaded", "sound", "connected", "broken", "no_such_module"], environ))
    try:
        found.start()
        assert found.status()["threads"] == 1
        log = found.identity.log.read_text()
        for name in ("threaded", "connected", "broken", "no_such_module"):
            assert f"{name} is not preloaded" in log
        assert "sound" not in log
        notebook = write_notebook(tmp_path / "n.ipynb", "import sound, threaded, connected; print(sound.value)")
        assert inline(Job(notebook, tmp_path, tmp_path, environ), zygote=found).failure is None
    finally:
        found.stop()


# whom it serves


@pytest.mark.parametrize("spoil", ["mode", "link"])
def test_a_folder_that_others_may_enter_is_refused(place, spoil, monkeypatch):
    folder = place / "workbench"
    if spoil == "mode":
        folder.mkdir()
        folder.chmod(0o755)
    else:
        (place / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(place / "elsewhere")
    assert runtime_folder({"XDG_RUNTIME_DIR": str(place)}) != folder, "another place is taken"
    taken = place / "tmp" / f"workbench-{os.getuid()}"
    taken.mkdir(parents=True)
    taken.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(taken.parent))
    with pytest.raises(OSError, match="not a folder of this user alone"):
        runtime_folder({"XDG_RUNTIME_DIR": str(place)})


def test_the_socket_and_its_folder_are_its_users_alone(found):
    found.start()
    assert found.identity.socket.stat().st_mode & 0o077 == 0
    assert found.identity.folder.stat().st_mode & 0o077 == 0


def test_another_users_process_is_not_believed(found, monkeypatch):
    found.start()
    monkeypatch.setattr(wire, "is_ours", lambda sock: False)
    assert found.status() is None


def test_where_there_is_no_fork_cells_run_cold_and_the_log_says_why(
    found, environ, tmp_path, write_notebook, monkeypatch, caplog
):
    monkeypatch.setattr(client.sys, "platform", "win32")
    with pytest.raises(Unavailable, match="need Linux"):
        found.start()
    monkeypatch.undo()
    monkeypatch.setattr(client, "unavailable", lambda: "this is another system")
    notebook = write_notebook(tmp_path / "n.ipynb", "1")
    ended = Local(found)(Job(notebook, tmp_path, tmp_path, environ))
    assert (ended.failure, ended.lane) == (None, "cold")
    assert "runs cold: this is another system" in caplog.text


class Refusing:
    """A zygote that runs and gives no child."""

    def start(self):
        """It runs."""

    def fork(self, kind, **_):
        raise Unavailable(f"no {kind} today")


@pytest.mark.parametrize(("asked", "kind"), [("warm", "kernel"), ("inline", "inline")])
def test_where_the_fork_itself_is_refused_cells_run_cold_and_the_lane_says_so(
    tmp_path, write_notebook, caplog, asked, kind
):
    notebook = write_notebook(tmp_path / "n.ipynb", "print('here')")
    ended = Local(Refusing(), asked)(Job(notebook, tmp_path, tmp_path, dict(os.environ)))
    assert (ended.failure, ended.lane) == (None, "cold")
    assert f"runs cold: no {kind} today" in caplog.text
    assert "here" in notebook.read_text()


# how it lives and ends


def test_two_that_start_it_at_once_get_one(environ):
    both = [Zygote(identify(["sound"], environ)) for _ in range(2)]
    threads = [threading.Thread(target=one.start) for one in both]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert both[0].status()["pid"] == both[1].status()["pid"]
    finally:
        both[0].stop()


def test_one_that_nobody_asks_ends_itself(environ, monkeypatch):
    found = Zygote(identify(["sound"], environ), idle=0.5)
    found.start()
    pid = found.status()["pid"]
    assert until(lambda: not lives(pid), 15)
    assert not found.identity.socket.exists()


@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_a_run_outlives_its_zygote_and_the_next_starts_another(said, found, lane):
    found.start()
    pid = found.status()["pid"]
    cell = f"import json, os, signal, time\nos.kill({pid}, signal.SIGKILL)\ntime.sleep(0.5)\nprint(json.dumps(1))"
    assert said(cell, lane) == 1
    assert said("import json; print(json.dumps(2))", lane) == 2
    assert found.status()["pid"] != pid


RUNNER = """
import sys
from pathlib import Path
from workbench.batch.inline import inline
from workbench.batch.kernels import warm
from workbench.batch.lanes import Job
from workbench.batch.warm import Zygote
from workbench.batch.warm.identity import identify
import os
place = Path(sys.argv[1])
zygote = Zygote(identify(["numpy", "sound"], os.environ))
{"warm": warm, "inline": inline}[sys.argv[2]](Job(place / "n.ipynb", place, place, dict(os.environ)), zygote=zygote)
"""


@pytest.mark.parametrize("zygote_first", [False, True], ids=["runner", "zygote-and-runner"])
@pytest.mark.parametrize("lane", ["warm", "inline"])
def test_a_killed_runner_leaves_no_process(found, environ, tmp_path, write_notebook, lane, zygote_first):
    cell = (
        "import os, pathlib, subprocess\nhelper = subprocess.Popen(['sh', '-c', 'sleep 300 & wait'])\n"
        "pathlib.Path('pids').write_text(f'{os.getpid()} {helper.pid}')\nimport re\n"
        "re.match('(a+)+b', 'a' * 60)  # in C code, which holds the interpreter"
    )
    write_notebook(tmp_path / "n.ipynb", cell)
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path), lane], env=environ)
    pids = []
    try:
        assert until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text(), 60)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        if zygote_first:
            os.kill(found.status()["pid"], signal.SIGKILL)
        runner.kill()
        runner.wait()
        assert until(lambda: not any(lives(pid) for pid in pids))
    finally:
        runner.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
