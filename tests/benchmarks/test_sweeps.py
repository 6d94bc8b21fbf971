"""A hundred notebooks that import the stack, two at a time: `workbench run --sweep` against papermill in a loop.

Ours starts without a zygote, so its warm-up counts, and does more: every run is in MLflow and the ledger,
with its report. Papermill's time a notebook is measured over six, two at a time, and scaled to a hundred.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.batch.inline import inline
from workbench.batch.lanes import Job
from workbench.bench import create, usual_zygote

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
RUNS, MEASURED, JOBS = 100, 6, 2
CELLS = (
    "seed: int = 1  # seed",
    "import pandas, mlflow, pymc, evidently",
    "import workbench\nrecord = workbench.open_bench().record()",
    "record.metric('double', 2.0 * seed)\nrecord.sentence(f'Twice {seed}.')\nrecord.close()",
)


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{place}",
            "metadata": {} if place else {"tags": ["parameters"]},
            "outputs": [],
            "source": source,
        }
        for place, source in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    content = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "w" / "notebooks" / "many.ipynb").write_text(json.dumps(content))
    return tmp_path / "w"


def took(*command, cwd):
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - began


def papermill(workspace):
    """Seconds a notebook, two at a time."""

    def one(seed):
        out = f"out-{seed}.ipynb"
        took("papermill", "--no-progress-bar", "notebooks/many.ipynb", out, "-p", "seed", str(seed), cwd=workspace)

    one(0)  # its bytecode is there
    began = time.perf_counter()
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, range(MEASURED)))
    return (time.perf_counter() - began) / MEASURED


def sweep(workspace, kernel, *more):
    many = (f"seed=1:{RUNS}:{RUNS}", "--jobs", str(JOBS), "--kernel", kernel, *more)
    return took("workbench", "run", "many", "--sweep", *many, cwd=workspace)


def cells_alone(workspace):
    """Seconds for a hundred notebooks executed to files, and nothing more."""

    def one(number):
        notebook = workspace / f"alone-{number}.ipynb"
        shutil.copy(workspace / "alone.ipynb", notebook)
        ended = inline(Job(notebook, workspace, workspace, dict(os.environ)), zygote=zygote)
        assert ended.failure is None

    content = json.loads((workspace / "notebooks" / "many.ipynb").read_text())
    content["cells"] = content["cells"][:2]
    (workspace / "alone.ipynb").write_text(json.dumps(content))
    began = time.perf_counter()
    zygote = usual_zygote()
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, range(RUNS)))
    return time.perf_counter() - began


def test_a_hundred_notebooks_take_a_fraction_of_papermills_time(workspace, capsys):
    theirs = RUNS * papermill(workspace)
    ours = {}
    for kernel in ("inline", "warm"):
        took("workbench", "kernel", "stop", cwd=workspace)
        time.sleep(1)
        ours[kernel] = sweep(workspace, kernel, "--fresh")
    again = min(sweep(workspace, "auto") for _ in range(3))
    took("workbench", "kernel", "stop", cwd=workspace)
    time.sleep(1)
    alone = cells_alone(workspace)
    with capsys.disabled():
        print(f"\n  papermill, {JOBS} at a time: {theirs:.0f} s for {RUNS} ({MEASURED} measured)")
        for kernel, seconds in ours.items():
            print(f"  our sweep, {kernel}, warm-up counted: {seconds:.1f} s; {theirs / seconds:.0f}x")
        print(f"  the finished sweep again: {again:.2f} s")
        print(f"  the cells alone, inline, warm-up counted: {alone:.1f} s; {theirs / alone:.0f}x")
    assert theirs / ours["warm"] >= 15
    assert theirs / ours["inline"] >= 25
    assert theirs / alone >= 50
    assert again < 1
