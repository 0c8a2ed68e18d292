"""The shared key's table in reversi.toml, as `init --shared-key` writes it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.install.shared_key import FleetWish, keys_in, with_shared_key
from checker.install.unit_files import reversi_toml
from tests.strategies import public_key, rsa_key

PATH = Path("fleet.pub")
FIRST, SECOND = public_key(1), public_key(2)
ORIGINAL = 'command="/home/reversi/reversi/server_port_mon.sh $SSH_ORIGINAL_COMMAND"'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{FIRST}\n", id="a .pub file"),
        pytest.param(f"# old\n\n{FIRST} root@server\r\n", id="with a comment, and CRLF"),
        pytest.param(f"{ORIGINAL} {FIRST} root@server\n", id="the original's authorized_keys2"),
        pytest.param(f"{FIRST}\n{ORIGINAL} {FIRST}\n", id="the same key twice"),
    ],
)
def test_a_key_is_found_whatever_stands_around_it(text: str) -> None:
    assert keys_in(text, PATH) == (FIRST,)


def test_a_fleet_may_have_several_keys() -> None:
    assert keys_in(f"{ORIGINAL} {rsa_key(2048)}\n{SECOND}\n", PATH) == (rsa_key(2048), SECOND)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3B\n",
            "ssh-keygen -y -f fleet.pub >fleet.pub.pub",
            id="private",
        ),
        pytest.param("\n# nothing\n", "has no public key", id="empty"),
        pytest.param(f"{FIRST}\nhello\n", "not a public key: 'hello'", id="a bad line"),
        pytest.param(FIRST[:40], "is cut off", id="cut off"),
    ],
)
def test_a_file_without_a_public_key_is_refused_with_a_way_out(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        keys_in(text, PATH)


def test_the_first_init_writes_the_table_below_the_other_settings() -> None:
    text = reversi_toml("reversi", "reversi-operators", ["gw:22"]).decode()

    after = with_shared_key(text, FleetWish(keys=(FIRST,), ports=("50000-50999",)), PATH)

    assert after.startswith(text)
    assert tomllib.loads(after)["shared_key"] == {
        "enabled": True,
        "public_key": FIRST,
        "ports": "50000-50999",
    }


def test_a_later_init_adds_a_key_and_keeps_the_rest_of_the_file() -> None:
    text = (
        'tunnel_user = "reversi"  # mine\n\n[shared_key]\nenabled = false  # for now\n'
        f'public_key = "{FIRST} root@server"\nports = "51000-51999"\n\n[console]\nmouse = true\n'
    )

    after = with_shared_key(text, FleetWish(keys=(FIRST, SECOND)), PATH)

    table = tomllib.loads(after)
    assert table["shared_key"] == {
        "enabled": True,
        "public_key": [f"{FIRST} root@server", SECOND],
        "ports": "51000-51999",
    }
    assert table["console"] == {"mouse": True}
    assert "# mine" in after
    assert with_shared_key(after, FleetWish(keys=(FIRST, SECOND)), PATH) == after


def test_several_ranges_become_a_list() -> None:
    wish = FleetWish(keys=(FIRST,), ports=("50000-50999", "61000"))

    after = with_shared_key('tunnel_user = "reversi"\n', wish, PATH)

    assert tomllib.loads(after)["shared_key"]["ports"] == ["50000-50999", "61000"]
    assert with_shared_key(after, wish, PATH) == after
