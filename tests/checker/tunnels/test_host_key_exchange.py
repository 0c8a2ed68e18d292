"""Read a host key: the type that is asked for, and servers that are slow, hostile or not there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncssh
import pytest

from checker.model import IPV4_LOOPBACK, Port, Publication, parse_public_key
from checker.tunnels.host_key_exchange import NotShown, Showed, read_host_key, signatures
from tests.checker.tunnels.services import DEADLINE_S, PATIENT_S, Talk, says, serving
from tests.strategies import FORWARD, free_port, public_key, rsa_key


def public(key: asyncssh.SSHKey) -> str:
    return parse_public_key(key.export_public_key().decode())


@pytest.fixture(scope="module")
def keys() -> dict[str, asyncssh.SSHKey]:
    return {
        "ssh-ed25519": asyncssh.generate_private_key("ssh-ed25519"),
        "ssh-rsa": asyncssh.generate_private_key("ssh-rsa", key_size=2048),
    }


@asynccontextmanager
async def ssh_server(*keys: asyncssh.SSHKey) -> AsyncIterator[int]:
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=list(keys), config=None, gss_host=None
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def read(port: int, first: str = "", deadline_s: float = PATIENT_S) -> Showed | NotShown:
    return await read_host_key(
        FORWARD, IPV4_LOOPBACK, port=port, first=first, deadline_s=deadline_s
    )


async def test_a_server_is_asked_for_the_type_of_the_pinned_key_and_else_for_the_best(
    keys: dict[str, asyncssh.SSHKey],
) -> None:
    ed25519, rsa = keys["ssh-ed25519"], keys["ssh-rsa"]
    async with ssh_server(ed25519, rsa) as port:
        assert await read(port) == Showed(public(ed25519))
        assert await read(port, first=rsa_key(2048)) == Showed(public(rsa))
    async with ssh_server(rsa) as port:
        assert await read(port, first=public_key()) == Showed(public(rsa))


def test_the_best_type_comes_first() -> None:
    assert signatures("")[0] == "ssh-ed25519"
    assert signatures(rsa_key(2048))[:4] == [
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-rsa",
        "ssh-ed25519",
    ]


async def test_a_target_that_wants_a_proxy_line_gets_it_first() -> None:
    heard = asyncio.Queue[bytes]()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await reader.readuntil(b"\r\n"))
        writer.close()

    forward = replace(FORWARD, published=(Publication(port=Port(2222), send_proxy=True),))
    async with serving(listens) as port:
        found = await read_host_key(
            forward, IPV4_LOOPBACK, port=port, first="", deadline_s=PATIENT_S
        )

    assert isinstance(found, NotShown)
    assert (await heard.get()).startswith(b"PROXY TCP4 127.0.0.1 ")


BANNER = b"SSH-2.0-x\r\n"


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        pytest.param(says(b""), "no key exchange in 0.4 s", id="silent"),
        pytest.param(says(BANNER), "no key exchange in 0.4 s", id="only a banner"),
        pytest.param(says(BANNER, then_close=True), "", id="closes"),
        pytest.param(says(b"220 mail\r\n" * 2000), "", id="another service"),
        pytest.param(says(BANNER, b"\xff" * 4096), "", id="a packet without an end"),
        pytest.param(says(BANNER, b"\x00\x00\x00\x0c\x0a\x14" + b"\x00" * 10), "", id="nonsense"),
    ],
)
async def test_a_server_that_exchanges_no_keys_gives_a_reason(talk: Talk, reason: str) -> None:
    async with serving(talk) as port:
        found = await read(port, deadline_s=DEADLINE_S if reason else PATIENT_S)

    assert isinstance(found, NotShown)
    assert found.reason
    assert found.reason.isprintable()
    assert not reason or found.reason == reason


async def test_a_server_that_sends_without_end_is_cut_off() -> None:
    empty = b"\x00\x00\x00\x0c\x06\x02\x00\x00\x00\x00" + b"\x00" * 6
    sent = asyncio.Queue[int]()

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        try:
            writer.write(BANNER)
            while True:
                writer.write(empty * 1000)
                await writer.drain()
                count += 1
        except OSError:
            await sent.put(count)

    async with serving(floods) as port:
        found = await read(port)
        assert isinstance(found, NotShown)
        assert found.reason != f"no key exchange in {PATIENT_S:g} s"
        await asyncio.wait_for(sent.get(), PATIENT_S)


async def test_nobody_listens() -> None:
    assert await read(free_port()) == NotShown("Connection refused")


async def test_a_gateway_without_asyncssh_compares_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)

    found = await read(1)

    assert isinstance(found, NotShown)
    assert found.reason.startswith("asyncssh cannot be loaded: ")
