"""`workbench consume`: models that subscribe to events instead of being called."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.cli.progress import seldom
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.serving.events import DeadLetter, Standing, Subscription, Tally

COLUMNS = ("subscription", "version", "scored", "lag", "dead", "failures", "held by", "last commit", "problem")
SHOWN = 200  # dead letters in a table


@click.command()
@click.argument("topic", required=False)
@click.option("--model", metavar="NAME", help="Whose champion scores.")
@click.option(
    "--from",
    "source",
    metavar="URL",
    help="Where the topic is: sqlite:///…, postgresql://… or kafka://HOST:PORT; default: the workspace.",
)
@click.option("--as", "name", metavar="NAME", help="Name of the subscription; default: TOPIC/MODEL.")
@click.option(
    "--to", "target", metavar="TOPIC", help="Topic of the workspace that gets the outputs; default: TOPIC.MODEL."
)
@click.option(
    "--batch", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="Events in one commit, at most."
)
@click.option("--once", is_flag=True, help="Stop when all that is there is scored.")
@click.option("--no-log", is_flag=True, help="Leave the predictions out of the prediction log.")
@click.option("--dry-run", is_flag=True, help="Score the next batch, show what would come of it, change nothing.")
@click.option("--lag", is_flag=True, help="Show how the subscriptions stand, and stop.")
@click.option("--dead-letters", is_flag=True, help="Show the events of which nothing came, and why.")
@click.option(
    "--redrive",
    metavar="PARTITION:OFFSET",
    help='Score a dead letter again with the champion of today; "all": every one.',
)
@workspace_option
@json_option
def consume(
    topic: str | None, model: str | None, source: str | None, name: str | None, target: str | None, batch: int,
    once: bool, no_log: bool, dry_run: bool, lag: bool, dead_letters: bool, redrive: str | None,
    workspace: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Score the events of a TOPIC with a model's champion, each once, until Ctrl-C or SIGTERM.

    Each event comes out as one output or one dead letter. Outputs and position change in one commit: a kill
    at any point loses and doubles nothing. The model follows the ledger: a promotion is in use from the next
    batch on. A database or broker that goes away is told and waited for. Of two consumers of one subscription
    one works and the other waits, and takes over when the first is gone.

    Once means: an event, known by its source and id, gets one output in the topic TOPIC.NAME of the workspace,
    and one row of the prediction log. Whoever acts on outputs elsewhere must do so once by their ids. A row
    that ends the process is put aside when the command is started again; a version whose load ended it three
    times in a row is loaded no more, until the model moves or workbench reload tries it again.

    \b
    Examples:
      workbench publish applications rows.jsonl
      workbench consume applications --model lending --once
      workbench consume applications --model lending --from kafka://127.0.0.1:9092
      workbench consume --lag
      workbench consume applications --model lending --dead-letters
      workbench consume applications --model lending --redrive all
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if lag:
            return _show_lag(bench, topic, as_json=as_json)
        wanted = _wanted(topic, model, name, target, source)
        if dead_letters:
            return _show_dead(bench, wanted, as_json=as_json)
        if redrive:
            return _redrive(bench, wanted, redrive, log=not no_log, dry=dry_run, as_json=as_json)
        if dry_run:
            return _try(bench, wanted, source, batch, as_json=as_json)
        return _consume(bench, wanted, source, batch=batch, once=once, log=not no_log, as_json=as_json)


def _wanted(
    topic: str | None, model: str | None, name: str | None, target: str | None, source: str | None
) -> Subscription:
    from workbench.serving.events import Subscription, check_topic

    if not topic or not model:
        raise Misuse("a subscription is a topic and a model", hint="workbench consume TOPIC --model NAME")
    check_topic(topic)
    wanted = Subscription(
        name or f"{topic}/{model}", topic, model, check_topic(target or f"{topic}.{model}"), _place(source)
    )
    if wanted.target == topic and not wanted.stream.startswith("kafka"):
        raise Misuse("the outputs would be events of the same topic, without end", hint="--to ANOTHER")
    if len(wanted.name) > 200 or not wanted.name.isprintable():
        raise Misuse("the subscription's name is too long, or not printable", hint="--as NAME")
    return wanted


def _place(url: str | None) -> str:
    """Where a topic is, without user and password."""
    if url is None:
        return "the workspace"
    at = urlsplit(url)
    return f"{at.scheme}://{at.netloc.rpartition('@')[2]}{at.path}"


def _consume(
    bench: Bench, wanted: Subscription, source: str | None, *, batch: int, once: bool, log: bool, as_json: bool
) -> None:
    from workbench.serving.events import Champion, Consumer

    champion = Champion(bench.ledger, bench.lanes, wanted.model, loads=bench.loads)
    tell = seldom()
    with _stopping(bench.loads.leave) as stop, closing(bench.stream(source)) as stream:
        version = champion.now().head.version  # a model that does not answer is told before anything is read
        gc.freeze()  # what is loaded stays: the collector need not look through it at every batch
        consumer = Consumer(
            stream,
            bench.events,
            champion,
            wanted,
            now=bench.now,
            log=bench.log if log else None,
            sample=bench.log_policy.takes,
            batch=batch,
            told=_told,
            progress=lambda tally: tell(_so_far(tally)),
        )
        _told(f"{wanted.model} {version} scores {wanted.topic} ({wanted.stream}) into {wanted.target}")
        tally = consumer.run(stop, once=once)
    if as_json:
        standing = bench.events.standing(wanted.name)
        return print_json({"subscription": wanted.name, **asdict(tally), "lag": standing.lag if standing else None})
    rate = f", {tally.scored / tally.seconds:,.0f} a second" if tally.seconds else ""
    more = [
        f"{number} {what}"
        for number, what in ((tally.duplicates, "duplicates"), (tally.dead, "dead letters"))
        if number
    ]
    return click.echo(f"{tally.scored} events scored{''.join(f', {text}' for text in more)}{rate}")


def _so_far(tally: Tally) -> str:
    rate = tally.scored / tally.seconds if tally.seconds else 0
    return f"{tally.scored:,} scored, {tally.dead:,} dead letters, {tally.lag:,} wait; {rate:,.0f} a second"


def _try(bench: Bench, wanted: Subscription, source: str | None, batch: int, *, as_json: bool) -> None:
    from workbench.serving.events import Champion, Claim
    from workbench.serving.events.batches import judge

    scorer = Champion(bench.ledger, bench.lanes, wanted.model, loads=bench.loads).now()
    standing = bench.events.standing(wanted.name)
    with closing(bench.stream(source)) as stream:
        position = {part: offset for part, offset in standing.position.items() if offset} if standing else {}
        records = stream.read(wanted.topic, position, most=batch, wait=2.0)
    judged = judge(Claim(wanted, standing.token if standing else "dryrun00", 0), scorer, records, at=bench.now())
    told = {
        "subscription": wanted.name,
        "version": scorer.head.version,
        "read": len(records),
        "would_score": len(judged.kept),
        "would_be_dead": _reasons(judged.dead),
        "first": judged.outputs[0].body.decode() if judged.outputs else None,
    }
    if as_json:
        return print_json(told)
    click.echo(f"{wanted.model} {scorer.head.version} would score {len(judged.kept)} of the next {len(records)} events")
    if judged.kept:
        click.echo(f"the first output: {told['first']}")
    return _print_letters(judged.dead)


def _show_lag(bench: Bench, topic: str | None, *, as_json: bool) -> None:
    standings = [s for s in bench.events.standings() if topic is None or s.subscription.topic == topic]
    if as_json:
        return print_json([{**asdict(standing), "lag": standing.lag} for standing in standings])
    if not standings:
        return click.echo("no subscription yet: workbench consume TOPIC --model NAME")
    return print_table(COLUMNS, [_line(standing) for standing in standings])


def _line(s: Standing) -> Sequence[Any]:
    return (
        s.subscription.name,
        s.version,
        s.scored,
        s.lag,
        s.dead,
        s.failures,
        s.holder or "nobody",
        (s.at or "never")[:19],
        s.problem,
    )


def _show_dead(bench: Bench, wanted: Subscription, *, as_json: bool) -> None:
    letters = bench.events.dead_letters(wanted.name, limit=None if as_json else SHOWN)
    if as_json:
        return print_json([{**asdict(one), "body": one.body.decode("utf-8", "replace")} for one in letters])
    if not letters:
        return click.echo(f"{wanted.name} has no dead letters")
    return _print_letters(letters)


def _reasons(letters: Sequence[DeadLetter]) -> list[dict[str, str]]:
    return [{"event": f"{one.partition}:{one.offset}", "kind": one.kind, "reason": one.reason} for one in letters]


def _print_letters(letters: Sequence[DeadLetter]) -> None:
    if letters:
        rows = [
            (f"{one.partition}:{one.offset}", one.kind, one.tries, (one.redriven or "")[:19], one.reason[:200])
            for one in letters
        ]
        print_table(("event", "kind", "tries", "redriven", "reason"), rows)


def _redrive(bench: Bench, wanted: Subscription, which: str, *, log: bool, dry: bool, as_json: bool) -> None:
    from workbench.serving.events import Champion, redrive

    standing = bench.events.standing(wanted.name)
    letters = bench.events.dead_letters(wanted.name)
    if which != "all":
        letters = [one for one in letters if f"{one.partition}:{one.offset}" == which]
    if standing is None or not letters:
        raise Misuse(
            f"{wanted.name} has no such dead letter",
            hint=f"workbench consume {wanted.topic} --model {wanted.model} --dead-letters",
        )
    scorer = Champion(bench.ledger, bench.lanes, wanted.model, loads=bench.loads).now()
    kept, now = (bench.log if log else None), bench.now()
    sample = bench.log_policy.takes
    done = redrive(bench.events, scorer, standing, letters, now=now, log=kept, sample=sample, dry=dry)
    if as_json:
        return print_json(
            {
                "subscription": wanted.name,
                "version": scorer.head.version,
                "dry_run": dry,
                "scored": done.scored,
                "gone": [f"{one.partition}:{one.offset}" for one in done.gone],
                "still": _reasons(done.still),
            }
        )
    click.echo(f"{'would score' if dry else 'scored'} {done.scored}; {len(done.still)} stay dead")
    return _print_letters(done.still)


def _told(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _stopping(told: Callable[[], object] = lambda: None) -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set: the batch in hand is committed, then it is over; a second one ends it.

    Args:
        told: Called aside at the first.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def as_before() -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    def asked(*_: Any) -> None:
        as_before()
        threading.Thread(target=told, daemon=True).start()

    for number in before:
        signal.signal(number, asked)
    try:
        yield stop
    finally:
        as_before()
