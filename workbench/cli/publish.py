"""`workbench publish`: events for the models that subscribe to them."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from workbench.cli.options import INTERRUPTED, json_option, print_json, workspace_option
from workbench.cli.progress import seldom

PART = 1000  # events that are appended in one commit


@click.command()
@click.argument("topic")
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "place",
    metavar="URL",
    help="Where the topic is: sqlite:///…, postgresql://… or kafka://HOST:PORT; default: the workspace.",
)
@click.option("--source", default="workbench-publish", show_default=True, help="Source of rows that are no events yet.")
@click.option("--type", "kind", default="row", show_default=True, help="Type of rows that are no events yet.")
@click.option(
    "--id",
    "id_field",
    metavar="FIELD",
    help="Field that is the event's id, and no part of its data; default: made from the row and its line.",
)
@click.option(
    "--subject", "subject_field", metavar="FIELD", help="Field that is the event's subject, and no part of its data."
)
@click.option("--dry-run", is_flag=True, help="Read the file, show the first event, append nothing.")
@workspace_option
@json_option
def publish(
    topic: str, file: Path, place: str | None, source: str, kind: str, id_field: str | None,
    subject_field: str | None, dry_run: bool, workspace: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Append events to a TOPIC: a FILE of JSON Lines or CSV, or - for JSON Lines on stdin.

    A line is a CloudEvent, or a row of fields that becomes one. The same file published twice is
    published once: events whose source and id are there already are left out (Kafka takes them, and the
    consumer leaves them out).

    \b
    Examples:
      workbench publish applications rows.jsonl
      workbench publish applications rows.csv --id application --source loan-desk
      echo '{"income": 4.2}' | workbench publish applications - --to kafka://127.0.0.1:9092
    """
    from workbench import open_bench
    from workbench.serving.events import check_topic
    from workbench.serving.events.files import events_of, parts

    check_topic(topic)
    with open_bench(workspace) as bench:
        made = events_of(
            file,
            sys.stdin.buffer,
            source=source,
            kind=kind,
            id_field=id_field,
            subject_field=subject_field,
            now=bench.now(),
        )
        if dry_run:
            events = list(made)
            told = {"topic": topic, "events": len(events), "first": events[0].body().decode() if events else None}
            return print_json(told) if as_json else click.echo(f"{len(events)} events; the first: {told['first']}")
        read, added, stopped, tell = 0, 0, False, seldom()
        try:
            with closing(bench.stream(place)) as stream:
                for part in parts(made, PART):
                    added += stream.append(topic, part)
                    read += len(part)
                    tell(f"{read:,} events read, {added:,} added to {topic}")
        except KeyboardInterrupt:
            stopped = True
        if as_json:
            print_json({"topic": topic, "events": read, "added": added})
        else:
            there = f", {read - added} were there already" if added < read else ""
            click.echo(f"{added} events added to {topic}{there}")
        if stopped:
            click.echo("stopped; publish the file again, and what was added is left out", err=True)
            click.get_current_context().exit(INTERRUPTED)
        return None
