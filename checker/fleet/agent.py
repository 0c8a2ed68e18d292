"""The agent of a fleet: say what this gateway sees, and mirror what the others say.

It has no rights here: it reads the state file and writes mirrors. If it hangs or dies, no tunnel
notices; this gateway's rows turn stale elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import psutil

from checker import __version__
from checker.config.layout import Layout
from checker.control.bringing import NobodyThere
from checker.fleet.acting import Acting
from checker.fleet.answering import Answering
from checker.fleet.believed import believed, members
from checker.fleet.bus import Bus, BusLost, Login, connect
from checker.fleet.bus_config import AGENT, EDITOR, on_the_bus
from checker.fleet.card_files import good_cards
from checker.fleet.gaps import pause_s
from checker.fleet.identity import Identity
from checker.fleet.letter_box import hand_over
from checker.fleet.looking import Look, Looking
from checker.fleet.member import Member
from checker.fleet.mirror import remove_mirror
from checker.fleet.past import Past, past_body
from checker.fleet.post import keep_post
from checker.fleet.pulses import PULSE_EVERY_S, pulse_body
from checker.fleet.sayings import (
    ACT,
    EVENTS,
    PAST,
    PULSE,
    ROWS,
    Rows,
    ask_subject,
    rows_body,
    say_subject,
    sayer_of,
)
from checker.fleet.sending import send
from checker.fleet.syncing import Syncing
from checker.fleet.telling import Teller, Told
from checker.model import CheckerError
from checker.model.gateway_id import GatewayId
from checker.model.pulse import Pulse
from checker.state.ages import is_material
from checker.state.drain_file import read_drain
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path, mirrored

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
CARDS_EVERY_S = 10.0
PROVED_EVERY_S = 5.0
SILENT_AFTER_S = 15.0
"""We hear our own pulse. If that stops, the connection is a black hole, whatever it says."""
MIB = 1 << 20
SENDERS = (AGENT, EDITOR)
ONLY_WATCHES = (
    "was not asked: with reader.password this machine only watches; to act, copy editor.password of"
    " a gateway beside it, and start fleet serve again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who runs this agent."""

    layout: Layout
    id: GatewayId
    login: Login
    signed: bool
    identity: Identity | None
    """None: it only watches."""

    @property
    def may_send(self) -> bool:
        """Whether the bus lets us ask another gateway for an act."""
        return self.login.user in SENDERS


@dataclass(slots=True, kw_only=True)
class Voice:
    """What this gateway says, and when it said something last. Times do not jump."""

    teller: Teller
    look: Look = field(default_factory=Look)
    beat: int = 0
    pulsed_at: float = float("-inf")


