"""`workbench audit`: look at data and models, with three honest verdicts; one module a command."""

from __future__ import annotations

import click

from workbench.cli.audit.cause import cause
from workbench.cli.audit.drift import drift
from workbench.cli.audit.fairness import fairness
from workbench.cli.audit.performance import performance
from workbench.cli.audit.quality import quality
from workbench.cli.options import Commands


@click.group(cls=Commands)
def audit() -> None:
    """Audit data and models: pass, fail, or not enough evidence and how much is missing."""


audit.add_command(drift)
audit.add_command(quality)
audit.add_command(fairness)
audit.add_command(performance)
audit.add_command(cause)
