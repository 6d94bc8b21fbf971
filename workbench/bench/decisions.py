"""What pages show and do, in the name of whoever `bench.identity` says acts.

Nothing is shown to those who may not look. Every act goes through the gate, which judges it and checks the
person's role once more, whatever the page offered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar, assert_never

from workbench.errors import Misuse, NeedsPeople
from workbench.ledger import Entry
from workbench.ledger.effects import ALIAS
from workbench.promotion import DECIDED, Roster, Step, trail
from workbench.promotion.board import doubted
from workbench.promotion.moves import POLICIES
from workbench.promotion.people import RIGHTS, Right
from workbench.promotion.queue import may_refuse, why_not
from workbench.promotion.stages import CHAMPION
from workbench.serving.held import ACTION as ANSWER
from workbench.views.deciding import Acts, Paper, Reading, Trouble, Waiting, Wish, You

if TYPE_CHECKING:
    from workbench.bench.composition import Bench
    from workbench.ledger.lineage import Lineage
    from workbench.policy import Decision
    from workbench.promotion import Candidate, Move, Open
    from workbench.views.lineage import Sought

Given = ParamSpec("Given")
Told = TypeVar("Told")
TRAIL = 50  # past decisions on a page
SHOWN = 50  # questions on a page
EVERY: tuple[Right, ...] = ("look", "ask", "approve", "administer")


class Decisions:
    """One workspace's decisions, as the person who acts may see and make them."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @property
    def acts(self) -> Acts:
        """The callbacks of the pages."""
        return Acts(
            self.judge, self.do, self.approve, self.refuse, self.certificate, self.card, self.story, self.trace,
            self.verdicts, self.look,
        )  # fmt: skip

    # looking

    def shown(self, read: Callable[Given, Told]) -> Callable[Given, Told]:
        """What a page asks for, refused to whom nobody vouches for and to whoever may not look."""

        def looked(*given: Given.args, **named: Given.kwargs) -> Told:
            self._looked()
            return read(*given, **named)

        return looked

    def read(self) -> Reading:
        """Everything as it is now, but for what the policy says: `verdicts` and `look` ask it.

        Raises:
            Misuse: Nobody vouches for whoever looks, or they may not look.
        """
        bench, roster = self._bench, self._looked()
        you = self._you(roster)
        candidates = bench.board()
        past = bench.ledger.entries(kind=DECIDED, newest_first=True, limit=TRAIL)
        waiting, queued, answers = self._waiting(roster)
        wrong = [*self._doubted(), *self._served(candidates), *self._incidents(), *self._owed()]
        return Reading(you, candidates, past, waiting, wrong, dict(self._ways_back(candidates)), queued, answers)

    def story(self, model: str, version: int) -> Sequence[Step]:
        """All that happened to a version, the oldest first."""
        self._looked()
        return trail(self._bench.ledger, model, version)

    def trace(self, model: str, version: int) -> Lineage:
        """Where a version comes from, and what it led to; answers are left out."""
        self._looked()
        return self._bench.traces.version(model, version)

    def seek(self, words: str) -> Sequence[Sought]:
        """What may be meant, beside versions, by whoever asks where something comes from and has typed so far."""
        self._looked()
        return self._bench.traces.suggest(words)

    def certificate(self, model: str, version: int) -> Paper:
        """The signed certificate of a version's promotion, as a file.

        Raises:
            Misuse: It was never promoted.
            EngineError: Its files are not those that were registered.
        """
        self._looked()
        made = self._bench.papers.certificate(model, version)
        return Paper(f"{_plain(model)}-{version}.certificate.json", json.dumps(made, indent=1), "application/json")

    def card(self, model: str, version: int) -> Paper:
        """The model card, as a page of its own."""
        self._looked()
        return Paper(
            f"{_plain(model)}-{version}.card.html", self._bench.papers.card(model, version).as_html(), "text/html"
        )

    def judge(self, wish: Wish, why: str) -> Decision:
        """What the policy says to a wish now; nothing is written.

        Raises:
            Misuse: They may not ask for it, or it has no meaning.
        """
        bench = self._bench
        if wish.action == "reject":
            raise Misuse("no policy judges a rejection", hint="turn the version down")
        bench.desk.check(bench.actor, "ask")
        self._still(wish)
        return bench.gate.judge(
            wish.model, wish.version, action=wish.action, now=bench.now(), actor=bench.actor, why=why,
            slot=wish.slot, weight=wish.weight,
        )  # fmt: skip

    def verdicts(self, versions: Sequence[tuple[str, int]]) -> Sequence[Decision]:
        """What the policy says now to promoting each of some versions; nothing is written.

        Raises:
            Misuse: They may not look, or there is no such version.
        """
        self._looked()
        return self._bench.verdicts(versions)

    def look(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """Some questions that wait, judged anew: whether each would still be asked so, and who may answer it.

        Raises:
            Misuse: They may not look, or a policy cannot be read.
        """
        self._looked()
        looked = self._bench.gate.look_at([one.open for one in waiting], now=self._bench.now())
        return [replace(one, open=open_) for one, open_ in zip(waiting, looked, strict=True)]

    # acting

    def do(self, wish: Wish, why: str) -> str:
        """Do it through the gate; says what came of it, also where people have to say yes first.

        Raises:
            Denied: The policy refused; the ledger keeps the refusal.
            Misuse: They may not, or it has no meaning any more.
        """
        try:
            return self._done(wish, why)
        except NeedsPeople as asked:
            bench, subject = self._bench, f"{wish.model}/{wish.version}"
            waiting = bench.gate.waiting(now=bench.now(), subject=subject)
            (one,) = [open_ for open_ in waiting if open_.digest == asked.question]
            many = "1 approval is" if asked.missing == 1 else f"{asked.missing} approvals are"
            who = ", ".join(one.may) or "nobody yet: an admin gives the role"
            return f"People are asked to {wish.in_words}: {many} missing. Who may: {who}. Nothing moved yet."

    def approve(self, question: str, why: str, then: bool) -> str:
        """Say yes to a question; on request the move is made at once where it was the last yes missing.

        Raises:
            Denied: The policy refused the move.
            Misuse: They may not approve it, or the question has ended.
        """
        bench = self._bench
        asked, _ = bench.desk.find(question)
        entry, move = bench.say_yes(question, why, then=then)
        said = f"You approved: {asked.in_words()}. Ledger entry {entry.seq}."
        if move is not None:
            return f"{said} {_moved(asked.action, move)}"
        known = bench.desk.answers(asked, now=bench.now())
        left = known.missing if known is not None else 0
        rest = "Nobody else is missing; the move can be asked for." if left == 0 else f"{left} more needed."
        return f"{said} {rest}"

    def refuse(self, question: str, why: str) -> str:
        """Say no to a question; it has ended.

        Raises:
            Misuse: They may not, or it has ended already.
        """
        entry = self._bench.say_no(question, why)
        asked, _ = self._bench.desk.find(question)
        return f"You refused: {asked.in_words()}. Ledger entry {entry.seq}."

    # inside

    def _looked(self) -> Roster:
        bench = self._bench
        roster = bench.desk.roster()
        if not roster.may(bench.actor, "look"):  # and who may is not for a stranger to read
            raise Misuse(f"{bench.actor} may not look: no role was given", hint="an admin of the workspace gives roles")
        return roster

    def _you(self, roster: Roster) -> You:
        identity = self._bench.identity
        may = frozenset(right for right in EVERY if roster.may(identity.name, right))
        roles = roster.roles(identity.name) if roster.named else frozenset[str]()
        return You(identity.name, identity.source, tuple(sorted(roles, key=lambda r: (r not in RIGHTS, r))), may)

    def _waiting(self, roster: Roster) -> tuple[list[Waiting], int, int]:
        """The questions that a page shows, how many wait in all, the oldest first, and how many answers beside them.

        Held answers have a page of their own, on which their evidence is. Where there are more than a page
        shows, moves of models come before what else is asked, and what waits for the person who looks before
        the rest. None was looked at yet.
        """
        bench = self._bench
        name, now, delegations = bench.actor, bench.now(), bench.desk.delegations()

        def seen(one: Open) -> Waiting:
            return Waiting(
                one,
                why_not(one.answers, name, roster, delegations, now),
                may_refuse(one.answers, name, roster, delegations, now),
            )

        def last(one: Waiting) -> tuple[bool, bool]:
            return one.open.answers.question.action not in POLICIES, not one.yours

        every = bench.queue()
        queued = [seen(one) for one in every if one.answers.question.action != ANSWER]
        shown = queued if len(queued) <= SHOWN else sorted(queued, key=last)[:SHOWN]
        return shown, len(queued), len(every) - len(queued)

    def _doubted(self) -> Iterator[Trouble]:
        ledger = self._bench.ledger
        for head, why in doubted(ledger, ledger.heads()).items():
            said = f"stands as {head.slot}, and is doubted: {why}"
            yield Trouble(f"{head.model} {head.version}", said, "workbench ledger verify")

    def _served(self, candidates: Sequence[Candidate]) -> Iterator[Trouble]:
        for candidate in candidates:
            if candidate.stage in {"champion", "canary"}:
                version = candidate.version
                failed = [kind for kind, found in candidate.findings.items() if found.verdict == "fail"]
                if failed:
                    audits = " and ".join(failed)
                    said = f"is {candidate.stage}, and its newest {audits} evidence says fail"
                    yield Trouble(f"{version.model} {version.version}", said)

    def _incidents(self) -> Iterator[Trouble]:
        for one in self._bench.watch.incidents():
            yield Trouble(one.model, f"incident {one.id}: {one.sentence}", f"workbench incidents show {one.id}")

    def _owed(self) -> Iterator[Trouble]:
        effects = [effect for effect in self._bench.ledger.owed() if effect.target == ALIAS]
        owed = sorted({str(effect.payload.get("model")) for effect in effects})
        for model in owed:
            yield Trouble(model, "MLflow’s alias does not follow the ledger yet", "workbench reconcile")

    def _ways_back(self, candidates: Sequence[Candidate]) -> Iterator[tuple[str, int]]:
        for model in {c.version.model for c in candidates if c.stage == CHAMPION}:
            try:
                yield model, self._bench.gate.before(model)
            except Misuse:  # it is the first
                continue

    def _still(self, wish: Wish) -> None:
        """Refuse a way back that is none, or leads elsewhere by now.

        Raises:
            Misuse: So it is.
        """
        if wish.action == "rollback" and self._bench.gate.before(wish.model) != wish.version:
            raise Misuse(f"{wish.model} would not go back to version {wish.version} any more", hint="read it again")

    def _done(self, wish: Wish, why: str) -> str:
        bench, model, version = self._bench, wish.model, wish.version
        match wish.action:
            case "promote":
                move = bench.promote(model, version, why)
            case "rollback":
                self._still(wish)
                move = bench.rollback(model, why)
            case "stage":
                move = bench.stage(model, version, wish.slot, why, weight=wish.weight)
            case "clear":
                head = bench.ledger.head(model, wish.slot)
                if head is None or head.version != version:
                    raise Misuse(f"{model} {version} is not in {wish.slot} any more", hint="read it again")
                move = bench.clear(model, wish.slot, why)
            case "retire":
                move = bench.retire(model, version, why)
            case "reject":
                entry: Entry = bench.reject(model, version, why)
                return f"{model} {version} was turned down. Ledger entry {entry.seq}."
            case _:
                assert_never(wish.action)
        return _moved(wish.action, move)


def _moved(action: str, move: Move) -> str:
    """The sentence that confirms a move."""
    name = f"{move.model} {move.version}"
    share = "" if move.weight is None else f" at {100 * move.weight:.4g} % of the traffic"
    told = {
        "promote": f"{name} is champion",
        "rollback": f"{move.model} is back on version {move.version}",
        "stage": f"{name} is in {move.slot}{share}",
        "clear": f"{name} is out of {move.slot}",
        "retire": f"{name} is retired",
    }[action]
    generation = "" if action == "retire" else f", generation {move.generation}"
    owed = " MLflow’s alias follows with workbench reconcile." if move.pending else ""
    return f"{told}{generation}. Ledger entry {move.entry_seq}.{owed}"


def _plain(name: str) -> str:
    """A name as a part of a file's."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60].strip("-") or "model"
