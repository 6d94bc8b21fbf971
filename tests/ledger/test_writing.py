"""What is appended is there, once and for good, together with what belongs to it or not at all."""

import contextlib
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workbench.errors import Misuse
from workbench.ledger import GENESIS, Draft, Head


def test_an_entry_is_read_back_as_it_was_appended(story, ledger):
    body = {"n": 3, "text": "ü \u2028 \x00 '; DROP TABLE entries; --", "nested": {"list": [1, 2.5, None, True]}}
    written = story.note("lending/2", body=body, key="k", why="because")
    assert ledger.entries() == [written]
    assert written.body == body
    assert (written.seq, written.subject, written.actor, written.why) == (1, "lending/2", "analyst", "because")


def test_the_first_entry_follows_the_genesis_and_each_other_the_one_before(story):
    one, two, three = (story.note() for _ in range(3))
    assert one.prev == GENESIS
    assert (two.prev, three.prev) == (one.hash, two.hash)
    assert [e.seq for e in (one, two, three)] == [1, 2, 3]


def test_what_was_appended_is_there_after_opening_again(opening):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with opening() as ledger:
        written = ledger.append("note", subject="lending", actor="analyst", why="w", body={}, now=now)
    with opening() as again:
        assert again.entries() == [written]
        assert again.verify().valid


def test_times_are_kept_in_utc(ledger):
    now = datetime(2026, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    entry = ledger.append("note", subject="lending", actor="analyst", why="w", body={}, now=now)
    assert entry.at.isoformat() == "2026-06-01T10:00:00+00:00"
    assert ledger.entries()[0].at == now


def test_a_key_is_found_and_an_unknown_one_is_not(story, ledger):
    written = story.note(key="promote/7")
    assert ledger.find("promote/7") == written
    assert ledger.find("promote/8") is None
    assert ledger.find("promote/_") is None


def test_a_repeated_key_adds_nothing_and_returns_the_first_entry(story, ledger):
    first = story.note(key="k", why="first")
    assert story.note("other/1", key="k", why="second", kind="note.other") == first
    assert len(ledger.entries()) == 1


def test_entries_without_a_key_are_never_taken_for_repeats(story, ledger):
    story.note()
    story.note()
    assert len(ledger.entries()) == 2


def test_a_repeated_key_inside_one_transaction_is_seen_too(ledger):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = {"subject": "lending", "actor": "analyst", "why": "w", "body": {}, "now": now, "key": "k"}
    with ledger.transaction() as writer:
        assert writer.append("note", **said) == writer.append("note", **said)
        assert writer.find("k") is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "\ud800"])
def test_what_is_no_json_is_refused_and_leaves_nothing(story, ledger, value):
    story.note()
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        story.note(body={"value": value})
    assert len(ledger.entries()) == 1
    story.note()
    assert ledger.verify().valid


def test_a_transaction_that_fails_leaves_no_entry_no_head_and_no_effect(story, ledger):
    def fail():
        with ledger.transaction() as writer:
            entry = writer.append(
                "promotion.granted",
                subject="lending/1",
                actor="risk-officer",
                why="w",
                body={"generation": 1, "decision": {"decision": "allow"}},
                now=story.now,
                key="k",
            )
            writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)
            writer.owe("mlflow-alias", {"version": 1}, entry=entry)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert (ledger.entries(), ledger.heads(), ledger.owed(), ledger.find("k")) == ([], [], [], None)
    assert story.note().seq == 1
    assert ledger.verify().valid


def test_the_ledger_is_usable_after_an_interrupt_inside_a_transaction(story, ledger):
    with pytest.raises(KeyboardInterrupt), ledger.transaction():
        raise KeyboardInterrupt
    assert story.note().seq == 1


# heads


def test_the_first_champion_comes_from_generation_nought(story, ledger):
    entry, head = story.move(4)
    assert head == Head("lending", "champion", 4, 1, entry.seq)
    assert ledger.head("lending") == head


