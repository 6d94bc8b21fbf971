"""The gate: the one way by which a model moves.

One transaction of the ledger is the move: the decision, the head and the effect owed to the registry
become true together or not at all. A denial is an entry too. What was judged is compared with what is
true at the commit: where the model moved or its evidence changed meanwhile, nothing is written and the
asker is told, so that two people never undo each other unseen.

    gate = Gate(ledger, RegoEngine(), Path("policies"), lambda: store)
    gate.promote("lending", 3, actor="risk-officer", why="fairer, and hardly less accurate", now=now)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.evidence import as_input, dossier
from workbench.ledger import Entry, Head, Ledger
from workbench.policy import Decision, Engine, Policy, decide
from workbench.promotion.history import DECIDED, champions, grant, rejection
from workbench.promotion.moves import (
    KINDS,
    SLOT,
    Action,
    Judgement,
    Move,
    Request,
    body_of,
    same_request,
    told_by,
    turned_down,
)
from workbench.promotion.projection import ALIAS, Aliases, align, owe, owed_for


class Gate:
    """Promotes, rolls back, rejects and reconciles; every move is judged by a policy first."""

    def __init__(self, ledger: Ledger, engine: Engine, policies: Path, aliases: Callable[[], Aliases]) -> None:
        self._ledger = ledger
        self._engine = engine
        self._policies = policies  # folder with promotion.rego and rollback.rego
        self._aliases = aliases  # opened only when needed

    # asking

    def judge(
        self, model: str, version: int, *, action: Action = "promote", now: datetime, actor: str = "", why: str = ""
    ) -> Decision:
        """What the policy says now; writes nothing.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        return self._judge(Request(action, model, version, actor, why, now)).decision

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
            Misuse: No reason, no such version, it is champion already, or the model moved meanwhile.
        """
        why = _told(actor, why)
        earlier = self._earlier(key, "promote", model, version)
        if earlier is not None:
            return told_by(earlier)
        self._ledger.version(model, version)
        head = self._ledger.head(model, SLOT)
        if head is not None and head.version == version:
            raise Misuse(f"{model} {version} is champion already", hint=f"workbench models {model}")
        return self._move(Request("promote", model, version, actor, why, now, key))

    def rollback(self, model: str, *, actor: str, why: str, now: datetime, key: str | None = None) -> Move:
        """Bring back the champion before the present one if the rollback policy allows it.

        Args:
            model: Its name.
            actor: Who asks.
            why: The reason, not empty.
            now: The time, aware.
            key: Idempotency key: the same key again tells what happened the first time.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            Misuse: No reason, no champion to go back to, or the model moved meanwhile.
        """
        why = _told(actor, why)
        earlier = self._earlier(key, "rollback", model, None)
        if earlier is not None:
            return told_by(earlier)
        return self._move(Request("rollback", model, self._before(model), actor, why, now, key))

    def reject(self, model: str, version: int, *, actor: str, why: str, now: datetime) -> Entry:
        """Turn a version down; it may be promoted again only on newer evidence.

        Raises:
            Misuse: No reason, no such version, it is champion, or it was turned down already.
        """
        why = _told(actor, why)
        with self._ledger.transaction() as writer:
            known = dossier(self._ledger, model, version)
            head = writer.head(model, SLOT)
            if head is not None and head.version == version:
                raise Misuse(f"{model} {version} is champion", hint=f"workbench rollback {model} --why …")
            standing = rejection(model, version, self._entries(model))
            if standing is not None:
                raise Misuse(f"{model} {version} was turned down already, in entry {standing.seq}: {standing.why}")
            return writer.append(
                "candidate.rejected",
                subject=known.version.subject,
                actor=actor,
                why=why,
                body={"evidence": sorted(finding.digest for finding in known.findings.values())},
                now=now,
            )

    # following up

    def reconcile(self, *, now: datetime) -> list[str]:
        """Settle what the registry is owed and bring its aliases in line with the heads.

        Returns:
            A sentence for everything that was mended or that cannot be.
        """
        heads = self._ledger.heads()
        if not heads:
            return []
        aliases = self._aliases()
        told = [align(self._ledger, aliases, head, now=now) for head in heads]
        told += [
            f"effect {effect.id} of entry {effect.seq} is owed to {effect.target!r}, which nothing here settles"
            for effect in self._ledger.owed()
            if effect.target != ALIAS
        ]
        return [sentence for sentence in told if sentence]

    def _move(self, request: Request) -> Move:
        move = told_by(self._commit(request, self._judge(request)))
        return replace(move, pending=self._follow(request))

    def _judge(self, request: Request) -> Judgement:
        newest = self._ledger.entries(newest_first=True, limit=1)
        head = self._ledger.head(request.model, SLOT)
        entries = self._entries(request.model)
        granted = grant(request.model, request.version, entries)
        document: dict[str, Any] = as_input(
            dossier(self._ledger, request.model, request.version),
            action=request.action,
            champion=dossier(self._ledger, request.model, head.version) if head and head.version else None,
            was_champion=granted is not None,
            now=request.now,
            actor=request.actor,
            why=request.why,
        )
        document["granted"] = _grant_told(granted)
        policy = Policy.load(self._policies / f"{KINDS[request.action]}.rego")
        decision = decide(self._engine, policy, document)
        standing = rejection(request.model, request.version, entries)
        if standing is not None:
            decision = turned_down(decision, standing)
        return Judgement(decision, document, policy, head, newest[0].seq if newest else 0)

    def _commit(self, request: Request, judgement: Judgement) -> Entry:
        """The entry that the judgement left, or the one that had the key before; all of it or nothing."""
        with self._ledger.transaction() as writer:
            asked = None if request.action == "rollback" else request.version  # whoever rolls back names no version
            earlier = self._earlier(request.key, request.action, request.model, asked)
            if earlier is not None:
                return earlier
            self._check_unchanged(request, judgement, writer.head(request.model, SLOT))
            granted = judgement.decision.allowed
            entry = writer.append(
                f"{KINDS[request.action]}.{'granted' if granted else 'denied'}",
                subject=request.subject,
                actor=request.actor,
                why=request.why,
                body=body_of(judgement, request.version),
                now=request.now,
                key=request.key,
            )
            if granted:
                generation = judgement.head.generation if judgement.head else 0
                head = writer.move_head(
                    request.model, SLOT, request.version, expected_generation=generation, entry=entry
                )
                owe(writer, head, entry)
            return entry

    def _check_unchanged(self, request: Request, judgement: Judgement, head: Head | None) -> None:
        if head != judgement.head:
            now = f"version {head.version} is champion" if head and head.version else "it has no champion"
            raise Misuse(
                f"{request.model} moved meanwhile: {now}; nothing was done",
                hint=f"workbench models {request.model}, then decide again",
            )
        if head is not None and head.version == request.version:  # it became champion before it was judged
            raise Misuse(
                f"{request.model} {request.version} became champion meanwhile; nothing was done",
                hint=f"workbench models {request.model}, then decide again",
            )
        weighed = {request.subject} | ({f"{head.model}/{head.version}"} if head else set())
        for entry in self._entries(request.model, since=judgement.seen):
            if entry.subject in weighed and entry.kind in {"evidence.recorded", "candidate.rejected"}:
                raise Misuse(
                    f"something new about {entry.subject} came meanwhile (entry {entry.seq}, {entry.kind}); "
                    "nothing was done",
                    hint=f"workbench models {request.model}, then decide again",
                )

    def _follow(self, request: Request) -> tuple[str, ...]:
        """Let the registry follow; what cannot be done now stays owed, and the move stays true."""
        head = self._ledger.head(request.model, SLOT)
        if head is None or head.version is None:
            return ()
        try:
            told = align(self._ledger, self._aliases(), head, now=request.now)
        except EngineError as error:
            told = f"the alias {SLOT} of {head.model} is still owed to the registry: {error.message}"
        return (told,) if told and owed_for(self._ledger, head) else ()

    def _before(self, model: str) -> int:
        line = champions(model, self._entries(model))
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

    def _entries(self, model: str, since: int = 0) -> list[Entry]:
        return self._ledger.entries(prefix=f"{model}/", kind=(*DECIDED, "evidence.recorded"), since=since)

    def _earlier(self, key: str | None, action: Action, model: str, version: int | None) -> Entry | None:
        found = self._ledger.find(key) if key is not None else None
        return None if found is None or key is None else same_request(found, key, action, model, version)


def _told(actor: str, why: str) -> str:
    # the reason without blanks around it, when there is one and somebody gives it
    if not actor.strip():
        raise Misuse("nobody is named as the one who decides; every decision has a person's name")
    if not why.strip():
        raise Misuse("the reason is empty; every decision needs one", hint='--why "…", in a sentence')
    for name, text in (("name", actor), ("reason", why)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Misuse(f"the {name} {text!r} is no text of Unicode", hint="is the terminal set to UTF-8?") from error
    return why.strip()


def _grant_told(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "entry": entry.seq,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "decision": entry.body["decision"]["decision"],
    }
