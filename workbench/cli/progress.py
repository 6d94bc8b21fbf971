"""What a person sees while a sweep or another long command runs: a live table, or lines now and then.

What fails is told at once, with its parameters, on stderr like all the rest.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.batch.sweeps import Child, Onlooker

LINE_SECONDS = 2.0  # between two lines about runs that went well
SELDOM = 5.0  # seconds between two lines of a command that takes long
MOST_SHOWN = 12  # running ones in the live table


@contextmanager
def following(left: Sequence[Child], runs: int, *, jobs: int) -> Iterator[Onlooker]:
    """Show how a sweep goes on.

    Args:
        left: The runs that are to do.
        runs: How many the sweep has in all.
        jobs: How many run at the same time.
    """
    if not sys.stderr.isatty():
        yield Lines(left, runs, jobs=jobs)
        return
    from rich.console import Console
    from rich.live import Live

    table = LiveTable(left, runs, jobs=jobs, console=Console(stderr=True))
    with Live(get_renderable=table.drawn, console=table.console, transient=True, refresh_per_second=4):
        yield table


class Tally:
    """Counts what a sweep has done, and guesses how long the rest takes."""

    def __init__(self, left: Sequence[Child], runs: int, *, jobs: int) -> None:
        self.parameters = {child.number: child.parameters for child in left}
        self.runs = runs
        self.jobs = max(1, min(jobs, len(left)))
        self.left = len(left)
        self.failed = 0
        self.reused = 0
        # since when, cells done, cells in all; replaced and never changed, since a thread of rich's draws it
        self.running: Mapping[int, tuple[float, int, int]] = {}
        self._took: list[float] = []  # seconds, of those that really ran

    def began(self, number: int) -> None:
        """A run began."""
        self.running = {**self.running, number: (time.monotonic(), 0, 0)}

    def cells(self, number: int, done: int, total: int) -> None:
        """A run has done so many of its cells."""
        since, _, _ = self.running[number]
        self.running = {**self.running, number: (since, done, total)}

    def again(self, child: Child, seconds: float) -> None:
        """A run is tried again."""
        self.say(f"{self._named(child)}: {child.sentence}; tried again in {seconds:.0f} s")

    def ended(self, child: Child) -> None:
        """A run finished, or failed for good."""
        since, _, _ = self.running[child.number]
        self.running = {number: told for number, told in self.running.items() if number != child.number}
        self.left -= 1
        self.failed += child.status == "failed"
        self.reused += child.reused
        if not child.reused:
            self._took.append(time.monotonic() - since)
        if child.status == "failed":
            times = f" (tried {child.attempts} times)" if child.attempts > 1 else ""
            self.say(f"failed: {self._named(child)}: {child.sentence}{times}")

    def say(self, text: str) -> None:
        """Tell a line at once."""
        click.echo(text, err=True)

    @property
    def words(self) -> str:
        """How far it is."""
        told = [f"{self.runs - self.left} of {self.runs} runs done"]
        told += [
            f"{count} {word}" for count, word in ((self.failed, "failed"), (self.reused, "from earlier runs")) if count
        ]
        if self.left and self._took:
            told.append(f"about {_lasting(sum(self._took) / len(self._took) * self.left / self.jobs)} left")
        return ", ".join(told)

    def _named(self, child: Child) -> str:
        return f"run {child.number} ({_values(child.parameters)})"


class Lines(Tally):
    """A line on stderr now and then."""

    _last = 0.0

    def ended(self, child: Child) -> None:
        """A run finished, or failed for good."""
        super().ended(child)
        if not self.left or time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            self.say(self.words)


class LiveTable(Tally):
    """A bar for the whole, and a line for each run that is on its way; drawn by a thread of rich's own."""

    def __init__(self, left: Sequence[Child], runs: int, *, jobs: int, console: Console) -> None:
        super().__init__(left, runs, jobs=jobs)
        self.console = console

    def say(self, text: str) -> None:
        """Tell a line at once, above the table."""
        from rich.text import Text

        self.console.print(Text(text))

    def drawn(self) -> Any:
        """The table as it is now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for number, (since, cells, total) in sorted(self.running.items())[:MOST_SHOWN]:
            bar = ProgressBar(total=max(total, 1), completed=cells, width=20)
            values = Text(_values(self.parameters[number]), no_wrap=True, overflow="ellipsis")
            took = _lasting(time.monotonic() - since)
            table.add_row(Text(f"run {number}"), bar, Text(f"{cells}/{total or '?'} cells"), Text(took), values)
        whole = ProgressBar(total=self.runs, completed=self.runs - self.left, width=60)
        return Group(whole, Text(self.words), table)


def _values(parameters: Mapping[str, Any]) -> str:
    from workbench.batch.kinds import shown

    return ", ".join(f"{name} = {shown(value)}" for name, value in parameters.items())


def _lasting(seconds: float) -> str:
    """A length of time, in the words of a person.

    >>> _lasting(42), _lasting(200), _lasting(9000)
    ('42 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def seldom() -> Callable[[str], None]:
    """Tells on stderr how far a long command is, at most every SELDOM seconds, whether or not it is a terminal."""
    last = time.monotonic()

    def tell(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= SELDOM:
            last = time.monotonic()
            click.echo(text, err=True)

    return tell
