"""Rows wait when the log cannot be written, the oldest go past a bound, and nothing is lost without being counted."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from workbench.errors import EngineError
from workbench.serving.log_writer import LogWriter


class Row:
    def __init__(self, id_):
        self.id = id_
        self.size = 1
        self.at = datetime(2026, 1, 1, 9, id_, tzinfo=UTC)


class Flaky:
    """A log that fails while it is told to."""

    def __init__(self):
        self.fails = False
        self.batches = []

    def append(self, blocks):
        if self.fails:
            raise EngineError("the disk is full")
        self.batches.append([row.id for row in blocks])


def rows(*ids):
    return [Row(id_) for id_ in ids]


def test_rows_that_come_together_are_written_together():
    async def story():
        log = Flaky()
        writer = LogWriter(log, every=0.01)
        task = asyncio.create_task(writer.run())
        for n in range(5):
            writer.add(rows(n))
        await asyncio.sleep(0.05)
        task.cancel()
        return log.batches

    assert asyncio.run(story()) == [[0, 1, 2, 3, 4]]


def test_what_cannot_be_written_waits_and_keeps_its_order():
    async def story():
        log = Flaky()
        writer = LogWriter(log)
        log.fails = True
        writer.add(rows(1, 2))
        with pytest.raises(EngineError):
            await writer.flush()
        assert (writer.waiting, writer.problem) == (2, "the disk is full")
        log.fails = False
        writer.add(rows(3))
        await writer.flush()
        assert (writer.waiting, writer.problem) == (0, "")
        return log.batches

    assert asyncio.run(story()) == [[1, 2, 3]]


def test_past_the_bound_the_oldest_are_dropped_and_counted():
    async def story():
        log = Flaky()
        log.fails = True
        writer = LogWriter(log, most=3)
        writer.add(rows(1, 2, 3, 4, 5))
        with pytest.raises(EngineError):
            await writer.flush()
        log.fails = False
        await writer.flush()
        return log.batches, writer.dropped

    assert asyncio.run(story()) == ([[3, 4, 5]], 2)


def test_what_was_dropped_is_said_once_when_the_log_is_written_again(caplog):
    async def story():
        log = Flaky()
        log.fails = True
        writer = LogWriter(log, most=3)
        writer.add(rows(1, 2, 3, 4, 5))
        with pytest.raises(EngineError):
            await writer.flush()
        assert caplog.messages == [], "a disk that is full is not filled more"
        log.fails = False
        await writer.flush()
        writer.add(rows(6))
        await writer.flush()

    asyncio.run(story())
    span = "from 2026-01-01T09:01+00:00 to 2026-01-01T09:02+00:00"
    assert caplog.messages == [f"2 predictions {span} are not in the log: the disk is full"]


def test_a_gateway_that_stops_says_what_it_could_not_write(caplog):
    async def story():
        log = Flaky()
        log.fails = True
        writer = LogWriter(log)
        writer.add(rows(1, 2, 3))
        await writer.close()
        return writer.dropped, writer.waiting

    assert asyncio.run(story()) == (3, 0)
    assert caplog.messages[0].startswith("3 predictions from 2026-01-01T09:01+00:00 to 2026-01-01T09:03+00:00")


def test_rows_that_had_to_be_written_now_and_were_not_are_withdrawn():
    async def story():
        log = Flaky()
        log.fails = True
        writer = LogWriter(log)
        writer.add(rows(1))
        with pytest.raises(EngineError):
            await writer.keep(rows(2))
        log.fails = False
        await writer.flush()
        return log.batches

    assert asyncio.run(story()) == [[1]]


def test_a_cancelled_writer_finishes_the_commit_it_began():
    async def story():
        log = Flaky()
        writer = LogWriter(log, every=0)
        task = asyncio.create_task(writer.run())
        writer.add(rows(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.add(rows(2))
        await writer.flush()
        return [id_ for batch in log.batches for id_ in batch]

    assert asyncio.run(story()) == [1, 2]


def test_rows_are_what_the_bound_counts_and_not_requests():
    log = Flaky()
    log.fails = True
    writer = LogWriter(log, most=100)
    for number in range(50):
        (block,) = rows(number)
        block.size = 10
        writer.add([block])
        assert writer.waiting <= 100
    assert (writer.waiting, writer.dropped) == (100, 400)


def test_behind_a_slow_log_no_more_rows_are_kept_than_twice_the_bound(caplog):
    """A commit that hangs holds its own rows; those that come meanwhile are bounded, and what goes is counted."""
    going = threading.Event()

    class Slow(Flaky):
        def append(self, blocks):
            going.wait(30)
            super().append(blocks)

    async def story():
        log = Slow()
        writer = LogWriter(log, most=10)
        most, flushing = 0, None
        for number in range(50):
            writer.add(rows(number))
            most = max(most, writer.waiting)
            if number == 9:
                flushing = asyncio.create_task(writer.flush())
                while not writer._leaving:
                    await asyncio.sleep(0)
        going.set()
        await flushing
        await writer.flush()
        return most, writer.dropped, [id_ for batch in log.batches for id_ in batch]

    most, dropped, written = asyncio.run(story())
    assert (most, dropped, written) == (20, 30, [*range(10), *range(40, 50)])
    assert caplog.messages[0].endswith("are not in the log: it is written more slowly than rows come")


def test_rows_that_are_being_written_still_wait():
    async def story():
        log = Flaky()
        writer = LogWriter(log)
        writer.add(rows(1, 2))
        seen = []
        log.append = lambda blocks: seen.append(writer.waiting)
        await writer.flush()
        return seen, writer.waiting

    assert asyncio.run(story()) == ([2], 0)
