"""reversi.toml and the places of a gateway: what is taken, and the sentence for what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checker.config.layout import SYSTEM, find_layout, home_layout
from checker.config.settings import KEYS, Config, current_user, load_config, policy_in, ports_in
from checker.config.toml_file import (
    ConfigError,
    beginning,
    number_in,
    read_toml,
    refuse_unknown,
    text_in,
    whole_in,
)
from checker.model import InvalidValue, Policy, PortRanges

PATH = Path("/nowhere/reversi.toml")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reversi.toml"


def refusal(path: Path, text: str) -> str:
    """The sentence that this file is refused with."""
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.path == path
    return str(caught.value)


def test_without_a_file_the_defaults_hold(path: Path) -> None:
    config = load_config(path)

    assert config == Config(tunnel_user=current_user(), probes_at_once=config.probes_at_once)
    assert config.policy == Policy()


def test_an_empty_file_means_the_same_as_none(path: Path) -> None:
    without = load_config(path)
    path.write_text("")

    assert load_config(path) == without


def test_every_key_is_read(path: Path) -> None:
    path.write_text("""
tunnel_user = "reversi"
gateway = ["gw.example:2222", "[2001:db8::1]:22"]
operators_group = "ops"
ports = "50000-50099"
probes_at_once = 8
requests_a_minute = 600
haproxy_reload = "service haproxy reload"
publish_on = ["203.0.113.7", "2001:DB8::7"]
probe_every_s = 30
probe_beating_every_s = 300
deadline_s = 2.5
strikes = 3
strike_gap_s = 1
quiet_s = 60.5
""")

    config = load_config(path)

    assert config == Config(
        tunnel_user="reversi",
        gateway=("gw.example:2222", "[2001:db8::1]:22"),
        operators_group="ops",
        probes_at_once=8,
        requests_a_minute=600,
        haproxy_reload="service haproxy reload",
        publish_on=("203.0.113.7", "2001:db8::7"),
        policy=Policy(
            probe_every_s=30.0,
            probe_beating_every_s=300.0,
            deadline_s=2.5,
            strikes=3,
            strike_gap_s=1.0,
            quiet_s=60.5,
            ports=PortRanges((range(50000, 50100),)),
        ),
    )
    assert isinstance(config.policy.strikes, int)
    assert isinstance(config.policy.probe_every_s, float)


@pytest.mark.parametrize(
    ("text", "every_s", "beating_every_s"),
    [
        pytest.param("", 20.0, 60.0, id="neither"),
        pytest.param("probe_every_s = 300", 300.0, 300.0, id="one number, for all tunnels"),
        pytest.param("probe_beating_every_s = 90", 20.0, 90.0, id="only of those that beat"),
        pytest.param("probe_every_s = 30\nprobe_beating_every_s = 60", 30.0, 60.0, id="both"),
    ],
)
def test_how_often_tunnels_are_probed(
    path: Path, text: str, every_s: float, beating_every_s: float
) -> None:
    path.write_text(text)

    policy = load_config(path).policy

    assert (policy.probe_every_s, policy.probe_beating_every_s) == (every_s, beating_every_s)


def test_one_gateway_may_be_a_text(path: Path) -> None:
    path.write_text('gateway = "gw:22"')

    assert load_config(path).gateway == ("gw:22",)


@pytest.mark.parametrize(
    "text", ["['20000-20001', '55555']", "['20000-20001', 55555]", "['20000', '20001', '55555']"]
)
def test_ports_may_be_several_ranges(path: Path, text: str) -> None:
    path.write_text(f"ports = {text}")

    assert list(load_config(path).policy.ports) == [20000, 20001, 55555]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "tunel_user = 'x'",
            "unknown key 'tunel_user'; did you mean 'tunnel_user'?",
            id="nearest",
        ),
        pytest.param("zzz = 1", "unknown key 'zzz'; known are: tunnel_user", id="no nearest"),
        pytest.param(
            "probe_every_s = 1",
            "probe_every_s must be a number from 5 to 3600, not 1",
            id="too low",
        ),
        pytest.param("probe_every_s = nan", "probe_every_s must be a number", id="nan"),
        pytest.param("probe_every_s = inf", "probe_every_s must be a number", id="inf"),
        pytest.param("probe_every_s = true", "probe_every_s must be a number", id="true"),
        pytest.param("deadline_s = '5'", "deadline_s must be a number", id="text for a number"),
        pytest.param(
            "strikes = 2.5",
            "strikes must be a whole number from 1 to 10, not 2.5",
            id="half a strike",
        ),
        pytest.param(
            "strikes = 0", "strikes must be a number from 1 to 10, not 0", id="no strikes"
        ),
        pytest.param(
            "probes_at_once = 0",
            "probes_at_once must be a whole number from 1 to 1024",
            id="no probes",
        ),
        pytest.param(
            "probes_at_once = true", "probes_at_once must be a whole number", id="true for a count"
        ),
        pytest.param(
            "publish_on = '10.0.0.1'",
            "publish_on must be a list of IP addresses",
            id="no list of addresses",
        ),
        pytest.param(
            "publish_on = ['eth0']", "publish_on must be a list of IP addresses", id="no address"
        ),
        pytest.param(
            "publish_on = ['fe80::1%eth0']",
            "publish_on must be a list of IP addresses",
            id="address with a zone",
        ),
        pytest.param(
            "publish_on = []", "publish_on must be a list of IP addresses", id="no addresses"
        ),
        pytest.param(
            "haproxy_reload = ''",
            "haproxy_reload must be a text that is not empty",
            id="empty command",
        ),
        pytest.param(
            "tunnel_user = ''", "tunnel_user must be a text that is not empty", id="empty text"
        ),
        pytest.param(
            "operators_group = 7", "operators_group must be a text", id="number for a text"
        ),
        pytest.param(
            "gateway = 7", "gateway must be a list of HOST:PORT", id="gateway is a number"
        ),
        pytest.param("gateway = [7]", "gateway must be a text", id="gateway of a number"),
        pytest.param(
            "gateway = ['gw']",
            "gateway: address 'gw' is not HOST:PORT; add the port, as in gw:22",
            id="gateway without port",
        ),
        pytest.param("ports = []", "ports must be LOWEST-HIGHEST", id="no ports named"),
        pytest.param("ports = ['20000', 20000]", "port 20000 is named twice", id="port twice"),
        pytest.param("ports = '20010-20000'", "ports must be LOWEST-HIGHEST", id="upside down"),
        pytest.param("ports = '0-70000'", "ports must be LOWEST-HIGHEST", id="no ports"),
        pytest.param("ports = 2.5", "ports must be a text", id="ports is a fraction"),
        pytest.param("ports = true", "ports must be a text", id="ports is a truth"),
        pytest.param("strikes = ", "not valid TOML", id="broken"),
        pytest.param("strikes = 1\nstrikes = 2", "not valid TOML", id="twice"),
        pytest.param("x = " + "[" * 100_000, "not valid TOML", id="nested without end"),
        pytest.param("x = " + "9" * 5000, "not valid TOML", id="a number without end"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_named_with_the_reason(
    path: Path, text: str, says: str
) -> None:
    sentence = refusal(path, text)

    assert sentence.startswith(f"{path}: ")
    assert says in sentence


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b'tunnel_user = "\xff"')

    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load_config(path)


def test_a_directory_in_the_place_of_a_file_is_refused(path: Path) -> None:
    path.mkdir()

    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(path)


@pytest.mark.parametrize("name", ["gw2.card", "reversi.toml/gw2.card"])
def test_a_file_that_does_not_exist_is_told_so_and_not_its_permissions(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "reversi.toml").write_text("", encoding="ascii")

    with pytest.raises(ConfigError, match=r"gw2.card: there is no such file; check the name"):
        beginning(tmp_path / name, 1)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"\xef\xbb\xbf")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_configuration_or_a_config_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    try:
        load_config(path)
    except ConfigError as error:
        refused = str(error)
    else:
        return

    assert refused.startswith(f"{path}: ")


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.lists(st.integers(), max_size=3),
)


@given(st.sampled_from(KEYS), values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_of_a_known_key_is_taken_or_a_config_error(
    path: Path, key: str, value: object
) -> None:
    shown = (
        repr(value).lower()
        if isinstance(value, bool | float)
        else f"'{value}'"
        if isinstance(value, str)
        else repr(value)
    )
    path.write_text(f"{key} = {shown}", encoding="utf-8", errors="replace")

    try:
        config = load_config(path)
    except ConfigError:
        return

    assert config.policy.strikes >= 1
    assert config.policy.probe_every_s >= 5


def test_each_reader_of_a_value_raises_config_error() -> None:
    with pytest.raises(ConfigError, match="a number from 1 to 2"):
        number_in(PATH, "key", 3, 1, 2)
    with pytest.raises(ConfigError, match="a whole number from 1 to 2"):
        whole_in(PATH, "key", 1.5, 1, 2)
    with pytest.raises(ConfigError, match="a text that is not empty"):
        text_in(PATH, "key", 1)
    with pytest.raises(ConfigError, match="LOWEST-HIGHEST"):
        ports_in(PATH, "1-x")
    with pytest.raises(ConfigError, match="strikes"):
        policy_in(PATH, {"strikes": "2"})
    with pytest.raises(ConfigError, match="did you mean 'one'"):
        refuse_unknown(PATH, "", ["onne"], ["one", "two"])


@pytest.mark.parametrize("user", ["no-such-account-here", "nul\0inside"])
def test_a_tunnel_user_without_account_is_invalid(user: str) -> None:
    with pytest.raises(InvalidValue, match="is not an account here; make it with useradd"):
        _ = Config(tunnel_user=user).tunnel_uid


def test_the_tunnel_users_uid() -> None:
    assert Config(tunnel_user=current_user()).tunnel_uid == os.geteuid()


def test_a_user_without_a_name_must_name_the_tunnel_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)

    with pytest.raises(
        InvalidValue, match="uid 3999999999 has no name on this machine; set tunnel_user"
    ):
        current_user()


def test_a_home_holds_everything(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)

    places = (
        layout.config,
        layout.nodes,
        layout.authorized_keys,
        layout.state,
        layout.run,
        layout.spool,
        layout.socket,
        layout.host_key,
    )
    assert all(place.parent == tmp_path for place in places)
    assert layout.home == tmp_path


def test_a_home_may_begin_with_the_users_own(isolated: Path) -> None:
    assert home_layout(Path("~/gate")).home == isolated / "gate"


def test_a_home_of_a_user_that_is_not_known_is_invalid() -> None:
    with pytest.raises(InvalidValue, match="write the whole path"):
        home_layout(Path("~no-such-account-here/gate"))


def test_where_a_gateway_is_looked_for(tmp_path: Path) -> None:
    environ = {"HOME": "/home/x", "REVERSI_HOME": str(tmp_path / "environ")}

    assert find_layout(str(tmp_path / "given"), environ).home == tmp_path / "given"
    assert find_layout(None, environ).home == tmp_path / "environ"
    if not SYSTEM.config.exists():
        assert find_layout(None, {"HOME": "/home/x"}).home == Path("/home/x/.local/state/reversi")
        assert find_layout(None, {"HOME": "/home/x", "XDG_STATE_HOME": "/var/x"}).home == Path(
            "/var/x/reversi"
        )


def test_a_gateway_of_a_fleet_says_when_guests_go_home(path: Path) -> None:
    path.write_text('[fleet]\nname = "gw1"\n')
    fleet = load_config(path).fleet
    assert fleet is not None
    assert (fleet.return_after_s, fleet.return_per_s) == (600.0, 5.0)

    path.write_text('[fleet]\nname = "gw1"\nreturn_after_s = 0\nreturn_per_s = 0.5\n')
    fleet = load_config(path).fleet
    assert fleet is not None
    assert (fleet.return_after_s, fleet.return_per_s) == (0.0, 0.5)

    for line, why in (
        ("return_after_s = -1", "return_after_s must be a number from 0 to 86400"),
        ("return_per_s = 0", "return_per_s must be a number from 0.1 to 100"),
        ("return_per_s = nan", "return_per_s must be a number from 0.1 to 100"),
    ):
        assert why in refusal(path, f'[fleet]\nname = "gw1"\n{line}\n')
