"""The configuration of a gateway's nats-server, as text. Pure.

Clients come in on 127.0.0.1 only. Routes between gateways are mutual TLS: each side shows a
self-signed certificate, and both must be on a card.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checker.fleet.cards import Card
from checker.fleet.sayings import ASK, MOST_PACKED, SAY
from checker.model import parse_target
from checker.model.gateway_id import GatewayId
from checker.registry.bucket_values import ALL, CREATE, GET, INFO, UPDATE

KEY_FILE, CERTIFICATE_FILE, MEMBERS_FILE = "key.pem", "cert.pem", "members.pem"
CONFIG_FILE = "nats.conf"
AGENT, READER, EDITOR = "agent", "reader", "editor"
USERS = (AGENT, READER, EDITOR)
CLUSTER = "reversi"
ROUTE_PORT = 6223
"""Where the others reach a nats-server, if its card does not say: 6222 may be another one's."""
SYNCS_SINCE = (2, 10)
"""The version of nats-server that can flush each write. Source: docs.nats.io, JetStream."""
MOST_STORED = 512 << 20
"""Room to make the bucket once more: one whose files are damaged keeps what it reserved."""
VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)\.([0-9]+)")
Version = tuple[int, int, int]
HEAD = """\
# The nats-server of a gateway in a fleet. reversi-checker fleet card --bus writes this file, and
# again whenever a card changes: do not edit it. Start it in the directory of this file.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPlan:
    """What the configuration follows from."""

    own: Card
    others: Sequence[Card]
    port: int
    """For clients, on 127.0.0.1."""
    passwords: dict[str, str]
    """Of each of USERS."""
    store: str
    """The directory of JetStream."""
    version: Version | None
    """Of the nats-server that is installed; None: unknown."""


def parse_version(text: str) -> Version | None:
    """Return the version in what `nats-server --version` prints."""
    found = VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def on_the_bus(cards: Iterable[Card]) -> list[Card]:
    """Return the cards of gateways that have a nats-server."""
    return [one for one in cards if one.bus and one.bus_pin and one.bus_certificate]


def members_pem(cards: Iterable[Card]) -> str:
    """Return the certificates of these gateways, as a nats-server reads them."""
    return "".join(pem(one) for one in cards)


def pem(card: Card) -> str:
    text = card.bus_certificate
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def bus_config(plan: BusPlan) -> str:
    """Render the configuration."""
    return f"""{HEAD}server_name: {quoted(plan.own.id)}
host: 127.0.0.1
port: {plan.port}
max_payload: {2 * MOST_PACKED}
max_connections: 64
jetstream {{
  store_dir: {quoted(plan.store)}
  max_memory_store: 16777216
  max_file_store: {MOST_STORED}
{syncing(plan.version)}}}
{cluster(plan)}authorization {{
  timeout: 5
  users: [
{users(plan)}  ]
}}
"""


def cluster(plan: BusPlan) -> str:
    """Return the part about routes. Without others there is none: JetStream of nats-server 2.9
    does not start in a cluster without routes.
    """
    if not plan.others:
        return ""
    pins = [one.bus_pin for one in (plan.own, *plan.others)]
    routes = [f"nats-route://{one.bus}" for one in plan.others]
    return f"""cluster {{
  name: {CLUSTER}
  listen: {quoted(route_listen(plan.own.bus))}
  no_advertise: true
  advertise: {quoted(plan.own.bus)}
  routes: {json.dumps(routes)}
  tls {{
    cert_file: {CERTIFICATE_FILE}
    key_file: {KEY_FILE}
    ca_file: {MEMBERS_FILE}
    verify: true
    pinned_certs: {json.dumps(pins)}
    timeout: 10
  }}
}}
"""


def syncing(version: Version | None) -> str:
    return "  sync_interval: always\n" if version and version[:2] >= SYNCS_SINCE else ""


def route_listen(bus: str) -> str:
    """Return where to listen for the others: on all addresses, as theirs may be translated; on the
    loopback if the card says so, as in a lab.
    """
    target = parse_target(bus)
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return f"0.0.0.0:{target.port}"
    if address.is_loopback:
        return bus
    return f"[::]:{target.port}" if address.version == 6 else f"0.0.0.0:{target.port}"


def users(plan: BusPlan) -> str:
    rights = {
        AGENT: agent_rights(plan.own.id),
        READER: reader_rights(),
        EDITOR: editor_rights(),
    }
    return "".join(
        f"    {{user: {name}, password: {quoted(plan.passwords[name])},"
        f" permissions: {rights[name]}}}\n"
        for name in USERS
    )


def agent_rights(id_: GatewayId) -> str:
    return json.dumps(
        {
            "publish": [f"{SAY}.{id_}.>", f"{ASK}.>", ALL, INFO, GET, CREATE, UPDATE],
            "subscribe": [f"{SAY}.>", f"{ASK}.{id_}.>", ALL, "_INBOX.>"],
            "allow_responses": True,
        }
    )


def reader_rights() -> str:
    return json.dumps(
        {
            "publish": [f"{ASK}.*.rows", f"{ASK}.*.past", INFO, GET],
            "subscribe": [f"{SAY}.>", ALL, "_INBOX.>"],
        }
    )


def editor_rights() -> str:
    """Return what an editor's machine may do: post entries, watch, and ask for acts; say nothing in
    the name of a gateway.
    """
    return json.dumps(
        {
            "publish": [f"{ASK}.>", ALL, INFO, GET],
            "subscribe": [f"{SAY}.>", ALL, "_INBOX.>"],
        }
    )


def quoted(text: str) -> str:
    return json.dumps(text)
