"""The configuration file: its meaning, and the errors for an invalid one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.config import Address, Forward, load_config, read_private_key
from client.errors import ConfigError
from tests.client import samples


def test_a_complete_file_is_read() -> None:
    config = samples.config()

    assert config.gateways == (Address(host="127.0.0.1", port=2222), Address(host="::1", port=2222))
    assert config.forwards[1] == Forward(port=20011, target=Address(host="mail.lan", port=25))
    assert (config.check_every_s, config.answer_deadline_s, config.connect_timeout_s) == (
        10.0,
        8.0,
        10.0,
    )
    assert config.key == Path("/nowhere/office.key")
    assert config.status_file == Path("/nowhere/office.toml.status")


def test_a_forward_is_public_if_the_file_says_so() -> None:
    public = samples.config(
        text=samples.TEXT.replace("port = 20011", "port = 20011\npublic = true")
    ).forwards

    assert [forward.public for forward in public] == [False, True]


def test_an_address_is_written_as_it_is_read() -> None:
    assert [str(gateway) for gateway in samples.config().gateways] == [
        "127.0.0.1:2222",
        "[::1]:2222",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        pytest.param(
            'user = "reversi"', 'usr = "reversi"', "unknown key usr; did you mean user?", id="typo"
        ),
        pytest.param(
            "port = 20011",
            "prot = 20011",
            "unknown key forward 2: prot; did you mean port?",
            id="typo in a forward",
        ),
        pytest.param('node = "office"', "", "node is missing", id="missing"),
        pytest.param(
            'node = "office"', 'node = "Office 1"', "node must be a node's name", id="node"
        ),
        pytest.param('node = "office"', 'node = "office', "not valid TOML: ", id="not TOML"),
        pytest.param(
            '["127.0.0.1:2222", "[::1]:2222"]',
            '"127.0.0.1:2222"',
            "gateway must be a list",
            id="no list",
        ),
        pytest.param(
            '["127.0.0.1:2222", "[::1]:2222"]',
            "[]",
            "gateway must be a list with at least one item",
            id="empty list",
        ),
        pytest.param(
            '"[::1]:2222"',
            '"::1"',
            "gateway has an invalid item: each must be an address",
            id="address",
        ),
        pytest.param(
            '"[::1]:2222"',
            '"gw.example.org:70000"',
            "gateway has an invalid item",
            id="port too high",
        ),
        pytest.param(
            '"[::1]:2222"', '"10.0.0.999:22"', "gateway has an invalid item", id="no IP address"
        ),
        pytest.param(
            "mail.lan:25", "mail..lan:25", "forward 2: target must be an address", id="target"
        ),
        pytest.param(
            "port = 20011", "port = true", "forward 2: port must be a port", id="boolean port"
        ),
        pytest.param(
            "port = 20011",
            "port = 20011\npublic = 1",
            "forward 2: public must be true or false",
            id="public",
        ),
        pytest.param(
            "port = 20011", "port = 20010", "forward 2: port 20010 is used twice", id="twice"
        ),
        pytest.param("ssh-ed25519 AAAAC3", "AAAAC3", "host_key has an invalid item", id="host key"),
        pytest.param('key = "office.key"', 'key = ""', "key must be text", id="empty text"),
        pytest.param("[[forward]]", "[forward]", "not valid TOML", id="one table twice"),
        pytest.param(
            'key = "office.key"',
            'key = "k"\ncheck_every_s = nan',
            "check_every_s must be a number of seconds",
            id="nan",
        ),
        pytest.param(
            'key = "office.key"',
            'key = "k"\ncheck_every_s = 0',
            "check_every_s must be a number of seconds",
            id="zero",
        ),
        pytest.param(
            'key = "office.key"',
            'key = "k"\nanswer_deadline_s = "8"',
            "answer_deadline_s must be a number",
            id="text",
        ),
    ],
)
def test_an_error_names_the_file_and_the_key(old: str, new: str, sentence: str) -> None:
    text = samples.TEXT.replace(old, new)
    assert text != samples.TEXT

    with pytest.raises(ConfigError) as caught:
        samples.config(text=text)

    assert str(caught.value).startswith(f"/nowhere/office.toml: {sentence}")
    assert "\n" not in str(caught.value)


def test_a_file_without_forwards_is_refused() -> None:
    with pytest.raises(ConfigError, match="no forward is configured"):
        samples.config(text=samples.TEXT.partition("[[forward]]")[0])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        load_config(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"node = \xff")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "bad.toml")


def test_a_missing_private_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"key: the private key .*office\.key cannot be read: no such file"
    ):
        read_private_key(samples.config(tmp_path / "office.toml"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "office.key").write_text("secret")
    (tmp_path / "office.key").chmod(mode)

    with pytest.raises(ConfigError, match=r"other users can read the private key .* chmod 600"):
        read_private_key(samples.config(tmp_path / "office.toml"))


def test_a_private_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "office.key").write_text("secret")
    (tmp_path / "office.key").chmod(0o600)

    assert read_private_key(samples.config(tmp_path / "office.toml")) == b"secret"


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: (samples.TEXT + text).encode("utf-8", "replace"))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused_with_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "office.toml"
    path.write_bytes(content)

    sentence = ""
    try:
        load_config(path)
    except ConfigError as error:
        sentence = str(error)

    assert not sentence or sentence.startswith(str(path))


KEY_1, KEY_2 = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + letter * 4 for letter in "ab")
IN_TABLES = f"""
[[gateway]]
address = "gw1.example.org:22"
host_key = ["{KEY_1}"]

[[gateway]]
address = "[2001:db8::2]:22"
host_key = ["{KEY_2}", "{KEY_1}"]
"""


def without(*keys: str) -> str:
    """Return the sample without these keys."""
    lines = samples.TEXT.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(keys))


def test_each_gateway_may_have_host_keys_of_its_own() -> None:
    found = samples.config(text=without("gateway", "host_key") + IN_TABLES)

    assert list(map(str, found.gateways)) == ["gw1.example.org:22", "[2001:db8::2]:22"]
    assert [found.pinned(gateway) for gateway in found.gateways] == [(KEY_1,), (KEY_2, KEY_1)]


def test_a_gateway_without_host_keys_of_its_own_has_those_of_all() -> None:
    line = f'gateway = ["gw1:22", {{ address = "gw2:22", host_key = ["{KEY_2}"] }}]\n'
    found = samples.config(text=line + without("gateway"))

    assert [found.pinned(gateway) for gateway in found.gateways] == [found.host_keys, (KEY_2,)]


@pytest.mark.parametrize(
    ("gateways", "problem"),
    [
        pytest.param('["gw1:22"]', "host_key is missing", id="no host key at all"),
        pytest.param('[{ address = "gw1:22" }]', "host_key is missing", id="none for one"),
        pytest.param('[{ address = "gw1" }]', "gateway 1: address must be", id="no port"),
        pytest.param('[{ host_key = ["x"] }]', "gateway 1: address is missing", id="no address"),
        pytest.param(
            '[{ address = "gw1:22", hostkey = [] }]', "did you mean host_key", id="misspelt"
        ),
        pytest.param(
            '[{ address = "gw1:22", host_key = [] }]', "gateway 1: host_key must be", id="empty"
        ),
        pytest.param(
            f'[{{ address = "gw1:22", host_key = ["{KEY_1}"] }}, "gw1:22"]',
            "gateway 2: gw1:22 is named twice",
            id="twice",
        ),
    ],
)
def test_a_bad_gateway_is_named(gateways: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        samples.config(text=f"gateway = {gateways}\n" + without("gateway", "host_key"))
