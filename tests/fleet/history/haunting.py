"""`python -m tests.fleet.history.haunting HOME`: a stolen member on the bus, until it is ended.

Again and again it says what others said before, and in their names what they did not say: without a
signature, and with its own key. It answers in their place, and brings their letters again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checker.config.layout import Layout, home_layout
from checker.config.settings import load_config
from checker.fleet.bus import Bus, BusLost, Login, connect
from checker.fleet.bus_config import AGENT
from checker.fleet.bus_files import password_of
from checker.fleet.identity import Identity, own_identity
from checker.fleet.items import item_text, tunnel_key, tunnel_values
from checker.fleet.past import Past, past_body
from checker.fleet.pulses import parse_pulse, pulse_body
from checker.fleet.sayings import (
    ACT,
    EVENTS,
    PULSE,
    ROWS,
    SIGNATURE_BYTES,
    Rows,
    ask_subject,
    parse_question,
    rows_body,
    say_subject,
    sayer_of,
    unpacked,
)
from checker.model import Event, EventKind, InvalidValue, NodeName, Port, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import Pulse
from tests.fleet.history.plan import GATEWAYS

if TYPE_CHECKING:
    from nats.aio.msg import Msg

ROGUE = "rogue"
"""In everything that it makes up: nobody else says it."""
EVERY_S = 0.3
MOST_KEPT = 2000
AT_ONCE = 12
NOWHERE = "_INBOX.nobody"
LIE = Tunnel(node=NodeName(ROGUE), port=Port(1), status=Status.UP)
HONEST = tuple(GatewayId(id_) for id_ in GATEWAYS[:-1])


@dataclass(kw_only=True)
class Member:
    """What it has, and what it heard."""

    identity: Identity
    heard: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    """Subjects and messages."""
    letters: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    pulses: dict[GatewayId, Pulse] = field(default_factory=dict)
    """The last one of each."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    said: int = 0

    def hear(self, subject: str, message: bytes) -> None:
        """Keep what an honest gateway said."""
        sayer = sayer_of(subject)
        if sayer is None or sayer[0] not in HONEST:
            return
        self.heard.append((subject, message))
        with contextlib.suppress(InvalidValue):  # what it says itself comes back to it
            if sayer[1] == PULSE:
                pulse = parse_pulse(unpacked(message[SIGNATURE_BYTES:]))
                self.pulses.update({} if pulse.version == ROGUE else {sayer[0]: pulse})

    async def listen(self, bus: Bus) -> None:
        """Hear everything, and answer for others. Raises BusLost."""

        async def answer(message: Msg) -> None:
            if message.subject.endswith(f".{ACT}"):
                self.letters.append((message.subject, message.data))
            with contextlib.suppress(InvalidValue):
                nonce = parse_question(message.data).nonce
                rows = Rows(epoch=ROGUE, number=1, nonce=nonce, items=(), is_whole=True)
                lie = self.identity.sealed(message.subject, rows_with_a_lie(rows))
                await bus.say(message.reply or NOWHERE, lie)

        await bus.listen(self.hear)
        for id_ in HONEST:
            await bus.subscribe(ask_subject(id_, "*"), answer)

    async def haunt(self, bus: Bus) -> None:
        """Say one round of it. Raises BusLost."""
        for many in (self.heard, self.letters):
            for subject, message in self.chance.sample(list(many), min(AT_ONCE, len(many))):
                await bus.say(subject, message)
                self.said += 1
        for id_, pulse in self.pulses.items():
            await self.forge(bus, made_up(id_, pulse))

    async def forge(self, bus: Bus, many: Sequence[tuple[str, bytes]]) -> None:
        """Say this without a signature, and with its own. Raises BusLost."""
        for subject, body in many:
            for message in (body, self.identity.sealed(subject, body)):
                await bus.say(subject, message)
                self.said += 1


def made_up(id_: GatewayId, real: Pulse) -> list[tuple[str, bytes]]:
    """Return what this gateway could say next, and does not."""
    number, event = real.number + 1, real.last_event + 1
    pulse = replace(real, beat=real.beat + 1, number=number, last_event=event, version=ROGUE)
    lie = Event(id=event, at=1.0, kind=EventKind.KILL, text=ROGUE, node=LIE.node, port=LIE.port)
    past = Past(epoch=real.epoch, after=real.last_event, last=event, events=(lie,))
    rows = Rows(epoch=real.epoch, number=number, items=())
    bodies = {PULSE: pulse_body(pulse), ROWS: rows_with_a_lie(rows), EVENTS: past_body(past)}
    return [(say_subject(id_, what), body) for what, body in bodies.items()]


def rows_with_a_lie(rows: Rows) -> bytes:
    return rows_body(rows, [item_text(tunnel_key((LIE.node, LIE.port)), tunnel_values(LIE))])


async def stay(layout: Layout) -> None:
    """Connect again whenever the nats-server was broken, and print how much was said."""
    fleet = load_config(layout.config).fleet
    assert fleet is not None
    login = Login(port=fleet.bus_port, user=AGENT, password=password_of(layout, AGENT))
    member = Member(identity=own_identity(layout))
    while True:
        try:
            bus = await connect(login, ROGUE)
            try:
                await member.listen(bus)
                while True:
                    await member.haunt(bus)
                    print(member.said, flush=True)
                    await asyncio.sleep(EVERY_S)
            finally:
                await bus.close()
        except (BusLost, TimeoutError, OSError):
            await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    asyncio.run(stay(home_layout(Path(sys.argv[1]))))
