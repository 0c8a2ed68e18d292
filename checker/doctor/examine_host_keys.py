"""The host keys of sshd, those that devices pin, and where sshd listens."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.facts import GatewayFacts, HostKeyFacts, SshdFacts
from checker.model import CheckerError
from checker.registry.nodes import Registry
from checker.registry.pin_files import pins_of
from checker.sshd.gateway_ports import unheard_here
from checker.sshd.host_key_files import host_keys
from checker.sshd.host_keys import as_pin, offered
from checker.sshd.key_scan import scan_all


def host_key_facts(layout: Layout, registry: Registry, sshd: SshdFacts | None) -> HostKeyFacts:
    keys = known_keys(layout, sshd)
    pinned = {name: pins_of(layout, node) for name, node in registry.nodes.items()}
    return HostKeyFacts(
        known=frozenset(map(as_pin, keys)),
        offered=frozenset(map(as_pin, offered(keys))),
        pinned={name: pins for name, pins in pinned.items() if pins},
    )


def known_keys(layout: Layout, sshd: SshdFacts | None) -> tuple[str, ...]:
    """Return sshd's host keys; nothing if sshd was not asked, or does not say."""
    if sshd is None or not sshd.effective:
        return ()
    try:
        found = host_keys(layout)
    except CheckerError:
        return ()
    return () if found.doubt else found.keys


def gateway_facts(layout: Layout, config: Config, sshd: SshdFacts | None) -> GatewayFacts:
    """Compare the gateway's addresses with the sockets here. If a port is not listened on, a host
    key that the address answers with shows that something passes the port on to sshd.
    """
    if not config.gateway:
        return GatewayFacts(are_missing=layout.home is None)
    if sshd is None or not sshd.effective:
        return GatewayFacts()
    silent = unheard_here(config.gateway, sshd.effective)
    elsewhere = [one.gateway for one in silent if not one.is_own]
    keys = known_keys(layout, sshd) if elsewhere else ()
    confirmed = {
        scan.address
        for scan in scan_all(elsewhere)
        if scan.keys and scan.strange(keys) != scan.keys
    }
    return GatewayFacts(
        are_checked=True, unheard=tuple(one for one in silent if one.gateway not in confirmed)
    )
