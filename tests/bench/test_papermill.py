"""Papermill's own command line runs notebooks on warm kernels when it is asked for our engine."""

import json
import subprocess
import sys

import pytest

CELLS = ("x = 1", "import os, sys\nprint(x, 'mlflow' in sys.modules)", "os.getcwd()")


@pytest.mark.slow
def test_papermill_runs_a_notebook_by_our_engine(tmp_path):
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{place}",
            "metadata": {"tags": ["parameters"]} if not place else {},
            "outputs": [],
            "source": source,
        }
        for place, source in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    (tmp_path / "n.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )
    command = [sys.executable, "-m", "papermill", "--engine", "workbench", "n.ipynb", "out.ipynb", "-p", "x", "5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    after = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    texts = [output for cell in after for output in cell["outputs"]]
    assert texts[0]["text"] == ["5 True\n"], "its libraries were there before it began"
    assert texts[1]["data"]["text/plain"] == [repr(str(tmp_path))]
    assert all(cell["metadata"]["papermill"]["status"] == "completed" for cell in after)
