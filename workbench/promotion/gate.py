"""The gate: the one way by which a model moves.

One transaction of the ledger is the move: the decision, the head and the effect owed to MLflow become
true together or not at all. The alias is set afterwards from what is owed, and set again by
`reconcile` if the process died in between; the head's generation is the fencing token, so an old
effect never overwrites a newer one. A denial is an entry too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import Denied, Misuse
from workbench.evidence import Dossier, as_input, dossier
from workbench.ledger import Entry, Head, Ledger
from workbench.policy import Decision, Engine, Policy, Reason, decide
from workbench.promotion.history import DECIDED, MOVES, champions, rejection

SLOT = "champion"
ALIAS = "mlflow-alias"  # target of the effect that a move owes
MOST_TRIES = 3  # judge again when another moved the model meanwhile


class Aliases(Protocol):
    """The projection of the heads in a model registry."""

    def set_alias(self, model: str, alias: str, version: int, generation: int) -> None:
        """Point an alias at a version; repeatable, and never back to an older generation."""
        ...

    def alias(self, model: str, alias: str) -> tuple[int, int] | None:
        """The version an alias points at and the generation that set it (0: unknown)."""
        ...

    def exists(self, model: str, version: int) -> bool:
        """Whether the registry still has a version."""
        ...


@dataclass(frozen=True)
class Move:
    """A model moved."""

    model: str
    version: int
    previous: int | None  # who was champion before
    generation: int
    decision: Decision
    entry_seq: int


class Gate:
    """Promotes, rolls back, rejects and reconciles; every act is judged by a policy first."""

    def __init__(self, ledger: Ledger, engine: Engine, policies: Path, aliases: Callable[[], Aliases]) -> None:
        self._ledger = ledger
        self._engine = engine
        self._policies = policies
        self._aliases = aliases  # opened only when needed

    # asking

    def judge(
        self, model: str, version: int, *, action: str = "promote", now: datetime, actor: str = "", why: str = ""
    ) -> Decision:
        """What the policy says now; writes nothing."""
        return self._judged(model, version, action, now, actor, why)[0]

    # moving

    def promote(self, model: str, version: int, *, actor: str, why: str, now: datetime, key: str | None = None) -> Move:
        """Make a version champion if the promotion policy allows it.

        Args:
            model: Its name.
            version: The version to promote.
            actor: Who asks.
            why: The reason, not empty.
            now: The time, aware.
            key: Idempotency key: the same key again tells what happened the first time.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            Misuse: No reason, no such version, or it is champion already.
        """
        _needs_reason(why)
        earlier = self._earlier(key)
        if earlier is not None:
            return earlier
        self._ledger.version(model, version)
        head = self._ledger.head(model, SLOT)
        if head is not None and head.version == version:
            raise Misuse(f"{model} {version} is champion already", hint="workbench models " + model)
        return self._move(model, lambda: version, "promote", actor, why, now, key)

    def rollback(self, model: str, *, actor: str, why: str, now: datetime, key: str | None = None) -> Move:
        """Bring back the champion before the present one if the rollback policy allows it.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            Misuse: No reason, or there is no champion to go back to.
        """
        _needs_reason(why)
        return self._earlier(key) or self._move(model, lambda: self._before(model), "rollback", actor, why, now, key)

    def reject(self, model: str, version: int, *, actor: str, why: str, now: datetime) -> Entry:
        """Turn a candidate down; it may be promoted again only on newer evidence.

        Raises:
            Misuse: No reason, no such version, or it is champion.
        """
        _needs_reason(why)
        known = dossier(self._ledger, model, version)
        with self._ledger.transaction() as writer:
            head = writer.head(model, SLOT)
            if head is not None and head.version == version:
                raise Misuse(f"{model} {version} is champion", hint=f"workbench rollback {model} --why …")
            return writer.append(
                "candidate.rejected",
                subject=known.version.subject,
                actor=actor,
                why=why,
                body={"evidence": sorted(f.digest for f in known.findings.values())},
                now=now,
            )

    # following up

    def reconcile(self, *, now: datetime) -> list[str]:
        """Settle what is owed and bring the aliases in line with the heads.

        Returns:
            A sentence for everything that was mended or that cannot be.
        """
        told = [self._settle(effect.id, effect.payload) for effect in self._ledger.owed()]
        heads = self._ledger.heads()
        if heads:
            aliases = self._aliases()
            told += [sentence for head in heads if (sentence := self._repaired(aliases, head, now))]
        return told

    def _move(
        self,
        model: str,
        target: Callable[[], int],
        action: str,
        actor: str,
        why: str,
        now: datetime,
        key: str | None,
    ) -> Move:
        for attempt in range(MOST_TRIES):
            earlier = self._earlier(key)
            if earlier is not None:
                return earlier
            head = self._ledger.head(model, SLOT)
            version = target()
            decision, document, policy = self._judged(model, version, action, now, actor, why)
            try:
                move = self._commit(model, version, head, decision, document, policy, action, actor, why, now, key)
            except Misuse:
                if attempt + 1 == MOST_TRIES:
                    raise
                continue  # judged again, on what is true now
            for effect in self._ledger.owed():
                self._settle(effect.id, effect.payload)
            return move
        raise Misuse(f"{model} keeps being moved by others", hint="workbench ledger show " + model)

    def _commit(
        self,
        model: str,
        version: int,
        head: Head | None,
        decision: Decision,
        document: Mapping[str, Any],
        policy: Policy,
        action: str,
        actor: str,
        why: str,
        now: datetime,
        key: str | None,
    ) -> Move:
        kind = "promotion" if action == "promote" else "rollback"
        generation = head.generation if head else 0
        body: dict[str, Any] = {
            "slot": SLOT,
            "decision": decision.as_body(),
            "policy_source": policy.source,
            "input": document,
            "from": head.version if head else None,
            "to": version,
            "generation": generation + 1 if decision.allowed else None,
            "evidence": sorted(found["digest"] for found in document["evidence"].values()),
        }
        subject = f"{model}/{version}"
        if not decision.allowed:
            self._ledger.append(f"{kind}.denied", subject=subject, actor=actor, why=why, body=body, now=now, key=key)
            raise _denied(model, version, decision)
        with self._ledger.transaction() as writer:
            entry = writer.append(f"{kind}.granted", subject=subject, actor=actor, why=why, body=body, now=now, key=key)
            moved = writer.move_head(model, SLOT, version, expected_generation=generation, entry=entry)
            effect = {"model": model, "alias": SLOT, "version": version, "generation": moved.generation}
            writer.owe(ALIAS, effect, entry=entry)
        return Move(model, version, head.version if head else None, moved.generation, decision, entry.seq)

    def _judged(
        self, model: str, version: int, action: str, now: datetime, actor: str, why: str
    ) -> tuple[Decision, dict[str, Any], Policy]:
        candidate = dossier(self._ledger, model, version)
        entries = self._entries(model)
        head = self._ledger.head(model, SLOT)
        document = as_input(
            candidate,
            action=action,
            champion=self._champion(model, head),
            was_champion=any(e.subject == candidate.version.subject for e in entries if e.kind == "promotion.granted"),
            now=now,
            actor=actor,
            why=why,
        )
        policy = Policy.load(self._policies / ("promotion.rego" if action == "promote" else "rollback.rego"))
        decision = decide(self._engine, policy, document)
        standing = rejection(version, entries) if action == "promote" else None
        if standing is not None:
            decision = _with(decision, _rejected(standing))
        return decision, document, policy

    def _champion(self, model: str, head: Head | None) -> Dossier | None:
        return dossier(self._ledger, model, head.version) if head else None

    def _before(self, model: str) -> int:
        line = champions(self._entries(model))
        if not line:
            known = sorted({head.model for head in self._ledger.heads()})
            hint = f"models with a champion: {', '.join(known)}" if known else "nothing was promoted yet"
            raise Misuse(f"{model} has no champion to roll back", hint=hint)
        if len(line) == 1:
            raise Misuse(
                f"{model} {line[-1]} is the first champion; there is none to go back to",
                hint=f"promote another version: workbench models {model}",
            )
        return line[-2]

    def _entries(self, model: str) -> list[Entry]:
        return self._ledger.entries(prefix=f"{model}/", kind=(*DECIDED, "evidence.recorded"))

    def _earlier(self, key: str | None) -> Move | None:
        entry = self._ledger.find(key) if key is not None else None
        if entry is None:
            return None
        model, _, version = entry.subject.rpartition("/")
        decision = Decision.from_body(entry.body["decision"])
        if entry.kind not in MOVES:
            raise _denied(model, int(version), decision)
        return Move(model, int(version), entry.body["from"], entry.body["generation"], decision, entry.seq)

    def _settle(self, effect_id: int, payload: Mapping[str, Any]) -> str:
        model, alias, version = payload["model"], payload["alias"], payload["version"]
        self._aliases().set_alias(model, alias, version, payload["generation"])
        self._ledger.settle(effect_id)
        return f"the alias {alias} of {model} was set to version {version}"

    def _repaired(self, aliases: Aliases, head: Head, now: datetime) -> str | None:
        if not aliases.exists(head.model, head.version):
            return (
                f"{head.model} {head.version} is {head.slot} in the ledger but was deleted from MLflow; "
                f"promote another version or restore it"
            )
        found = aliases.alias(head.model, head.slot)
        if found == (head.version, head.generation):
            return None
        aliases.set_alias(head.model, head.slot, head.version, head.generation)
        was = f"version {found[0]}" if found else "nothing"
        self._ledger.append(
            "projection.repaired",
            subject=head.model,
            actor="workbench",
            why=f"the alias {head.slot} pointed at {was}, not at version {head.version}",
            body={"alias": head.slot, "found": list(found) if found else None, "generation": head.generation},
            now=now,
        )
        return f"the alias {head.slot} of {head.model} pointed at {was}; it is version {head.version} again"


def _needs_reason(why: str) -> None:
    if not why.strip():
        raise Misuse("the reason is empty; every decision needs one", hint='--why "…", in a sentence')


def _rejected(entry: Entry) -> Reason:
    return Reason(
        "rejected",
        f"{entry.actor} turned it down on {entry.at:%Y-%m-%d} ({entry.why}), and no evidence came since",
        flip="new evidence about it: run an audit again",
    )


def _with(decision: Decision, reason: Reason) -> Decision:
    return Decision("deny", (reason, *decision.reasons), decision.policy, decision.policy_digest, decision.input_digest)


def _denied(model: str, version: int, decision: Decision) -> Denied:
    lines = [f"{model} {version} was not moved; policy {decision.policy!r} denies it:"]
    for reason in decision.reasons:
        lines.append(f"  - {reason.message}")
        if reason.flip:
            lines.append(f"    would pass: {reason.flip}")
    return Denied("\n".join(lines), decision=decision, hint=f"workbench models {model} shows the evidence")
