"""The command line: commands of a few lines, each a call into a room.

Data goes to stdout, words about it to stderr. Exit codes: 0 done, 1 a run failed, 2 misuse, 3 the
gate refused, 4 something outside failed, 5 people have to approve first. Heavy imports stand inside the
commands, so that `--help` answers at once.
"""

from __future__ import annotations

import click

from workbench import __version__
from workbench.cli.ab import ab
from workbench.cli.approvals import approvals, approve, delegate, refuse, withdraw
from workbench.cli.archive import archive
from workbench.cli.audit import audit
from workbench.cli.bandit import bandit, off_policy
from workbench.cli.canary import canary
from workbench.cli.certificate import card, certificate, docpack, verify
from workbench.cli.compile import compile_version
from workbench.cli.consume import consume
from workbench.cli.demo import demo
from workbench.cli.doctor import doctor
from workbench.cli.guard import guard, reconcile
from workbench.cli.held import held
from workbench.cli.incidents import incidents, replay
from workbench.cli.kernel import kernel
from workbench.cli.key import key
from workbench.cli.ledger import ledger
from workbench.cli.lineage import lineage
from workbench.cli.models import declare, models
from workbench.cli.monitor import monitor
from workbench.cli.moves import promote, reject, retire, rollback, stage
from workbench.cli.new import new
from workbench.cli.options import Commands
from workbench.cli.people import people
from workbench.cli.policy import policy
from workbench.cli.power import power
from workbench.cli.predictions import labels, log
from workbench.cli.price import price
from workbench.cli.publish import publish
from workbench.cli.reload import reload_model
from workbench.cli.retention import retention
from workbench.cli.run import params, run
from workbench.cli.runs import diff, rerun, runs
from workbench.cli.schedule import schedule
from workbench.cli.serve import serve
from workbench.cli.start import init
from workbench.cli.sweep import sweeps
from workbench.cli.up import up

__all__ = ["main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="workbench")
def main() -> None:
    """Experiments that can be believed, and models that move only by decision.

    \b
    Start here:
      workbench demo                                  the whole story on real data
      workbench up --workspace workbench-demo         JupyterLab, the pages, MLflow, the gateway
    """


main.add_section("A workspace", demo, init, up, doctor, kernel)
main.add_section("Notebooks", new, run, params, sweeps, runs, diff, rerun, schedule)
main.add_section("Experiments and audits", ab, power, archive, bandit, off_policy, price, audit)
main.add_section("Moving a version", models, declare, promote, stage, canary, retire, reject, rollback)
main.add_section("People and rules", approvals, approve, refuse, withdraw, delegate, people, policy, reconcile, guard)
main.add_section("What happened, and proof of it", ledger, lineage, certificate, verify, card, docpack, retention)
main.add_section("Serving", serve, reload_model, key, compile_version, held, labels, log, publish, consume)
main.add_section("Watching", monitor, incidents, replay)
