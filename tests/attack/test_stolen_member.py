"""A stolen member of a fleet: it has an identity key, the passwords of its bus and a certificate.

It has no operator's key. So it can lie about itself, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.settings import load_config
from checker.control.bringing import NobodyThere
from checker.control.post import post_of
from checker.fleet.apply import apply
from checker.fleet.bus import Login, connect
from checker.fleet.bus_config import AGENT
from checker.fleet.bus_files import bus_folder, password_of
from checker.fleet.card_files import card_path, identity_path
from checker.fleet.cards import Card, GatewayState, card_text, parse_card
from checker.fleet.identity import own_identity
from checker.fleet.placing import CardPlacing
from checker.fleet.sayings import (
    ACT,
    EVENTS,
    PAST,
    PULSE,
    ROWS,
    SAY,
    ask_subject,
    say_subject,
    signed_part,
)
from checker.fleet.sealed import Sealed
from checker.model import NodeName, Status, Verb
from checker.model.gateway_id import GatewayId
from checker.registry.bucket_values import BEGIN, GATEWAY, NODE, Key
from checker.registry.entries import entry_text, parse_entry
from checker.registry.entry_files import entry_path, signature_path
from checker.registry.reading import read_registry
from checker.signatures import SigningKey, sign
from checker.state.mirrors import mirror_path
from tests.fleet.buses import WITHIN_S, Station, stations, until_connected
from tests.fleet.test_bus import open_the_doors
from tests.letters import GW1, GW2, letter, signed
from tests.programs import require
from tests.system.conftest import sbin
from tests.system.waiting import until

__all__ = ["sbin"]
pytestmark = pytest.mark.sshd
FLOOD = 3000
BARN = NodeName("barn")
BOMB = b"\1" + zlib.compress(bytes(200 << 20), 9)
"""200 MiB of zeros."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    """Three gateways, the third of which was stolen: its nats-server obeys the thief."""
    require("nats-server")
    with (
        redirect_stdout(StringIO()),
        stations(tmp_path_factory.mktemp("stolen"), ("gw1", "gw2", "gw3")) as found,
    ):
        add(found[0], "barn")
        add(found[0], "shed")
        bring_all(found[0], found[1:])
        until_connected(found)
        open_the_doors(found[2])
        until_connected(found)
        yield found


def key_of_anna(station: Station) -> Path:
    return station.home.parent / "people" / "anna"


def do(station: Station, *words: str) -> None:
    assert run(["--home", str(station.home), *words]) == 0, words


def add(station: Station, name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(station.home)
        do(station, "node", "add", name, "--forward", "127.0.0.1:22,banner:SSH-2.0")
    do(station, "node", "sign", name, "--key", str(key_of_anna(station)))


def bring_all(giver: Station, takers: list[Station]) -> None:
    folder = giver.home / "export"
    do(giver, "fleet", "export", str(folder))
    for taker in takers:
        do(taker, "fleet", "import", str(folder))


def login(station: Station) -> Login:
    fleet = load_config(station.layout.config).fleet
    assert fleet is not None
    return Login(port=fleet.bus_port, user=AGENT, password=password_of(station.layout, AGENT))


def by_identity(station: Station, text: bytes, signer: str) -> Sealed:
    """Sign with the identity key, in somebody's name."""
    key = SigningKey(signer=signer, file=identity_path(station.layout))
    return Sealed(text=text, signature=sign([text], key)[0])


def card_of(station: Station, id_: str) -> Card:
    return parse_card(card_path(station.layout, GatewayId(id_)).read_bytes())


# --- entries and cards


def higher_entry(thief: Station) -> bytes:
    """The next revision of a node, with another note."""
    entry = parse_entry(entry_path(thief.layout, NodeName("barn")).read_bytes())
    assert entry.node is not None
    head = replace(entry.head, rev=entry.head.rev + 1)
    return entry_text(head, replace(entry.node, note="rogue"), entry.body)


def tombstone(thief: Station) -> bytes:
    entry = parse_entry(entry_path(thief.layout, NodeName("barn")).read_bytes())
    return entry_text(replace(entry.head, rev=entry.head.rev + 1), None)


def removed_card(thief: Station) -> bytes:
    card = card_of(thief, "gw1")
    return card_text(replace(card, rev=card.rev + 1, state=GatewayState.REMOVED))


def card_with_own_pin(thief: Station) -> bytes:
    """The card of another gateway, with the thief's identity, address and certificate."""
    card, own = card_of(thief, "gw1"), card_of(thief, "gw3")
    return card_text(
        replace(
            own,
            id=card.id,
            rev=card.rev + 1,
            changed_by=card.changed_by,
            changed_at=card.changed_at,
        )
    )


Make = Callable[[Station], bytes]
FORGED: Mapping[str, Make] = {
    "an entry": higher_entry,
    "a tombstone": tombstone,
    "a removed card": removed_card,
    "a card with its own pin and identity": card_with_own_pin,
}