def test_nobody_holds_a_slot_that_was_never_given(story, ledger):
    story.move(1)
    assert ledger.head("churn") is None
    assert ledger.head("lending", "challenger") is None


def test_slots_and_models_have_generations_of_their_own(story, ledger):
    story.move(1)
    story.move(2, slot="challenger", kind="stage.granted")
    story.move(7, model="churn")
    assert [(h.model, h.slot, h.version, h.generation) for h in ledger.heads()] == [
        ("churn", "champion", 7, 1),
        ("lending", "challenger", 2, 1),
        ("lending", "champion", 1, 1),
    ]
    assert ledger.verify().valid


def test_a_cleared_slot_is_held_by_nobody_and_keeps_its_generation(story, ledger):
    story.move(1)
    story.move(2, slot="canary", kind="stage.granted", weight=0.25)
    assert ledger.head("lending", "canary").weight == 0.25
    entry, head = story.move(2, slot="canary", kind="stage.cleared", expected=1)
    assert head == Head("lending", "canary", None, 2, entry.seq) == ledger.head("lending", "canary")
    assert [h.slot for h in ledger.heads()] == ["champion"]
    assert [h.slot for h in ledger.heads(cleared=True)] == ["canary", "champion"]
    with pytest.raises(Misuse, match="nobody is canary of lending"):
        _ = head.holder
    with pytest.raises(Misuse, match="moved meanwhile"):
        story.move(3, slot="canary", kind="stage.granted", expected=1)
    story.move(3, slot="canary", kind="stage.granted", expected=2)
    assert ledger.verify().valid


@pytest.mark.parametrize("expected", [0, 2, -1])
def test_a_move_from_a_generation_that_is_past_changes_nothing(story, ledger, expected):
    _, head = story.move(1)
    with pytest.raises(Misuse, match="moved meanwhile"):
        story.move(2, expected=expected)
    assert ledger.head("lending") == head
    assert len(ledger.entries()) == len(ledger.owed()) == 1


def test_a_move_raises_the_generation_by_one(story, ledger):
    for version, expected in [(1, 0), (2, 1), (1, 2)]:
        _, head = story.move(version, expected=expected)
        assert (head.version, head.generation) == (version, expected + 1)
    assert ledger.head("lending") == head


# effects


def test_effects_are_owed_in_order_until_they_are_settled(story, ledger):
    story.move(1)
    entry, _ = story.move(2, expected=1)
    first, second = ledger.owed()
    assert second.seq == entry.seq
    payload = {"model": "lending", "alias": "champion", "version": 2, "generation": 2}
    assert (second.target, second.payload) == ("mlflow-alias", payload)
    ledger.settle(first.id)
    assert ledger.owed() == [second]


def test_settling_twice_or_settling_what_nobody_owes_does_no_harm(story, ledger):
    story.move(1)
    effect = ledger.owed()[0]
    for id_ in (effect.id, effect.id, 999):
        ledger.settle(id_)
    assert ledger.owed() == []
    assert ledger.verify().valid


# many at once, and many who write


def test_a_group_is_one_commit_and_its_entries_are_those_written_one_by_one(ledger, opening, story):
    drafts = [Draft("note", f"lending/{n}", "analyst", "w", {"n": n}, story.now) for n in range(600)]
    written = ledger.append_all(drafts)
    assert opening().entries() == written
    assert [entry.body["n"] for entry in written] == list(range(600))
    assert ledger.verify().valid


def test_a_group_with_one_entry_that_cannot_be_kept_leaves_none(ledger, story):
    drafts = [Draft("note", subject, "analyst", "w", {}, story.now) for subject in ("lending", "")]
    with pytest.raises(Misuse, match="subject of an entry"):
        ledger.append_all(drafts)
    assert ledger.entries() == []
    assert ledger.verify().valid


