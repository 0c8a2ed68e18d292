"""Mirrors over a real bus: three nats-servers and three agents on this machine."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from checker.config.settings import load_config
from checker.control.fleet_rows import seen_everywhere
from checker.fleet.bus import BusLost, Login, connect
from checker.fleet.bus_config import AGENT, READER
from checker.fleet.bus_files import bus_folder, password_of
from checker.fleet.identity import own_identity
from checker.fleet.items import item_text, tunnel_key, tunnel_values
from checker.fleet.pulses import pulse_body
from checker.fleet.sayings import PULSE, ROWS, Rows, ask_subject, rows_body, say_subject
from checker.model import Event, EventKind, NodeName, Port, ProcessId, Registration, Status, Tunnel
from checker.model.pulse import HeardPulse, Pulse
from checker.state.rows import Batch
from tests.fleet.buses import WITHIN_S, Station, stations, until_connected
from tests.programs import require
from tests.system.waiting import until

if TYPE_CHECKING:
    from nats.aio.client import Client

EVIL = Tunnel(node=NodeName("evil"), port=Port(1), status=Status.UP)
OLD_S = 8.0
"""A pulse comes every two seconds."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    require("nats-server")
    folder = tmp_path_factory.mktemp("bus")
    with redirect_stdout(StringIO()), stations(folder, ("gw1", "gw2", "gw3")) as found:
        until_connected(found)
        yield found


def login(station: Station, user: str, password: str | None = None) -> Login:
    fleet = load_config(station.layout.config).fleet
    assert fleet is not None
    given = password_of(station.layout, user) if password is None else password
    return Login(port=fleet.bus_port, user=user, password=given)


def holder_of_barn(station: Station) -> str:
    """The gateway that holds it, as this one shows it."""
    seen = seen_everywhere(station.layout, {}, 20.0, time.time())
    return seen.where[NodeName("barn"), Port(20000)].gateway if seen else ""


def both_of(rows: dict[str, str]) -> dict[str, str]:
    """Leave out what other tests have written."""
    return {name: status for name, status in rows.items() if name in ("barn", "office")}


