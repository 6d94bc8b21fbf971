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
ROOMS = sorted((ROOT / "workbench").glob("*/README.md"))
PAGES = [ROOT / "README.md", *ROOMS, CLUSTERS / "README.md", ROOT / "workbench" / "ARCHITECTURE.md"]
PAGES += sorted((ROOT / "reports" / "decisions").glob("*.md"))


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


COMMANDS = sorted(
    {
        line.split(" #")[0].strip()
        for page in PAGES
        for text in [*blocks(page, "bash"), *re.findall(r"^    (workbench .*)$", page.read_text("utf-8"), re.MULTILINE)]
        for line in text.splitlines()
        if line.startswith("workbench ")
    }
)


def test_the_python_on_the_first_screen_prints_what_it_says():
    source = next(text for text in blocks(ROOT / "README.md", "python") if "print(" in text)
    said = [line.removeprefix("# ") for line in source.splitlines() if line.startswith("# ")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {})
    assert printed.getvalue().splitlines() == said


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_in_a_readme_parses(line):
    words = shlex.split(line.split(" > ")[0])[1:]
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
        f'{install} ".[dev]" && .venv/bin/pytest -n 3 --dist loadfile',
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_linked_files_are_there(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_page_about_a_room_can_be_found_from_the_first_one():
    linked = re.findall(r"\]\((workbench/\w+/README\.md)\)", README)
    assert sorted(linked) == [page.relative_to(ROOT).as_posix() for page in ROOMS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_on_a_page_compiles(page):
    for source in blocks(page, "python"):
        compile(source, page.name, "exec")


def test_the_cluster_for_kubernetes_runs_one_image_and_is_reached_by_its_own_labels():
    cluster = yaml.safe_load((CLUSTERS / "kubernetes.yaml").read_text("utf-8"))
    name, parts = cluster["metadata"]["name"], cluster["spec"]
    pods = [parts["worker"]["spec"], parts["scheduler"]["spec"]]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    selector = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
    assert parts["scheduler"]["service"]["selector"] == selector


def test_the_script_for_slurm_compiles():
    compile((CLUSTERS / "slurm.py").read_text("utf-8"), "slurm.py", "exec")
