"""The verdict files that beat loops read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from checker.config.files import replace_text
from checker.config.layout import Layout
from checker.daemon.verdicts import Verdicts, clear_verdicts, write_verdicts
from checker.model import NodeName
from checker.tunnels.gateway import Gateway
from tests.checker.tunnels.gateways import gateway_of
from tests.strategies import OFFICE, SESSION, node

BARN = NodeName("barn")


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    made = gateway_of(tmp_path, node())
    made.layout.run.mkdir()
    return made


async def test_a_verdict_is_written_only_where_a_beat_loop_may_read_it(gateway: Gateway) -> None:
    verdicts, place = Verdicts(gateway), gateway.layout.run / OFFICE

    await verdicts.write(OFFICE, BARN)
    assert not place.exists(), "the node has no connection"

    gateway.ledger.sessions[OFFICE].add(SESSION)
    await verdicts.write(OFFICE, BARN)
    assert place.read_text() == "0\n"


async def test_the_verdict_of_an_earlier_daemon_is_cleared_and_followed(gateway: Gateway) -> None:
    verdicts, place = Verdicts(gateway), gateway.layout.run / OFFICE
    replace_text(place, "3600\n")
    inode = place.stat().st_ino

    await verdicts.clear()
    assert place.read_text() == "0\n"
    assert place.stat().st_ino == inode, "another file for each of 30,000 nodes takes too long"

    gateway.sent_away.waits[OFFICE] = 7
    await verdicts.write(OFFICE)
    assert place.read_text() == "7\n"


async def test_files_that_somebody_removed_are_written_again(gateway: Gateway) -> None:
    verdicts, place = Verdicts(gateway), gateway.layout.run / OFFICE
    replace_text(place, "0\n")
    await verdicts.clear()
    place.unlink()

    verdicts.forget()
    await verdicts.write(OFFICE)

    assert place.exists()


async def test_a_verdict_that_comes_back_while_another_is_written_is_written_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts, place = Verdicts(gateway), gateway.layout.run / OFFICE
    replace_text(place, "0\n")
    await verdicts.clear()
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slowly(folder: Path, given: Mapping[NodeName, int]) -> dict[NodeName, str]:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(60)
        return write_verdicts(folder, given)

    monkeypatch.setattr("checker.daemon.verdicts.write_verdicts", slowly)
    gateway.sent_away.waits[OFFICE] = 7
    by_sweep = asyncio.ensure_future(verdicts.write(OFFICE))
    await begun.wait()
    del gateway.sent_away.waits[OFFICE]  # the node registers
    by_hold = asyncio.ensure_future(verdicts.write(OFFICE))
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(by_sweep, by_hold)

    assert place.read_text() == "0\n"


def test_verdicts_that_cannot_be_rewritten_are_removed(layout: Layout, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("7\n")
    (layout.run / OFFICE).symlink_to(other)

    assert clear_verdicts(layout.run, [OFFICE, BARN]) == []

    assert not (layout.run / OFFICE).is_symlink()
    assert other.read_text() == "7\n"
