"""The help is the documentation of the command line, and it answers at once."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from workbench.cli import main


def walk(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


COMMANDS = [pytest.param(path, command, id=" ".join(path) or "workbench") for path, command in walk(main)]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_says_what_it_does(path, command):
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert command.help


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_leaf_shows_an_example(path, command):
    if not isinstance(command, click.Group):
        assert "Example" in command.help, f"{' '.join(path)} shows no example"


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_option_is_explained(path, command):
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.opts} has no help"


def test_every_command_stands_under_a_title():
    told = CliRunner().invoke(main, ["--help"]).stdout
    listed = [line.split()[0] for line in told.partition("A workspace:")[2].splitlines() if line.startswith("  ")]
    assert listed == list(main.commands)


def test_the_help_imports_nothing_heavy():
    """`--help` answers in under half a second because no heavy package is imported for it."""
    heavy = [
        "mlflow",
        "pandas",
        "papermill",
        "pymc",
        "evidently",
        "numpy",
        "sklearn",
        "duckdb",
        "rich.console",
        "pydantic",
    ]
    code = (
        "import sys\nfrom workbench.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
