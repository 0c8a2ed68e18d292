"""Which host keys are compared next, and what is remembered of them, without a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.model import HOSTKEY, Forward, NodeName, Port, ShownKey, Status, Tunnel
from checker.state.ledger import Ledger
from checker.tunnels.comparer import Comparer
from checker.tunnels.comparisons import EVERY_S, Failure
from checker.tunnels.host_key_exchange import NotShown, Showed
from checker.tunnels.watch import Watcher
from tests.strategies import FORWARD, NOW, OFFICE, PORT, SESSION, free_port, public_key

KEY, OTHER = public_key(7), public_key(8)
ASKED = replace(FORWARD, expect=HOSTKEY, host_key=KEY)
SHOWN = ShownKey(node=OFFICE, port=PORT, key=KEY, pinned=KEY, session=SESSION, at=NOW)


@pytest.fixture
def comparer(tmp_path: Path) -> Comparer:
    layout = home_layout(tmp_path)
    return Comparer(Watcher(layout, Config(tunnel_user=current_user()), Ledger(layout, None)))


def up(comparer: Comparer, *forwards: Forward) -> None:
    """Let these be the forwards that expect their host key, all up."""
    for one in forwards:
        comparer.ledger.put(
            Tunnel(node=one.node, port=one.port, status=Status.UP, session=SESSION, probed_at=NOW)
        )
    comparer.use(forwards)


def test_what_was_never_compared_comes_first_and_what_is_under_way_not_at_all(
    comparer: Comparer,
) -> None:
    new, old, busy = (replace(ASKED, port=Port(port)) for port in (20003, 20001, 20002))
    up(comparer, new, old, busy, replace(FORWARD, port=Port(20004)))
    comparer.ledger.put_shown(replace(SHOWN, port=old.port))
    comparer.running.add((OFFICE, busy.port))

    assert comparer.due(NOW) == [(OFFICE, 20003)]
    assert comparer.due(NOW + EVERY_S) == [(OFFICE, 20003), (OFFICE, 20001)]


def test_what_was_found_is_remembered_and_a_success_ends_the_failures(comparer: Comparer) -> None:
    up(comparer, ASKED)
    place = (OFFICE, PORT)

    comparer.note(ASKED, place, NotShown("closed"), SESSION)
    failed = comparer.watcher.key_failures[place]
    assert (failed.times, comparer.known(ASKED, place)) == (1, ("", "closed"))

    comparer.note(ASKED, place, Showed(OTHER), SESSION)

    assert comparer.watcher.key_failures == {}
    assert comparer.ledger.shown[place].key == OTHER
    assert comparer.known(ASKED, place)[0].endswith(" is pinned")


def test_failures_of_forwards_that_are_gone_are_forgotten(comparer: Comparer) -> None:
    up(comparer, ASKED)
    failure = Failure(session=SESSION, at=NOW, times=1, reason="closed")
    comparer.watcher.key_failures = {
        (OFFICE, PORT): failure,
        (NodeName("gone"), PORT): failure,
    }

    comparer.use([ASKED])

    assert comparer.watcher.key_failures == {(OFFICE, PORT): failure}


async def test_nothing_is_asked_on_a_port_that_no_session_of_ours_holds(
    comparer: Comparer,
) -> None:
    visits = 0

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        port = Port(server.sockets[0].getsockname()[1])
        for one in (replace(ASKED, port=port), replace(ASKED, port=free_port())):
            comparer.use([one])
            await comparer.for_operator(one)

    assert visits == 0
    assert comparer.ledger.shown == {}
    assert comparer.running == set()
