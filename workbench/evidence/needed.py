"""Which entries of a ledger a paper about one version rests on, read by subject and kind and not one more.

Rule: a paper made of these alone is the very paper that all entries give; the makers
(`evidence.certificate.grounds`, `evidence.known.gather`) stay pure and know of no ledger.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.data.holds import HELD, RELEASED
from workbench.data.retention import DECLARED
from workbench.ledger import Entry, Ledger
from workbench.ledger.keys import KEY_KINDS

EVIDENCE, FINISHED, REGISTERED = "evidence.recorded", "run.finished", "version.registered"


def for_certificate(ledger: Ledger, model: str, version: int) -> list[Entry]:
    """What `grounds` asks of a ledger about a version, in the order of the ledger."""
    found = ledger.entries(subject=f"{model}/{version}")
    weighed = {str(one) for entry in found for one in entry.body.get("evidence") or () if "decision" in entry.body}
    if weighed - {entry.body.get("digest") for entry in found if entry.kind == EVIDENCE}:
        found += ledger.entries(kind=EVIDENCE)  # some of it was recorded about something else
    told = [e for e in found if e.kind == REGISTERED or (e.kind == EVIDENCE and e.body.get("digest") in weighed)]
    approvals = {seq for entry in found for seq in entry.body.get("approvals") or () if isinstance(seq, int)}
    return _in_order([*found, *_runs(ledger, told), *ledger.numbered(approvals), *ledger.entries(kind=KEY_KINDS)])


def for_card(ledger: Ledger, model: str, version: int) -> list[Entry]:
    """What `gather` asks of a ledger about a version, in the order of the ledger."""
    about = ledger.entries(prefix=f"{model}/")
    told = [entry for entry in about if entry.kind == REGISTERED and entry.subject == f"{model}/{version}"]
    kept = ledger.entries(kind=(DECLARED, HELD, RELEASED, *KEY_KINDS))
    return _in_order([*ledger.entries(subject=model), *about, *_runs(ledger, told), *kept])


def _runs(ledger: Ledger, told: Iterable[Entry]) -> list[Entry]:
    """The runs that entries name, in no order."""
    names = {str(entry.body.get("run_id")) for entry in told}
    return [entry for name in sorted(names) for entry in ledger.entries(subject=f"run/{name}", kind=FINISHED)]


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted({entry.seq: entry for entry in entries}.values(), key=lambda entry: entry.seq)
