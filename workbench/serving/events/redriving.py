"""Dead letters shown to the champion of today: what comes of them is added once, the others say why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from workbench.serving.events.batches import Made, again, blocks, judge
from workbench.serving.events.champion import Scorer
from workbench.serving.events.port import Claim, DeadLetter, Desk, Log, Record, Standing
from workbench.serving.events.trial import tried
from workbench.serving.typed import Record as Row


@dataclass(frozen=True)
class Redriven:
    """What came of dead letters."""

    scored: int  # outputs that are new
    gone: Sequence[DeadLetter]  # those of which something came
    still: Sequence[DeadLetter]  # those that stay, with the reason that they have now


def redrive(
    desk: Desk,
    scorer: Scorer,
    standing: Standing,
    letters: Sequence[DeadLetter],
    *,
    now: datetime,
    log: Log | None = None,
    sample: Callable[[str, str], bool] = lambda *_: True,
    dry: bool = False,
) -> Redriven:
    """Score dead letters again, and add what came of them in one commit.

    Args:
        desk: Where they are.
        scorer: The version in use.
        standing: Of their subscription.
        letters: Those to be shown to it; what was redriven already is left out.
        now: The time of the outputs, UTC.
        log: The prediction log; it gets its rows after the commit.
        sample: Whether an output, by its model and id, is logged.
        dry: Change nothing; say what would come of them.
    """
    open_ = [one for one in letters if one.redriven is None]
    whole = [one for one in open_ if one.size == len(one.body)]
    cut = [one for one in open_ if one.size != len(one.body)]
    claim = Claim(standing.subscription, standing.token, standing.fence)
    if any(one.kind == "crash" for one in whole):
        scorer = tried(scorer)
    judged = judge(claim, scorer, [_record(one) for one in whole], at=now)
    dead = {(one.partition, one.offset): one for one in judged.dead}
    gone = [one for one in whole if (one.partition, one.offset) not in dead]
    still = [_again(one, dead[one.partition, one.offset]) for one in whole if (one.partition, one.offset) in dead]
    still += [_again(one, one) for one in cut]
    if dry:
        return Redriven(len(judged.kept), gone, still)
    added = desk.redrive(standing.subscription, outputs=judged.outputs, still=still, gone=gone, now=now)
    if log is not None:
        kept: Iterable[tuple[Made, Row]] = judged.kept
        if added < len(judged.kept):  # some had an output, or got one from another redrive: as it was committed
            outputs = desk.outputs(standing.subscription.target, [one.key for one in judged.outputs])
            kept = again(claim.token, [_record(one) for one in gone], outputs, scorer.record)
        log.append(blocks(pair for pair in kept if sample(pair[0].data.model, pair[0].id)))
    return Redriven(added, gone, still)


def _record(letter: DeadLetter) -> Record:
    return Record(letter.partition, letter.offset, letter.body)


def _again(letter: DeadLetter, now: DeadLetter) -> DeadLetter:
    return replace(letter, kind=now.kind, reason=now.reason, tries=letter.tries + 1)
