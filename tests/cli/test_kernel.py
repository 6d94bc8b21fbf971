"""`workbench kernel` tells the zygote of this environment, and puts warm kernels where Jupyter finds them."""

import json
import os
import tempfile

import pytest
from click.testing import CliRunner

from workbench.batch.warm.identity import PRELOAD, identify
from workbench.cli import main
from workbench.cli.doctor import _warm_kernels


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Runs a command where no zygote runs and nothing is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("WORKBENCH_WORKSPACE", raising=False)
    with tempfile.TemporaryDirectory(prefix="run-") as runtime:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield lambda *words: CliRunner().invoke(main, ["kernel", *words])


def test_the_status_says_that_none_runs_and_how_to_start_one(invoke):
    result = invoke("status")
    assert result.exit_code == 0
    assert "workbench kernel start" in result.stderr
    assert json.loads(invoke("status", "--json").stdout)["running"] is False


def test_stopping_none_does_no_harm(invoke):
    result = invoke("stop")
    assert (result.exit_code, result.stdout) == (0, "no zygote runs\n")


def test_the_kernelspec_is_installed_for_the_user(invoke, tmp_path):
    result = invoke("install", "--json")
    assert result.exit_code == 0, result.stderr
    spec = json.loads((tmp_path / "jupyter" / "kernels" / "workbench" / "kernel.json").read_text())
    assert spec["display_name"] == "Workbench (warm)"
    chosen = spec["metadata"]["kernel_provisioner"]
    assert chosen["provisioner_name"] == "workbench-provisioner"
    assert chosen["config"]["preload"] == list(PRELOAD)


def test_the_doctor_names_modules_that_were_left_out(invoke):

    assert _warm_kernels().ok
    log = identify(PRELOAD, os.environ).log
    log.write_text("evidently is not preloaded: ImportError: no pandas\n")
    check = _warm_kernels()
    assert not check.ok
    assert "evidently is not preloaded: ImportError: no pandas" in check.found
    assert "preload" in check.mend
