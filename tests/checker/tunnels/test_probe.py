"""The probe against real servers on the loopback: every reply and every expect."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from checker.model import (
    Answer,
    Closed,
    Expect,
    NoListener,
    ProbeFailed,
    ProbeReply,
    Silent,
    StayedOpen,
    parse_expect,
)
from checker.tunnels import probe as probing
from checker.tunnels.probe import probe
from tests.checker.tunnels.services import (
    DEADLINE_S,
    PATIENT_S,
    SSH,
    Talk,
    answers,
    reply_of,
    resets,
    says,
    serving,
)
from tests.system.ports import free_port


@pytest.mark.parametrize(
    ("talk", "expect", "reply"),
    [
        pytest.param(
            says(b"SSH-2.0-dropbear\r\n"),
            SSH,
            Answer(expected=True, text=b"SSH-2.0-dropbear\r\n"),
            id="banner",
        ),
        pytest.param(
            says(b"SSH-", b"2.0-x"),
            SSH,
            Answer(expected=True, text=b"SSH-2.0-x"),
            id="banner in parts",
        ),
        pytest.param(
            says(b"welcome\r\n", b"SSH-2.0-x\r\n"),
            SSH,
            Answer(expected=True, text=b"welcome\r\nSSH-2.0-x\r\n"),
            id="second line",
        ),
        pytest.param(
            says(b"220 mail\r\n", then_close=True),
            SSH,
            Answer(expected=False, text=b"220 mail\r\n"),
            id="wrong banner",
        ),
        pytest.param(
            says(b"220 mail\r\n"),
            SSH,
            Answer(expected=False, text=b"220 mail\r\n"),
            id="wrong banner, stays",
        ),
        pytest.param(
            says(b"*** SSH_2.0"),
            parse_expect("banner:SSH-2.0"),
            Answer(expected=True, text=b"*** SSH_2.0"),
            id="letters and digits",
        ),
        pytest.param(says(b"", then_close=True), SSH, Closed(), id="closed at once"),
        pytest.param(
            says(b"", then_close=True), parse_expect("open"), Closed(), id="open: closed at once"
        ),
        pytest.param(resets, SSH, Closed(), id="reset"),
        pytest.param(resets, parse_expect("open"), Closed(), id="open: reset"),
        pytest.param(
            says(b"hello"),
            parse_expect("open"),
            Answer(expected=True, text=b"hello"),
            id="open: speaks",
        ),
        pytest.param(
            answers(b"HTTP/1.1 404 Not Found\r\n\r\n"),
            parse_expect("http"),
            Answer(expected=True, text=b"HTTP/1.1 404 Not Found\r\n\r\n"),
            id="http",
        ),
        pytest.param(
            says(b"220 mail\r\n", then_close=True),
            parse_expect("http"),
            Answer(expected=False, text=b"220 mail\r\n"),
            id="no http",
        ),
        pytest.param(
            says(b"220 mail\r\n", then_close=True),
            parse_expect("tls"),
            Answer(expected=False, text=b"220 mail\r\n"),
            id="no tls",
        ),
        pytest.param(
            answers(b"\x15\x03\x01\x00\x02\x02\x46"),
            parse_expect("tls"),
            Answer(expected=True, text=b"\x15\x03\x01\x00\x02\x02\x46"),
            id="tls alert",
        ),
        pytest.param(
            answers(b"PONG\r\n"),
            parse_expect(r"send:PING\r\n expect:PONG\r\n"),
            Answer(expected=True, text=b"PONG\r\n"),
            id="send and expect",
        ),
        pytest.param(
            says(b"220 ", b"ready\n250 ok"),
            parse_expect(r"send:\x00 expect:250\x20ok"),
            Answer(expected=True, text=b"220 ready\n250 ok"),
            id="expect further on",
        ),
        pytest.param(
            says(b"x" * 9000), SSH, Answer(expected=False, text=b"x" * 256), id="too much"
        ),
    ],
)
async def test_what_a_service_does_is_the_reply(
    talk: Talk, expect: Expect, reply: ProbeReply
) -> None:
    assert await reply_of(talk, expect) == reply


@pytest.mark.parametrize(
    ("talk", "expect", "reply"),
    [
        pytest.param(says(), SSH, Silent(), id="silent"),
        pytest.param(says(), parse_expect("http"), Silent(), id="silent http"),
        pytest.param(says(), parse_expect("tls"), Silent(), id="silent tls"),
        pytest.param(
            says(), parse_expect("send:a expect:b"), Silent(), id="silent to what is sent"
        ),
        pytest.param(says(), parse_expect("open"), StayedOpen(), id="open stays"),
        pytest.param(
            says(b"SSH-"),
            SSH,
            Answer(expected=False, text=b"SSH-", begun=True),
            id="half a banner, then silence",
        ),
        pytest.param(
            says(b"HT"),
            parse_expect("http"),
            Answer(expected=False, text=b"HT", begun=True),
            id="half an answer, then silence",
        ),
        pytest.param(
            says(b"SSH-", b"2.0", between_s=5.0),
            SSH,
            Answer(expected=False, text=b"SSH-", begun=True),
            id="too slow",
        ),
    ],
)
async def test_the_reply_names_what_was_missing_at_the_deadline(
    talk: Talk, expect: Expect, reply: ProbeReply
) -> None:
    assert await reply_of(talk, expect, DEADLINE_S) == reply


async def test_an_expected_response_that_keeps_coming_is_awaited_beyond_the_deadline() -> None:
    async with serving(says(*(bytes([letter]) for letter in b"SSH-2.0-x"), between_s=0.1)) as port:
        probed = await probe(port, SSH, DEADLINE_S)

    assert isinstance(probed.reply, Answer)
    assert probed.reply.expected
    assert probed.first_ms is not None
    assert probed.first_ms < probed.latency_ms


async def test_a_response_that_keeps_coming_is_not_awaited_for_ever() -> None:
    async with serving(
        says(*(bytes([letter]) for letter in b"SSH-2.0-" * 9), between_s=0.1)
    ) as port:
        reply = (
            await probe(
                port, parse_expect("banner:" + "SSH-2.0-" * 9), DEADLINE_S, slow_s=2 * DEADLINE_S
            )
        ).reply

    assert isinstance(reply, Answer)
    assert (reply.expected, reply.begun) == (False, True)


async def test_an_open_forward_is_watched_only_until_it_settles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "OPEN_SETTLES_S", 0.1)

    async def closes_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2.0)
        writer.close()

    async with serving(closes_late) as port:
        probed = await probe(port, parse_expect("open"), PATIENT_S)

    assert probed.reply == StayedOpen()
    assert probed.latency_ms >= 90


async def test_a_port_without_a_listener_is_reported_as_such() -> None:
    probed = await probe(free_port(), SSH, PATIENT_S)

    assert probed.reply == NoListener()
    assert probed.latency_ms < PATIENT_S * 1000


async def test_a_listener_that_no_longer_accepts_is_silent() -> None:
    with closing(socket.socket()) as full, closing(socket.socket()) as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())

        probed = await probe(full.getsockname()[1], SSH, DEADLINE_S)

    assert probed.reply == Silent()


async def test_a_listener_that_accepts_only_after_a_while_is_heard() -> None:
    with closing(socket.socket()) as full, closing(socket.socket()) as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())  # its queue holds one
        probing_it = asyncio.ensure_future(probe(full.getsockname()[1], SSH, PATIENT_S))
        await asyncio.sleep(0)  # it has begun, and could not connect at once
        full.accept()[0].close()
        full.settimeout(PATIENT_S)
        answering = asyncio.to_thread(full.accept)
        connection, _ = await answering
        with connection:
            connection.sendall(b"SSH-2.0-late\r\n")
            probed = await probing_it

    assert probed.reply == Answer(expected=True, text=b"SSH-2.0-late\r\n")


async def test_the_latency_is_that_of_the_answer() -> None:
    async with serving(says(b"", b"SSH-2.0-x\r\n", between_s=0.2)) as port:
        probed = await probe(port, SSH, PATIENT_S)

    assert 150 < probed.latency_ms < PATIENT_S * 1000


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Not one more descriptor than there are."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(socket.socket()) as lowest_free:
        number = lowest_free.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_a_gateway_without_descriptors_says_nothing_about_the_tunnel() -> None:
    with no_descriptors():
        reply = (await probe(9, SSH, PATIENT_S)).reply

    assert isinstance(reply, ProbeFailed)
    assert "Too many open files" in reply.reason


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def until_closed(count: int) -> None:
    """No more descriptors are open than so many, soon; the servers close theirs in their own
    time.
    """
    async with asyncio.timeout(100):
        while len(descriptors()) > count:  # noqa: ASYNC110 - the kernel's table tells nobody
            await asyncio.sleep(0.01)


async def test_no_descriptor_is_left_whatever_came() -> None:
    await reply_of(says(b"SSH-2.0-x"), SSH)
    before = descriptors()

    for talk in (says(b"SSH-2.0-x"), says(then_close=True), resets):
        await reply_of(talk, SSH)
    await reply_of(says(), SSH, 0.05)
    await probe(free_port(), SSH, PATIENT_S)

    await until_closed(len(before))


async def test_a_cancelled_probe_leaves_nothing() -> None:
    async with serving(says()) as port:
        before = descriptors()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probe(port, SSH, PATIENT_S)

    await until_closed(len(before))
