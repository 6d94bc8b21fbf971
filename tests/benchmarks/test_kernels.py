"""One notebook that imports the stack: papermill's command beside the forked lanes; memory; a thousand runs.

The lanes are timed in a process that lives, as a sweep's does; the peer pays for its own start at each
notebook, as it does in a loop.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from workbench.batch.inline import inline
from workbench.batch.kernels import cold, warm
from workbench.batch.lanes import Job, kernel_environment
from workbench.batch.warm import Zygote
from workbench.batch.warm.identity import PRELOAD, identify

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

STACK = "import pandas, mlflow, pymc, evidently"
ROUNDS = 5
MANY = 1000


@pytest.fixture(scope="module")
def zygote():
    """The zygote of this environment; ended where it did not run before."""
    found = Zygote(identify(PRELOAD, os.environ))
    ran = found.status() is not None
    found.start()
    yield found
    if not ran:
        found.stop()


def written(path, *texts):
    """A notebook with papermill's kernelspec."""
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [], "source": text}
        for n, text in enumerate(texts)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


def took(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def ran(lane, place, *texts):
    ended = lane(Job(written(place / "n.ipynb", *texts), place, place, dict(os.environ)))
    assert ended.failure is None, ended.failure


def test_a_notebook_that_imports_the_stack_is_ready_at_once(zygote, tmp_path, capsys):
    peer = written(tmp_path / "peer.ipynb", STACK)
    environ = kernel_environment(Job(peer, tmp_path, tmp_path, dict(os.environ)))
    command = [sys.executable, "-m", "papermill", str(peer), str(tmp_path / "out.ipynb"), "--no-progress-bar"]
    lanes = {"warm": partial(warm, zygote=zygote), "inline": partial(inline, zygote=zygote)}
    for lane in lanes.values():
        ran(lane, tmp_path, STACK)
    times = {"papermill": [], "warm": [], "inline": []}
    for turn in range(ROUNDS):
        if turn < 3:
            times["papermill"].append(
                took(partial(subprocess.run, command, env=environ, check=True, capture_output=True))
            )
        for name, lane in lanes.items():
            times[name] += [took(partial(ran, lane, tmp_path, STACK)) for _ in range(3)]
    middle = {name: statistics.median(found) for name, found in times.items()}
    ratios = {name: middle["papermill"] / middle[name] for name in lanes}
    with capsys.disabled():
        told = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in middle.items())
        print(f"\n  {told}; warm {ratios['warm']:.0f}x, inline {ratios['inline']:.0f}x of papermill")
    assert ratios["warm"] >= 18
    assert ratios["inline"] >= 150


def pss(pids):
    """Bytes of several processes, shared pages counted once."""
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return found


def test_one_more_kernel_takes_a_third_of_a_cold_ones_memory(zygote, tmp_path, capsys):
    lanes = {"cold": cold, "warm": partial(warm, zygote=zygote), "inline": partial(inline, zygote=zygote)}
    each = {}
    for name, lane in lanes.items():
        used = {}
        for count in (1, 4):
            places = [tmp_path / f"{name}-{count}-{n}" for n in range(count)]
            for place in places:
                place.mkdir()
            nap = f"{STACK}\nimport os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
            nap += "while not pathlib.Path('done').exists():\n    time.sleep(0.1)"
            threads = [threading.Thread(target=ran, args=(lane, place, nap)) for place in places]
            for thread in threads:
                thread.start()
            while not all((place / "pid").exists() and (place / "pid").read_text() for place in places):
                time.sleep(0.1)
            pids = [int((place / "pid").read_text()) for place in places]
            used[count] = pss([*pids, zygote.status()["pid"]])
            for place in places:
                (place / "done").touch()
            for thread in threads:
                thread.join()
        each[name] = (used[4] - used[1]) / 3
    with capsys.disabled():
        told = ", ".join(f"{name} {size / 2**20:.0f} MB" for name, size in each.items())
        print(f"\n  one more kernel with the stack imported: {told} (PSS)")
    assert each["warm"] * 3 <= each["cold"]
    assert each["inline"] * 3 <= each["cold"]


def test_a_thousand_runs_cost_the_same_each_and_leave_nothing(zygote, tmp_path, capsys):
    lane = partial(inline, zygote=zygote)
    for _ in range(20):
        ran(lane, tmp_path, "1")
    us, it = psutil.Process(), psutil.Process(zygote.status()["pid"])
    before = (us.num_fds(), it.num_fds(), us.memory_info().rss, it.memory_info().rss)
    times = [took(partial(ran, lane, tmp_path, "1")) for _ in range(MANY)]
    after = (us.num_fds(), it.num_fds(), us.memory_info().rss, it.memory_info().rss)
    first, last = statistics.median(times[:100]), statistics.median(times[-100:])
    with capsys.disabled():
        grown = [(now - then) / 2**20 for then, now in zip(before[2:], after[2:], strict=True)]
        print(f"\n  {MANY} runs: {first * 1e3:.0f} ms each at first, {last * 1e3:.0f} ms at last; grown by MB {grown}")
    assert last < 1.5 * first
    assert after[0] <= before[0] + 2 and after[1] <= before[1] + 2
    assert max(grown) < 30
