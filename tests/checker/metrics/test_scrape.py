"""Scrapes of real files, and their text; reading.py and exposition.py are covered here too."""

from __future__ import annotations

import gc
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from checker.config.layout import Layout, home_layout
from checker.metrics.exposition import exposition
from checker.metrics.families import Per, families
from checker.metrics.reading import Reader
from checker.metrics.scrape import scrape
from checker.model import Event, EventKind, Registration, Unregistered, parse_expect
from checker.registry.file_stamps import signs
from checker.registry.node_file import node_toml
from checker.registry.snapshot import write_copy
from checker.state.errors import StateCorrupt
from checker.state.rows import Batch, Sweep
from checker.state.store import open_reader, open_store
from tests.checker.cli.homes import UP
from tests.checker.metrics.fleets import FLEET, SAMPLE
from tests.programs import require
from tests.strategies import NOW, OFFICE, PORT, SESSION, node

COUNTED = (EventKind.KILL, EventKind.REFUSED, EventKind.REFUSED, EventKind.CLONE)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path)
    made.nodes.mkdir()
    made.run.mkdir()
    write(made, "office")
    return made


def write(layout: Layout, name: str, number: int = 1, port: int = PORT) -> None:
    content = node_toml(node(name, number, (port,)))
    (layout.nodes / f"{name}.toml").write_bytes(content)


def batch(**more: object) -> Batch:
    known: dict[str, object] = {
        "tunnels": [UP],
        "sweep": Sweep(pid=1, swept_at=NOW, every_s=30.0),
        "events": [Event(at=NOW, kind=kind, text="") for kind in COUNTED],
        "registrations": [
            Registration(
                node=OFFICE,
                instance="i",
                session=SESSION,
                peer="192.0.2.1:1",
                registered_at=NOW,
                client="bundle-0.2.0/openssh-9.2p1",
            )
        ],
    }
    return Batch(**{**known, **more})  # type: ignore[arg-type]


def fill(layout: Layout, **more: object) -> None:
    with closing(open_store(layout.state)) as store:
        store.write(batch(**more))


def lines(reader: Reader, per: Per = Per.FORWARD) -> set[str]:
    return {line for line in scrape(reader, per).decode().splitlines() if not line.startswith("#")}


def test_promtool_finds_nothing_to_improve_at_any_detail() -> None:
    require("promtool")
    for per in Per:
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=exposition(families(FLEET, per)),
            capture_output=True,
            timeout=200,
            check=False,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_text_is_what_was_gathered_and_has_no_timestamps() -> None:
    wanted = families(FLEET, Per.FORWARD)
    text = exposition(wanted).decode()

    parsed = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert parsed == {
        (one.name, *sorted(zip(one.labels, labels, strict=True))): value
        for one in wanted
        for labels, value in one.samples
    }
    assert all(SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))


def test_a_scrape_has_the_registry_and_the_state_file(layout: Layout) -> None:
    fill(layout)

    found = lines(Reader(layout))

    assert {
        'reversi_forward_kills_total{node="office",port="20010"} 0.0',
        'reversi_node_info{client="bundle-0.2.0/openssh-9.2p1",node="office",tags=""} 1.0',
        f"reversi_last_sweep_timestamp_seconds {NOW / 1e9:g}e+09",
        "reversi_kills_total 1.0",
        "reversi_refusals_total 2.0",
        "reversi_clones_total 1.0",
    } <= found
    assert 'reversi_forward_fault{node="office",port="20010",status="stale"} 1.0' in found


def test_a_scrape_leaves_the_garbage_collector_as_it_was(layout: Layout) -> None:
    assert gc.isenabled()

    scrape(Reader(layout), Per.NONE)

    assert gc.isenabled()


def test_a_changed_registry_is_read_again_with_the_daemons_copy_and_without(
    layout: Layout,
) -> None:
    reader = Reader(layout)
    assert list(reader.read().nodes) == ["office"]

    write(layout, "attic", 2, 20011)
    assert list(reader.read().nodes) == ["attic", "office"]

    (layout.nodes / "office.toml").unlink()
    one = node("attic", 2, (20011,))
    write_copy(layout, {one.name: one}, signs(layout.nodes)[0], public=True)
    assert list(reader.read().nodes) == ["attic"]
    assert reader.registry() is reader.registry(), "an unchanged one is not read again"


def test_a_broken_file_is_counted_and_the_rest_goes_on(layout: Layout) -> None:
    (layout.nodes / "attic.toml").write_text("ports = ")
    (layout.nodes / "barn.toml").write_text("")

    found = lines(Reader(layout))

    assert 'reversi_nodes{state="broken"} 2.0' in found
    assert 'reversi_forward_fault{node="attic",port="",status="broken"} 1.0' in found
    assert 'reversi_forward_up{node="office",port="20010"} 0.0' in found


def test_a_lost_or_replaced_state_file_is_found_at_the_next_scrape(layout: Layout) -> None:
    reader = Reader(layout)
    assert "reversi_last_sweep_timestamp_seconds 0.0" in lines(reader)

    fill(layout)
    assert "reversi_kills_total 1.0" in lines(reader)

    for path in layout.state.parent.glob("state.db*"):
        path.unlink()
    assert "reversi_kills_total 0.0" in lines(reader)

    fill(layout, events=())
    assert "reversi_sweep_interval_seconds 30.0" in lines(reader)

    layout.state.write_bytes(b"not a database, and longer than a header" * 40)
    with pytest.raises(StateCorrupt):
        lines(reader)


def test_a_reader_holds_nothing_that_keeps_the_daemon_from_writing(layout: Layout) -> None:
    fill(layout)
    reader = Reader(layout)
    with closing(open_store(layout.state)) as store:
        before = lines(reader)
        store.write(batch(tunnels=()))
        store.prune(NOW)
        with store.using() as db:
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

        assert busy == 0
        assert lines(reader) - before >= {"reversi_kills_total 2.0"}


def test_a_filter_keeps_nodes_and_what_they_are_counted_in(layout: Layout) -> None:
    write(layout, "attic", 2, 20011)
    (layout.nodes / "barn.toml").write_text("")
    fill(layout)

    found = lines(Reader(layout, "node:attic"))

    assert 'reversi_forward_up{node="attic",port="20011"} 0.0' in found
    assert 'reversi_nodes{state="enabled"} 1.0' in found
    assert 'reversi_nodes{state="broken"} 0.0' in found
    assert "reversi_kills_total 1.0" in found
    assert not [line for line in found if "office" in line or "barn" in line]


def test_a_filter_that_matches_nothing_counts_nothing(layout: Layout) -> None:
    fill(layout)

    found = lines(Reader(layout, "node:attic"))

    assert 'reversi_nodes{state="enabled"} 0.0' in found
    assert not [line for line in found if line.startswith("reversi_forward_")]


def test_a_device_of_the_shared_key_is_counted_and_never_named(layout: Layout) -> None:
    device = Unregistered(
        node=node("stranger").name,
        port=node("stranger", ports=(29999,)).ports[0],
        expect=parse_expect("open"),
        first_at=NOW,
        last_at=NOW,
        calls_itself="Evil\n",
    )
    fill(layout, unregistered=[device])

    text = scrape(Reader(layout), Per.FORWARD).decode()

    assert 'reversi_nodes{state="unregistered"} 1.0' in text
    assert "stranger" not in text
    assert "Evil" not in text


def test_the_state_file_is_not_changed_by_a_scrape(layout: Layout) -> None:
    fill(layout)
    with closing(open_reader(layout.state)) as watching:
        token = watching.changed_token()

        lines(Reader(layout))

        assert watching.changed_token() == token
