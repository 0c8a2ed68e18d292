"""The key of `doctor --login`: what its line allows, and that it goes whatever ends the command."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.config.settings import current_user
from checker.doctor.trial_key import Interrupted, trial_key
from checker.registry.authorized_keys import move_keys
from checker.registry.key_files import Stand
from checker.registry.key_lines import GateCommand, merge, trial_line, without_trials
from tests.strategies import public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
OTHER = b"ssh-ed25519 AAAA of an admin"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = home_layout(tmp_path)
    found.nodes.mkdir()
    found.config.write_text(f'tunnel_user = "{current_user()}"\n')
    found.authorized_keys.write_bytes(OTHER)
    return found


def test_the_line_opens_no_port_and_expires() -> None:
    line = trial_line(public_key(), COMMAND, "20261126150000Z")

    options = line.partition(" ssh-ed25519 ")[0]
    assert options.startswith('restrict,expiry-time="20261126150000Z",command="')
    assert "port-forwarding" not in options
    assert "permitlisten" not in options


def test_the_registry_leaves_the_line_alone() -> None:
    line = trial_line(public_key(), COMMAND, "20261126150000Z").encode() + b"\n"

    assert merge(line, (), COMMAND) == line


@pytest.mark.parametrize("is_utc", [True, False])
def test_the_key_is_let_in_only_during_the_block(layout: Layout, is_utc: bool) -> None:
    with trial_key(layout, is_utc=is_utc) as key:
        present = layout.authorized_keys.read_bytes()
        assert key.path.stat().st_mode & 0o077 == 0
        first, second = present.splitlines()
        assert first == OTHER
        assert second.startswith(b"restrict,expiry-time=")

    assert layout.authorized_keys.read_bytes() == OTHER + b"\n"
    assert not key.path.exists()


def test_the_key_is_where_sshd_reads_the_others(layout: Layout) -> None:
    for stand in (Stand.TO_FINGERPRINT, Stand.FINGERPRINT):
        move_keys(layout, COMMAND, stand)
    before = layout.authorized_keys.read_bytes()

    with trial_key(layout, is_utc=True) as key:
        assert (layout.keys / f"{key.fingerprint}.pub").read_bytes().startswith(b"restrict,expiry-")
        # whoever brings the files in line meanwhile leaves it alone
        move_keys(layout, COMMAND, Stand.FINGERPRINT)
        assert (layout.keys / f"{key.fingerprint}.pub").exists()

    assert list(layout.keys.rglob("*")) == []
    assert layout.authorized_keys.read_bytes() == before


@pytest.mark.parametrize(
    ("number", "error"),
    [
        pytest.param(signal.SIGINT, KeyboardInterrupt, id="SIGINT"),
        pytest.param(signal.SIGTERM, Interrupted, id="SIGTERM"),
        pytest.param(signal.SIGHUP, Interrupted, id="SIGHUP"),
    ],
)
def test_a_signal_removes_the_key(
    layout: Layout, number: signal.Signals, error: type[BaseException]
) -> None:
    before = signal.getsignal(number)

    with pytest.raises(error), trial_key(layout, is_utc=True):
        signal.raise_signal(number)

    assert layout.authorized_keys.read_bytes() == OTHER + b"\n"
    assert signal.getsignal(number) is before


def test_the_line_of_a_trial_that_was_killed_goes_once_it_has_expired(layout: Layout) -> None:
    lines = [
        trial_line(public_key(1), COMMAND, "20001126150000Z"),
        trial_line(public_key(2), COMMAND, "20001126150000"),
        trial_line(public_key(3), COMMAND, "29991126150000Z"),
    ]
    content = "".join(f"{line}\n" for line in lines).encode()
    layout.authorized_keys.write_bytes(content)

    with trial_key(layout, is_utc=True):
        assert layout.authorized_keys.read_bytes().count(b"\n") == 2

    assert layout.authorized_keys.read_bytes() == f"{lines[2]}\n".encode()
    assert (
        without_trials(content, lines[2], ("20000101000000", "20000101000000"))
        == content[: content.index(lines[2].encode())]
    )
