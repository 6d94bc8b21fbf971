"""`workbench audit`: audits of any table, from the command line; each ends in one of three verdicts."""

from __future__ import annotations

import click

from workbench.cli.audit.fairness import fairness
from workbench.cli.options import Commands


@click.group(cls=Commands)
def audit() -> None:
    """Audit a table: pass, fail, or not enough evidence."""


audit.add_command(fairness)
