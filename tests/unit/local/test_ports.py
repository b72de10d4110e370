import socket

from storykeep.local.ports import HOST, free_port


def test_the_preferred_port_is_given_when_it_is_free() -> None:
    port = free_port()
    assert port > 0
    assert free_port(port) == port


def test_a_port_that_somebody_listens_on_is_not_given() -> None:
    with socket.create_server((HOST, 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) != taken
