"""What the reader knows beside the rows: hours, connections, unregistered, barred."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.layout import Layout
from checker.control.background import Background
from checker.model import Flaps, Hour, Node, NodeName, Port, Registration, Unregistered, Watched
from checker.registry.file_stamps import signs
from checker.registry.snapshot import write_copy
from checker.rows.from_registry import barred_words
from checker.rows.row import HOURS, NOTHING_MORE, Row
from checker.rows.uptimes import first_day
from checker.state.rows import Batch
from checker.state.store import open_reader
from reversi_tui.reader.registry import Registered
from reversi_tui.reader.source import Source
from tests.reversi_tui.console.states import FORWARDS, NOW, SEEN, demo_home, dependencies, write
from tests.strategies import public_key

HOUR = int(NOW // 3600)
ATTIC = (NodeName("attic"), Port(20010))


def rows(source: Source) -> dict[tuple[str, int], Row]:
    """All rows, once nothing more is reported."""
    found: dict[tuple[str, int], Row] = {}
    while report := source.step():
        found.update({row.key: row for row in report.changed})
    return found


def reading(layout: Layout, now: list[float]) -> Source:
    return Source(replace(dependencies(layout), now=lambda: now[0]))


def again(source: Source) -> dict[tuple[str, int], Row]:
    source.background.next_connections = source.background.next_hours = (
        source.registered.next_poll
    ) = 0.0
    return rows(source)


def hour(ago: int, up_s: float, watched_s: float = 100.0) -> Hour:
    return Hour(node=ATTIC[0], port=ATTIC[1], hour=HOUR - ago, up_s=up_s, watched_s=watched_s)


def test_the_last_hours_have_their_places_and_move_on_with_the_clock(tmp_path: Path) -> None:
    layout, now = demo_home(tmp_path), [NOW]
    write(
        layout,
        Batch(hours=(hour(0, 50.0), hour(1, 100.0), hour(HOURS - 1, 0.0), hour(HOURS, 100.0))),
    )
    source = reading(layout, now)

    first = rows(source)[ATTIC].known.hours
    assert len(first) == HOURS
    assert (first[0], first[-2], first[-1], first[1]) == (0.0, 1.0, 0.5, None)

    now[0] += 3600
    moved = again(source)[ATTIC].known.hours
    assert (moved[-3], moved[-2], moved[-1], moved[0]) == (1.0, 0.5, None, None)
    source.close()


def test_the_last_7_and_30_days_are_shares_of_the_time_watched(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    ago = {0: (90.0, 100.0), 6: (100.0, 100.0), 7: (0.0, 50.0), 29: (0.0, 50.0), 30: (0.0, 900.0)}
    days = [
        (*ATTIC, Watched(day=first_day(NOW, back + 1), up_s=up_s, watched_s=watched_s))
        for back, (up_s, watched_s) in ago.items()
    ]
    write(layout, Batch(uptime=days))
    source = reading(layout, [NOW])

    found = rows(source)

    assert (found[ATTIC].known.week, found[ATTIC].known.month) == (0.95, 0.6333)
    assert found[NodeName("barn"), Port(20011)].known.week is None
    source.close()


def test_hours_come_back_when_the_clock_does(tmp_path: Path) -> None:
    layout, now = demo_home(tmp_path), [NOW]
    write(layout, Batch(hours=(hour(0, 50.0), hour(2, 100.0))))
    source = reading(layout, now)
    before = rows(source)[ATTIC].known.hours

    now[0] += 10 * 86400
    assert again(source)[ATTIC].known.hours == ()
    now[0] = NOW

    assert again(source)[ATTIC].known.hours == before
    source.close()


def test_the_present_hour_is_read_again_and_only_the_row_that_changed_is_reported(
    tmp_path: Path,
) -> None:
    layout, now = demo_home(tmp_path), [NOW]
    write(layout, Batch(hours=(hour(0, 100.0),)))
    source = reading(layout, now)
    rows(source)

    write(layout, Batch(hours=(hour(0, 0.0),)))

    changed = again(source)
    assert list(changed) == [ATTIC]
    assert changed[ATTIC].known.hours[-1] == 0.5
    source.close()


def test_the_connection_and_the_flaps_of_a_node_are_known(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    session = SEEN[0].session
    assert session
    held = Registration(
        node=ATTIC[0],
        instance="loft",
        session=session,
        peer="p",
        registered_at=NOW,
        client="reversi-0.1.0/x",
    )
    write(layout, Batch(registrations=(held,), flaps=((ATTIC[0], Flaps(count=3, last_at=NOW)),)))
    source = reading(layout, [NOW])

    known = rows(source)[ATTIC].known

    assert (known.instance, known.client, known.flaps) == ("loft", "reversi-0.1.0/x", 3)
    source.close()


def test_a_key_that_came_is_known_at_the_next_poll_and_one_that_went_is_forgotten(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    barn = (NodeName("barn"), Port(20011))
    flaps = Flaps(count=3, last_at=NOW)
    write(layout, Batch(flaps=((ATTIC[0], flaps), (barn[0], flaps))))
    background = Background()

    with closing(open_reader(layout.state)) as state:
        assert background.poll(state, NOW, {ATTIC}) == {ATTIC}
        assert background.poll(state, NOW, {ATTIC}) == set()
        assert background.poll(state, NOW, {ATTIC, barn}) == {barn}
        assert background.poll(state, NOW, {barn}) == set()

    assert background.known(barn).flaps == 3
    assert background.known(ATTIC) == NOTHING_MORE


def test_a_stranger_is_a_row_while_it_is_there(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    stranger = Unregistered(
        node=NodeName("kiosk"),
        port=Port(50001),
        expect=FORWARDS[0].expect,
        first_at=NOW,
        last_at=NOW,
        calls_itself="Kiosk",
    )
    source = reading(layout, [NOW])
    assert ("kiosk", 50001) not in rows(source)

    write(layout, Batch(unregistered=(stranger,)))
    row = again(source)["kiosk", 50001]
    assert (row.unregistered, row.calls_itself) == (True, "Kiosk")
    write(layout, Batch(gone=(stranger,)))
    again(source)

    assert ("kiosk", 50001) not in source.keys()  # noqa: SIM118 - not a mapping
    source.close()


def test_who_may_not_listen_has_one_word_for_it() -> None:
    def node(name: str, *, enabled: bool = True, expires: str | None = None) -> Node:
        return Node(
            name=NodeName(name),
            public_key=public_key(1),
            forwards=(),
            added_at=0,
            enabled=enabled,
            expires=expires,
        )

    nodes = {
        n.name: n
        for n in (
            node("a"),
            node("b", enabled=False),
            node("c", expires="2030-01-01"),
            node("d", expires="2030-01-02"),
        )
    }

    assert barred_words(nodes, "2030-01-01") == {"b": "disabled", "c": "expired"}


def test_another_day_bars_a_node_whose_key_expires_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = demo_home(tmp_path)
    file = layout.nodes / "attic.toml"
    file.write_text(file.read_text().replace("added_at", 'expires = "2030-01-02"\nadded_at', 1))
    monkeypatch.setattr("reversi_tui.reader.registry.today", lambda: "2030-01-01")
    source = reading(layout, [NOW])
    assert rows(source)[ATTIC].barred == ""

    monkeypatch.setattr("reversi_tui.reader.registry.today", lambda: "2030-01-02")

    assert {key: row.barred for key, row in again(source).items()} == {ATTIC: "expired"}
    source.close()


def test_the_daemons_copy_is_read_in_place_of_the_files_where_it_is_true(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    layout.run.mkdir(exist_ok=True)
    other = Node(name=NodeName("copied"), public_key=public_key(1), forwards=(), added_at=0)
    write_copy(layout, MappingProxyType({other.name: other}), signs(layout.nodes)[0], public=False)
    registered = Registered(layout)

    assert registered.poll()
    assert set(registered.nodes) == {"copied"}

    (layout.nodes / "attic.toml").unlink()
    assert registered.poll()
    assert "barn" in registered.nodes
