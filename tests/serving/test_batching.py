"""Batches keep every caller's rows in their order, and nobody fails for a neighbour."""

import asyncio
import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import Misuse
from workbench.serving.batching import FAILURES, Batches, RowError, scored

POISON = -1
CALLERS = st.lists(st.lists(st.sampled_from([POISON, *range(20)]), min_size=1, max_size=9), min_size=1, max_size=12)


def double(rows):
    if any(value == POISON for (value,) in rows):
        raise ValueError("poison")
    return [2 * value for (value,) in rows]


def told(scores):
    return [None if isinstance(score, RowError) else score for score in scores]


def right(values):
    return [None if value == POISON else 2 * value for value in values]


@given(CALLERS, st.sampled_from([0.0, 10.0]), st.integers(1, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_every_caller_gets_its_own_rows_whoever_fails_beside_it(callers, inline, most, data):
    pauses = data.draw(st.lists(st.integers(0, 3), min_size=len(callers), max_size=len(callers)))

    async def story():
        batches = Batches(double, inline=inline, most=most)

        async def caller(values, pause):
            for _ in range(pause):
                await asyncio.sleep(0)
            return await batches.scores([(value,) for value in values])

        return await asyncio.gather(*map(caller, callers, pauses))

    assert [told(each) for each in asyncio.run(story())] == [right(values) for values in callers]


def test_what_arrives_while_a_batch_runs_is_the_next_batch():
    sizes = []

    def slow(rows):
        sizes.append(len(rows))
        time.sleep(0.02)
        return [0.0] * len(rows)

    async def story():
        batches = Batches(slow, inline=0.0)
        batches._learn(1.0)
        first = asyncio.create_task(batches.scores([(0,)]))
        await asyncio.sleep(0.01)
        await asyncio.gather(first, *(batches.scores([(n,)]) for n in range(10)))

    asyncio.run(story())
    assert sizes == [1, 10]


def test_a_slow_model_leaves_the_event_loop_for_a_thread():
    threads = set()

    def slow(rows):
        threads.add(threading.current_thread() is threading.main_thread())
        time.sleep(0.012)
        return [0.0] * len(rows)

    async def story():
        batches = Batches(slow)
        for _ in range(3):
            await batches.scores([(0,)])

    asyncio.run(story())
    assert threads == {True, False}, "the first shows what it costs"


def test_a_caller_that_leaves_takes_nothing_from_the_others():
    async def story():
        batches = Batches(double)
        leaves = asyncio.create_task(batches.scores([(1,)]))
        stays = asyncio.create_task(batches.scores([(2,)]))
        await asyncio.sleep(0)
        leaves.cancel()
        return await stays

    assert asyncio.run(story()) == [4]


def test_a_model_that_always_fails_is_not_asked_for_ever():
    calls = []

    def broken(rows):
        calls.append(len(rows))
        raise Misuse("no")

    found = scored(broken, [(0,)] * 10_000)
    assert len(found) == 10_000
    assert len(calls) <= 2 * FAILURES
    assert all(isinstance(each, RowError) and each.known for each in found)
