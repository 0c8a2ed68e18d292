"""What an agent does between two gateways, without a bus: it writes one's mirror of the other."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from checker.config.layout import Layout
from checker.fleet.cards import Card, card_text
from checker.fleet.items import Items, registration_key, tunnel_key
from checker.fleet.mirror import Mirror
from checker.fleet.placement import order_of
from checker.model import NodeName
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.drain_file import read_drain
from checker.state.mirrors import Position, mirror_path
from checker.state.store import open_reader

EVERY_S = 0.3


def make_member(layout: Layout, id_: str, ids: Sequence[str], more: str = "") -> tuple[Card, ...]:
    """Make a gateway one of an unsigned fleet; return the cards."""
    cards = tuple(Card(id=GatewayId(one), rev=1, changed_at=0, changed_by="anna") for one in ids)
    folder = layout.fleet / "gateways"
    folder.mkdir(parents=True)
    for card in cards:
        (folder / f"{card.id}.toml").write_bytes(card_text(card))
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[fleet]\nname = "{id_}"\nsigned = false\n{more}')
    return cards


def name_at(home: str, cards: Sequence[Card], number: int) -> str:
    """Return the name of a node that belongs to this gateway; another one for each number."""
    names = (f"n{number}-{more}" for more in range(1000))
    return next(one for one in names if order_of(NodeName(one), cards)[0].id == home)


@contextlib.contextmanager
def told(teller: Layout, id_: str, hearer: Layout) -> Iterator[Path]:
    """Keep one gateway's mirror of the other up to date during the block."""
    path = mirror_path(hearer, GatewayId(id_))
    path.parent.mkdir(exist_ok=True)
    owner = hearer.config.stat()
    stopping = threading.Event()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            with closing(Mirror(path)) as mirror:
                for file in path.parent.iterdir():
                    os.chown(file, owner.st_uid, owner.st_gid)
                beat = 0
                while not stopping.wait(EVERY_S):
                    beat += 1
                    write(mirror, teller, beat)
        except BaseException as error:  # noqa: BLE001 - shown at the end of the block
            problems.append(error)

    thread = threading.Thread(target=run, name="agent", daemon=True)
    thread.start()
    try:
        yield path
    finally:
        stopping.set()
        thread.join()
    assert not problems, problems


def write(mirror: Mirror, teller: Layout, beat: int) -> None:
    """Write all rows and a pulse."""
    now = time.time()
    with closing(open_reader(teller.state)) as state:
        tunnels, registrations = state.tunnels(), state.registrations()
    items = Items(tunnels=list(tunnels), registrations=list(registrations))
    keys = {registration_key(one) for one in registrations}
    keys |= {tunnel_key((one.node, one.port)) for one in tunnels}
    mirror.put_items(items, None)
    mirror.keep_only(keys, Position(epoch="e", number=beat))
    is_draining = read_drain(teller.drain).drain is not None
    pulse = Pulse(
        epoch="e",
        beat=beat,
        number=beat,
        at=now,
        version="0",
        state="draining" if is_draining else "active",
    )
    mirror.put_pulse(HeardPulse(pulse=pulse, heard_at=now))
