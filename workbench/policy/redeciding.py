"""A past decision made again from its entry: the policy of its day, the input of its day, the same outcome.

The entry's body holds the policy's text, the whole input and the decision. The clock is part of the input, so
nothing else is needed, and the decision must come out bit for bit. What people or a standing rejection added
to a policy's answer is told apart: it stands before the policy's own reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger import Entry, canonical, digest
from workbench.ledger.grounds import GRANTS, contradictions
from workbench.ledger.heads import CLEARED
from workbench.ledger.seals import unsealed_among
from workbench.policy.deciding import Engine, decide
from workbench.policy.decision import Decision
from workbench.policy.source import Policy

BY_THE_GATE = {"rejected", "refused", "people-not-counted"}  # what the gate may put before the policy's reasons

EVIDENCE, FINISHED = "evidence.recorded", "run.finished"
OF_NO_RUN = {"canary", "incident"}  # kinds of evidence that the watch records itself
NO_DECISION = Decision("deny", (), "", "", "")  # stands for one that cannot be read


@dataclass(frozen=True)
class Redecided:
    """A recorded decision beside the one that its policy and input give today."""

    seq: int
    kind: str
    subject: str
    recorded: Decision
    again: Decision | None  # None: what is recorded cannot be asked again
    differences: tuple[str, ...]  # sentences; none where it reproduces

    @property
    def same(self) -> bool:
        """Whether it reproduces bit for bit."""
        return not self.differences


def is_decision(entry: Entry) -> bool:
    """Whether an entry holds a decision with all that it was made from.

    >>> is_decision.__name__
    'is_decision'
    """
    return all(name in entry.body for name in ("decision", "policy_source", "input"))


def to_decide(entries: Iterable[Entry], doubted: Collection[int] = ()) -> list[Entry]:
    """The entries whose decisions can be made again, and those that move a model without a decision that can be.

    A slot that is left on the way to another rests on the decision of its cause, where that decided it.

    Args:
        entries: Of the whole ledger, in their order.
        doubted: Numbers of entries that are believed no cause.
    """
    found, decided = [], dict[int, Entry]()
    for entry in entries:
        if is_decision(entry):
            decided[entry.seq] = entry
            found.append(entry)
        elif entry.kind in GRANTS and (entry.seq in doubted or not _caused(entry, decided)):
            found.append(entry)
    return found


def forged(entries: Sequence[Entry]) -> dict[int, tuple[str, ...]]:
    """What shows that grants were written past the gate, in sentences by the entry's number.

    Args:
        entries: Of the whole ledger, in their order.

    Raises:
        EngineError: The ledger's keys are not sound, so that no seal can be checked.
    """
    try:
        found = unsealed_among(entries)
    except ValueError as error:
        raise EngineError(f"the ledger's keys cannot be told: {error}", hint="workbench ledger verify") from error
    for seq, told in unfounded(entries).items():
        found[seq] = (*found.get(seq, ()), *told)
    return found


def _caused(entry: Entry, decided: Mapping[int, Entry]) -> bool:
    number = entry.body.get("cause")
    cause = decided.get(number) if isinstance(number, int) else None
    return (
        cause is not None
        and (entry.kind, cause.kind in GRANTS, cause.subject) == (CLEARED, True, entry.subject)
        and cause.body["decision"] == entry.body.get("decision")
    )


def unfounded(entries: Iterable[Entry]) -> dict[int, tuple[str, ...]]:
    """Grants that weighed evidence which the ledger did not hold before, in sentences by the entry's number.

    Whoever writes past the gate can make up findings that agree with their grant; the gate weighs only those that
    were recorded about the version.

    Args:
        entries: Of the whole ledger, in their order.
    """
    held, found = set[tuple[str, str]](), dict[int, tuple[str, ...]]()
    for entry in entries:
        if entry.kind == EVIDENCE:
            held.add((entry.subject, str(entry.body.get("digest"))))
        elif entry.kind in GRANTS and is_decision(entry):
            invented = [one for one in _weighed(entry) if (entry.subject, one) not in held]
            if invented:
                found[entry.seq] = tuple(
                    f"it weighed evidence about {entry.subject} that was not recorded before it: {one[:12]}"
                    for one in invented
                )
    return found


def doubts(entries: Iterable[Entry], policies: Collection[str]) -> dict[int, str]:
    """Grants by a policy that no other decision was made by, and that is none of those at hand, by the entry's number.

    It may have been made up for one grant, and may just as well be one that was changed soon after.

    Args:
        entries: Of the whole ledger.
        policies: Digests of the policies at hand.
    """
    decided = [entry for entry in entries if is_decision(entry)]
    asked = Counter(_recorded(entry).policy_digest for entry in decided)
    return {
        entry.seq: f"no other decision was made by its policy ({policy[:12]}), and none here is that policy"
        for entry in decided
        for policy in [_recorded(entry).policy_digest]
        if entry.kind in GRANTS and asked[policy] == 1 and policy not in policies
    }


def unrun(entries: Iterable[Entry]) -> dict[int, str]:
    """Grants that weighed evidence which no recorded run tells of, by the entry's number.

    A run's entry holds all that it found, and is committed with it. Evidence that stands alone was written by hand,
    or brought in from elsewhere; what the watch finds of canaries and incidents is of no run.

    Args:
        entries: Of the whole ledger, in their order.
    """
    kinds, found_by_runs, doubted = dict[str, str](), set[str](), dict[int, str]()
    for entry in entries:
        if entry.kind == EVIDENCE:
            kinds[str(entry.body.get("digest"))] = str(entry.body.get("kind"))
        elif entry.kind == FINISHED:
            found_by_runs.update(digest(finding) for finding in entry.body.get("findings") or ())
        elif entry.kind in GRANTS and is_decision(entry):
            alone = [
                f"{kinds[one]} ({one[:12]})"
                for one in _weighed(entry)
                if one in kinds and kinds[one] not in OF_NO_RUN and one not in found_by_runs
            ]
            if alone:
                doubted[entry.seq] = f"no recorded run found the evidence that it weighed: {', '.join(alone)}"
    return doubted


def _weighed(entry: Entry) -> list[str]:
    known = entry.body["input"]
    told = known.get("evidence") if isinstance(known, Mapping) else None
    named = told.values() if isinstance(told, Mapping) else ()
    return sorted(str(one.get("digest")) if isinstance(one, Mapping) else str(one) for one in named)


def redecide(engine: Engine, entry: Entry) -> Redecided:
    """The decision of an entry, made again; one that moves a model and keeps none does not come out the same.

    Raises:
        Misuse: The entry neither holds a decision of a policy nor moves a model.
    """
    if not is_decision(entry) and entry.kind in GRANTS:
        told = f"it moves {entry.subject}, but keeps no policy and no input that it was decided on"
        return Redecided(entry.seq, entry.kind, entry.subject, _recorded(entry), None, (told,))
    if not is_decision(entry):
        raise Misuse(
            f"entry {entry.seq} ({entry.kind}) holds no decision of a policy",
            hint="workbench ledger shows the entries; decisions are granted or denied",
        )
    recorded, found = _recorded(entry), list(contradictions(entry) if entry.kind in GRANTS else ())
    if recorded == NO_DECISION:
        return Redecided(entry.seq, entry.kind, entry.subject, recorded, None, ("its decision is not whole",))
    if entry.kind in GRANTS and not recorded.allowed:
        found.append(f"it moves {entry.subject}, though its decision is {recorded.decision}")
    source, document = str(entry.body["policy_source"]), entry.body["input"]
    try:
        policy = Policy.parse(recorded.policy, source)
    except Misuse as error:
        return Redecided(entry.seq, entry.kind, entry.subject, recorded, None, (error.message,))
    if policy.digest != recorded.policy_digest:
        found.append(f"the policy in the entry has the digest {policy.digest[:12]}, not {recorded.policy_digest[:12]}")
    if digest(document) != recorded.input_digest:
        found.append(f"the input in the entry has the digest {digest(document)[:12]}, not {recorded.input_digest[:12]}")
    again = decide(engine, policy, document)
    told, said = entry.body["decision"], again.as_body()
    by_gate = _by_gate(told, said)
    for name in sorted(set(told) | set(said)):
        was, now = told.get(name), said.get(name)
        if was == now or (name == "evidence" and name not in told):
            continue
        if by_gate and name in {"decision", "reasons", "people"}:
            continue
        found.append(f"{name} was {_short(was)}; it is {_short(now)}")
    return Redecided(entry.seq, entry.kind, entry.subject, recorded, again, tuple(found))


def _recorded(entry: Entry) -> Decision:
    try:
        return Decision.from_body(entry.body["decision"])
    except (KeyError, TypeError):
        return NO_DECISION


def _by_gate(told: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether the gate refused what the policy said: one reason before the policy's own, and never a yes for a no."""
    reasons = told["reasons"]
    first = bool(reasons) and reasons[0]["code"] in BY_THE_GATE
    return first and told["decision"] == "deny" and reasons[1:] == said["reasons"]


def _short(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
