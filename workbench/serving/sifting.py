r"""Which answers are held until people looked at them: `answer.rego`, asked about each row of some models.

Asked are models that are declared to have high stakes, and those that the policy names in a text of its
own; every other model pays one look into a set. Whatever is no clear yes holds the answer: a policy that
is not there, crashes, says nothing or asks of people what cannot be read. A reason in `deny` refuses it.

>>> sorted(named_in('package answer\n# "churn" is not\nheld := [{"model": "lending", "low": 0.45}]'))
['lending', 'low', 'model']
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Ledger
from workbench.policy import Ruling
from workbench.policy.asking import asked_of
from workbench.policy.decision import People
from workbench.policy.source import COMMENT_OR_TEXT, Policy
from workbench.promotion import Desk
from workbench.promotion.declarations import DECLARED, told_by
from workbench.promotion.questions import Requirement
from workbench.serving.held import ACTION, Held, OnTimeout, timeout_read
from workbench.serving.held_store import HeldStore
from workbench.serving.log_rows import COLUMNS, LogPolicy, rows_of
from workbench.serving.prediction import Block
from workbench.serving.review import ask_all

POLICY = "answer"  # its name
LOOK = 0.25  # seconds between two looks at the declarations and the policy's file, at least
MOST = 100  # rows of a request that are judged
FALLBACK = ("approver", "reviewer")  # who decides where the policy did not say
HOURS = 24.0  # how long people are waited for then
DIGEST = COLUMNS.index("input_digest")


class Engine(Protocol):
    """Evaluates Rego."""

    def evaluate(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        """The values of `allow`, `deny` and `people` in a package, for one input."""
        ...

    def values(self, source: str, package: str, rules: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some rules, for one input."""
        ...


class Sifted(NamedTuple):
    """What may not be given of a request's answers now, by the place of the row."""

    held: Mapping[int, Held]
    refused: Mapping[int, str]  # why


