"""A port that cannot be had is named, with who has it and what to do, before anything starts."""

import os
import socket

import pytest

from workbench.engines.ports import Wanted, check_ports, holder
from workbench.errors import EngineError, Misuse


@pytest.fixture
def taken():
    """A port that this process listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def wanted(port, by="JupyterLab"):
    return Wanted(port, by, "workbench up --lab-port")


def test_a_free_port_passes(taken):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    check_ports([wanted(free)])


def test_a_taken_port_is_told_with_who_has_it_and_the_way_out(taken):
    with pytest.raises(Misuse) as caught:
        check_ports([wanted(taken)])
    assert f"port {taken} is taken (by pid {os.getpid()}: " in caught.value.message
    assert "JupyterLab needs it" in caught.value.message
    option, _, port = caught.value.hint.rpartition(" ")
    assert option == "workbench up --lab-port"
    check_ports([wanted(int(port))])


def test_a_port_given_twice_is_told_before_it_is_tried():
    with pytest.raises(Misuse, match="JupyterLab and MLflow are both given port 8888"):
        check_ports([wanted(8888), wanted(8888, by="MLflow")])


def test_a_port_that_was_just_left_is_free():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    check_ports([wanted(port)])


def test_nobody_holds_a_port_that_nobody_listens_on():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert holder(probe.getsockname()[1]) == ""


def test_an_address_of_another_machine_cannot_be_listened_on():
    with pytest.raises(EngineError, match="cannot be listened on"):
        check_ports([wanted(8888)], host="192.0.2.1")
