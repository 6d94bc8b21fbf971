"""A wheel works where there is no checkout: its notebooks and templates are inside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and unpacked into a folder of its own."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True, cwd=wheels)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, cwd=wheels)
    return site


def ask(site, folder, *command):
    code = (
        "import sys, workbench\n"
        "assert sys.argv[1] in workbench.__file__\n"
        "from workbench.cli import main\n"
        "main(sys.argv[2:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(site), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_makes_a_workspace_with_the_shipped_policies(installed, tmp_path):
    ask(installed, tmp_path, "init", "w")
    assert (tmp_path / "w" / "policies" / "promotion.rego").is_file()


@pytest.mark.slow
def test_it_knows_the_shipped_notebooks(installed, tmp_path):
    taken = json.loads(ask(installed, tmp_path, "params", "train", "--json"))
    assert "threshold" in json.dumps(taken)


@pytest.mark.slow
def test_it_judges_by_a_shipped_policy(installed, tmp_path):
    (tmp_path / "input.json").write_text('{"metrics": {"fairness": 0.9}}')
    answer = json.loads(ask(installed, tmp_path, "policy", "check", "seed", "--input", "input.json", "--json"))
    assert answer["decision"] == "allow"


@pytest.mark.slow
def test_it_knows_the_templates_and_begins_an_experiment(installed, tmp_path):
    ask(installed, tmp_path, "init", "w")
    begun = ask(installed, tmp_path / "w", "new", "blank", "--hypothesis", "it holds", "--json")
    assert Path(json.loads(begun)["notebook"]).is_file()


@pytest.mark.slow
def test_any_jupyterlab_of_its_environment_finds_the_launcher(installed):
    shared = installed / "share" / "jupyter" / "labextensions" / "@workbench" / "launcher"
    build = json.loads((shared / "package.json").read_text("utf-8"))["jupyterlab"]["_build"]
    assert (shared / build["load"]).is_file()
    enabled = json.loads(
        (installed / "etc" / "jupyter" / "jupyter_server_config.d" / "workbench.json").read_text("utf-8")
    )
    assert enabled["ServerApp"]["jpserver_extensions"] == {"workbench.bench.lab": True}
