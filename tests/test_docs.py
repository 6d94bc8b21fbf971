"""The documentation is run: its Python prints what it says, its commands exist with the options shown."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from workbench.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CLUSTERS = ROOT / "templates" / "clusters"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for kind, text in BLOCKS
    if kind == "bash"
    for line in text.splitlines()
    if line.startswith("workbench ")
]
COMMANDS += re.findall(r"^    (workbench .*)$", (CLUSTERS / "README.md").read_text("utf-8"), re.MULTILINE)


def test_the_python_on_the_first_screen_prints_what_it_says():
    source = next(text for kind, text in BLOCKS if kind == "python" and "print(" in text)
    said = [line.removeprefix("# ") for line in source.splitlines() if line.startswith("# ")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {})
    assert printed.getvalue().splitlines() == said


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_in_a_readme_parses(line):
    words = shlex.split(line)[1:]
    command = main
    while isinstance(command, click.Group) and not (
        command.invoke_without_command and (not words or words[0].startswith("-"))
    ):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words, resilient_parsing=False)


def test_the_readme_gives_the_two_commands_word_for_word():
    lines = [line.strip() for line in README.splitlines() if line.startswith("    python3 -m venv")]
    install = "python3 -m venv .venv && .venv/bin/pip install -q -c .ci/constraints.txt -e"
    assert lines == [
        f"{install} . && .venv/bin/workbench demo",
        f'{install} ".[dev]" && .venv/bin/pytest -n 2 --dist loadfile',
    ]


def test_linked_files_are_there():
    for folder in (ROOT, CLUSTERS):
        for target in re.findall(r"\]\(([^)#:]+)\)", (folder / "README.md").read_text("utf-8")):
            assert (folder / target).exists(), target


def test_the_cluster_for_kubernetes_runs_one_image_and_is_reached_by_its_own_labels():
    cluster = yaml.safe_load((CLUSTERS / "kubernetes.yaml").read_text("utf-8"))
    name, parts = cluster["metadata"]["name"], cluster["spec"]
    pods = [parts["worker"]["spec"], parts["scheduler"]["spec"]]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    selector = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
    assert parts["scheduler"]["service"]["selector"] == selector


def test_the_script_for_slurm_compiles():
    compile((CLUSTERS / "slurm.py").read_text("utf-8"), "slurm.py", "exec")
