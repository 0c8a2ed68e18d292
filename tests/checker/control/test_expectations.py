"""One look at a target through its tunnel: which response it gives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from checker.cli.acts import offer_expectations
from checker.control.expectations import USUAL, seen_through
from checker.model import Forward, Outcome, Port, Target, parse_expect
from checker.registry.nodes import Registry
from tests.strategies import OFFICE, node


@contextmanager
def greeting(words: bytes) -> Iterator[Port]:
    """A listener that greets each visitor; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                with visitor:
                    visitor.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Port(server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def to_ssh(port: Port, target: int = 22) -> Forward:
    (forward,) = node(ports=(port,)).forwards
    return replace(forward, target=Target(host="127.0.0.1", port=Port(target)))


@pytest.mark.parametrize(
    ("words", "target", "found"),
    [
        pytest.param(b"SSH-2.0-dropbear\r\n", 22, "banner:SSH-2.0", id="as usual"),
        pytest.param(b"220 mail\r\n", 22, None, id="something else"),
        pytest.param(b"SSH-2.0-dropbear\r\n", 2222, None, id="an unknown port"),
    ],
)
async def test_a_target_that_answers_as_usual_is_recognized(
    words: bytes, target: int, found: str | None
) -> None:
    with greeting(words) as port:
        seen = await seen_through(to_ssh(port, target), port)

    assert (None if seen is None else str(seen)) == found


def test_a_probe_of_an_open_forward_offers_what_it_finds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with greeting(b"SSH-2.0-dropbear\r\n") as port:
        office = replace(node(), forwards=(to_ssh(port),))
        outcomes = [
            Outcome(node=OFFICE, port=port, done=True, sentence="up"),
            Outcome(node=OFFICE, port=Port(1), done=True, sentence="down: nobody listens"),
        ]
        offer_expectations(replace(Registry(), nodes={OFFICE: office}), outcomes)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"office:{port}: `open` does not notice a tunnel that hangs; its target answers with"
        " banner:SSH-2.0: run: reversi-checker node set office --expect banner:SSH-2.0\n"
    )


def test_each_usual_response_can_be_written() -> None:
    assert all(str(parse_expect(text)) == text for text in USUAL.values())
