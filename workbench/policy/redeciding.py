"""A past decision made again from its entry: the policy of its day, the input of its day, the same outcome.

The entry's body holds the policy's text, the whole input and the decision. The clock is part of the input, so
nothing else is needed, and the decision must come out bit for bit. What people or a standing rejection added
to a policy's answer is told apart: it stands before the policy's own reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import Misuse
from workbench.ledger import Entry, canonical, digest
from workbench.policy.deciding import Engine, decide
from workbench.policy.decision import Decision
from workbench.policy.source import Policy

BY_THE_GATE = {"rejected", "people-rejected", "people-not-counted"}  # reasons that no policy states
NEWER = ("people", "evidence")  # fields that older entries do not have


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


def redecide(engine: Engine, entry: Entry) -> Redecided:
    """The decision of an entry, made again.

    Raises:
        Misuse: The entry holds no decision of a policy.
    """
    if not is_decision(entry):
        raise Misuse(
            f"entry {entry.seq} ({entry.kind}) holds no decision of a policy",
            hint="workbench ledger shows the entries; decisions are granted or denied",
        )
    recorded, found = Decision.from_body(entry.body["decision"]), []
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
    told, said = _without_gate(entry.body["decision"]), again.as_body()
    for name in sorted(set(told) | set(said)):
        if name in NEWER and name not in told and not (name == "people" and name in said):
            continue
        if told.get(name) != said.get(name) and not _overruled(name, entry.body["decision"], said):
            found.append(f"{name} was {_short(told.get(name))}; it is {_short(said.get(name))}")
    return Redecided(entry.seq, entry.kind, entry.subject, recorded, again, tuple(found))


def _without_gate(body: Mapping[str, Any]) -> dict[str, Any]:
    # the recorded decision without the reasons that the gate put before the policy's
    reasons = [reason for reason in body["reasons"] if reason["code"] not in BY_THE_GATE]
    return {**body, "reasons": reasons}


def _overruled(name: str, body: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    # a refusal by the gate stands over whatever the policy says; it never turns a no into a yes
    by_gate = any(reason["code"] in BY_THE_GATE for reason in body["reasons"])
    return by_gate and name in {"decision", "people"} and body["decision"] == "deny" and said["decision"] != "deny"


def _short(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
