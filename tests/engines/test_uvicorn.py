"""What is written in one turn of the loop goes out at once, in order, and nothing after the end."""

import asyncio

import pytest

from workbench.engines.uvicorn import Joined


class Wire:
    """A transport that keeps what was written."""

    def __init__(self):
        self.sent, self.closed = [], False

    def write(self, data):
        self.sent.append(data)

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    abort = close


@pytest.fixture
def wire():
    return Wire()


def in_a_loop(wire, use):
    async def run():
        use(Joined(wire, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(run())


def test_head_and_body_are_one_write(wire):
    in_a_loop(wire, lambda joined: [joined.write(part) for part in (b"head\r\n\r\n", b"body")])
    assert wire.sent == [b"head\r\n\r\nbody"]


def test_each_turn_of_the_loop_is_a_write_of_its_own(wire):
    async def run():
        joined = Joined(wire, asyncio.get_running_loop())
        for part in (b"one", b"two"):
            joined.write(part)
            await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.sent == [b"one", b"two"]


def test_what_was_written_goes_out_before_the_connection_closes(wire):
    in_a_loop(wire, lambda joined: (joined.write(b"last"), joined.close()))
    assert wire.sent == [b"last"]
    assert wire.closed


def test_nothing_is_written_to_a_connection_that_was_cut_off(wire):
    in_a_loop(wire, lambda joined: (joined.write(b"late"), joined.abort()))
    assert wire.sent == []
