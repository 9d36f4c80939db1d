"""A store's line, cut and given back, with real sockets."""

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from deploy.demo.ports import free_ports, is_free, let_go
from deploy.demo.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Return the port of a server that says everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1000):
                    connection.sendall(data)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    (port,) = free_ports(1, random.Random())
    made = Proxy(port, ("127.0.0.1", echo))
    yield made
    made.close()
    assert is_free(port)
    let_go([port])


def test_ports_that_were_chosen_are_given_to_nobody_else_until_they_are_let_go() -> None:
    mine = free_ports(3, random.Random(7))
    theirs = free_ports(3, random.Random(7))  # it would draw the same numbers

    assert not set(mine) & set(theirs)
    # What is meant to listen there can.
    with socket.create_server(("127.0.0.1", mine[0])), socket.create_connection(("127.0.0.1", mine[0]), 5):
        pass
    let_go([*mine, *theirs])
    again = free_ports(3, random.Random(7))
    assert set(again) & {*mine, *theirs}
    let_go(again)


def test_another_program_is_not_given_a_port_that_was_chosen() -> None:
    (port,) = free_ports(1, random.Random())
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    let_go([port])


def said_back(connection: socket.socket, word: bytes) -> bytes:
    connection.settimeout(5)
    connection.sendall(word)
    return connection.recv(1000)


def is_broken(connection: socket.socket) -> bool:
    """Tell whether nothing comes back; the kernel reports it as a reset, a broken pipe or an end."""
    try:
        return said_back(connection, b"still there?") == b""
    except OSError:
        return True


def test_what_goes_in_at_one_end_comes_out_at_the_other(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
        assert said_back(line, b"hello") == b"hello"


def test_a_cut_breaks_open_connections_and_refuses_new_ones(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
        assert said_back(line, b"hello") == b"hello"
        proxy.cut()

        assert is_broken(line)

    assert proxy.is_cut
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), 5)


def test_a_line_that_was_given_back_works_as_before_any_number_of_times(proxy: Proxy) -> None:
    for word in (b"one", b"two", b"three"):
        proxy.cut()
        proxy.cut()
        proxy.restore()
        proxy.restore()

        with socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
            assert said_back(line, word) == word


def test_a_port_stays_taken_while_its_line_is_cut(proxy: Proxy) -> None:
    proxy.cut()

    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", proxy.port))
