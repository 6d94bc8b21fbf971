"""What the ledger is told of a sweep: one entry when no run of it is left, beside those of the runs themselves."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from workbench.batch.sweeps.folder import Sweep
from workbench.batch.sweeps.results import SweepResult
from workbench.ledger import Ledger, digest


def tell(ledger: Ledger, sweep: Sweep, result: SweepResult, *, actor: str, now: datetime) -> None:
    """One entry for what the sweep came to; another only when runs that failed were done again."""
    children = [[child.number, child.run_id, child.status] for child in result.children]
    best = result.best
    counted = f"{result.count('finished')} of {len(children)} runs finished"
    body = {
        "name": sweep.name,
        "notebook_digest": sweep.notebook_digest,
        "how": sweep.plan.how,
        "swept": list(sweep.plan.swept),
        "fixed": dict(sweep.plan.fixed),
        "began": sweep.began,
        "finished": result.count("finished"),
        "failed": result.count("failed"),
        "reused": result.reused,
        "parent": result.parent,
        "best": {"number": best.number, "run_id": best.run_id, **asdict(result.measure)}
        if best and result.measure
        else None,
        "children": children,
    }
    ledger.append(
        "sweep.finished",
        subject=f"sweep/{sweep.id}",
        actor=actor,
        why=counted,
        body=body,
        now=now,
        key=f"{sweep.key}/finished/{digest(children)[:16]}",
    )
