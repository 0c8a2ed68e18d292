"""The ports that the kernel takes for outgoing connections."""

from __future__ import annotations

from pathlib import Path

from checker.model import parse_ranges

SETTINGS = Path("/proc/sys/net/ipv4")


def ephemeral_ports() -> tuple[range, frozenset[int]]:
    """Return the ephemeral range, and the ports that the kernel now reserves. Source:
    ip-sysctl.rst, ip_local_port_range and ip_local_reserved_ports.
    """
    low, high = (SETTINGS / "ip_local_port_range").read_text(encoding="ascii").split()
    reserved = (SETTINGS / "ip_local_reserved_ports").read_text(encoding="ascii").strip()
    return range(int(low), int(high) + 1), frozenset(
        parse_ranges(reserved.split(",")) if reserved else ()
    )
