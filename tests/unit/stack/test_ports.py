import socket

from dedup_pipeline.stack.ports import LOOPBACK, choose_port


def test_a_free_port_is_taken():
    port = choose_port(0)
    assert choose_port(port) == port


def test_a_busy_port_is_replaced_by_a_free_one():
    with socket.create_server((LOOPBACK, 0)) as server:
        busy = server.getsockname()[1]
        chosen = choose_port(busy)
        assert chosen not in (busy, 0)
        socket.create_server((LOOPBACK, chosen)).close()


def test_a_port_that_another_listens_on_at_every_address_is_busy():
    with socket.create_server(("", 0)) as server:
        assert choose_port(server.getsockname()[1]) != server.getsockname()[1]


def test_a_promised_port_is_not_given_again():
    port = choose_port(0)
    assert choose_port(port, taken=[port]) != port
