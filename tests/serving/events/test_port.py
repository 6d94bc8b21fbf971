"""What every stream and every desk does, on each engine."""

import pytest

from workbench.errors import Misuse
from workbench.serving.events import Batch, DeadLetter, FencedError, Output, make_event, read_event

slow = pytest.mark.slow
STREAMS = ["sqlite", "mock kafka", pytest.param("postgres", marks=slow), pytest.param("kafka", marks=slow)]
DESKS = ["sqlite", pytest.param("postgres", marks=slow)]
on_streams = pytest.mark.parametrize("stream", STREAMS, indirect=True)
on_desks = pytest.mark.parametrize("desk", DESKS, indirect=True)


def dead(offset, kind="invalid"):
    return DeadLetter(0, offset, kind, "no income", b"{}", 2)


def batch(pieces, number, *, first=0, letters=()):
    made = pieces.events(number, first=first)
    outputs = [Output(e.key, make_event("/w", f"o{e.id}", {"score": 1}, kind="p").body()) for e in made]
    return Batch(before={0: first}, after={0: number}, outputs=outputs, dead=letters)


# streams


@on_streams
def test_what_is_appended_is_read_once_and_in_the_order_of_its_partition(pieces, stream, topic):
    sent = pieces.events(25)
    assert stream.append(topic, sent[:20]) + stream.append(topic, sent[20:]) == 25
    records = pieces.drained(stream, topic)
    assert sorted(read_event(record.body).id for record in records) == sorted(event.id for event in sent)
    for part in {record.partition for record in records}:
        mine = [record for record in records if record.partition == part]
        assert [record.offset for record in mine] == list(range(len(mine)))
        ids = [int(read_event(record.body).id[1:]) for record in mine]
        assert ids == sorted(ids)


@on_streams
def test_what_was_read_at_an_offset_is_read_there_again(pieces, stream, topic):
    stream.append(topic, pieces.events(12))
    records = pieces.drained(stream, topic)
    middle = records[5]
    again = pieces.drained(stream, topic, position={middle.partition: middle.offset})
    skipped = [r for r in records if r.partition == middle.partition and r.offset < middle.offset]
    assert sorted(again) == sorted(set(records) - set(skipped))


@on_streams
def test_ends_tell_how_many_events_wait(pieces, stream, topic):
    assert sum(stream.ends(topic).values()) == 0
    stream.append(topic, pieces.events(7))
    assert sum(stream.ends(topic).values()) == 7


@on_streams
def test_a_read_takes_no_more_than_it_is_asked_for_and_stops_where_it_is_told(pieces, stream, topic):
    stream.append(topic, pieces.events(9))
    records = pieces.drained(stream, topic)
    assert 0 < len(stream.read(topic, {}, most=4, wait=2.0)) <= 4
    first = records[0].partition
    some = pieces.drained(stream, topic, until={first: 1})
    assert some == [record for record in records if record.partition == first and record.offset < 1]


@pytest.mark.parametrize("stream", [one for one in STREAMS if one != "mock kafka"], indirect=True)  # it keeps 5 MB
def test_a_read_of_large_events_gives_fewer_and_goes_on_with_the_rest(pieces, stream, topic):
    number, large = 400, "x" * 100_000  # 40 MB
    for first in range(0, number, 50):
        rows = [make_event("desk", f"a{n}", {"x": large}, kind="t") for n in range(first, first + 50)]
        assert stream.append(topic, rows) == 50
    first = stream.read(topic, {}, most=number, wait=5.0)
    assert 0 < len(first) < number
    assert len(pieces.drained(stream, topic, most=number)) == number


@pytest.mark.parametrize("stream", ["sqlite", pytest.param("postgres", marks=slow)], indirect=True)
def test_a_table_leaves_out_events_that_it_has_and_keeps_its_offsets_without_gaps(pieces, stream, topic):
    assert stream.append(topic, pieces.events(5)) == 5
    assert stream.append(topic, pieces.events(8, first=3)) == 3
    assert stream.append(topic, [*pieces.events(2), *pieces.events(10, first=8), *pieces.events(9, first=8)]) == 2
    records = pieces.drained(stream, topic)
    assert [record.offset for record in records] == list(range(10))
    assert [read_event(record.body).id for record in records] == [f"a{n}" for n in range(10)]
    assert stream.ends(topic) == {0: 10}


@on_streams
@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 201, "a'; DROP TABLE events; --"])
def test_a_name_that_is_no_topic_is_refused(pieces, stream, name):
    with pytest.raises(Misuse, match="is no topic"):
        stream.append(name, pieces.events(1))


