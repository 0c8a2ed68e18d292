"""The file of a mirror: what it takes, and what is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.fleet import mirror as mirrors
from checker.fleet.items import Items
from checker.fleet.mirror import Mirror, MirrorFull
from checker.model import NodeName, Port, Status, Tunnel
from checker.model.pulse import HeardPulse, Pulse
from checker.model.tunnel import is_stale
from checker.state.errors import StateError


def tunnel(name: str) -> Tunnel:
    return Tunnel(node=NodeName(name), port=Port(20000), status=Status.UP)


def test_a_mirror_takes_no_more_rows_than_any_gateway_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "MOST_ROWS", 2)
    mirror = Mirror(tmp_path / "gw2.db")
    mirror.put_items(Items(tunnels=[tunnel("a"), tunnel("b")]), None)

    with pytest.raises(MirrorFull):
        mirror.put_items(Items(tunnels=[tunnel("c")]), None)

    assert len(mirror.store.tunnels()) == 2
    mirror.close()


def test_a_damaged_mirror_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "gw2.db").write_bytes(b"no database" * 1000)

    mirror = Mirror(tmp_path / "gw2.db")

    assert mirror.heard().epoch == ""
    mirror.close()


def test_the_sweep_in_a_mirror_leaves_time_for_rows_that_only_aged(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "gw2.db")
    pulse = Pulse(
        epoch="a", beat=1, number=1, at=1e9, version="1", state="active", swept_at=1e9, every_s=20.0
    )
    mirror.put_pulse(HeardPulse(pulse=pulse, heard_at=1e9))
    sweep = mirror.store.last_sweep()
    mirror.close()

    assert sweep is not None
    probed = Tunnel(node=NodeName("barn"), port=Port(1), probed_at=1e9)
    assert not is_stale(probed, sweep.every_s, 1e9 + 90 + 59)
    assert is_stale(probed, sweep.every_s, 1e9 + 90 + 61)


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "removed"])
def test_a_file_that_is_another_one_is_made_again(tmp_path: Path, *, is_replaced: bool) -> None:
    mirror = Mirror(tmp_path / "gw2.db")
    mirror.put_items(Items(tunnels=[tunnel("barn")]), None)
    assert not mirror.renew()
    if is_replaced:
        (tmp_path / "other").write_bytes(b"no database" * 1000)
        (tmp_path / "other").replace(tmp_path / "gw2.db")
    else:
        (tmp_path / "gw2.db").unlink()

    assert mirror.renew()

    assert mirror.store.tunnels() == ()
    mirror.put_items(Items(tunnels=[tunnel("office")]), None)
    assert not mirror.renew()
    mirror.close()
    again = Mirror(tmp_path / "gw2.db")
    assert [one.node for one in again.store.tunnels()] == ["office"]
    again.close()


def test_a_file_that_cannot_be_made_again_is_tried_again(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "gw2.db")
    (tmp_path / "gw2.db").unlink()
    (tmp_path / "gw2.db").mkdir()
    with pytest.raises(StateError):
        mirror.renew()
    with pytest.raises(StateError):
        mirror.put_items(Items(tunnels=[tunnel("barn")]), None)
    (tmp_path / "gw2.db").rmdir()

    assert mirror.renew()

    mirror.put_items(Items(tunnels=[tunnel("barn")]), None)
    mirror.close()
