"""Messages keep to the size that their reader allows."""

import socket

import pytest

from workbench.batch.warm import wire


@pytest.fixture
def ends():
    """The two ends of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_arrives_with_its_files(ends):
    ours, theirs = ends
    wire.send(ours, {"kind": "status"}, [ours.fileno()])
    body, files = wire.receive(theirs)
    socket.socket(fileno=files[0]).close()
    assert (body, len(files)) == ({"kind": "status"}, 1)


def test_a_reader_refuses_what_is_larger_than_it_allows(ends):
    ours, theirs = ends
    for _ in range(2):
        wire.send(ours, {"text": "x" * 100})
    assert wire.receive(theirs, most=200)[0] == {"text": "x" * 100}
    with pytest.raises(ValueError, match="a message of 112 bytes"):
        wire.receive(theirs, most=100)


def test_a_length_of_more_than_usual_is_refused_unless_it_is_allowed(ends):
    ours, theirs = ends
    ours.sendall(wire.LENGTH.pack(wire.MOST + 1))
    with pytest.raises(ValueError, match="a message of 67108865 bytes"):
        wire.receive(theirs)
    ours.sendall(wire.LENGTH.pack(wire.LARGEST))
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(ValueError, match="Expecting value"):  # it was read to its end
        wire.receive(theirs, most=wire.LARGEST)


def test_an_end_that_is_gone_says_nothing(ends):
    ours, theirs = ends
    ours.close()
    assert wire.receive(theirs) == (None, [])