# desks


@on_desks
def test_outputs_dead_letters_and_position_change_together(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    claim = desk.take(wanted, "me", seen=None)
    assert desk.commit(claim, batch(pieces, 5, letters=[dead(3)]), now=pieces.NOW) == 5
    standing = desk.standing(wanted.name)
    assert (standing.position, standing.scored, standing.dead) == ({0: 5}, 5, 1)
    assert len(pieces.bodies(desk, wanted.target)) == 5
    assert [(one.offset, one.reason) for one in desk.dead_letters(wanted.name)] == [(3, "no income")]
    assert standing.at == "2026-01-01T09:00:00.000000+00:00"


@on_desks
def test_a_commit_from_a_position_that_was_left_changes_nothing(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    claim = desk.take(wanted, "me", seen=None)
    desk.commit(claim, batch(pieces, 5), now=pieces.NOW)
    with pytest.raises(FencedError, match="no longer at 0"):
        desk.commit(claim, batch(pieces, 9, letters=[dead(1)]), now=pieces.NOW)
    assert desk.standing(wanted.name).position == {0: 5}
    assert len(pieces.bodies(desk, wanted.target)) == 5
    assert desk.dead_letters(wanted.name) == []


@on_desks
def test_who_was_fenced_off_neither_commits_nor_beats_nor_gives_anything_back(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    first = desk.take(wanted, "first", seen=None)
    second = desk.take(wanted, "second", seen=desk.standing(wanted.name))
    assert second.fence == first.fence + 1
    with pytest.raises(FencedError, match="taken"):
        desk.commit(first, batch(pieces, 5), now=pieces.NOW)
    with pytest.raises(FencedError):
        desk.beat(first, ends={}, logged={})
    desk.release(first)
    assert desk.standing(wanted.name).holder == "second"
    assert desk.commit(second, batch(pieces, 5), now=pieces.NOW) == 5


@on_desks
def test_of_two_who_saw_the_same_one_takes(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    seen = desk.standing(wanted.name)
    assert desk.take(wanted, "one", seen=seen) is not None
    assert desk.take(wanted, "other", seen=seen) is None


@on_desks
def test_a_holder_that_beats_is_not_taken_over(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    claim = desk.take(wanted, "one", seen=None)
    seen = desk.standing(wanted.name)
    desk.beat(claim, ends={0: 4}, logged={})
    assert desk.take(wanted, "other", seen=seen) is None
    assert desk.standing(wanted.name).lag == 4


@on_desks
def test_an_event_gets_one_output_whoever_brings_it(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    claim = desk.take(wanted, "me", seen=None)
    desk.commit(claim, batch(pieces, 5), now=pieces.NOW)
    twice = batch(pieces, 7, first=3)  # events 3 and 4 come once more
    assert desk.commit(claim, Batch({0: 5}, {0: 9}, twice.outputs), now=pieces.NOW) == 2
    standing = desk.standing(wanted.name)
    assert (standing.scored, standing.duplicates) == (7, 2)
    found = desk.outputs(wanted.target, [event.key for event in pieces.events(9)])
    assert sorted(read_event(body).id for body in found.values()) == [f"oa{n}" for n in range(7)]


@on_desks
def test_a_dead_letter_is_redriven_once(pieces, desk):
    wanted = pieces.subscription(pieces.fresh_topic())
    claim = desk.take(wanted, "me", seen=None)
    desk.commit(claim, Batch({0: 0}, {0: 2}, dead=[dead(0), dead(1)]), now=pieces.NOW)
    first, second = desk.dead_letters(wanted.name)
    outputs = batch(pieces, 1).outputs
    for _ in range(2):
        desk.redrive(wanted, outputs=outputs, still=[second], gone=[first], now=pieces.NOW)
    assert desk.standing(wanted.name).dead == 1
    first, second = desk.dead_letters(wanted.name)
    assert first.redriven is not None and (second.redriven, second.tries) == (None, 3)
    assert len(pieces.bodies(desk, wanted.target)) == 1


@on_desks
def test_a_subscription_does_not_change_its_topic(pieces, desk):
    name = pieces.fresh_topic()
    desk.take(pieces.subscription(name, "s" + name), "me", seen=None)
    with pytest.raises(Misuse, match="reads 'topic") as refused:
        desk.take(pieces.subscription("other", "s" + name), "me", seen=None)
    assert refused.value.hint == "give the new one another name: --as NAME"
