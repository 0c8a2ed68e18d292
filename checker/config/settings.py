"""`reversi.toml`: the numbers and names that the admin may set."""

from __future__ import annotations

import ipaddress
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from checker.config.layout import Layout, is_there
from checker.config.toml_file import (
    ConfigError,
    flag_in,
    number_in,
    read_toml,
    refuse_unknown,
    text_in,
    whole_in,
)
from checker.model import (
    MOST_PORTS,
    TEMPLATE_PORT,
    InvalidValue,
    Policy,
    PortRanges,
    SharedKey,
    parse_ranges,
    parse_target,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """The table `[fleet]`: this gateway is one of several that share a registry."""

    name: str
    """This gateway's ID."""
    signed: bool = True
    """Whether entries and cards count only if somebody signed them who may."""
    bus_port: int = 4223
    """Where its nats-server listens for clients, on 127.0.0.1; on 4222 may be another one."""
    return_after_s: float = 600.0
    """Guests are sent home once their own gateway has been well that long; 0: never."""
    return_per_s: float = 5.0
    """How many of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`reversi.toml` with the defaults filled in."""

    tunnel_user: str
    gateway: tuple[str, ...] = ()
    """HOST:PORT at which nodes reach this gateway, in the order to try; empty: where `up` last
    listened.
    """
    operators_group: str = ""
    """Its members may kill, reset, probe and mute, as may root and the daemon's own user."""
    readers_group: str = ""
    """Besides root, only its members may look at an installed gateway; empty: every account may."""
    policy: Policy = field(default_factory=Policy)
    probes_at_once: int = 256
    requests_a_minute: int = 120
    """Most requests of one node; beats do not count."""
    haproxy_reload: str | None = None
    """The command that makes HAProxy reload; None: the one of an installed gateway, and none under
    a home.
    """
    publish_on: tuple[str, ...] = ()
    """The addresses that HAProxy binds; empty: all."""
    shared_key: SharedKey = field(default_factory=SharedKey)
    fleet: FleetSettings | None = None
    """None: this gateway is on its own."""

    def is_closed(self, layout: Layout) -> bool:
        """Whether only root and readers may look; a home is as its owner made it."""
        return bool(self.readers_group) and layout.home is None

    @property
    def tunnel_uid(self) -> int:
        """The tunnel user's uid. Raises InvalidValue."""
        try:
            return pwd.getpwnam(self.tunnel_user).pw_uid
        except (KeyError, ValueError):
            raise InvalidValue(
                f"tunnel_user {self.tunnel_user!r} is not an account here; make it with useradd,"
                " or name another"
            ) from None


POLICY_KEYS = {
    "probe_every_s": (5.0, 3600.0),
    "probe_beating_every_s": (5.0, 3600.0),
    "deadline_s": (0.5, 60.0),
    "strikes": (1, 10),
    "strike_gap_s": (0.5, 60.0),
    "quiet_s": (1.0, 86400.0),
}
"""The numbers of the policy that an admin may set, with their bounds."""
KEYS = (
    "tunnel_user",
    "gateway",
    "operators_group",
    "readers_group",
    "ports",
    "probes_at_once",
    "requests_a_minute",
    "haproxy_reload",
    "publish_on",
    "shared_key",
    "fleet",
    *POLICY_KEYS,
    "console",
    "command",
)
"""The console parses the last two."""
SHARED_KEY_KEYS = ("enabled", "public_key", "ports")
FLEET_KEYS = ("name", "signed", "bus_port", "return_after_s", "return_per_s")


def address_in(path: Path, value: Any) -> str:
    """Parse `HOST:PORT`. Raises ConfigError."""
    try:
        return str(parse_target(text_in(path, "gateway", value), "address"))
    except InvalidValue as error:
        raise ConfigError(path, f"gateway: {error}") from error


def addresses_in(path: Path, value: Any) -> tuple[str, ...]:
    """Parse a list of IP addresses. Raises ConfigError."""
    try:
        if (
            isinstance(value, list)
            and value
            and all(isinstance(one, str) and "%" not in one for one in value)
        ):
            return tuple(str(ipaddress.ip_address(one)) for one in value)
    except ValueError:
        pass
    raise ConfigError(
        path, f"publish_on must be a list of IP addresses, as in ['203.0.113.7'], not {value!r}"
    )


def ports_in(path: Path, value: Any) -> PortRanges:
    """Parse `LOWEST-HIGHEST`, a single port, or a list of such. Raises ConfigError."""
    given = value if isinstance(value, list) else [value]
    try:
        return parse_ranges(
            str(one) if type(one) is int else text_in(path, "ports", one) for one in given
        )
    except InvalidValue as error:
        raise ConfigError(
            path,
            "ports must be LOWEST-HIGHEST, as in '20000-29999', or a list of ranges and ports, as"
            f" in ['20000-29999', '55555']: {error}",
        ) from error


def policy_in(path: Path, table: Mapping[str, Any]) -> Policy:
    """Parse the policy; numbers that are missing get their defaults. Raises ConfigError."""
    defaults = Policy()
    given: dict[str, Any] = {}
    for key, (lowest, highest) in POLICY_KEYS.items():
        if key in table:
            number = number_in(path, key, table[key], lowest, highest)
            whole = isinstance(getattr(defaults, key), int)
            given[key] = (
                whole_in(path, key, number, int(lowest), int(highest)) if whole else float(number)
            )
    if "probe_every_s" in given:
        # who sets one number means all tunnels, as before there were two
        given.setdefault("probe_beating_every_s", given["probe_every_s"])
    if "ports" in table:
        given["ports"] = ports_in(path, table["ports"])
    return Policy(**{**{f.name: getattr(defaults, f.name) for f in fields(defaults)}, **given})


def public_keys_in(path: Path, value: Any) -> tuple[str, ...]:
    """Parse a public key or a list of them. Raises ConfigError."""
    from checker.model import parse_public_key

    try:
        keys = [value] if isinstance(value, str) else value
        return tuple(parse_public_key(text_in(path, "shared_key: public_key", key)) for key in keys)
    except (InvalidValue, TypeError) as error:
        raise ConfigError(
            path, f"shared_key: public_key must be a public key, or a list of them: {error}"
        ) from error


def shared_key_in(path: Path, table: Any, allotted: PortRanges) -> SharedKey:
    """Parse the `[shared_key]` table. Raises ConfigError."""
    if not isinstance(table, dict):
        raise ConfigError(path, "shared_key must be a table; write [shared_key]")
    refuse_unknown(path, "shared_key: ", table, SHARED_KEY_KEYS)
    enabled = table.get("enabled", False)
    if not isinstance(enabled, bool):
        raise ConfigError(path, f"shared_key: enabled must be true or false, not {enabled!r}")
    keys = public_keys_in(path, table["public_key"]) if "public_key" in table else ()
    if enabled and not keys:
        raise ConfigError(
            path,
            "shared_key: public_key is missing; give the line of the .pub file of the devices' key",
        )
    ports = ports_in(path, table["ports"]) if "ports" in table else shared_ports(allotted)
    if len(ports) > MOST_PORTS:
        raise ConfigError(
            path,
            f"shared_key: ports has {len(ports)} ports; sshd accepts at most {MOST_PORTS} on one"
            " key line",
        )
    if enabled and (both := next((port for port in ports if port in allotted), None)):
        raise ConfigError(
            path,
            f"shared_key: ports and ports overlap: both have {both}; registered nodes need ports"
            " that the shared key cannot use",
        )
    return SharedKey(enabled=enabled, public_keys=keys, ports=ports)


def shared_ports(allotted: PortRanges) -> PortRanges:
    """Return the shared key's default ports; an `allotted` port of the original's template stays
    out.
    """
    ports = SharedKey().ports
    return ports.without({TEMPLATE_PORT}) if TEMPLATE_PORT in allotted else ports


def fleet_in(path: Path, table: Any) -> FleetSettings:
    """Parse the `[fleet]` table. Raises ConfigError."""
    from checker.model.gateway_id import parse_gateway_id  # only a fleet needs it

    if not isinstance(table, dict):
        raise ConfigError(path, "fleet must be a table; write [fleet]")
    refuse_unknown(path, "fleet: ", table, FLEET_KEYS)
    if "name" not in table:
        raise ConfigError(path, 'fleet: name is missing; write name = "gw1", this gateway\'s ID')
    try:
        name = parse_gateway_id(text_in(path, "fleet: name", table["name"]))
    except InvalidValue as error:
        raise ConfigError(path, f"fleet: {error}") from error
    after_s = number_in(path, "fleet: return_after_s", table.get("return_after_s", 600), 0, 86400)
    return FleetSettings(
        name=name,
        signed=flag_in(path, "fleet: signed", table.get("signed", True)),
        bus_port=whole_in(path, "fleet: bus_port", table.get("bus_port", 4223), 1, 65535),
        return_after_s=float(after_s),
        return_per_s=float(
            number_in(path, "fleet: return_per_s", table.get("return_per_s", 5), 0.1, 100)
        ),
    )


def load_config(path: Path) -> Config:
    """Read `reversi.toml`; without one, return the defaults. Raises ConfigError."""
    return config_from(path, config_table(path))


def config_table(path: Path) -> dict[str, Any]:
    """Read the table of `reversi.toml`; without one, an empty table. Raises ConfigError."""
    return read_toml(path) if is_there(path) else {}


def config_from(path: Path, table: Mapping[str, Any]) -> Config:
    """Parse the table of `reversi.toml`. Raises ConfigError."""
    refuse_unknown(path, "", table, KEYS)
    gateway = table.get("gateway", [])
    gateway = [gateway] if isinstance(gateway, str) else gateway
    if not isinstance(gateway, list):
        raise ConfigError(path, "gateway must be a list of HOST:PORT")
    policy = policy_in(path, table)
    return Config(
        tunnel_user=(
            text_in(path, "tunnel_user", table["tunnel_user"])
            if "tunnel_user" in table
            else current_user()
        ),
        gateway=tuple(address_in(path, address) for address in gateway),
        operators_group=group_in(path, table, "operators_group"),
        readers_group=group_in(path, table, "readers_group"),
        policy=policy,
        probes_at_once=whole_in(path, "probes_at_once", table.get("probes_at_once", 256), 1, 1024),
        requests_a_minute=whole_in(
            path, "requests_a_minute", table.get("requests_a_minute", 120), 10, 1_000_000
        ),
        haproxy_reload=(
            text_in(path, "haproxy_reload", table["haproxy_reload"])
            if "haproxy_reload" in table
            else None
        ),
        publish_on=addresses_in(path, table["publish_on"]) if "publish_on" in table else (),
        shared_key=shared_key_in(path, table.get("shared_key", {}), policy.ports),
        fleet=fleet_in(path, table["fleet"]) if "fleet" in table else None,
    )


def group_in(path: Path, table: Mapping[str, Any], key: str) -> str:
    """Parse the name of a group; empty if there is none. Raises ConfigError."""
    return text_in(path, key, table[key]) if key in table else ""


def current_user() -> str:
    """The name of the user who runs this process. Raises InvalidValue."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise InvalidValue(
            f"uid {uid} has no name on this machine; set tunnel_user in reversi.toml"
        ) from None
