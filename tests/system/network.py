"""Three network namespaces in a row (gateway, router, device); the router can drop packets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.system.waiting import until

GATEWAY, ROUTER, DEVICE = 0, 1, 2
GATEWAY_HOST = "10.213.1.1"
DEVICE_HOSTS = ("10.213.2.2", "10.213.2.3")
"""Two addresses of the device: a new link gives it the second one."""


class Network:
    """The namespaces; each lives as long as a process that sleeps in it."""

    def __init__(self) -> None:
        self.sleepers = [
            subprocess.Popen(["unshare", "--net", "sleep", "3600"], stdin=subprocess.DEVNULL)
            for _ in (GATEWAY, ROUTER, DEVICE)
        ]

    def inside(self, place: int) -> tuple[str, ...]:
        """The command prefix that enters this namespace."""
        return ("nsenter", "--net=/proc/" + str(self.sleepers[place].pid) + "/ns/net", "--")

    def ip(self, place: int, *words: str) -> None:
        subprocess.run([*self.inside(place), "ip", *words], check=True)

    def build(self) -> None:
        own = Path("/proc/self/ns/net").readlink()
        for sleeper in self.sleepers:
            until(
                lambda sleeper=sleeper: Path(f"/proc/{sleeper.pid}/ns/net").readlink() != own,  # type: ignore[misc]
                "a namespace",
            )
        for place in (GATEWAY, DEVICE):
            self.ip(
                ROUTER,
                "link",
                "add",
                f"to{place}",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                str(self.sleepers[place].pid),
            )
            self.ip(ROUTER, "link", "set", f"to{place}", "up")
            self.ip(place, "link", "set", "lo", "up")
            self.ip(place, "link", "set", "eth0", "up")
        self.ip(ROUTER, "address", "add", "10.213.1.254/24", "dev", f"to{GATEWAY}")
        self.ip(ROUTER, "address", "add", "10.213.2.254/24", "dev", f"to{DEVICE}")
        self.ip(GATEWAY, "address", "add", f"{GATEWAY_HOST}/24", "dev", "eth0")
        for host in DEVICE_HOSTS:
            self.ip(DEVICE, "address", "add", f"{host}/24", "dev", "eth0")
        self.introduce(GATEWAY, [GATEWAY_HOST], "10.213.1.254")
        self.introduce(DEVICE, DEVICE_HOSTS, "10.213.2.254")
        self.ip(GATEWAY, "route", "add", "default", "via", "10.213.1.254")
        self.ip(DEVICE, "route", "add", "default", "via", "10.213.2.254")
        subprocess.run(
            [*self.inside(ROUTER), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], check=True
        )

    def introduce(self, place: int, hosts: Sequence[str], way: str) -> None:
        """Give the two ends of a cable each other's MAC address.

        An ARP request would wait in a shaped queue, and the kernel gives up after 3 s.
        """
        for host in hosts:
            self.ip(
                ROUTER,
                "neigh",
                "replace",
                host,
                "lladdr",
                self.mac(place, "eth0"),
                "dev",
                f"to{place}",
                "nud",
                "permanent",
            )
        self.ip(
            place,
            "neigh",
            "replace",
            way,
            "lladdr",
            self.mac(ROUTER, f"to{place}"),
            "dev",
            "eth0",
            "nud",
            "permanent",
        )

    def mac(self, place: int, device: str) -> str:
        words = [*self.inside(place), "ip", "-br", "link", "show", "dev", device]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[2]

    def shape(self, place: int, *, rate: str, limit: str) -> None:
        """Limit what leaves this place to a rate (`256kbit`) and a queue (`64kb`), at the router.

        A queue on the sender's own machine would not fill: its kernel knows the queue, and holds
        back.
        """
        words = [
            "tc",
            "qdisc",
            "replace",
            "dev",
            self.beyond(place),
            "root",
            "tbf",
            "rate",
            rate,
            "burst",
            "4kb",
            "limit",
            limit,
        ]
        subprocess.run([*self.inside(ROUTER), *words], check=True)

    def unshape(self, place: int) -> None:
        subprocess.run(
            [*self.inside(ROUTER), "tc", "qdisc", "del", "dev", self.beyond(place), "root"],
            check=True,
        )

    def beyond(self, place: int) -> str:
        """The router's device on the other side, away from this place."""
        return f"to{DEVICE if place == GATEWAY else GATEWAY}"

    def swallow(self, host: str) -> None:
        """Drop every packet from or to this host at the router from now on, silently."""
        self.ip(ROUTER, "rule", "add", "from", host, "blackhole")
        self.ip(ROUTER, "rule", "add", "to", host, "blackhole")

    def pass_again(self, host: str) -> None:
        self.ip(ROUTER, "rule", "del", "from", host, "blackhole")
        self.ip(ROUTER, "rule", "del", "to", host, "blackhole")

    def close(self) -> None:
        for sleeper in self.sleepers:
            sleeper.kill()
            sleeper.wait()


@contextmanager
def network() -> Iterator[Network]:
    """Make the three namespaces for the block; their links end with them."""
    found = Network()
    try:
        found.build()
        yield found
    finally:
        found.close()