def test_what_changes_at_one_gateway_appears_in_the_mirrors_of_the_others(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    session = ProcessId(pid=4711, start_ticks=5)
    held = Registration(
        node=NodeName("barn"), instance="w.1", session=session, peer="192.0.2.1", registered_at=9.0
    )
    event = Event(at=10.0, kind=EventKind.KILL, text="why", node=NodeName("barn"), actor="anna")
    gw1.see("barn", Status.UP)
    gw1.see("office", Status.UP)
    gw1.store.write(Batch(registrations=[held], events=[event]))
    for one in (gw2, gw3):
        until(
            lambda one=one: both_of(one.rows_of(gw1)) == {"barn": "up", "office": "up"},  # type: ignore[misc]
            f"both rows at {one.id}",
            within_s=WITHIN_S,
        )

    gw1.see("barn", Status.HUNG)
    gw1.store.write(Batch(forgotten=[(NodeName("office"), Port(20000))]))

    for one in (gw2, gw3):
        until(
            lambda one=one: both_of(one.rows_of(gw1)) == {"barn": "hung"},  # type: ignore[misc]
            f"the changed row at {one.id}",
            within_s=WITHIN_S,
        )
        until(
            lambda one=one: one.read(gw1, lambda mirror: mirror.registrations()) == (held,),  # type: ignore[misc]
            f"the connection at {one.id}",
            within_s=WITHIN_S,
        )
        until(
            lambda one=one: (
                [  # type: ignore[misc]
                    (found.text, found.actor)
                    for found in one.read(gw1, lambda mirror: mirror.events()) or ()
                    if found.kind is EventKind.KILL
                ]
                == [("why", "anna")]
            ),
            f"the event at {one.id}",
            within_s=WITHIN_S,
        )
        assert (pulse := one.pulse_of(gw1)) is not None
        assert pulse.pulse.state == "active"
        assert holder_of_barn(one) == gw1.id


def is_older(silent: HeardPulse | None, present: HeardPulse | None) -> bool:
    """Return whether one gateway was heard for a while after the other."""
    return bool(silent and present and present.heard_at > silent.heard_at + OLD_S)


def test_an_agent_that_was_killed_goes_stale_and_catches_up_when_it_is_back(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    until_connected(fleet)
    gw2.kill_agent()
    until(
        lambda: is_older(gw1.pulse_of(gw2), gw1.pulse_of(gw3)),
        "gw2 falls silent, and gw1 goes on hearing gw3",
        within_s=WITHIN_S,
    )
    dead = gw1.pulse_of(gw2)
    gw2.see("meanwhile", Status.DOWN)
    gw1.see("meanwhile", Status.WRONG)

    gw2.start_agent()
    until_connected(fleet)

    assert dead is not None
    until(lambda: "meanwhile" in gw1.rows_of(gw2), "what happened meanwhile", within_s=WITHIN_S)
    until(lambda: "meanwhile" in gw2.rows_of(gw1), "what it missed", within_s=WITHIN_S)
    now = gw1.pulse_of(gw2)
    assert now is not None
    assert now.pulse.epoch != dead.pulse.epoch


def test_an_agent_gets_over_a_nats_server_that_hung(fleet: list[Station]) -> None:
    gw1, gw2, gw3 = fleet
    until_connected(fleet)
    assert gw3.bus is not None
    assert gw3.agent is not None
    log = gw3.home / "agent.log"
    joined, lost = (
        log.read_text(encoding="utf-8").count(words)
        for words in ("on the bus as gw3", "does not answer")
    )

    gw3.bus.send_signal(signal.SIGSTOP)
    until(
        lambda: log.read_text(encoding="utf-8").count("does not answer") > lost,
        "the agent throws its connection away",
        within_s=WITHIN_S,
    )
    gw1.see("meanwhile2", Status.DOWN)
    until(
        lambda: "meanwhile2" in gw2.rows_of(gw1), "the others go on without it", within_s=WITHIN_S
    )
    assert "meanwhile2" not in gw3.rows_of(gw1)
    gw3.bus.send_signal(signal.SIGCONT)

    until(lambda: "meanwhile2" in gw3.rows_of(gw1), "what it missed", within_s=WITHIN_S)
    until_connected(fleet)
    assert gw3.agent.poll() is None
    assert log.read_text(encoding="utf-8").count("on the bus as gw3") > joined


async def thief_at(station: Station, password: str | None = None) -> Client:
    """Come in at a gateway's own nats-server, as its agent does."""
    return (await connect(login(station, AGENT, password), "thief")).client


def test_a_member_cannot_speak_for_another_one_at_an_honest_server(fleet: list[Station]) -> None:
    gw1, gw2, _ = fleet
    before = gw2.rows_of(gw1)

    async def try_it() -> list[str]:
        refused: asyncio.Queue[str] = asyncio.Queue()

        async def note(error: Exception) -> None:
            refused.put_nowait(str(error).lower())

        client = await thief_at(gw2)
        client._error_cb = note
        await client.publish(say_subject(gw1.id, ROWS), b"x")
        await client.subscribe(ask_subject(gw1.id, ROWS))
        async with asyncio.timeout(WITHIN_S):
            said = [await refused.get(), await refused.get()]
        await client.close()
        with pytest.raises(BusLost):
            await connect(login(gw2, READER, password="guessed"), "thief")
        return said

    published, subscribed = asyncio.run(try_it())

    assert "permissions violation for publish" in published
    assert "permissions violation for subscription" in subscribed
    assert gw2.rows_of(gw1) == before


def test_what_a_stolen_member_forges_changes_no_mirror(fleet: list[Station]) -> None:
    gw1, gw2, gw3 = fleet
    until_connected(fleet)
    open_the_doors(gw3)  # whoever has a gateway also has the configuration of its nats-server
    until_connected(fleet)
    before = gw2.rows_of(gw1)
    pulse = gw2.pulse_of(gw1)
    assert pulse is not None

    asyncio.run(forge(gw1, gw3, pulse.pulse))

    gw1.see("honest", Status.UP)
    until(lambda: "honest" in gw2.rows_of(gw1), "what gw1 itself says", within_s=WITHIN_S)
    assert gw2.rows_of(gw1) == {**before, "honest": "up"}
    heard = gw2.pulse_of(gw1)
    assert heard is not None
    assert heard.pulse.epoch == pulse.pulse.epoch
    assert heard.pulse.version == pulse.pulse.version
    until(
        lambda: "speaks for gateway gw1" in (gw2.home / "agent.log").read_text(encoding="utf-8"),
        "the log of gw2 says so",
        within_s=WITHIN_S,
    )


def open_the_doors(station: Station) -> None:
    """Let its own agent's user say and hear everything, and restart its nats-server."""
    config = bus_folder(station.layout) / "nats.conf"
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    opened = [
        line.partition(", permissions")[0] + "}\n" if f"user: {AGENT}," in line else line
        for line in lines
    ]
    config.write_text("".join(opened), encoding="utf-8")
    assert station.bus is not None
    station.bus.terminate()
    station.bus.wait()
    station.start_bus()


async def forge(gw1: Station, stolen: Station, real: Pulse) -> None:
    """Say what gw1 did not say, in each way that the thief has; and answer in its place."""
    identity = own_identity(stolen.layout)
    rows = Rows(epoch=real.epoch, number=real.number + 1, items=())
    evil = rows_body(rows, [item_text(tunnel_key((EVIL.node, EVIL.port)), tunnel_values(EVIL))])
    lie = pulse_body(
        Pulse(epoch="evil", beat=1 << 40, number=1 << 40, at=1.0, version="evil", state="active")
    )
    client = await thief_at(stolen)
    recorded: list[bytes] = []

    async def record(message: object) -> None:
        recorded.append(message.data)  # type: ignore[attr-defined]

    async def answer(message: object) -> None:
        await message.respond(identity.sealed(ask_subject(gw1.id, ROWS), evil))  # type: ignore[attr-defined]

    await client.subscribe(say_subject(gw1.id, PULSE), cb=record)
    await client.subscribe(ask_subject(gw1.id, "*"), cb=answer)
    for what, body in ((ROWS, evil), (PULSE, lie)):
        subject = say_subject(gw1.id, what)
        await client.publish(subject, body)
        await client.publish(subject, identity.sealed(subject, body))
        own = say_subject(stolen.id, what)
        await client.publish(subject, identity.sealed(own, body))
    async with asyncio.timeout(WITHIN_S):
        while not recorded:  # noqa: ASYNC110 - another task of nats-py fills it
            await asyncio.sleep(0.05)
    for _ in range(3):
        await client.publish(say_subject(gw1.id, PULSE), recorded[0])
        await client.publish(say_subject(gw1.id, ROWS), recorded[0])
    await client.flush(timeout=150)
    await client.close()


def test_only_the_loopback_takes_clients_and_nothing_watches_the_server(
    fleet: list[Station],
) -> None:
    gw1 = fleet[0]
    assert gw1.bus is not None

    listens = {
        (one.laddr.ip, one.laddr.port)
        for one in psutil.Process(gw1.bus.pid).net_connections()
        if one.status == psutil.CONN_LISTEN
    }

    assert {ip for ip, _ in listens} == {"127.0.0.1"}
    assert len(listens) == 2


def test_a_server_whose_certificate_is_on_no_card_gets_no_route(
    fleet: list[Station], tmp_path: Path
) -> None:
    gw1 = fleet[0]
    log = gw1.home / "nats.log"
    with (
        redirect_stdout(StringIO()),
        stations(tmp_path, ("gw2", "gw9"), are_started=False) as (stranger, _),
    ):
        trust(stranger, gw1)

        stranger.start_bus()

        until(
            lambda: "certificate signed by unknown authority" in log.read_text(encoding="utf-8"),
            "gw1 refuses the route",
            within_s=WITHIN_S,
        )
    assert gw1.pulse_of(fleet[1]) is not None


def trust(stranger: Station, gw1: Station) -> None:
    """Have a stranger's nats-server take that of gw1 for one of its own."""
    folder, theirs = bus_folder(stranger.layout), bus_folder(gw1.layout)
    (folder / "members.pem").write_bytes((theirs / "cert.pem").read_bytes())
    lines = (theirs / "nats.conf").read_text(encoding="utf-8")
    address = lines.partition('listen: "')[2].partition('"')[0]
    text = (folder / "nats.conf").read_text(encoding="utf-8")
    left = [
        f'routes: ["nats-route://{address}"]\n' if "routes: [" in line else line
        for line in text.splitlines(keepends=True)
        if "pinned_certs" not in line
    ]
    (folder / "nats.conf").write_text("".join(left), encoding="utf-8")
