"""What `init` warns about; tests/checker/install/test_carry_out.py has the verbs as a whole."""

from __future__ import annotations

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.install import sshd_warnings
from checker.cli.main import run
from checker.sshd.lockdown import MAX_STARTUPS

GOOD = {"maxstartups": MAX_STARTUPS}


def test_settings_as_init_writes_them_need_no_warning() -> None:
    assert sshd_warnings(GOOD, "reversi") == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"allowusers": "admin"},
            "sshd rejects every key of reversi: AllowUsers names only admin: ",
        ),
        ({"maxstartups": ""}, "sshd does not say its MaxStartups"),
        ({"maxstartups": "10:30:100"}, "another file sets sshd's MaxStartups to 10:30:100, "),
    ],
)
def test_a_setting_that_costs_tunnels_is_one_warning(changed: dict[str, str], says: str) -> None:
    (warning,) = sshd_warnings({**GOOD, **changed}, "reversi")

    assert warning.startswith(says)


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
def test_a_gateway_that_is_no_address_is_named_by_its_option(
    address: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--dry-run", "--gateway", address]) is ExitCode.USAGE

    assert (
        f"reversi-checker: error: --gateway {address!r} is not HOST:PORT{says}"
        in capsys.readouterr().err
    )
