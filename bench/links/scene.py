"""Set up a gateway, a router, and one link and client for each lane, and remove them all later."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from bench.links.clients import LOCALHOST, PROGRAMS, BareServer, Kind, Lane, begin, start_relay
from bench.links.network import GATEWAY, LINKS_AT_MOST, Link, Shape, lay_router
from bench.links.transfer import SERVICE_PORT, service
from bench.links.watch import Watch
from bench.setting import Gateway, gateway
from demo.processes import DemoFailed
from demo.stage import free_ports

NEXT_CLIENT_S = 0.3
"""Start the clients one by one, so that their logins do not wait for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSpec:
    """The plan of one lane."""

    kind: Kind
    shape: Shape | None = None
    relay: tuple[str, ...] = ()
    """The options of the relay on the device; empty: no relay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A running gateway and its lanes."""

    server: Gateway
    bare: BareServer
    lanes: Sequence[Lane]
    wanted: Sequence[LaneSpec]
    watch: Watch

    async def connect(self, lane: Lane) -> None:
        """Start the lane's client, and its relay. Raises DemoFailed."""
        options = self.wanted[self.lanes.index(lane)].relay
        if options:
            await start_relay(lane, self.server, list(options))
        await begin(lane, self.server, self.bare, host=LOCALHOST if options else GATEWAY)


def missing_kinds() -> dict[Kind, list[str]]:
    """Return the missing programs of each kind of client that cannot run here."""
    path = os.environ.get("PATH")
    missing = {
        kind: [name for name in names if shutil.which(name, path=path) is None]
        for kind, names in PROGRAMS.items()
    }
    return {kind: names for kind, names in missing.items() if names}


@contextlib.asynccontextmanager
async def scene(wanted: Sequence[LaneSpec], toml: str = "") -> AsyncIterator[Scene]:
    """Set up all links, but start no client yet. Raises DemoFailed."""
    if len(wanted) > LINKS_AT_MOST:
        raise DemoFailed(f"{len(wanted)} links are more than {LINKS_AT_MOST}")
    async with contextlib.AsyncExitStack() as stack:
        router = await lay_router()
        stack.callback(router.close)
        links = stack.enter_context(contextlib.ExitStack())  # sshd is to hear its clients end
        server = await stack.enter_async_context(gateway(toml=toml, listen=GATEWAY))
        bare = BareServer(server)
        ports = iter(free_ports(len(wanted)))
        strangers = [bare.member(next(ports)) for want in wanted if not want.kind.is_watched]
        members = await server.add(list(ports), f"{LOCALHOST}:{SERVICE_PORT}")
        await bare.start(strangers)
        supply = {True: iter(members), False: iter(strangers)}
        lanes = []
        for number, want in enumerate(wanted, 1):
            member = next(supply[want.kind.is_watched])
            link = Link(router, number)
            links.callback(link.close)
            await link.lay(want.shape)
            stack.callback((await service(link.device)).close)
            lanes.append(
                Lane(
                    kind=want.kind,
                    link=link,
                    member=member,
                    log=server.home / "clients" / f"{member.name}.log",
                )
            )
        watch = Watch(lanes, server.layout.state)
        watching = asyncio.create_task(watch.run(), name="watch")
        try:
            yield Scene(server=server, bare=bare, lanes=lanes, wanted=wanted, watch=watch)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            for lane in lanes:
                lane.thaw()