class Agent:
    """`run` works until it is cancelled."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.looking = Looking(role.layout.state)
        self.voice = Voice(teller=new_teller())
        self.bus: Bus | None = None
        self.heard_self_at = time.monotonic()
        self.members: dict[GatewayId, Member] = {}
        self.tasks: dict[GatewayId, asyncio.Task[None]] = {}
        self.keys: dict[GatewayId, str] = {}
        """The identity of each other gateway, as its card says."""
        hand = partial(hand_over, role.layout)
        self.acting = Acting(role.identity, hand) if role.identity is not None else None
        self.last_trouble = ""
        self.syncing = syncing_of(role) if role.identity is not None else None

    async def run(self) -> None:
        """Raises LibraryMissing."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.every(CARDS_EVERY_S, lambda: self.renew_members(group)))
                group.create_task(self.every(LOOK_EVERY_S, self.turn))
                group.create_task(self.stay_connected())
                group.create_task(self.keep_post())
                if self.syncing is not None:
                    group.create_task(asyncio.to_thread(self.syncing.run), name="registry")
        finally:
            if self.syncing is not None:
                self.syncing.stop.set()
            self.looking.close()

    async def every(self, seconds: float, do: Callable[[], object]) -> None:
        """Do it again and again; what cannot be done now is logged."""
        while True:
            try:
                await do()  # type: ignore[misc]
            except (CheckerError, StateError) as error:
                self.complain(error)
            await asyncio.sleep(seconds)

    def complain(self, error: CheckerError) -> None:
        """Log a trouble, but not again and again."""
        if str(error) != self.last_trouble:
            self.last_trouble = str(error)
            log.warning("%s", error)

    # --- the connection

    async def stay_connected(self) -> None:
        """Keep one connection to the bus; after each failure a new one, with back-off."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self.use_a_connection()
            except BusLost as error:
                failures = 1 if time.monotonic() - began > SILENT_AFTER_S else failures + 1
                self.complain(error)
            await asyncio.sleep(pause_s(failures, was_news=True))

    async def use_a_connection(self) -> None:
        """Use a connection until it is lost. Raises BusLost, LibraryMissing."""
        bus = await connect(self.role.login, f"reversi {self.role.id}")
        try:
            await bus.listen(self.hear)
            if self.role.identity is not None:
                answering = self.answering(self.role.identity)
                for what in (ROWS, PAST):
                    await bus.answer(ask_subject(self.role.id, what), answering.answer)
                if self.acting is not None:
                    await bus.answer_each(ask_subject(self.role.id, ACT), self.acting.answer)
            await bus.prove()
            log.info("on the bus as %s", self.role.id)
            self.last_trouble = ""
            self.heard_self_at = time.monotonic()
            self.bus = bus
            while True:
                await asyncio.sleep(PROVED_EVERY_S)
                await bus.prove()
                self.refuse_silence()
        finally:
            self.bus = None
            await bus.close()

    def answering(self, identity: Identity) -> Answering:
        return Answering(
            self.role.id,
            identity,
            self.looking,
            teller=lambda: self.voice.teller,
            beat=lambda: self.voice.beat,
        )

    def refuse_silence(self) -> None:
        """Raise BusLost if our own pulse does not come back."""
        is_silent = time.monotonic() - self.heard_self_at > SILENT_AFTER_S
        if self.role.identity is not None and is_silent:
            raise BusLost("the nats-server on this machine passes nothing on; connecting again")

    def hear(self, subject: str, content: bytes) -> None:
        """Pass a message on to what mirrors its gateway."""
        said = sayer_of(subject)
        if said is None:
            return
        id_, what = said
        if id_ == self.role.id:
            if what == PULSE:
                self.heard_self_at = time.monotonic()
        elif id_ in self.members:
            self.members[id_].hear(what, subject, content)

    # --- letters

    async def keep_post(self) -> None:
        """Take letters from operators of this machine; without that, all else goes on."""
        try:
            await keep_post(self.role.layout, self.send)
        except CheckerError as error:
            self.complain(error)

    async def send(self, id_: GatewayId, content: bytes) -> bytes:
        """Send a letter to another gateway. Raises NobodyThere, NoAnswer."""
        if not self.role.may_send:
            raise NobodyThere(ONLY_WATCHES)
        if id_ not in self.keys:
            raise NobodyThere("has no card here that counts; see: reversi-checker fleet status")
        if self.bus is None:
            raise NobodyThere("cannot be reached: the nats-server of this machine does not answer")
        return await send(self.bus, id_, self.keys[id_], content)

    # --- the others

    async def renew_members(self, group: asyncio.TaskGroup) -> None:
        """Follow the cards: who is new, who is gone, who has another key."""
        cards = await asyncio.to_thread(good_cards, self.role.layout)
        keys = self.keys = believed(members(cards, signed=self.role.signed), self.role.id)
        for id_ in [id_ for id_, one in self.members.items() if keys.get(id_) != one.identity]:
            await self.drop(id_)
        for id_ in [id_ for id_ in mirrored(self.role.layout) if id_ not in keys]:
            remove_mirror(mirror_path(self.role.layout, id_))
        for id_, key in keys.items():
            if id_ not in self.members:
                try:
                    member = await asyncio.to_thread(self.member, id_, key)
                except CheckerError as error:
                    self.complain(error)
                    continue
                self.members[id_] = member
                self.tasks[id_] = group.create_task(member.run(), name=f"mirror of {id_}")

    def member(self, id_: GatewayId, key: str) -> Member:
        return Member(id_, key, mirror_path(self.role.layout, id_), lambda: self.bus)

    async def drop(self, id_: GatewayId) -> None:
        """Forget a gateway, and what it said under this key."""
        del self.members[id_]
        task = self.tasks.pop(id_)
        task.cancel()
        await asyncio.wait({task})
        remove_mirror(mirror_path(self.role.layout, id_))

    # --- ourselves

    async def turn(self) -> None:
        """Look at the state file, and say what is due. Raises StateError."""
        if self.role.identity is None:
            return
        now = time.monotonic()
        look = await asyncio.to_thread(self.looking.look, now)
        self.take(look)
        bus = self.bus
        if bus is None:
            return
        try:
            await self.say_rows(bus, self.role.identity, now)
            await self.say_events(bus, self.role.identity)
            if now - self.voice.pulsed_at >= PULSE_EVERY_S - LOOK_EVERY_S / 2:
                self.voice.pulsed_at = now
                await self.say_pulse(bus, self.role.identity)
        except BusLost as error:
            self.complain(error)

    def take(self, look: Look) -> None:
        """Have the teller know what the look found."""
        voice = self.voice
        if look.is_anew:
            voice.teller = new_teller()
            voice.beat = 0
        teller = voice.teller
        teller.see_tunnels(look.tunnels)
        if look.places is not None:
            teller.see_places(look.places)
        if look.registrations is not None:
            teller.see_registrations(look.registrations)
        if look.unregistered is not None:
            teller.see_unregistered(look.unregistered)
        if look.is_anew:
            teller.settle()
        voice.look = look

    async def say(self, bus: Bus, identity: Identity, what: str, body: bytes) -> None:
        """Raises BusLost, InvalidValue."""
        subject = say_subject(self.role.id, what)
        await bus.say(subject, identity.sealed(subject, body))

    async def say_rows(self, bus: Bus, identity: Identity, now: float) -> None:
        told: Told | None = self.voice.teller.message(now)
        if told is not None:
            rows = Rows(epoch=self.voice.teller.epoch, number=told.number, items=())
            await self.say(bus, identity, ROWS, rows_body(rows, told.items))

    async def say_events(self, bus: Bus, identity: Identity) -> None:
        events = self.voice.look.events
        if events:
            past = Past(
                epoch=self.voice.teller.epoch,
                after=events[0].id - 1,  # none in between: they are numbered without gaps
                last=events[-1].id,
                events=events,
            )
            await self.say(bus, identity, EVENTS, past_body(past))

    async def say_pulse(self, bus: Bus, identity: Identity) -> None:
        self.voice.beat += 1
        await self.say(bus, identity, PULSE, pulse_body(self.pulse()))

    def pulse(self) -> Pulse:
        look, teller = self.voice.look, self.voice.teller
        drains = read_drain(self.role.layout.drain).drain is not None
        return Pulse(
            epoch=teller.epoch,
            beat=self.voice.beat,
            number=teller.number,
            at=time.time(),
            version=__version__,
            state="draining" if drains else "active",
            revision=look.revision,
            swept_at=look.sweep.swept_at if look.sweep else None,
            every_s=look.sweep.every_s if look.sweep else 0.0,
            last_event=look.last_event,
            load=os.getloadavg()[0],
            free_mb=psutil.virtual_memory().available // MIB,
            counts=teller.counts(),
        )


def syncing_of(role: Role) -> Syncing:
    def on_it() -> frozenset[str]:
        cards = members(good_cards(role.layout), signed=role.signed)
        return frozenset(one.id for one in on_the_bus(cards.values()))

    return Syncing(role.layout, role.login, is_signing=role.signed, members=on_it)


def new_teller() -> Teller:
    return Teller(epoch=secrets.token_hex(8), is_material=is_material)
