"""The HTTP server of the metrics."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from checker.metrics.exposition import CONTENT_TYPE
from checker.metrics.serving import AT_ONCE, CannotListen, Server, Source, loopback
from checker.model import CheckerError, InvalidValue, Port, Target, parse_target
from tests.strategies import free_port

TEXT = b"reversi_kills_total 1.0\n"


@contextmanager
def serving(collect: Callable[[], bytes], host: str = "127.0.0.1") -> Iterator[Target]:
    address = Target(host=host, port=free_port())
    with Server(address, Source(collect)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def ask(
    address: Target, path: str = "/metrics", method: str = "GET", host: str = "localhost"
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=200)
    try:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_metrics_are_served_and_nothing_else(host: str) -> None:
    with serving(lambda: TEXT, host) as address:
        assert ask(address) == (200, CONTENT_TYPE, TEXT)
        assert ask(address, "/metrics?name[]=x")[0] == 200
        assert b"/metrics" in ask(address, "/")[2]
        assert [ask(address, path)[0] for path in ("/metrics/x", "/etc/passwd")] == [404] * 2
        assert [ask(address, method=word)[0] for word in ("POST", "PUT", "DELETE")] == [501] * 3


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9948", 200),
        ("[::1]:9948", 200),
        ("localhost:9000", 200),
        ("192.0.2.7", 200),
        ("evil.example:9948", 421),
        ("localhost.evil.example", 421),
        ("[", 421),
    ],
)
def test_a_page_on_the_web_cannot_read_the_metrics_through_a_browser(
    host: str, status: int
) -> None:
    with serving(lambda: TEXT) as address:
        assert ask(address, host=host)[0] == status


def test_scrapes_at_once_share_one_collection() -> None:
    calls: list[int] = []

    def collect() -> bytes:
        calls.append(1)
        return TEXT

    with serving(collect) as address, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(address), range(16)))

    assert {answer[2] for answer in answers} == {TEXT}
    assert len(calls) < len(answers)


def test_a_trouble_is_an_answer_and_the_next_scrape_tries_again() -> None:
    outcomes: Iterator[CheckerError | bytes] = iter([CheckerError("the state file is busy"), TEXT])

    def collect() -> bytes:
        outcome = next(outcomes)
        if isinstance(outcome, bytes):
            return outcome
        raise outcome

    with serving(collect) as address:
        assert ask(address) == (503, "text/plain; charset=utf-8", b"the state file is busy\n")
        assert ask(address)[0] == 200


def test_the_same_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(lambda: TEXT)

    for sentence in ("busy", "busy", "damaged"):
        source.failed(sentence)
    assert [record.message for record in caplog.records] == ["busy", "damaged"]
    assert source.get() == TEXT
    source.failed("damaged")
    assert len(caplog.records) == 3


def test_silent_connections_keep_nobody_out_until_there_are_too_many() -> None:
    with serving(lambda: TEXT) as address, ExitStack() as silent:

        def open_one() -> socket.socket:
            return silent.enter_context(
                socket.create_connection((address.host, address.port), timeout=200)
            )

        held = [open_one() for _ in range(AT_ONCE - 1)]
        assert ask(address)[0] == 200
        more = [open_one() for _ in range(AT_ONCE)]
        assert any(one.recv(1) == b"" for one in more[-1:])

        for one in (*held, *more):
            one.close()


@pytest.mark.parametrize("word", ["127.0.0.1:9948", "localhost:9948", "127.3.2.1:1", "[::1]:9948"])
def test_it_listens_on_this_machine_only(word: str) -> None:
    assert loopback(parse_target(word)).port


@pytest.mark.parametrize(
    "word", ["0.0.0.0:9948", "[::]:9948", "192.0.2.1:9948", "gateway.example.org:9948"]
)
def test_an_address_that_others_reach_is_refused_with_another_way(word: str) -> None:
    with pytest.raises(InvalidValue, match="ssh -L"):
        loopback(parse_target(word))


def test_an_address_in_use_is_named() -> None:
    with serving(lambda: TEXT) as address, pytest.raises(CannotListen, match="already in use"):
        Server(address, Source(lambda: TEXT))


def test_the_url_is_complete() -> None:
    with Server(Target(host="::1", port=free_port()), Source(lambda: TEXT)) as server:
        port = Port(server.server_address[1])
        assert server.url == f"http://[::1]:{port}/metrics"