class Sieve:
    """Holds what the policy holds; belongs to one event loop, but for what it does in threads."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        engine: Callable[[], Engine],
        folder: Path,
        store: HeldStore,
        *,
        log_policy: LogPolicy | None = None,
    ) -> None:
        """Nothing known yet.

        Args:
            ledger: Tells what is at stake.
            desk: Where people are asked.
            engine: Opens what evaluates the policy, at its first use.
            folder: Of the policies.
            store: Where held answers lie.
            log_policy: The log's, so that an input has the same digest in both.
        """
        self._ledger = ledger
        self._desk = desk
        self._engine = engine
        self._path = folder / f"{POLICY}.rego"
        self._store = store
        self._log_policy = log_policy or LogPolicy()
        self._looked = -LOOK
        self._seen: int | None = None  # number of the last declaration that was read; None: none could be read yet
        self._high: set[str] = set()
        self._stamp: tuple[int, int] | None = None  # of the policy's file
        self._text = ""

    def concerns(self, model: str) -> bool:
        """Whether a model's answers are judged at all."""
        self._look()
        return self._seen is None or model in self._high or model in named_in(self._text)

    async def sift(self, block: Block) -> Sifted:
        """Judge each answer of a request, and ask people about those that are held.

        Raises:
            EngineError: They cannot be asked; then nothing may be given.
        """
        return await asyncio.to_thread(self._sift, block)

    def _sift(self, block: Block) -> Sifted:
        threshold = block.threshold
        held: dict[int, Held] = {}
        refused: dict[int, str] = {}
        rows = rows_of(block, self._log_policy)
        for place, (record, score) in enumerate(zip(block.records, block.scores, strict=True)):
            if score is None:
                continue  # the model failed on it: there is nothing to give
            features = msgspec.to_builtins(record)
            answer = None if threshold is None else score >= threshold
            found = self._judged(block, features, score, answer)
            if isinstance(found, str):
                refused[place] = found
            elif found is not None:
                requirement, on_timeout, policy = found
                hours = requirement.hours
                held[place] = Held(
                    id=block.ids[place],
                    at=block.at,
                    model=block.model,
                    version=block.version or 0,
                    generation=block.generation or 0,
                    variant=block.variant or "",
                    request=block.request,
                    client=block.client,
                    features=features,
                    input_digest=str(rows[place][DIGEST]),
                    score=score,
                    answer=answer,
                    threshold=threshold,
                    stakes=self._stakes(block.model),
                    policy=policy,
                    requirement=requirement,
                    ends=None if hours is None else block.at + timedelta(hours=hours),
                    on_timeout=on_timeout,
                )
        if held:
            self._store.add(list(held.values()))  # first: whoever dies now leaves what nobody was told of
            try:
                ask_all(self._ledger, self._desk, list(held.values()), now=block.at)
            except WorkbenchError:
                for one in held.values():
                    self._store.drop(one.id)
                raise
        return Sifted(held, refused)

    def _judged(
        self, block: Block, features: Mapping[str, Any], score: float, answer: bool | None
    ) -> tuple[Requirement, OnTimeout, str] | str | None:
        """What is asked of people about one answer, why it is refused, or None: it may be given."""
        try:
            policy = Policy.parse(POLICY, self._path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, WorkbenchError) as error:
            return _fallback(f"the policy {POLICY} cannot be read: {error}"), "refuse", ""
        document: dict[str, Any] = {
            "action": ACTION,
            "model": block.model,
            "version": block.version,
            "now": block.at.isoformat(),
            "score": score,
            "answer": answer,
            "features": dict(features),
            "stakes": self._stakes(block.model),
            "approvals": [],
        }
        try:
            ruling = self._engine().evaluate(policy.source, policy.package, document)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with an engine holds the answer)
            ruling = Ruling(None, error=f"{type(error).__name__}: {error}")
        if ruling.error is not None:
            return _fallback(f"the policy {POLICY} gave no answer: {ruling.error}"), "refuse", policy.digest
        if ruling.deny:
            return _why(ruling.deny)
        if ruling.allow is True:
            return None
        people = asked_of(ruling.people) if ruling.people is not None else "it asks nothing of anybody"
        if not isinstance(people, People):
            return _fallback(f"the policy {POLICY} does not allow it: {people}"), "refuse", policy.digest
        return Requirement.of(people), self._on_timeout(policy, document), policy.digest

    def _on_timeout(self, policy: Policy, document: Mapping[str, Any]) -> OnTimeout:
        try:
            told = self._engine().values(policy.source, policy.package, ["on_timeout"], document)
        except Exception:  # noqa: BLE001 (then nothing is given at the end)
            return "refuse"
        return timeout_read(told.get("on_timeout"))

    def _stakes(self, model: str) -> str:
        return "high" if model in self._high or self._seen is None else "normal"

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        try:
            new = self._ledger.entries(kind=DECLARED, since=self._seen or 0)
        except EngineError:
            return  # what was known holds; where nothing was, every model is judged
        for entry in new:
            (self._high.add if told_by(entry).stakes == "high" else self._high.discard)(entry.subject)
        self._seen = new[-1].seq if new else self._seen or 0
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp != self._stamp:
                self._text, self._stamp = self._path.read_text("utf-8"), stamp
        except (OSError, UnicodeDecodeError):
            self._text, self._stamp = "", None


@lru_cache(maxsize=8)
def named_in(source: str) -> frozenset[str]:
    """The texts that a policy holds, its comments left out; models are among them where it names any."""
    found = (match[1] for match in COMMENT_OR_TEXT.finditer(source))
    return frozenset(text[1:-1] for text in found if text)


def _fallback(why: str) -> Requirement:
    return Requirement(1, FALLBACK, HOURS, " ".join(why.split())[:300])


def _why(deny: Sequence[Any]) -> str:
    told = [item.get("message") if isinstance(item, Mapping) else item for item in sorted(deny, key=str)]
    return "; ".join(str(one) for one in told)[:300]
