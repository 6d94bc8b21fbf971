"""Free ports, and a page with one of each kind of widget."""

import socket

import pytest


@pytest.fixture
def free_port():
    """Gives ports that nobody listens on."""
    held = []

    def give():
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        held.append(probe)
        return probe.getsockname()[1]

    yield give
    for probe in held:
        probe.close()