@pytest.mark.parametrize("signer", ["anna", "gw3"])
@pytest.mark.parametrize("what", list(FORGED))
def test_what_an_identity_key_signs_is_neither_an_entry_nor_a_card(
    fleet: list[Station], what: str, signer: str
) -> None:
    gw1, gw2, thief = fleet
    text = FORGED[what](thief)
    text = text.replace(b'changed_by = "anna"', f'changed_by = "{signer}"'.encode())
    for one in (gw1, gw2):
        before = files_of(one)

        (said,) = apply(one.layout, [by_identity(thief, text, signer)])

        assert said.is_trouble
        assert f"no signature of {signer} counts here" in said.text
        assert files_of(one) == before


def test_the_signature_of_another_entry_does_not_count(fleet: list[Station]) -> None:
    gw1, _, thief = fleet
    other = signature_path(entry_path(thief.layout, NodeName("shed"))).read_bytes()
    before = files_of(gw1)

    (said,) = apply(gw1.layout, [Sealed(text=higher_entry(thief), signature=other)])

    assert "no signature of anna counts here" in said.text
    assert files_of(gw1) == before


def files_of(station: Station) -> dict[str, bytes]:
    """All entries, cards and nodes, and the keys that sshd accepts."""
    layout = station.layout
    places = [layout.nodes, layout.fleet / "nodes", layout.fleet / "gateways"]
    found = [path for place in places for path in sorted(place.iterdir()) if path.is_file()]
    return {str(path): path.read_bytes() for path in (*found, layout.authorized_keys)}


# --- what it says on the bus


def under_its_own_name(thief: Station) -> list[tuple[str, bytes]]:
    """Messages with its genuine signature, each of which could harm whoever reads it."""
    identity = own_identity(thief.layout)
    far = {"epoch": "f" * 64, "number": (1 << 63) - 1, "beat": (1 << 63) - 1, "at": 2.0**32}
    bodies = (
        b"",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"epoch": ' + b"9" * 100_000 + b"}",
        b'{"epoch": NaN, "number": Infinity}',
        b'{"epoch": "x", "number": 1e400, "items": []}',
        json.dumps({**far, "version": "\x1b[2J", "state": "active"}).encode(),
        json.dumps({**far, "version": "9", "state": "active", "counts": {"up": -5}}).encode(),
        json.dumps({**far, "version": "9", "state": "active", "load": 10**400}).encode(),
        json.dumps({"epoch": "f", "number": -1, "items": {}}).encode(),
        json.dumps({"epoch": "f", "number": 1, "items": [["t"] * 1000] * 1000}).encode(),
    )
    found = []
    for what in (PULSE, ROWS, EVENTS, "something"):
        subject = say_subject(thief.id, what)
        found += [(subject, identity.sealed(subject, body)) for body in bodies]
        found.append((subject, identity.key.sign(signed_part(subject, BOMB)) + BOMB))
        found.append((subject, b"x"))
    return found


def under_odd_subjects(thief: Station) -> list[tuple[str, bytes]]:
    """Messages of nobody, and of gateways with odd names."""
    identity = own_identity(thief.layout)
    subjects = [
        f"{SAY}.{name}" for name in ("", "gw3", "gw3.a.b", "..pulse", "../x.pulse", "gw9.x")
    ]
    valid = [one for one in subjects if ".." not in one and not one.endswith(".")]
    return [(one, identity.sealed(one, b"{}")) for one in valid]


def odd_values() -> list[tuple[str, bytes]]:
    """Values for the bucket that are neither an entry nor a card, and look like one."""
    by_anna = 'changed_at = 1\nchanged_by = "anna"\n'
    large = f"1{'0' * 400}"
    texts = {
        Key(kind=GATEWAY, name="gw2"): f'gateway = "gw2"\nrev = 99\n{by_anna}identity = 7\n',
        Key(kind=NODE, name="barn"): f'[entry]\nnode = "barn"\nrev = {large}\n{by_anna}',
        Key(kind=NODE, name="odd"): f"probe_beating_every_s = {large}\n"
        f'[entry]\nnode = "odd"\nrev = 1\n{by_anna}',
    }
    return [(key.subject, f"\n{text}".encode() + BEGIN) for key, text in texts.items()]


async def flood(thief: Station) -> None:
    """Say all of it, then answer questions to others, then flood everybody."""
    bus = await connect(login(thief), "thief")
    client = bus.client
    identity = own_identity(thief.layout)
    lie = b'{"epoch": "e", "number": 1, "items": [], "nonce": "0"}'

    async def answer(message: object) -> None:
        subject = message.subject  # type: ignore[attr-defined]
        await message.respond(identity.sealed(subject, lie))  # type: ignore[attr-defined]

    for id_ in (GW1, GW2):
        await client.subscribe(ask_subject(id_, "*"), cb=answer)
    for subject, message in (*under_its_own_name(thief), *under_odd_subjects(thief)):
        await client.publish(subject, message)
    await client.flush(timeout=150)
    for subject, value in odd_values():
        await client.publish(subject, value)
    for number in range(FLOOD):
        await client.publish(say_subject(GW1, ROWS), b"x" * 1000)
        await client.publish(say_subject(thief.id, PULSE), b"x" * 1000)
        for what in (ROWS, PAST):
            await client.publish(ask_subject(GW1, what), b'{"nonce": "n"}', reply="_INBOX.nobody")
        if number % 100 == 0:
            await client.flush(timeout=150)
    await client.flush(timeout=150)
    await bus.close()


