"""Papermill's own command line runs notebooks on warm kernels when it is asked for our engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec

from workbench.batch.warm import Unavailable
from workbench.bench import opening
from workbench.bench.papermill import forked, is_ours

LAUNCHED = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
CELLS = ("x = 1", "import os, sys\nprint(x, 'mlflow' in sys.modules)", "os.getcwd()")


@pytest.mark.parametrize("program", ["python", "python3", sys.executable])
def test_a_kernel_of_this_interpreter_is_forked(program):
    assert is_ours(KernelSpec(argv=[program, *LAUNCHED], language="python"))


@pytest.mark.parametrize(
    "spec",
    [
        {"argv": ["/opt/another/bin/python", *LAUNCHED]},
        {"argv": ["python2", *LAUNCHED]},
        {"argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]},
        {"argv": [sys.executable, "-X", "utf8", *LAUNCHED]},
        {"argv": ["conda", "run", "python", *LAUNCHED]},
        {"argv": ["python", *LAUNCHED], "env": {"MODE": "test"}},
        {"argv": []},
    ],
)
def test_a_kernel_of_another_interpreter_or_with_more_to_it_is_started(spec):
    assert not is_ours(KernelSpec(language="python", **spec))


def test_the_same_program_of_another_environment_is_another(tmp_path):
    """Where its libraries lie is told by the folder of the link, not by the program that it leads to."""
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())
    assert not is_ours(KernelSpec(argv=[str(tmp_path / "python"), *LAUNCHED], language="python"))


@pytest.mark.parametrize("error", [Unavailable, OSError])
@pytest.mark.parametrize("when", ["found", "forked"])
def test_where_there_is_no_fork_it_runs_cold_and_the_log_says_why(monkeypatch, caplog, error, when):
    class Refusing:
        def fork(self, *_, **__):
            raise error("not today")

    def found():
        if when == "found":
            raise error("not today")
        return Refusing()

    monkeypatch.setattr(opening, "usual_zygote", found)
    assert forked("python3") is None
    assert "this notebook runs cold: not today" in caplog.text


def test_a_kernel_that_there_is_not_is_left_to_papermill_to_refuse():
    assert forked("no-such-kernel") is None


def papermill(folder, *options, kernel="python3", **environ):
    """The cells of a notebook that papermill has executed by our engine."""
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
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": kernel}}
    (folder / "n.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )
    command = [sys.executable, "-m", "papermill", "--engine", "workbench", "n.ipynb", "out.ipynb", *options]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out.ipynb").read_text())["cells"]


@pytest.mark.slow
def test_papermill_runs_a_notebook_by_our_engine(tmp_path):
    after = papermill(tmp_path, "-p", "x", "5")
    texts = [output for cell in after for output in cell["outputs"]]
    assert texts[0]["text"] == ["5 True\n"], "its libraries were there before it began"
    assert texts[1]["data"]["text/plain"] == [repr(str(tmp_path))]
    assert all(cell["metadata"]["papermill"]["status"] == "completed" for cell in after)


@pytest.mark.slow
def test_papermill_runs_the_notebook_of_another_interpreter_by_that_one(tmp_path):
    other, spec = tmp_path / "python", tmp_path / "kernels" / "other"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    spec.mkdir(parents=True)
    told = {"argv": [str(other), *LAUNCHED], "display_name": "Other", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told))
    after = papermill(tmp_path, kernel="other", JUPYTER_PATH=str(tmp_path))
    assert after[1]["outputs"][0]["text"] == ["1 False\n"], "it was a fork of ours"
