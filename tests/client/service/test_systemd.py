"""The unit's text: what starts the client, how it gets its files, and what it may not do."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from client.service.systemd import ALWAYS, OF_SYSTEM, Account, config_of, unit
from tests.client.service.samples import OFFICE

PLACE = Path(__file__).parents[3] / "client/bundle/place.sh"
START = (
    'ExecStart="/opt/reversi/bin/python" "-E" "-P" "/opt/reversi/bin/reversi-client" "run" --config'
)


def lines(account: Account, *, hands_over: bool = True) -> list[str]:
    return unit(OFFICE, account, hands_over=hands_over).splitlines()


def test_systemd_hands_its_files_to_an_account_of_its_own() -> None:
    found = lines(Account.OWN)

    assert (
        f"{START} ${{CREDENTIALS_DIRECTORY}}/config --key ${{CREDENTIALS_DIRECTORY}}/key"
        " --status-file ${STATE_DIRECTORY}/status"
    ) in found
    assert "LoadCredential=config:/etc/reversi/office.toml" in found
    assert "LoadCredential=key:/etc/reversi/office.toml.key" in found
    assert {"DynamicUser=yes", "ProtectHome=yes", "StateDirectory=reversi-client-office"} <= {
        *found
    }
    assert "WantedBy=multi-user.target" in found


def test_root_without_capabilities_gets_its_files_the_same_way() -> None:
    assert {*lines(Account.OWN)} - {*lines(Account.ROOT)} == {"DynamicUser=yes"}


def test_a_systemd_that_cannot_hand_files_over_leaves_them_in_their_place() -> None:
    found = lines(Account.ROOT, hands_over=False)

    assert f'{START} "/etc/reversi/office.toml" --status-file ${{STATE_DIRECTORY}}/status' in found
    assert not [line for line in found if line.startswith("LoadCredential")]
    assert "ProtectHome=yes" in found


def test_a_service_that_gets_no_files_can_read_a_home_that_has_them() -> None:
    at_home = replace(OFFICE, config=Path("/root/office.toml"))

    assert "ProtectHome=read-only" in unit(at_home, Account.ROOT, hands_over=False).splitlines()


def test_a_users_unit_has_only_what_needs_no_rights() -> None:
    found = lines(Account.USER)

    assert f'{START} "/etc/reversi/office.toml"' in found
    assert {*ALWAYS} <= {*found}
    assert not {*OF_SYSTEM} & {*found}
    assert not [line for line in found if line.startswith(("State", "Protect", "Dynamic"))]
    assert "WantedBy=default.target" in found


def test_it_is_confined_as_the_unit_of_a_bundle() -> None:
    body = PLACE.read_text(encoding="utf-8").partition("systemd_unit() {")[2]
    of_bundle = set(re.findall(r"'((?:\w+)=[^'$]*)'", body.partition("\n}\n")[0]))
    only_bundles = {"RuntimeDirectoryMode=0700", "RuntimeDirectoryPreserve=yes"}

    missing = of_bundle - {*lines(Account.OWN), "WantedBy=default.target"} - only_bundles

    assert missing == set()


def test_what_systemd_would_expand_is_kept() -> None:
    odd = replace(
        OFFICE,
        config=Path('/etc/a b/$x%i"\\.toml'),
        command=("/opt/a b/$x%i/python",),
    )

    own, user = (unit(odd, account, hands_over=True) for account in (Account.OWN, Account.USER))

    assert 'LoadCredential=config:/etc/a b/$x%%i"\\.toml\n' in own
    assert 'ExecStart="/opt/a b/$$x%%i/python" "run" --config' in user
    assert '--config "/etc/a b/$$x%%i\\"\\\\.toml"\n' in user
    assert config_of(own) == config_of(user) == odd.config


@pytest.mark.parametrize("account", Account)
def test_systemd_accepts_it(account: Account, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing")
    file = tmp_path / "reversi-client-office.service"
    here = replace(OFFICE, command=("/bin/sh",))
    file.write_text(unit(here, account, hands_over=True), encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_another_ones_unit_is_not_taken_for_ours() -> None:
    assert config_of("[Unit]\nDescription=reversi: the tunnel of office\n") is None
