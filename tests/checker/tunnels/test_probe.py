"""The probe against real servers on the loopback: every reply and every expect."""

from __future__ import annotations

import asyncio
import re
import resource
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    Answer,
    Closed,
    Expect,
    ExpectKind,
    NoListener,
    ProbeFailed,
    Reply,
    Silent,
    StayedOpen,
    parse_expect,
)
from checker.tunnels import probe as probing
from checker.tunnels.probe import begins, client_hello, letters_and_digits, matches, opening, probe
from tests.programs import require

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SSH = parse_expect("banner:SSH-2.0")
DEADLINE_S = 0.4
"""Of a probe that is to wait it out."""
PATIENT_S = 10.0
"""Of one that must not."""


@asynccontextmanager
async def serving(
    talk: Talk, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """A server on a free port that talks so to each client, and hangs up when the block ends."""
    over = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            if not writer.is_closing():
                await over.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, host, 0, ssl=tls)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            over.set()
            await asyncio.sleep(0)


def says(*parts: bytes, then_close: bool = False, between_s: float = 0.02) -> Talk:
    """Says these, a little apart."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(between_s)
            writer.write(part)
            await writer.drain()
        if then_close:
            writer.close()

    return talk


def answers(answer: bytes) -> Talk:
    """Waits for a request, then says this."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(4096):
            writer.write(answer)

    return talk


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection with an RST."""
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


async def reply_of(talk: Talk, expect: Expect, deadline_s: float = PATIENT_S) -> Reply:
    async with serving(talk) as port:
        return (await probe(port, expect, deadline_s)).reply


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
async def test_what_a_service_does_is_the_reply(talk: Talk, expect: Expect, reply: Reply) -> None:
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
async def test_what_a_service_leaves_out_until_the_deadline_is_the_reply(
    talk: Talk, expect: Expect, reply: Reply
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


@pytest.mark.parametrize(
    ("expect", "heard", "begun"),
    [
        pytest.param("banner:SSH-2.0", b"S", True, id="banner: a letter"),
        pytest.param("banner:SSH-2.0", b"hello\r\nSSH", True, id="banner: in the second line"),
        pytest.param("banner:SSH-2.0", b"SSH\r\n", False, id="banner: the line ended"),
        pytest.param("banner:SSH-2.0", b"220 mail", False, id="banner: another"),
        pytest.param("banner:SSH-2.0", b"SSH-1", False, id="banner: turned out to be another"),
        pytest.param("http", b"HTT", True, id="http"),
        pytest.param("http", b"220", False, id="http: another"),
        pytest.param("tls", b"\x16", True, id="tls: a byte"),
        pytest.param("tls", b"\x15\x03", True, id="tls: two bytes"),
        pytest.param("tls", b"\x16\x02", False, id="tls: another"),
        pytest.param(
            "send:a expect:250 ok", b"220 hello\n250", True, id="send: the end may become it"
        ),
        pytest.param("send:a expect:250 ok", b"500 no", False, id="send: another"),
        pytest.param("open", b"x", False, id="open"),
    ],
)
def test_a_proper_beginning_of_the_expected_response_is_told(
    expect: str, heard: bytes, begun: bool
) -> None:
    assert begins(parse_expect(expect), heard) is begun


async def test_an_open_forward_is_watched_no_longer_than_it_settles(
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


async def test_the_probe_says_what_the_service_waits_for() -> None:
    heard = asyncio.Queue[bytes]()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await reader.read(4096))
        writer.close()

    async with serving(listens) as port:
        await probe(port, parse_expect(r"send:EHLO x\r\n\x00 expect:250"), PATIENT_S)
        await probe(port, parse_expect("http"), PATIENT_S)
        await probe(port, parse_expect("tls"), PATIENT_S)

    assert await heard.get() == b"EHLO x\r\n\0"
    assert (await heard.get()).startswith(b"HEAD / HTTP/1.0\r\n")
    assert await heard.get() == client_hello()


@pytest.mark.parametrize(
    ("host", "family"),
    [pytest.param("127.0.0.1", "TCP4", id="IPv4"), pytest.param("::1", "TCP6", id="IPv6")],
)
async def test_a_target_that_speaks_the_proxy_protocol_is_told_who_probes_it(
    host: str, family: str
) -> None:
    heard = asyncio.Queue[bytes]()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await reader.readuntil(b"\r\n"))
        await heard.put(await reader.read(4096))
        writer.write(b"HTTP/1.0 200 OK\r\n")
        writer.close()

    async with serving(listens, host=host) as port:
        reply = (await probe(port, parse_expect("http"), PATIENT_S, proxy=True, address=host)).reply

    assert re.fullmatch(
        rf"PROXY {family} {re.escape(f'{host} {host}')} \d+ {port}\r\n".encode(), await heard.get()
    )
    assert (await heard.get()).startswith(b"HEAD / ")
    assert reply == Answer(expected=True, text=b"HTTP/1.0 200 OK\r\n")


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A server's context with a throwaway certificate."""
    require("openssl")
    key, crt = tmp_path / "key.pem", tmp_path / "crt.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=x",
    ]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(crt)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context


async def test_a_tls_server_is_told_from_one_that_is_none(certificate: ssl.SSLContext) -> None:
    # the handshake is left unfinished on purpose
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with serving(says(b"inside"), certificate) as port:
        tls = (await probe(port, parse_expect("tls"), PATIENT_S)).reply
        banner = (await probe(port, SSH, DEADLINE_S)).reply

    assert isinstance(tls, Answer)
    assert tls.expected
    assert tls.text[:2] == b"\x16\x03"
    assert banner == Silent()


def free_port() -> int:
    with closing(socket.socket()) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


async def test_where_nobody_listens_there_is_no_listener() -> None:
    probed = await probe(free_port(), SSH, PATIENT_S)

    assert probed.reply == NoListener()
    assert probed.latency_ms < PATIENT_S * 1000


async def test_a_listener_that_accepts_no_more_is_silent() -> None:
    with closing(socket.socket()) as full, closing(socket.socket()) as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())

        probed = await probe(full.getsockname()[1], SSH, DEADLINE_S)

    assert probed.reply == Silent()


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
    async with asyncio.timeout(5):
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


async def test_a_probe_that_is_cancelled_leaves_nothing() -> None:
    async with serving(says()) as port:
        before = descriptors()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probe(port, SSH, PATIENT_S)

    await until_closed(len(before))


@given(
    st.sampled_from(["banner:SSH-2.0", "http", "tls", r"send:\xff\r expect:ok\n", "open"]).map(
        parse_expect
    ),
    st.binary(max_size=60),
)
def test_any_bytes_match_or_do_not(expect: Expect, heard: bytes) -> None:
    assert matches(expect, heard) in (True, False)
    assert matches(expect, b"") is False


@given(st.binary())
def test_the_original_compared_letters_and_digits(text: bytes) -> None:
    assert letters_and_digits(text) == bytes(
        byte for byte in text if chr(byte).isalnum() and byte < 128
    )


def test_services_that_speak_first_are_told_nothing() -> None:
    assert (
        opening(Expect(kind=ExpectKind.BANNER, text="x"))
        == opening(Expect(kind=ExpectKind.OPEN))
        == b""
    )


def test_the_client_hello_is_a_tls_handshake() -> None:
    assert client_hello()[:2] == b"\x16\x03"
    assert client_hello() is client_hello()
