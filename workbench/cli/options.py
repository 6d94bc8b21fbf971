"""What all commands share: the workspace option, the two forms of output, errors told in words."""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from workbench.errors import Denied, EngineError, Misuse, NeedsPeople, WorkbenchError

Command = TypeVar("Command", bound=Callable[..., Any])

REHEARSAL = "workbench.rehearsal"  # that the command is one, in click's context
UNSEEN = {"Cc", "Cf", "Zl", "Zp"}  # categories of signs that leave no ink, and that a terminal may obey
GIGABYTE = 1 << 30
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
EXIT_CODES: dict[type[WorkbenchError], int] = {Misuse: 2, Denied: 3, EngineError: 4, NeedsPeople: 5}


class Told(click.ClickException):
    """One of our errors on its way to stderr, with the exit code that says whose fault it was."""

    def __init__(self, error: WorkbenchError) -> None:
        super().__init__(seen(error.told()))
        code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
        setattr(self, "exit_code", code)  # noqa: B010 (click declares it for the class)


class Commands(click.Group):
    """A group that tells our errors in words, and keeps its commands in the order they were added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections: dict[str, tuple[click.Command, ...]] = {}

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            Told: The command raised one of our errors.
        """
        try:
            return super().invoke(ctx)
        except WorkbenchError as error:
            raise Told(error) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands' names, in the order of the flow and not of the alphabet."""
        return list(self.commands)

    def add_section(self, title: str, *commands: click.Command) -> None:
        """Add commands that the help lists under a title."""
        for command in commands:
            self.add_command(command)
        self._sections[title] = commands

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, by section where there are sections."""
        if not self._sections:
            super().format_commands(ctx, formatter)
        widest = max(map(len, self.commands), default=0)
        for title, commands in self._sections.items():
            rows = [
                (f"{each.name:{widest}}", each.get_short_help_str(formatter.width - widest - 4)) for each in commands
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


def workspace_option(command: Command) -> Command:
    """Add `--workspace DIR`, handed on as `workspace: Path | None`."""
    return click.option(
        "--workspace",
        type=click.Path(file_okay=False, readable=False, path_type=Path),
        help="Workspace folder; default: the one the current folder lies in.",
    )(command)


def executor_option(command: Command) -> Command:
    """Add `--executor ADDRESS`, handed on as `executor: str | None`."""
    return click.option(
        "--executor",
        metavar="ADDRESS",
        help="Run on the workers of the Dask scheduler at tcp://HOST:PORT or tls://HOST:PORT; default: here.",
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`, handed on as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout in place of text.")(command)


def rehearsal_option(command: Command) -> Command:
    """Add `--dry-run`, handed on as `dry_run: bool`, for `open_bench(…, rehearsal=dry_run)`."""

    def noted(ctx: click.Context, _: click.Parameter, dry_run: bool) -> bool:
        if dry_run:
            ctx.meta[REHEARSAL] = True
            click.echo("a dry run: nothing of what follows is kept", err=True)
        return dry_run

    return click.option(
        "--dry-run",
        is_flag=True,
        callback=noted,
        help="Judge and say everything as the command itself, with its exit code, and keep nothing of it.",
    )(command)


def limit_options(command: Command) -> Command:
    """Add `--timeout`, `--cell-timeout` and `--memory`, handed on as `limits: Limits`."""

    @functools.wraps(command)
    def limited(
        *args: Any, timeout: float | None, cell_timeout: float | None, memory: float | None, **more: Any
    ) -> Any:
        from workbench.batch.lanes import Limits

        bytes_ = None if memory is None else int(memory * GIGABYTE)
        return command(*args, limits=Limits(cell_timeout, timeout, bytes_), **more)

    above = click.FloatRange(min=0, min_open=True)
    for option in (
        click.option("--memory", type=above, metavar="GB", help="A run that takes more memory is ended."),
        click.option(
            "--cell-timeout", type=above, metavar="SECONDS", help="A run one of whose cells takes longer is ended."
        ),
        click.option("--timeout", type=above, metavar="SECONDS", help="A run that takes longer is ended."),
    ):
        limited = option(limited)
    return limited  # type: ignore[return-value]


def pairs(given: Sequence[str], option: str = "-p") -> dict[str, str]:
    """Texts by name, of an option that is given as NAME=VALUE and may be repeated.

    Raises:
        Misuse: One has no value, or is given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            form, example = ("NAME=VALUES", "seed=1,2,3") if option == "--sweep" else ("NAME=VALUE", "seed=7")
            raise Misuse(f"{option} {text!r} gives no value", hint=f"write {option} {form}, e.g. {option} {example}")
        if name.strip() in found:
            raise Misuse(
                f"{option} {name.strip()} is given twice", hint=f"several values are one text: {option} arms=a,b"
            )
        found[name.strip()] = value
    return found


def seen(text: str) -> str:
    r"""A text as a terminal may show it: what it would obey, or what turns the order of letters, is a blank.

    Reasons, names and what is found in a damaged file are written by anybody.

    >>> seen("hi \x1b[2J\u202e there")
    'hi  [2J  there'
    """
    kept = ("\n", "\t")
    return "".join(" " if unicodedata.category(c) in UNSEEN and c not in kept else c for c in text)


def say(text: str, *, err: bool = False) -> None:
    """Print a text that others may have written."""
    click.echo(seen(text), err=err)


def print_json(value: Any) -> None:
    """Print one JSON value on stdout; an object of a dry run says that it is of one."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None and REHEARSAL in ctx.meta and isinstance(value, dict):
        value = {"dry_run": True, **value}
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a table on stdout, as wide as the terminal allows; cells are text, never markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("" if cell is None else seen(str(cell))) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
