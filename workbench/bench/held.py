"""Held answers of a workspace: who waits, what people say to them, and what a gateway needs to hold more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from workbench.batch.secrets import Secret
from workbench.data.holds import HELD, RELEASED, holds, over_answers
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.bench.engines import Engines
    from workbench.serving.held import Decided, Held, Verdict
    from workbench.serving.holding import Holding
    from workbench.serving.review import Review, Waiting

NONE = "none"  # of a setting that names nothing


class HeldAnswers:
    """The reviewers' side of a bench."""

    def __init__(self, bench: Engines) -> None:
        self._bench = bench

    @property
    def review(self) -> Review:
        """What decides."""
        from workbench.serving.review import Review

        return Review(self._bench.ledger, self._bench.desk, self._bench.held_store)

    def waiting(self, model: str | None = None) -> Sequence[Waiting]:
        """The held answers, the one that ends first before the others."""
        return self.review.waiting(now=self._bench.now(), model=model)

    def find(self, prediction: str) -> tuple[Held, Decided | None]:
        """A held answer, and what it came to."""
        return self.review.find(prediction, now=self._bench.now())

    def decide(self, prediction: str, verdict: Verdict, why: str, answer: bool | float | None = None) -> Decided | None:
        """Decide in the name of whoever acts; None where more people are needed."""
        return self.review.decide(
            prediction, verdict, by=self._bench.identity, why=why, now=self._bench.now(), answer=answer
        )

    def decided(self, prediction: str, verdict: Verdict, why: str, answer: bool | float | None = None) -> str:
        """Decide from a page; the sentence that confirms it."""
        made = self.decide(prediction, verdict, why, answer)
        if made is None:
            return f"Your approval of {prediction} is in the ledger; others have to approve it too."
        return f"{prediction} was {made.told}: its caller gets {_given(made)}. Ledger entry {made.entry}."

    def holding(self) -> Holding:
        """What a gateway holds answers with.

        Raises:
            Misuse: A webhook is set without a secret, or to an address that is not safe.
        """
        from workbench.serving.holding import Holding
        from workbench.serving.sifting import Sieve
        from workbench.serving.webhook import Webhook

        bench, webhook = self._bench, None
        if bench.settings.review_webhook != NONE:
            if bench.settings.review_secret == NONE:
                raise Misuse("review_webhook is set, and review_secret is not", hint='review_secret = "env:NAME"')
            secret = Secret(bench.settings.review_secret).value_in(bench.environ)
            webhook = Webhook(bench.settings.review_webhook, secret)
        sieve = Sieve(
            bench.ledger,
            bench.desk,
            lambda: bench.policy_engine,
            bench.root / bench.settings.policies,
            bench.held_store,
            log_policy=bench.log_policy,
        )
        keep = timedelta(days=bench.settings.log_days)
        return Holding(sieve, self.review, bench.held_store, webhook, keep, self._may_not_go)

    def _may_not_go(self, model: str) -> bool:
        """Whether a legal hold keeps the answers of a model."""
        standing = holds(self._bench.ledger.entries(kind=(HELD, RELEASED)))
        return over_answers(standing, model) is not None


def _given(made: Decided) -> str:
    if not made.given:
        return "no answer"
    if made.answer is None:
        return f"{made.score:.6g}"
    return f"the answer {'yes' if made.answer else 'no'}"
