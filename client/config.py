"""The node's configuration: one TOML file, fully checked when it is read."""

from __future__ import annotations

import codecs
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from checker import wire
from checker.nearest import nearest
from client.errors import ConfigError
from client.paths import ONLY, PATHS, tunnel_name

T = TypeVar("T")
Reader = Callable[[Any], T]
LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
USER = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,31}\Z")
GATEWAY_ID = re.compile(rf"{wire.GATEWAY_ID}\Z")
HOST_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?\Z")
TOP_KEYS = (
    "node",
    "path",
    "gateway",
    "user",
    "host_key",
    "key",
    "check_every_s",
    "answer_deadline_s",
    "connect_timeout_s",
    "status_file",
    "forward",
)
FORWARD_KEYS = ("port", "target", "public")
GATEWAY_KEYS = ("address", "host_key", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host, as a name or an IP address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A port of the gateway, and the target on this side for its connections."""

    port: int
    target: Address
    public: bool = False
    """Listen on all addresses of the gateway, not only on its loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that a node needs to keep its tunnel."""

    path: Path
    node: str
    gateways: tuple[Address, ...]
    """Tried in this order; of a path, every other one that the file names."""
    user: str
    host_keys: tuple[str, ...]
    """The pinned keys of each gateway that has none of its own; it has one of them."""
    own_host_keys: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    """The pinned keys of single gateways."""
    ids: tuple[str, ...] = ()
    """The ID of the gateway at each of these addresses; "" if the file names none."""
    key: Path
    forwards: tuple[Forward, ...]
    check_every_s: float = 10.0
    answer_deadline_s: float = 8.0
    connect_timeout_s: float = 10.0
    status_file: Path
    path_number: int = ONLY
    """Which of the node's two tunnels this is."""

    @property
    def tunnel(self) -> str:
        """What the tunnel is called on this machine."""
        return tunnel_name(self.node, self.path_number)

    @property
    def home(self) -> str:
        """The ID of the first gateway, where the client belongs; empty if the file names none."""
        return self.ids[0] if self.ids else ""

    def pinned(self, gateway: Address) -> tuple[str, ...]:
        """Return the keys of which this gateway has one."""
        return self.own_host_keys.get(gateway, self.host_keys)


class Table:
    """One table of the file; its errors name the file and the key."""

    def __init__(
        self, path: Path, values: Mapping[str, Any], known: tuple[str, ...], place: str = ""
    ) -> None:
        self.path, self.values, self.place = path, values, place
        for key in values:
            if key not in known:
                near = nearest(key, known, cutoff=0.5)
                hint = f"; did you mean {near}?" if near else f"; the keys are {', '.join(known)}"
                raise ConfigError(path, f"unknown key {place}{key}{hint}")

    def required(self, key: str, read: Reader[T]) -> T:
        """Return the key's value. Raises ConfigError."""
        if key not in self.values:
            raise ConfigError(self.path, f"{self.place}{key} is missing")
        try:
            return read(self.values[key])
        except ValueError as error:
            raise ConfigError(self.path, f"{self.place}{key} {error}") from None

    def optional(self, key: str, read: Reader[T], default: T) -> T:
        """Return the key's value, or the default if the key is missing. Raises ConfigError."""
        return self.required(key, read) if key in self.values else default


def port_of(value: Any) -> int:
    """Return a port number. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536:
        return value
    raise ValueError("must be a port from 1 to 65535")


def path_number_of(value: Any) -> int:
    """Return the number of a path. Raises ValueError."""
    if value in PATHS and not isinstance(value, bool):
        return int(value)
    raise ValueError("must be 1 or 2: which of the node's two tunnels this is")


def truth_of(value: Any) -> bool:
    """Return a boolean. Raises ValueError."""
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def text_of(value: Any) -> str:
    """Return a string that is not empty. Raises ValueError."""
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise ValueError("must be text in quotes, on one line")


def matching(pattern: re.Pattern[str], what: str) -> Reader[str]:
    """Return a reader that accepts only strings that match the pattern."""

    def read(value: Any) -> str:
        if isinstance(value, str) and pattern.match(value):
            return value
        raise ValueError(f"must be {what}")

    return read


def seconds(low: float, high: float) -> Reader[float]:
    """Return a reader that accepts only durations from low to high."""

    def read(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise ValueError(f"must be a number of seconds from {low:g} to {high:g}")

    return read


def is_host(text: str) -> bool:
    """Return whether the text is an IP address or a valid host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) < 254 and not labels[-1].isdigit() and all(map(LABEL.match, labels))
    return True


