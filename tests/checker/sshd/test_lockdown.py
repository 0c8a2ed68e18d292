"""The settings that lock down the tunnel user, and how sshd's answers are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import SYSTEM
from checker.sshd.lockdown import (
    LOCKDOWN,
    differences,
    drop_in,
    keys_command,
    settings,
    unknown_options,
    unknown_to,
    unwelcome,
    version_in,
)
from checker.sshd.program import effective
from tests.programs import require
from tests.strategies import public_key, rsa_key


def test_the_drop_in_leaves_out_unknown_options_and_ends_its_block() -> None:
    text = drop_in("reversi", {"unusedconnectiontimeout"}).decode()

    assert "UnusedConnectionTimeout" not in text
    assert (
        text.index("MaxStartups")
        < text.index("Match User reversi")
        < text.index("AllowTcpForwarding remote")
    )
    assert text.endswith("\nMatch all\n")


def test_options_that_sshd_does_not_know_are_read_from_its_complaint() -> None:
    said = (
        "f line 3: Bad configuration option: Foo\nf line 4: Directive 'Bar' is not allowed within a"
        " Match block\nf: terminating"
    )

    assert unknown_options(said) == {"Foo", "Bar"}
    assert unknown_options("f line 9: Bad yes/no argument: maybe") == frozenset()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026", (9, 2), id="9.2"),
        pytest.param(
            "unknown option -- V\nOpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1n\nusage: sshd",
            (8, 4),
            id="8.4",
        ),
        pytest.param("OpenSSH_10.0p2 Debian-7", (10, 0), id="10"),
        pytest.param("dropbear", None, id="another"),
    ],
)
def test_the_version_is_read_from_new_and_old_servers(
    text: str, version: tuple[int, int] | None
) -> None:
    assert version_in(text) == version


TIGHT = {key.lower(): value for key, value in LOCKDOWN.items()}


def test_each_setting_that_differs_is_reported() -> None:
    assert differences(TIGHT) == ()
    assert differences({**TIGHT, "permittty": "yes"}) == ("PermitTTY is yes, and must be no",)
    assert differences({**TIGHT, "clientaliveinterval": "5"}) == ()
    assert differences({**TIGHT, "clientaliveinterval": "0"}) != ()
    assert differences({**TIGHT, "clientalivecountmax": "0"}) != ()
    assert differences({**TIGHT, "clientaliveinterval": "300"}) == (
        "ClientAliveInterval is 300, and must be 100",
    )
    for count in ("3", "12"):
        earlier = {"clientaliveinterval": "15", "clientalivecountmax": count}
        assert differences({**TIGHT, **earlier}) == (), "what earlier releases wrote"
    assert (
        differences(
            {key: value for key, value in TIGHT.items() if key != "unusedconnectiontimeout"}
        )
        == ()
    )
    assert differences({**TIGHT, "gatewayports": "no"}) != ()
    assert (
        differences({**TIGHT, "gatewayports": "no", "authorizedkeysfile": "/x"}, private=True) == ()
    )
    assert differences({**TIGHT, "gatewayports": "yes"}, private=True) != ()
    ours, other = keys_command(SYSTEM.keys), keys_command(Path("/tmp/keys"))
    assert differences({**TIGHT, "authorizedkeyscommand": ours}) == ()
    assert differences({**TIGHT, "authorizedkeyscommand": other}) != ()
    assert differences({**TIGHT, "authorizedkeyscommand": other}, private=True) == ()
    assert differences({**TIGHT, "maxsessions": "100"}) == ()
    assert differences({**TIGHT, "maxsessions": "0"}) == ("MaxSessions is 0, and must be 10",)


def test_a_setting_that_sshd_does_not_print_never_counts_as_right() -> None:
    for key in set(LOCKDOWN) - {"LogVerbose"}:
        without = {name: value for name, value in TIGHT.items() if name != key.lower()}

        assert differences(without, unknown=()) == (
            f"{key} could not be checked, as sshd does not print it",
        )
    assert differences(TIGHT, unknown=unknown_to((10, 5))) == ()
    assert unknown_to((9, 1)) == {"UnusedConnectionTimeout"}
    assert unknown_to(None) == frozenset()


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        pytest.param("permittty", "NO", False, id="a word in capitals"),
        pytest.param("allowtcpforwarding", "Remote", False, id="a word in mixed case"),
        pytest.param("authorizedkeysfile", "/ETC/reversi/authorized_keys", True, id="a path"),
        pytest.param("setenv", "shlvl=2", True, id="a variable"),
        pytest.param("clientaliveinterval", "15s", True, id="no number"),
        pytest.param("maxsessions", "unlimited", True, id="no number of sessions"),
    ],
)
def test_words_are_compared_without_case_and_numbers_must_be_numbers(
    key: str, value: str, wrong: bool
) -> None:
    assert bool(differences({**TIGHT, key: value})) is wrong


EFFECTIVE_10_5 = Path(__file__).parents[2] / "data/sshd/effective-10.5.txt"
"""What `sshd -T` of OpenSSH 10.5p1 printed for a user with `AllowTcpForwarding remote` and
`PermitOpen none`.
"""


def test_keywords_in_mixed_case_as_openssh_10_5_prints_them_are_read() -> None:
    mixed = EFFECTIVE_10_5.read_text(encoding="ascii")
    lower = "".join(
        f"{key.lower()} {value}\n"
        for key, _, value in (line.partition(" ") for line in mixed.splitlines())
    )

    assert settings(mixed) == settings(lower)
    wrong = differences(settings(mixed), unknown=unknown_to((10, 5)))
    assert "PermitTTY is yes, and must be no" in wrong
    assert "SetEnv could not be checked, as sshd does not print it" in wrong
    assert not [
        clause for clause in wrong if clause.startswith(("AllowTcpForwarding ", "PermitOpen "))
    ]
    opened = differences(
        settings(mixed.replace("AllowTcpForwarding remote", "AllowTcpForwarding yes"))
    )
    assert "AllowTcpForwarding is yes, and must be remote" in opened


def test_values_of_a_repeated_keyword_are_joined() -> None:
    assert settings("port 22\nallowusers a\nallowusers b\n") == {"port": "22", "allowusers": "a b"}


@pytest.mark.parametrize(
    ("told", "key", "way_out"),
    [
        pytest.param({}, public_key(), None, id="sshd prints nothing"),
        pytest.param(
            {"pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-256"},
            public_key(),
            None,
            id="accepted",
        ),
        pytest.param(
            {"pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-256"},
            rsa_key(3072),
            None,
            id="RSA, by one of its algorithms",
        ),
        pytest.param(
            {"pubkeyacceptedalgorithms": "rsa-sha2-256"},
            public_key(),
            ("PubkeyAcceptedAlgorithms", "+ssh-ed25519"),
            id="ed25519",
        ),
        pytest.param(
            {"pubkeyacceptedkeytypes": "ssh-ed25519"},
            rsa_key(3072),
            ("PubkeyAcceptedKeyTypes", "+rsa-sha2-512,rsa-sha2-256"),
            id="before 8.5",
        ),
        pytest.param({"requiredrsasize": "3072"}, rsa_key(3072), None, id="RSA, large enough"),
        pytest.param(
            {"requiredrsasize": "4096"},
            rsa_key(3072),
            ("RequiredRSASize", "3072"),
            id="RSA, too small",
        ),
        pytest.param({"requiredrsasize": "4096"}, public_key(), None, id="not RSA"),
    ],
)
def test_an_option_that_rejects_a_key_is_named_with_a_value_that_accepts_it(
    told: dict[str, str], key: str, way_out: tuple[str, str] | None
) -> None:
    assert unwelcome(told, key) == way_out


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("line", "key", "refused"),
    [
        pytest.param("", rsa_key(3072), False, id="as sshd is by itself"),
        pytest.param("RequiredRSASize 4096", rsa_key(3072), True, id="size"),
        pytest.param("PubkeyAcceptedAlgorithms -ssh-ed25519", public_key(), True, id="algorithm"),
    ],
)
def test_sshd_itself_accepts_the_key_after_the_proposed_change(
    tmp_path: Path, line: str, key: str, refused: bool
) -> None:
    require("sshd")
    config = tmp_path / "sshd_config"
    config.write_text(f"{line}\n", encoding="ascii")
    way_out = unwelcome(effective(config, "root"), key)

    assert (way_out is not None) is refused
    config.write_text(
        f"{line}\nMatch User root\n{' '.join(way_out or ())}\nMatch all\n", encoding="ascii"
    )
    assert unwelcome(effective(config, "root"), key) is None
