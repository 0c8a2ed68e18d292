"""What `init` warns about; tests/checker/install/test_carry_out.py has the verbs as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.install_warnings import sshd_warnings
from checker.cli.main import run
from checker.sshd.lockdown import ANY_STARTUPS
from checker.sshd.openings import Judged
from tests.strategies import public_key

GOOD = {"maxstartups": ANY_STARTUPS}


def test_settings_as_init_writes_them_need_no_warning() -> None:
    for startups in (ANY_STARTUPS, "500:30:1000"):
        found = Judged(effective={"maxstartups": startups}, openings=())

        assert list(sshd_warnings(found, "reversi", ANY_STARTUPS)) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(
            Judged(effective=GOOD, openings=(), refusals=("DenyGroups names x",)),
            "sshd rejects every key of reversi: DenyGroups names x",
            id="all",
        ),
        pytest.param(
            Judged(effective=GOOD, openings=(), limits=("DenyUsers shuts x out",)),
            "sshd rejects some addresses: DenyUsers shuts x out",
            id="some",
        ),
    ],
)
def test_what_keeps_devices_out_is_one_warning(found: Judged, says: str) -> None:
    assert list(sshd_warnings(found, "reversi", ANY_STARTUPS)) == [says]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"maxstartups": ""}, "sshd does not say its MaxStartups"),
        ({"maxstartups": "10:30:100"}, "another file sets sshd's MaxStartups to 10:30:100, "),
    ],
)
def test_a_setting_that_costs_tunnels_is_one_warning(changed: dict[str, str], says: str) -> None:
    found = Judged(effective={**GOOD, **changed}, openings=())

    (warning,) = sshd_warnings(found, "reversi", ANY_STARTUPS)

    assert warning.startswith(says)


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        pytest.param(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            (),
            "is the private half; make the public one: ssh-keygen -y -f ",
            id="the private half",
        ),
        pytest.param("\ufeffhello\n", (), "not a public key: 'hello'", id="no key"),
        pytest.param(
            f"{public_key(9)}\n",
            ("--shared-ports", "x-y"),
            "ports",
            id="no range",
        ),
        pytest.param(
            f"{public_key(9)}\n", ("--root", "tree"), "leave out --root", id="for a package"
        ),
    ],
)
def test_a_fleet_that_init_cannot_take_is_refused_with_the_reason(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    words: tuple[str, ...],
    says: str,
) -> None:
    file = tmp_path / "fleet"
    file.write_text(content, encoding="utf-8")

    assert run(["init", "--dry-run", "--shared-key", str(file), *words]) == 2

    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "says"),
    [
        pytest.param(
            "foo:bar", ": 'bar' is not a port number; write for example foo:22", id="port"
        ),
        pytest.param("foo", "; add the port, as in foo:22", id="no port"),
        pytest.param("2001:db8::1", " (an IPv6 address goes in brackets, as in", id="IPv6"),
    ],
)
def test_a_gateway_that_is_not_an_address_is_named_by_its_option(
    address: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--dry-run", "--gateway", address]) is ExitCode.USAGE

    assert (
        f"reversi-checker: error: --gateway {address!r} is not HOST:PORT{says}"
        in capsys.readouterr().err
    )
