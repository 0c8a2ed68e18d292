"""What `init` reads of the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.toml_file import ConfigError
from checker.fleet.cards import Card, GatewayState, card_text
from checker.install.shared_key import FleetWish
from checker.install.survey import survey, without_own_keys
from checker.install.wanted_settings import choices
from checker.model import PortRanges
from checker.model.gateway_id import GatewayId
from checker.registry.nodes import Registry
from tests.checker.install.machines import PYTHON
from tests.strategies import node, public_key


def test_settings_without_a_tunnel_user_are_refused(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text("strikes = 3\n")

    with pytest.raises(ConfigError, match="tunnel_user is missing"):
        choices(tmp_path, ())


def test_the_settings_of_the_admin_take_precedence(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text(
        'tunnel_user = "tunnels"\nports = "50000-50009"\n'
    )

    found = survey(root=tmp_path, python=PYTHON, gateways=(), force=False)

    assert (found.choices.tunnel_user, found.choices.operators, found.choices.ports) == (
        "tunnels",
        "",
        PortRanges((range(50000, 50010),)),
    )
    assert found.choices.gateways == ()


@pytest.mark.parametrize(
    ("present", "after"),
    [
        ('# gateway = ["x:22"]    # mine\n{}', 'gateway = ["a:22"]\n{}'),
        ("{}[shared_key]\n", 'gateway = ["a:22"]\n{}[shared_key]\n'),
        ('gateway = "x:22"\n{}', ""),
    ],
    ids=["template", "without", "named"],
)
def test_a_gateway_is_added_to_settings_that_name_none(
    tmp_path: Path, present: str, after: str
) -> None:
    rest = 'tunnel_user = "tunnels" # mine\n'
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text(present.format(rest))

    found = choices(tmp_path, ("a:22",))

    assert found.gateways == (("a:22",) if after else ("x:22",))
    assert (found.config or b"").decode() == after.format(rest)


def test_the_first_init_takes_an_old_fleet_with_its_account_and_its_ports(tmp_path: Path) -> None:
    wish = FleetWish(tunnel_user="tunnels", keys=(public_key(9),), ports=("50000-50009",))

    found = choices(tmp_path, ("gw:22",), wish)

    assert (found.tunnel_user, found.gateways) == ("tunnels", ("gw:22",))
    assert set(found.shared_ports) == set(range(50000, 50010))
    assert b'tunnel_user = "tunnels"' in (found.config or b"")
    assert choices(tmp_path, (), FleetWish(tunnel_user="tunnels")).tunnel_user == "tunnels"


def test_ports_that_nodes_get_are_not_the_fleets(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ports and ports overlap"):
        choices(tmp_path, (), FleetWish(keys=(public_key(9),), ports=("20000-20099",)))


def test_the_account_of_an_installed_gateway_is_not_changed_by_the_way(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text('tunnel_user = "reversi"\n')

    assert choices(tmp_path, (), FleetWish(tunnel_user="reversi")).tunnel_user == "reversi"
    with pytest.raises(ConfigError, match="tunnel_user is 'reversi' already"):
        choices(tmp_path, (), FleetWish(tunnel_user="tunnels"))


def test_a_gateway_that_was_removed_from_its_fleet_leaves_the_bus(tmp_path: Path) -> None:
    """Also one that an earlier release left its configuration of the bus."""
    fleet = tmp_path / "etc/reversi/fleet"
    (fleet / "bus").mkdir(parents=True)
    (fleet / "gateways").mkdir()
    (fleet / "bus/nats.conf").touch()
    (tmp_path / "etc/reversi/reversi.toml").write_text(
        'tunnel_user = "reversi"\n[fleet]\nname = "gw1"\nsigned = false\n'
    )
    card = Card(id=GatewayId("gw1"), rev=2, changed_at=1, changed_by="anna", bus="gw1:6223")
    path = fleet / "gateways/gw1.toml"
    path.write_bytes(card_text(card))
    assert choices(tmp_path, ()).is_on_bus

    path.write_bytes(card_text(replace(card, state=GatewayState.REMOVED)))

    assert not choices(tmp_path, ()).is_on_bus


def test_keys_that_nodes_have_as_their_own_are_not_shared() -> None:
    registry = Registry(nodes=MappingProxyType({node().name: node()}))
    own = node().public_key

    assert without_own_keys(FleetWish(keys=(own, public_key(9))), registry).keys == (public_key(9),)
    with pytest.raises(ConfigError, match="is node office's own"):
        without_own_keys(FleetWish(keys=(own,)), registry)