def address_of(value: Any) -> Address:
    """Parse HOST:PORT or [HOST]:PORT. Raises ValueError."""
    found = (
        re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", value, re.ASCII)
        if isinstance(value, str)
        else None
    )
    host = (found[1] or found[2]) if found else ""
    if found is None or not is_host(host) or not 0 < int(found[3]) < 65536:
        raise ValueError('must be an address such as "gw.example.org:22" or "[2001:db8::1]:22"')
    return Address(host=host, port=int(found[3]))


def some(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return a reader that accepts only lists with at least one item."""

    def read_all(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("must be a list with at least one item")
        try:
            return tuple(map(read, value))
        except ValueError as error:
            raise ValueError(f"has an invalid item: each {error}") from None

    return read_all


def forwards_in(path: Path, values: Any) -> tuple[Forward, ...]:
    """Parse the [[forward]] tables. Raises ConfigError."""
    if (
        not isinstance(values, list)
        or not values
        or not all(isinstance(value, dict) for value in values)
    ):
        raise ConfigError(
            path, "no forward is configured; write a [[forward]] with port and target"
        )
    forwards: list[Forward] = []
    for number, value in enumerate(values, 1):
        table = Table(path, value, FORWARD_KEYS, f"forward {number}: ")
        forward = Forward(
            port=table.required("port", port_of),
            target=table.required("target", address_of),
            public=table.optional("public", truth_of, default=False),
        )
        if forward.port in {other.port for other in forwards}:
            raise ConfigError(path, f"forward {number}: port {forward.port} is used twice")
        forwards.append(forward)
    return tuple(forwards)


read_gateway_id = matching(GATEWAY_ID, "a gateway's ID: 1 to 32 of a-z 0-9 -, as in gw1")
read_host_keys = some(matching(HOST_KEY, 'a public key such as "ssh-ed25519 AAAA..."'))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGateway:
    """What the file says about one address of a gateway."""

    address: Address
    id: str = ""
    """Of the gateway in its fleet; a gateway may have several addresses. Empty: not named."""
    host_keys: tuple[str, ...] = ()
    """Empty: it has none of its own."""


def gateways_in(path: Path, values: Any) -> tuple[NamedGateway, ...]:
    """Parse `gateway`: addresses, or tables with an address, an ID and host keys. Raises
    ConfigError.
    """
    if not isinstance(values, list) or not any(isinstance(value, dict) for value in values):
        found = Table(path, {"gateway": values}, TOP_KEYS).required("gateway", some(address_of))
        return tuple(NamedGateway(address=address) for address in found)
    gateways: list[NamedGateway] = []
    for number, value in enumerate(values, 1):
        given = value if isinstance(value, dict) else {"address": value}
        table = Table(path, given, GATEWAY_KEYS, f"gateway {number}: ")
        address = table.required("address", address_of)
        if any(address == other.address for other in gateways):
            raise ConfigError(path, f"gateway {number}: {address} is named twice")
        gateways.append(
            NamedGateway(
                address=address,
                id=table.optional("id", read_gateway_id, ""),
                host_keys=table.optional("host_key", read_host_keys, ()),
            )
        )
    return tuple(gateways)


def gateways_of_path(
    path: Path, gateways: tuple[NamedGateway, ...], number: int
) -> tuple[NamedGateway, ...]:
    """Return every other gateway, with all its addresses: both tunnels never meet at one. Raises
    ConfigError.
    """
    named = [gateway.id for gateway in gateways if gateway.id]
    if named and len(named) < len(gateways):
        raise ConfigError(
            path,
            "path: give each gateway its id, or none of them; else both tunnels might use one"
            " gateway",
        )
    ids = list(dict.fromkeys(gateway.id or str(gateway.address) for gateway in gateways))
    if len(ids) < len(PATHS):
        raise ConfigError(path, "path: two tunnels need two gateways; name both in gateway")
    mine = ids[number - 1 :: len(PATHS)]
    return tuple(one for one in gateways if (one.id or str(one.address)) in mine)


def parse_config(path: Path, text: str) -> Config:
    """Parse the text of a configuration file. Raises ConfigError.

    Relative paths are relative to the file's directory.
    """
    try:
        top = Table(path, tomllib.loads(text), TOP_KEYS)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, f"not valid TOML: {error}") from None
    if "gateway" not in top.values:
        raise ConfigError(path, "gateway is missing")
    gateways = gateways_in(path, top.values["gateway"])
    number = top.optional("path", path_number_of, ONLY)
    if number != ONLY:
        gateways = gateways_of_path(path, gateways, number)
    pins = {one.address: one.host_keys for one in gateways if one.host_keys}
    keys = (
        top.required("host_key", read_host_keys)
        if "host_key" in top.values or len(pins) < len(gateways)
        else ()
    )
    return Config(
        path=path,
        node=top.required("node", matching(NODE, "a node's name: at most 63 of a-z 0-9 . -")),
        gateways=tuple(one.address for one in gateways),
        ids=tuple(one.id for one in gateways),
        user=top.required("user", matching(USER, "a user name")),
        host_keys=keys,
        own_host_keys=pins,
        path_number=number,
        key=path.parent / top.required("key", text_of),
        forwards=forwards_in(path, top.values.get("forward")),
        check_every_s=top.optional("check_every_s", seconds(0.1, 3600), 10.0),
        answer_deadline_s=top.optional("answer_deadline_s", seconds(0.1, 300), 8.0),
        connect_timeout_s=top.optional("connect_timeout_s", seconds(0.1, 300), 10.0),
        status_file=path.parent / top.optional("status_file", text_of, f"{path.name}.status"),
    )


def decoded(content: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark, or UTF-16 with one: editors and shells of
    Windows write all three. Raises UnicodeDecodeError.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


def load_config(path: Path) -> Config:
    """Read the configuration file, but not yet the private key. Raises ConfigError."""
    try:
        return parse_config(path, decoded(path.read_bytes()))
    except OSError as error:
        raise ConfigError(
            path, f"cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(path, "cannot be read: it is not UTF-8 text") from None


def read_private_key(config: Config) -> bytes:
    """Read the private key's file, which only its owner may read. Raises ConfigError.

    Systemd keeps others out of the directory in which it hands the key over; the group bits of the
    file may show an access control list. Source: systemd.exec(5), LoadCredential=.
    """
    is_handed_over = os.environ.get("CREDENTIALS_DIRECTORY") == str(config.key.parent)
    try:
        with config.key.open("rb") as file:
            mode = stat.S_IMODE(config.key.stat().st_mode)
            content = file.read(65536)
    except OSError as error:
        problem = (
            f"key: the private key {config.key} cannot be read:"
            f" {(error.strerror or str(error)).lower()}"
        )
        raise ConfigError(config.path, problem) from None
    if mode & (0o007 if is_handed_over else 0o077):
        raise ConfigError(
            config.path,
            f"key: other users can read the private key {config.key} (mode {mode:03o}); run: chmod"
            f" 600 {config.key}",
        )
    try:
        return decoded(content).replace("\r\n", "\n").encode()
    except UnicodeDecodeError:
        return content
