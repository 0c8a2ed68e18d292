"""The files that a node's device needs."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from checker.config.files import write_secret
from checker.config.layout import Layout, home_layout, listen_note
from checker.config.settings import Config
from checker.config.toml_file import ConfigError
from checker.control.client_files import (
    GatewayUnknown,
    KeyFiles,
    KeyWish,
    addresses,
    client_config,
    gateway_values,
    key_files,
)
from checker.model import CheckerError, InvalidValue, KeyType, fingerprint, parse_public_key
from checker.registry.lock import locked
from checker.registry.pin_files import read_pins
from checker.sshd.host_key_files import host_keys
from checker.sshd.host_keys import as_pin
from checker.sshd.keygen import make_key_pair
from client.config import parse_config
from tests.host_keys import put_host_keys
from tests.programs import require
from tests.strategies import node, public_key, rsa_key


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path)
    made.run.mkdir()
    return made


def test_the_gateways_address_is_as_given_or_configured_or_where_up_last_listened(
    layout: Layout,
) -> None:
    configured = Config(tunnel_user="x", gateway=("configured:22",))
    plain = Config(tunnel_user="x")

    with pytest.raises(
        GatewayUnknown,
        match=r"give --gateway HOST:PORT, set gateway in reversi.toml, or start `up` first",
    ):
        addresses(layout, plain, None)

    listen_note(layout).write_text("127.0.0.1:2222\n")
    assert addresses(layout, plain, None) == ["127.0.0.1:2222"]
    assert addresses(layout, configured, None) == ["configured:22"]
    assert addresses(layout, configured, ["given:22"]) == ["given:22"]


def test_a_key_pair_is_a_private_and_a_public_key() -> None:
    require("ssh-keygen")

    private, public = make_key_pair("reversi:office")

    assert private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert parse_public_key(public)
    assert public.endswith("reversi:office\n")


def test_a_pair_for_small_flash_is_rsa() -> None:
    require("ssh-keygen")

    _, public = make_key_pair("reversi:office", KeyType.RSA)

    assert parse_public_key(public).startswith("ssh-rsa ")
    assert len(public.split()[1]) > 500, "3072 bits"


def test_without_ssh_keygen_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        CheckerError,
        match="ssh-keygen is not installed; as root, run: apt-get install openssh-client",
    ):
        make_key_pair("x")


def test_the_clients_configuration_has_everything_it_needs() -> None:
    written = client_config(
        Config(tunnel_user="reversi"),
        node(ports=(20010, 20011)),
        ["gw:22"],
        Path("/x/office.key"),
        (public_key(9), rsa_key(2048)),
    )

    assert tomllib.loads(written.decode()) == {
        "node": "office",
        "gateway": ["gw:22"],
        "user": "reversi",
        "host_key": [public_key(9), rsa_key(2048)],
        "key": "office.key",
        "forward": [
            {"port": 20010, "target": "127.0.0.1:22"},
            {"port": 20011, "target": "127.0.0.1:22"},
        ],
    }


def test_gateways_with_an_id_are_tables_that_the_client_reads() -> None:
    pins = {"gw2": (public_key(8),)}
    gateways = ["gw1=gw1:22", "gw2=gw2:22"]

    written = client_config(
        Config(tunnel_user="reversi"),
        node(),
        gateway_values(gateways, pins),
        Path("/x/office.key"),
        (public_key(9),),
    )

    table = tomllib.loads(written.decode())
    assert table["gateway"] == [
        {"address": "gw1:22", "id": "gw1"},
        {"address": "gw2:22", "id": "gw2", "host_key": [public_key(8)]},
    ]
    config = parse_config(Path("/x/office.toml"), written.decode())
    assert config.home == "gw1"
    assert [config.pinned(one) for one in config.gateways] == [(public_key(9),), (public_key(8),)]


def test_an_address_that_the_client_would_refuse_is_refused_here() -> None:
    with pytest.raises(InvalidValue, match="gw:22 is named twice"):
        gateway_values(["gw1=gw:22", "gw:22"], {})


def handing_over(layout: Layout) -> KeyFiles:
    wish = KeyWish(name="office", client=layout.nodes / "office.toml", gateways=("gw:22",))
    return key_files(wish, layout, Config(tunnel_user="reversi"))


def test_without_a_host_key_no_client_file_is_made(layout: Layout) -> None:
    require("ssh-keygen")
    with (
        pytest.raises(ConfigError, match="cannot be read"),
        handing_over(layout).handed_over(node()),
    ):
        pass


def test_each_host_key_is_in_the_clients_file_and_noted(layout: Layout) -> None:
    require("ssh-keygen")
    put_host_keys(layout)
    keys = handing_over(layout)

    with locked(layout), keys.handed_over(node()) as (_, config):
        pinned = tomllib.loads(config.read_text())["host_key"]

    assert [key.split()[0] for key in pinned] == ["ssh-ed25519", "ssh-rsa"]
    (pins,) = read_pins(layout, node().name)
    assert pins.host_keys == tuple(map(as_pin, host_keys(layout).keys))
    assert pins.node_key == fingerprint(keys.public)


def test_what_was_noted_is_taken_back_if_the_node_is_not_added(layout: Layout) -> None:
    require("ssh-keygen")
    put_host_keys(layout)

    with locked(layout), pytest.raises(KeyError), handing_over(layout).handed_over(node()):
        raise KeyError

    assert [path.name for path in layout.nodes.iterdir()] == [".lock"]


def test_only_the_owner_can_read_a_secret_that_replaces_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o644)

    write_secret(path, b"secret")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError):
        write_secret(tmp_path / "key" / "below", b"x")
