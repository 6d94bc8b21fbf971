"""A bad parameter, from the command's start to its refusal, beside papermill, which starts a kernel to find out."""

import json
import subprocess
import sys
import time

import pytest

from workbench.bench import create

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

ROUNDS = 7
MOST = 0.3  # seconds


@pytest.fixture
def notebook(tmp_path):
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {"tags": ["parameters"]} if not number else {},
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(["seed: int = 7  # seed, at least 0", "seed + 1"])
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


def refused(*command):
    """Seconds that a command took to fail, and what it said."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True)
    assert done.returncode
    return time.perf_counter() - began, done.stderr


def test_a_bad_parameter_is_refused_before_any_kernel(notebook, tmp_path):
    create(tmp_path / "w")
    ours = ("workbench", "run", notebook, "-p", "seed=x", "--workspace", tmp_path / "w")
    peers = ("papermill", notebook, tmp_path / "out.ipynb", "-p", "seed", "x")
    told = [refused(*ours) for _ in range(ROUNDS)]
    found = [refused(*peers) for _ in range(2)]
    assert all("seed is 'x'; it must be a whole number at least 0" in said for _, said in told)
    assert all("TypeError" in said for _, said in found)
    best, peer = min(told)[0], min(found)[0]
    print(f"\nrefused in {best:.2f} s; papermill fails in {peer:.2f} s: {peer / best:.0f} times as long")
    assert best < MOST
