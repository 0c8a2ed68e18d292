"""Which first bytes match an expected response, and what a probe sends first."""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    Answer,
    Expect,
    ExpectKind,
    Silent,
    parse_expect,
)
from checker.tunnels.probe import begins, client_hello, letters_and_digits, matches, opening, probe
from tests.certificates import make_certificate
from tests.checker.tunnels.services import DEADLINE_S, PATIENT_S, SSH, says, serving
from tests.programs import require


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
def test_a_true_beginning_of_the_expected_response_is_recognized(
    expect: str, heard: bytes, begun: bool
) -> None:
    assert begins(parse_expect(expect), heard) is begun


async def test_the_probe_sends_what_the_service_waits_for() -> None:
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
async def test_a_target_that_speaks_the_proxy_protocol_gets_a_proxy_line(
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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path))
    return context


async def test_a_tls_server_is_told_apart_from_another_one(certificate: ssl.SSLContext) -> None:
    # the handshake is left unfinished on purpose
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with serving(says(b"inside"), certificate) as port:
        tls = (await probe(port, parse_expect("tls"), PATIENT_S)).reply
        banner = (await probe(port, SSH, DEADLINE_S)).reply

    assert isinstance(tls, Answer)
    assert tls.expected
    assert tls.text[:2] == b"\x16\x03"
    assert banner == Silent()


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


def test_services_that_speak_first_are_sent_nothing() -> None:
    assert (
        opening(Expect(kind=ExpectKind.BANNER, text="x"))
        == opening(Expect(kind=ExpectKind.OPEN))
        == b""
    )


def test_the_client_hello_is_a_tls_handshake() -> None:
    assert client_hello()[:2] == b"\x16\x03"
    assert client_hello() is client_hello()
