"""The card of a gateway: how nodes and gateways reach it, and by which keys they know it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomli_w

from checker.config.toml_file import MOST_BYTES, ConfigError, number_in, table_in, text_in, whole_in
from checker.model import InvalidValue, parse_public_key, parse_target
from checker.model.gateway_id import GatewayId, parse_gateway_id, parse_signer
from checker.registry.entries import LATEST, MOST_REV, utf8

HEAD = "# A gateway of the fleet, as its card says; reversi-checker fleet card writes it.\n"
MOST_ADDRESSES = 16
PIN = re.compile(r"[0-9a-f]{64}")
CERTIFICATE = re.compile(r"[A-Za-z0-9+/]{4,4096}={0,2}")
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0
CARD_KEYS = (
    "gateway",
    "rev",
    "changed_at",
    "changed_by",
    "state",
    "weight",
    "addresses",
    "host_keys",
    "identity",
    "bus",
    "bus_pin",
    "bus_certificate",
)


class GatewayState(StrEnum):
    """What a gateway is for."""

    ACTIVE = "active"
    """Nodes have it in their order."""
    DRAINING = "draining"
    """It keeps its nodes, and gets no new ones."""
    RESERVED = "reserved"
    """Its keys lie offline; nodes pin them already."""
    REMOVED = "removed"
    """It no longer belongs to the fleet: nobody pins its keys or believes its identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A gateway as its card says."""

    id: GatewayId
    rev: int
    changed_at: int
    """Unix seconds."""
    changed_by: str
    state: GatewayState = GatewayState.ACTIVE
    weight: float = 1.0
    """Its share of the nodes, compared with the others'."""
    addresses: tuple[str, ...] = ()
    """HOST:PORT of its sshd each, in the order to try."""
    host_keys: tuple[str, ...] = ()
    """`TYPE BASE64` each."""
    identity: str = ""
    """The public key with which the gateway signs what it says; empty: it says nothing."""
    bus: str = ""
    """HOST:PORT at which the others reach its nats-server; empty: it is on no bus."""
    bus_pin: str = ""
    """The SHA-256 of its key on the bus, in hexadecimal."""
    bus_certificate: str = ""
    """Its certificate on the bus, in base64."""
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Keys of a later version, which stay."""

    @property
    def bars(self) -> bool:
        return self.state is GatewayState.REMOVED

    @property
    def content(self) -> Card:
        """What it says, whoever says it and when."""
        return replace(self, changed_at=0, changed_by="")


def card_text(card: Card) -> bytes:
    """Render a card. Raises InvalidValue if it could not be read again."""
    table = {
        "gateway": card.id,
        "rev": card.rev,
        "changed_at": card.changed_at,
        "changed_by": card.changed_by,
        "state": card.state.value,
        "weight": card.weight,
        "addresses": list(card.addresses),
        "host_keys": list(card.host_keys),
        **({"identity": card.identity} if card.identity else {}),
        **{key: value for key, value in bus_values(card).items() if value},
        **card.more,
    }
    text = (HEAD + tomli_w.dumps(table)).encode()
    parse_card(text)
    return text


def bus_values(card: Card) -> dict[str, str]:
    return {"bus": card.bus, "bus_pin": card.bus_pin, "bus_certificate": card.bus_certificate}


def matching(key: str, value: str, form: re.Pattern[str]) -> str:
    """Return the value if it has this form or is empty. Raises InvalidValue."""
    if value and not form.fullmatch(value):
        raise InvalidValue(f"{key} is not as fleet card --bus writes it")
    return value


def is_card(text: bytes) -> bool:
    """Return whether this is meant to be a card, and not the entry of a node."""
    return text.startswith(b"gateway = ") or b"\ngateway = " in text.split(b"\n[")[0]


def parse_card(text: bytes) -> Card:
    """Parse a card. Raises InvalidValue."""
    if len(text) > MOST_BYTES:
        raise InvalidValue(f"a card larger than {MOST_BYTES >> 20} MiB is not ours")
    path = Path("card")
    try:
        utf8(text)
        table = table_in(path, text)
        texts = {
            key: text_in(path, key, table[key]) if table.get(key) else ""
            for key in ("identity", "bus", "bus_pin", "bus_certificate")
        }
        return Card(
            id=parse_gateway_id(text_in(path, "gateway", table.get("gateway"))),
            rev=whole_in(path, "rev", table.get("rev"), 1, MOST_REV),
            changed_at=whole_in(path, "changed_at", table.get("changed_at"), 0, LATEST),
            changed_by=parse_signer(text_in(path, "changed_by", table.get("changed_by"))),
            state=state_in(path, table.get("state", "active")),
            weight=float(
                number_in(path, "weight", table.get("weight", 1), LEAST_WEIGHT, MOST_WEIGHT)
            ),
            addresses=tuple(
                str(parse_target(one, "address")) for one in texts_in(path, table, "addresses")
            ),
            host_keys=tuple(map(parse_public_key, texts_in(path, table, "host_keys"))),
            identity=parse_public_key(texts["identity"]) if texts["identity"] else "",
            bus=str(parse_target(texts["bus"], "bus")) if texts["bus"] else "",
            bus_pin=matching("bus_pin", texts["bus_pin"], PIN),
            bus_certificate=matching("bus_certificate", texts["bus_certificate"], CERTIFICATE),
            more={key: value for key, value in table.items() if key not in CARD_KEYS},
        )
    except ConfigError as error:
        raise InvalidValue(str(error)) from error


def state_in(path: Path, value: Any) -> GatewayState:
    try:
        return GatewayState(value)
    except ValueError:
        known = ", ".join(GatewayState)
        raise ConfigError(path, f"state must be one of {known}, not {value!r:.80}") from None


def texts_in(path: Path, table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or len(value) > MOST_ADDRESSES:
        raise ConfigError(path, f"{key} must be a list of at most {MOST_ADDRESSES} texts")
    return [text_in(path, key, one) for one in value]


def known_hosts(card: Card) -> str:
    """Return the lines that pin the gateway's host keys under its own name."""
    return "".join(f"{host_alias(card.id)} {key}\n" for key in card.host_keys)


def host_alias(id_: GatewayId) -> str:
    """Return the name under which ssh knows a gateway, whatever its address is."""
    return f"reversi-{id_}"
