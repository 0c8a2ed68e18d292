"""Split the bus of three gateways silently, each in a network namespace of its own, and mend it.

    python -m tests.fleet.splitting FOLDER

Two of three go on editing over the bus; the third one cannot, and pushes over SSH. Only what
nats-servers send to each other is dropped. It needs namespaces that end with it, which
test_split.py makes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from checker.control.fleet_rows import seen_everywhere
from checker.fleet.card_files import good_cards
from checker.linux.processes import is_alive
from checker.model import ProcessId, parse_target
from checker.registry.reading import read_registry
from checker.rows.gateways import GatewayView
from tests.fleet.history.network import ip, pairs_of
from tests.fleet.history.posting import put
from tests.fleet.history.world import Site, World, world
from tests.system.waiting import until

ALONE = "gw3"
WITHIN_S = 120.0


def bus_port(site: Site) -> int:
    (card,) = [one.card for one in good_cards(site.gateway.layout) if one.card.id == site.id]
    return parse_target(card.bus).port


@contextmanager
def bus_cut(made: World, id_: str) -> Iterator[None]:
    """Drop what goes over the routes of one nats-server, whichever side opened them."""
    rules = [
        f"from {made.network.host(source)} to {made.network.host(target)} ipproto tcp {end}"
        f" {bus_port(made.sites[of])} blackhole"
        for pair in pairs_of(id_)
        for source, target in (pair, pair[::-1])
        for end, of in (("dport", target), ("sport", source))
    ]
    for rule in rules:
        ip("rule", "add", *rule.split())
    try:
        yield
    finally:
        for rule in rules:
            ip("rule", "del", *rule.split())


def views(site: Site) -> list[GatewayView]:
    """What a gateway knows of the others."""
    seen = seen_everywhere(site.gateway.layout, {}, 20.0, time.time())
    return [one for one in seen.gateways if not one.is_here] if seen else []


def unreachable(site: Site) -> set[str]:
    return {one.id for one in views(site) if one.is_cut_off(time.time())}


def stale(site: Site) -> set[str]:
    """The nodes whose rows are stale at a gateway."""
    lines = site.do("status").stdout.splitlines()
    return {line.split()[0] for line in lines if "(stale)" in line}


def steady(*sites: Site) -> set[str]:
    """The nodes whose tunnels are held at these gateways."""
    return {device.node for site in sites for device in site.steady}


def nodes(site: Site) -> set[str]:
    return set(read_registry(site.gateway.layout.nodes).nodes)


def all_sessions(made: World) -> dict[str, ProcessId]:
    """The process of each tunnel that nobody touches."""
    found = {}
    for site in made.all:
        for device in site.steady:
            session = site.session(device.node)
            assert session is not None
            assert is_alive(session)
            found[device.node] = session
    return found


def has_looked_for_all(site: Site) -> bool:
    with closing(site.gateway.state()) as state:
        probed = {one.node for one in state.tunnels() if one.probed_at}
    return probed == nodes(site)


def until_settled(made: World) -> None:
    """Wait until each gateway has looked for all tunnels, and hears the others later: a tunnel that
    was lost here later than a gateway fell silent is down, and not stale.
    """
    for site in made.all:
        until(
            lambda site=site: has_looked_for_all(site),  # type: ignore[misc]
            f"{site.id} has looked for all",
            within_s=WITHIN_S,
        )
    now = time.time()
    for site in made.all:
        until(
            lambda site=site: sum((one.pulse_at or 0) > now for one in views(site)) == 2,  # type: ignore[misc]
            f"{site.id} hears all",
            within_s=WITHIN_S,
        )


def until_both_sides_notice(made: World) -> None:
    """Each shows its own side live, and the other one stale."""
    gw1, gw2, gw3 = made.all
    until(lambda: unreachable(gw1) == {ALONE}, "gw1 misses gw3", within_s=WITHIN_S)
    until(lambda: unreachable(gw3) == {"gw1", "gw2"}, "gw3 is alone", within_s=WITHIN_S)
    for site, others in ((gw1, (gw3,)), (gw3, (gw1, gw2))):
        assert stale(site) == steady(*others), site.do("status").stdout


def add(site: Site, name: str) -> str:
    """Register a node at a gateway; return what it says about it."""
    done = site.do("node", "add", name, "--forward", "127.0.0.1:22,banner:SSH-2.0")
    assert done.returncode == 0, done.stderr
    return done.stderr


def check(made: World) -> None:
    gw1, gw2, gw3 = made.all
    until_settled(made)
    until(lambda: put(gw1.gateway, []) == 3, "all have the bucket", within_s=WITHIN_S)
    before = all_sessions(made)
    with bus_cut(made, ALONE):
        began = time.monotonic()
        until_both_sides_notice(made)
        print(f"both sides noticed after {time.monotonic() - began:.0f} s")
        until(lambda: put(gw1.gateway, []), "two of three have the bucket", within_s=WITHIN_S)
        assert "posted on the bus" in add(gw1, "many")
        until(lambda: "many" in nodes(gw2), "two of three go on", within_s=WITHIN_S)
        assert "another gateway may take the same port" in add(gw3, "few")
        assert "few" not in nodes(gw1)
        pushed = gw3.push()
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
        assert "few" in nodes(gw1) & nodes(gw2), "SSH passes, so push brings it"
        assert unreachable(gw1) == {ALONE}, "the bus is still split"
        assert all_sessions(made) == before
    for site in made.all:
        until(
            lambda site=site: {"few", "many"} <= nodes(site),  # type: ignore[misc]
            f"{site.id} has both",
            within_s=WITHIN_S,
        )
    until_settled(made)
    assert not unreachable(gw1) | unreachable(gw3)
    assert not stale(gw1) | stale(gw3)
    assert all_sessions(made) == before


def main() -> None:
    with world(Path(sys.argv[1]), can_split=True) as made:
        check(made)
    print("healed")


if __name__ == "__main__":
    main()
