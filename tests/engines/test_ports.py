"""A port that cannot be had is named, with who has it and what to do, before anything starts."""

import os
import socket

import pytest

from workbench.engines.ports import Wanted, check_ports, holder, listening
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


def addresses(monkeypatch, *hosts):
    """A name that has these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_all_addresses_of_a_name_are_listened_on_each_once(monkeypatch):
    addresses(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.1")
    found = listening("several", 0)
    assert [one.getsockname()[0] for one in found] == ["127.0.0.1", "127.0.0.2"]
    for one in found:
        one.close()


def test_an_address_that_the_machine_lacks_is_passed_over_if_the_name_has_another(monkeypatch):
    addresses(monkeypatch, "192.0.2.1", "127.0.0.1")
    check_ports([wanted(0)], host="half")
    (one,) = listening("half", 0)
    with one:
        assert one.getsockname()[0] == "127.0.0.1"
    addresses(monkeypatch, "192.0.2.1")
    with pytest.raises(EngineError, match="cannot be listened on"):
        listening("none", 0)


def test_a_port_that_is_taken_on_one_of_a_names_addresses_is_taken(monkeypatch, taken):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, taken)) for host in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Misuse, match=f"port {taken} is taken"):
        check_ports([wanted(taken)], host="several")
    with pytest.raises(EngineError, match="in use"):
        listening("several", taken)


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="a machine without IPv6")
def test_a_host_may_be_an_address_of_version_six():
    check_ports([wanted(0)], host="::1")
    (one,) = listening("::1", 0)
    with one, socket.create_connection(("::1", one.getsockname()[1])):
        assert one.family == socket.AF_INET6
