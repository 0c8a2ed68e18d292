"""The fleet with a stolen member on its bus: start that, and see whether anybody believes it."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from checker.fleet.bus_config import AGENT
from checker.fleet.bus_files import bus_folder
from checker.model import Status
from checker.model.gateway_id import GatewayId
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.store import open_reader
from tests.fleet.history.haunting import ROGUE
from tests.fleet.history.records import History, Mirrored
from tests.fleet.history.world import Program, Site, World

ROOT = Path(__file__).parents[3]
Rows = dict[tuple[str, int], Status]


@dataclass(kw_only=True)
class Haunted:
    """The third gateway was stolen, so the nats-server there obeys the thief."""

    world: World
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        thief = self.world.site(2)
        self.log = self.world.folder / "rogue.log"
        gateway = thief.gateway
        words = [sys.executable, "-m", "tests.fleet.history.haunting", str(gateway.home)]
        self.program = Program([*gateway.inside, *words], ROOT, self.log)

    def start(self) -> None:
        """Let the thief say and hear everything."""
        thief = self.world.site(2)
        open_the_doors(thief)
        self.program.start()
        self.world.stack.callback(self.program.kill)

    def said(self) -> int:
        """Return how many messages it brought."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        assert lines
        return int(lines[-1])

    def look(self, history: History) -> list[Mirrored]:
        """Note what honest gateways have in the mirrors of each other, and return it."""
        found = [mirror_of(site, other) for site, other in self.pairs()]
        for one in found:
            history.add(one)
        return found

    def pairs(self) -> list[tuple[Site, Site]]:
        first, second = self.world.site(0), self.world.site(1)
        return [(first, second), (second, first)]

    def is_settled(self, history: History) -> bool:
        """Look; return whether somebody believes it, or else knows what is so."""
        found = self.look(history)
        return any(one.forged for one in found) or not any(one.differs for one in found)


def open_the_doors(thief: Site) -> None:
    """Let the account of the thief's agent say and hear everything, and start its bus again."""
    config = bus_folder(thief.gateway.layout) / "nats.conf"
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    opened = [
        line.partition(", permissions")[0] + "}\n" if f"user: {AGENT}," in line else line
        for line in lines
    ]
    assert opened != lines
    config.write_text("".join(opened), encoding="utf-8")
    thief.bus.kill()
    thief.bus.start()


def mirror_of(site: Site, other: Site) -> Mirrored:
    """Return what is wrong with the mirror of another gateway."""
    now = time.monotonic()
    try:
        forged, here, there = believed(site, other), mirrored(site, other), own(other)
    except StateError as error:
        return Mirrored(gateway=site.id, of=other.id, at=now, is_read=False, differs=(str(error),))
    return Mirrored(
        gateway=site.id,
        of=other.id,
        at=now,
        forged=tuple(forged),
        differs=tuple(
            f"{place[0]}:{place[1]} is {here.get(place)}, not {there.get(place)}"
            for place in sorted(here.keys() | there.keys())
            if here.get(place) != there.get(place)
        ),
    )


def believed(site: Site, other: Site) -> list[str]:
    """Return what of a mirror the stolen member made up. Raises StateError."""
    path = mirror_path(site.gateway.layout, GatewayId(other.id))
    with contextlib.closing(open_reader(path)) as mirror:
        pulse = read_pulse(mirror)
        found = [f"row {one.node}" for one in mirror.tunnels() if one.node == ROGUE]
        found += [f"event {one.text}" for one in mirror.events() if one.text == ROGUE]
    return [*found, *(["a pulse"] if pulse and pulse.pulse.version == ROGUE else [])]


def mirrored(site: Site, other: Site) -> Rows:
    """Return the rows of another gateway, as this one knows them. Raises StateError."""
    path = mirror_path(site.gateway.layout, GatewayId(other.id))
    with contextlib.closing(open_reader(path)) as mirror:
        return {(one.node, one.port): one.status for one in mirror.tunnels()}


def own(site: Site) -> Rows:
    """Return the rows of a gateway, as its daemon saw them. Raises StateError."""
    with contextlib.closing(site.gateway.state()) as state:
        return {(one.node, one.port): one.status for one in state.tunnels()}