def test_a_key_that_repeats_in_a_group_gives_the_entry_that_has_it(ledger, story):
    one, other = ledger.append_all(
        [Draft("note", "lending", "analyst", why, {}, story.now, "k") for why in ("first", "second")]
    )
    assert one == other == ledger.find("k")


def test_writers_on_connections_of_their_own_follow_one_another(opening):
    """Every entry is there once, and the tree covers all of them."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ledgers = [opening() for _ in range(4)]

    def write(number):
        for n in range(12):
            ledgers[number].append("note", subject=f"w/{number}", actor="a", why=str(n), body={}, now=now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(ledgers[0].entries()) == 48
    for number in range(4):
        assert [entry.why for entry in ledgers[0].entries(subject=f"w/{number}")] == [str(n) for n in range(12)]
    assert ledgers[0].verify().valid


def test_of_those_who_move_from_one_generation_one_wins(opening, story_of):
    ledgers = [opening() for _ in range(4)]

    def move(number):
        try:
            story_of(ledgers[number]).move(number + 1)
        except Misuse as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(move, range(4)))
    assert told.count("won") == 1
    assert all("moved meanwhile" in sentence for sentence in told if sentence != "won")
    assert ledgers[0].heads()[0].version == told.index("won") + 1
    assert len(ledgers[0].entries()) == 1


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from workbench.engines.postgres import open_postgres
from workbench.ledger import Draft, Ledger
with Ledger.open(sys.argv[1], {"postgresql": lambda url: open_postgres(url, {})}) as ledger:
    ledger.sign_with(Path(sys.argv[2]))
    said = ("note", "lending", "analyst", "w", {}, datetime.now(UTC))
    print("ready", flush=True)
    while True:
        ledger.append_all([Draft(*said) for _ in range(7)])
        print(7, flush=True)
"""


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_was_told_and_leaves_no_half(url, opening, tmp_path):
    """Groups of seven: a multiple of seven beside the key's own entry, at least all that were acknowledged."""
    acknowledged = 0
    for seconds in (0.05, 0.11, 0.2):
        command = [sys.executable, "-c", KILLED, url, str(tmp_path / "keys" / "ledger.key")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            writer.stdout.readline()
            time.sleep(seconds)
            writer.kill()
            acknowledged += sum(int(line) for line in writer.stdout.read().split())
    ledger = opening()
    found = ledger.verify()
    notes = len(ledger.entries(kind="note"))
    assert found.problems == ()
    assert notes % 7 == 0
    assert notes >= acknowledged


# rehearsals


def test_what_is_rehearsed_is_seen_by_whoever_rehearses_alone_and_is_gone_when_it_is_closed(opening, story_of):
    story_of(opening()).note(why="kept")
    other, ledger = opening(), opening()
    ledger.rehearse()
    story = story_of(ledger)
    story.move(1)
    story.move(2, expected=1)
    assert [entry.seq for entry in ledger.entries()] == [1, 2, 3]
    assert (ledger.head("lending").version, len(ledger.owed())) == (2, 2)
    assert (other.last, other.head("lending"), other.owed()) == (1, None, [])
    ledger.close()
    story_of(other).note(why="kept, too")
    assert other.verify().valid, other.verify().problems
    assert other.last == 2


def test_a_rehearsed_transaction_that_fails_leaves_those_before_it(opening, story_of):
    ledger = opening()
    ledger.rehearse()
    story = story_of(ledger)
    story.note()
    with contextlib.suppress(RuntimeError), ledger.transaction() as writer:
        writer.append("note", subject="x", actor="a", why="w", body={}, now=story.now)
        raise RuntimeError
    story.note()
    assert [entry.subject for entry in ledger.entries()] == ["lending", "lending"]
    assert ledger.last == 2


def test_a_transaction_within_a_rehearsed_one_is_refused(opening):
    ledger = opening()
    ledger.rehearse()
    with ledger.transaction(), pytest.raises(Misuse, match="open already"), ledger.transaction():
        pass
