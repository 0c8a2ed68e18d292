"""Two gateways with the same registry, and nodes that know both."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import tomli_w

from bench.crowd import Crowd, Mixture
from bench.failover.network import FIRST, SECOND, Network, network
from bench.setting import Gateway, Member, gateway
from checker.sshd.host_key_files import host_keys
from demo.processes import start

BANNER_PORT = 2022
FIRST_PORT = 20_000
UP = ("up", "--ssh-port", "0", "--listen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is."""

    network: Network
    first: Gateway
    second: Gateway
    crowd: Crowd
    members: Sequence[Member]

    @property
    def ports(self) -> list[int]:
        return [member.port for member in self.members]


def know_both(member: Member, first: Gateway, second: Gateway, beat_s: int) -> None:
    """Write both gateways, their host keys and the rhythm into the client's file."""
    values = tomllib.loads(member.config.read_text(encoding="utf-8"))
    del values["gateway"], values["host_key"]
    values["gateway"] = [
        {"address": server.address, "host_key": list(host_keys(server.layout).keys)}
        for server in (first, second)
    ]
    values["check_every_s"] = beat_s
    member.config.write_text(tomli_w.dumps(values), encoding="utf-8")


async def share_registry(first: Gateway, second: Gateway) -> None:
    """Copy the first gateway's registry to the second."""
    for path in first.layout.nodes.glob("*.toml"):
        await asyncio.to_thread(shutil.copyfile, path, second.layout.nodes / path.name)
    await second.use_registry()


@contextlib.asynccontextmanager
async def scene(user: str, mixture: Mixture, beat_s: int) -> AsyncIterator[Scene]:
    """Start both gateways, but no node. Raises DemoFailed."""
    async with (
        network() as laid,
        gateway(user=user, listen=FIRST, verb=[*UP, FIRST]) as first,
        gateway(
            user=user, listen=SECOND, verb=[*UP, SECOND], inside=laid.second.inside()
        ) as second,
    ):
        ports = range(FIRST_PORT, FIRST_PORT + mixture.nodes)
        members = await first.add(ports, f"127.0.0.1:{BANNER_PORT}")
        await share_registry(first, second)
        for member in members:
            know_both(member, first, second, beat_s)
        inside = laid.nodes.inside()
        banner = [*inside, sys.executable, "-m", "bench.banner", str(BANNER_PORT)]
        first.clients.append(await start(banner, log=first.home / "banner.log", env=first.env))
        crowd = Crowd(
            server=first, target=BANNER_PORT, inside=inside, others=(second,), beat_s=beat_s
        )
        yield Scene(network=laid, first=first, second=second, crowd=crowd, members=members)
