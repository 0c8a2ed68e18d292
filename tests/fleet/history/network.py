"""Where the gateways of a run are: each in a network namespace of its own, or all on the loopback.

This process is in the router's namespace, so it reaches all of them whatever is split.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.links.network import Space
from tests.fleet.history.plan import GATEWAYS


class Network:
    """The lines between gateways; a split drops what passes, silently."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.split: set[tuple[str, str]] = set()

    def inside(self, id_: str) -> tuple[str, ...]:
        """Return the command prefix that enters the place of a gateway."""
        return tuple(self.spaces[id_].inside("--")) if self.spaces else ()

    def host(self, id_: str) -> str:
        return f"10.77.{GATEWAYS.index(id_) + 1}.1" if self.spaces else "127.0.0.1"

    def lay(self) -> None:
        """Make the namespaces. This process must have one of its own."""
        ip("link", "set", "lo", "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
        for number, id_ in enumerate(GATEWAYS, start=1):
            space = self.spaces[id_] = Space()
            ip(*f"link add {id_} type veth peer name up0 netns {space.path}".split())
            ip(*f"addr add 10.77.{number}.254/24 dev {id_}".split())
            ip("link", "set", id_, "up")
            for words in (
                "link set lo up",
                f"addr add 10.77.{number}.1/24 dev up0",
                "link set up0 up",
                f"route add default via 10.77.{number}.254",
            ):
                subprocess.run(space.inside("ip", *words.split()), check=True)

    def cut(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Drop what these pairs send to each other; return those that were whole."""
        done = []
        for one, other in pairs:
            for way in ((one, other), (other, one)):
                if way not in self.split:
                    self.split.add(way)
                    self.rule("add", *way)
                    done.append(way)
        return done

    def mend(self, ways: Iterable[tuple[str, str]]) -> None:
        for way in ways:
            self.split.discard(way)
            self.rule("del", *way)

    def rule(self, verb: str, one: str, other: str) -> None:
        ip("rule", verb, "from", self.host(one), "to", self.host(other), "blackhole")

    def close(self) -> None:
        for space in self.spaces.values():
            space.close()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def pairs_of(id_: str) -> list[tuple[str, str]]:
    """Return each line that a gateway has."""
    return [pair for pair in itertools.combinations(GATEWAYS, 2) if id_ in pair]