def test_nothing_that_it_says_stops_the_others(fleet: list[Station]) -> None:
    gw1, gw2, thief = fleet
    agents = [one.agent.pid for one in (gw1, gw2) if one.agent is not None]
    rows = gw2.rows_of(gw1)

    asyncio.run(flood(thief))

    gw1.see("after-the-flood", Status.UP)
    until(
        lambda: gw2.rows_of(gw1) == {**rows, "after-the-flood": "up"},
        "gw2 hears gw1",
        within_s=WITHIN_S,
    )
    until_connected([gw1, gw2])
    assert [one.agent.pid for one in (gw1, gw2) if one.agent and one.agent.poll() is None] == agents
    pulse = gw1.pulse_of(thief)
    assert pulse is None or "\x1b" not in pulse.pulse.version
    for one in (gw1, gw2):
        known = {path.stem for path in one.layout.mirrors.glob("*.db")}
        assert known <= {"gw1", "gw2", "gw3"}
        assert "Traceback" not in (one.home / "agent.log").read_text(encoding="utf-8")


# --- letters


async def post(thief: Station, to: GatewayId, content: bytes) -> bytes:
    """Bring a letter over the bus, past the agent of any gateway."""
    bus = await connect(login(thief), "thief")
    try:
        return await bus.ask(ask_subject(to, ACT), content, WITHIN_S, lambda answer: answer)
    finally:
        await bus.close()


def test_letters_of_a_thief_reach_only_a_daemon_that_verifies_them(fleet: list[Station]) -> None:
    gw1, _, thief = fleet
    forged = signed(letter(gateway=GW1, verb=Verb.KILL), identity_path(thief.layout))

    answer = asyncio.run(post(thief, GW1, forged))
    huge = asyncio.run(post(thief, GW1, b"x" * (200 << 10)))

    # without a daemon nobody acts: what a daemon says to such letters is in test_letters.py
    assert b"no daemon runs there" in answer
    assert b"it is too long for a letter" in huge
    assert gw1.agent is not None
    assert gw1.agent.poll() is None


# --- the end of it; the last test, as it removes the thief


def test_a_removed_member_loses_its_pin_its_identity_and_its_place(fleet: list[Station]) -> None:
    gw1, gw2, thief = fleet
    until_connected(fleet)
    placing = placing_of(gw1)
    placing.active()
    assert thief.id in placing.orders([BARN])[BARN]
    own_card = card_path(thief.layout, thief.id)
    old = Sealed(text=own_card.read_bytes(), signature=signature_path(own_card).read_bytes())

    do(gw1, "fleet", "remove", "gw3", "--yes", "--key", str(key_of_anna(gw1)))
    bring_all(gw1, [gw2])

    for one in (gw1, gw2):
        config = (bus_folder(one.layout) / "nats.conf").read_text(encoding="utf-8")
        assert card_of(thief, "gw3").bus_pin not in config
        members = (bus_folder(one.layout) / "members.pem").read_text(encoding="ascii")
        assert members.count("BEGIN CERTIFICATE") == 2
        until(
            lambda one=one: not mirror_path(one.layout, thief.id).exists(),  # type: ignore[misc]
            f"{one.id} forgets what the thief said",
            within_s=WITHIN_S,
        )
        restart_bus(one)
    until_connected([gw1, gw2])
    for one in (gw1, gw2):
        log = one.home / "nats.log"
        before = log.read_text(encoding="utf-8")
        until(
            lambda log=log, before=before: "TLS" in log.read_text("utf-8")[len(before) :],  # type: ignore[misc]
            f"{one.id} refuses its route",
            within_s=WITHIN_S,
        )
        assert not mirror_path(one.layout, thief.id).exists()
        (said,) = apply(one.layout, [old])
        assert "a newer one is here" in said.text
    with pytest.raises(NobodyThere, match="has no card here that counts"):
        post_of(gw1.layout)(thief.id, b"")
    for one in (gw1, gw2):
        placing = placing_of(one)
        assert placing.active() == {"gw1", "gw2"}
        assert [sorted(order) for order in placing.orders([BARN]).values()] == [["gw1", "gw2"]]
    assert set(read_registry(gw2.layout.nodes).nodes) == {"barn", "shed"}


def placing_of(station: Station) -> CardPlacing:
    settings = load_config(station.layout.config).fleet
    assert settings is not None
    return CardPlacing(station.layout, settings)


def restart_bus(station: Station) -> None:
    """Restart the nats-server, as root's service does when a card changes."""
    assert station.bus is not None
    station.bus.terminate()
    station.bus.wait()
    station.start_bus()
