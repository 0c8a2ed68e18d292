"""The private sshd's configuration, and the errors if it cannot start.

Tests of `up` start the real one.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.config.toml_file import ConfigError
from checker.linux.processes import read_process
from checker.model import CheckerError
from checker.sshd import private
from checker.sshd.kill import until
from checker.sshd.private import (
    SshdFailed,
    answers,
    differing,
    free_port,
    is_strict,
    quoted,
    sshd_config,
    start_sshd,
)
from checker.sshd.program import PRIVILEGE_SEPARATION, SshdMissing, find_sshd
from tests.host_keys import put_host_keys
from tests.programs import require


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path / "a home")
    made.run.mkdir(parents=True)
    return made


def test_without_sshd_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("checker.sshd.program.SSHD_PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        SshdMissing, match="sshd is not installed; as root, run: apt-get install openssh-server"
    ):
        find_sshd()


async def test_an_sshd_that_ends_at_once_is_an_error(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path
) -> None:
    program = tmp_path / "sshd"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(SshdFailed, match="sshd does not run: it ended with status 7"):
        await start_sshd(layout, user="x", listen="127.0.0.1", port=free_port("127.0.0.1", 0))


async def test_an_sshd_that_never_answers_is_an_error(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path
) -> None:
    program = tmp_path / "sshd"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(private, "ANSWERS_WITHIN_S", 0.3)
    port = free_port("127.0.0.1", 0)

    with pytest.raises(SshdFailed, match=f"it does not answer on port {port} of 127.0.0.1"):
        await start_sshd(layout, user="x", listen="127.0.0.1", port=port)


async def test_an_interrupted_start_leaves_no_sshd(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path
) -> None:
    program = tmp_path / "sshd"
    serves = f"cd {tmp_path} && echo $$ >new && mv new pid; exec sleep 600"
    program.write_text(f'#!/bin/sh\ncase "$1" in -D) {serves};; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    port = free_port("127.0.0.1", 0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(
            start_sshd(layout, user="x", listen="127.0.0.1", port=port), name="start"
        )
        await until((tmp_path / "pid").exists, 10.0)
        task.cancel()

    assert read_process(int((tmp_path / "pid").read_text())) is None


async def test_a_taken_port_is_reported_before_sshd_starts(layout: Layout) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(
            CheckerError,
            match=f"port {port} of 127.0.0.1 cannot be used .*; choose another --ssh-port",
        ):
            free_port("127.0.0.1", port)
        assert not await answers("127.0.0.1", free_port("127.0.0.1", 0))


@pytest.mark.parametrize("port", [0, 2222])
def test_an_address_that_cannot_be_bound_names_its_option(port: int) -> None:
    with pytest.raises(CheckerError, match="--listen 'no address' is not an address"):
        free_port("no address", port)
    with pytest.raises(
        CheckerError, match=r"of 192\.0\.2\.1 cannot be used .*; choose another --listen"
    ):
        free_port("192.0.2.1", port)


def test_only_reverse_forwards_of_one_user_are_allowed(layout: Layout) -> None:
    lines = dict(
        line.split(" ", 1)
        for line in sshd_config(layout, user="reversi", listen="127.0.0.1", port=2222).splitlines()[
            1:
        ]
    )

    assert lines["AllowTcpForwarding"] == "remote"
    assert lines["PermitOpen"] == "none"
    assert lines["GatewayPorts"] == "clientspecified"
    assert lines["AllowUsers"] == "reversi"
    for key in (
        "AllowStreamLocalForwarding",
        "AllowAgentForwarding",
        "X11Forwarding",
        "PermitTunnel",
        "PermitTTY",
    ):
        assert lines[key] == "no"
    for key in ("PasswordAuthentication", "KbdInteractiveAuthentication", "UsePAM"):
        assert lines[key] == "no"
    assert lines["AuthorizedKeysFile"] == f'"{layout.authorized_keys}"'
    assert "UnusedConnectionTimeout" not in lines
    assert lines["PermitRootLogin"] == "no"


def test_root_as_the_tunnel_user_may_run_only_forced_commands(layout: Layout) -> None:
    assert "PermitRootLogin forced-commands-only\n" in sshd_config(
        layout, user="root", listen="127.0.0.1", port=2222
    )


@pytest.mark.parametrize(
    ("password", "pam"),
    [
        pytest.param("*", "no", id="none"),
        pytest.param("!", "yes", id="locked"),
        pytest.param("!*", "yes", id="both"),
    ],
)
def test_pam_is_asked_only_for_an_account_that_sshd_would_take_for_locked(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, pam: str
) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_text(f"roots:!:1::::::\nroot:{password}:1::::::\n")
    monkeypatch.setattr("checker.linux.accounts.SHADOW", shadow)

    text = sshd_config(
        layout, user="root", listen="127.0.0.1", port=2222, here=differing("/nowhere/sshd", "root")
    )

    assert f"UsePAM {pam}\n" in text
    assert text.count("UsePAM") == 1


def test_a_percent_sign_is_escaped_only_in_the_key_files_path(tmp_path: Path) -> None:
    text = sshd_config(
        home_layout(tmp_path / "100%d"), user="reversi", listen="127.0.0.1", port=2222
    )

    assert f'HostKey "{tmp_path}/100%d/' in text
    assert f'AuthorizedKeysFile "{tmp_path}/100%%d/' in text


@pytest.mark.parametrize("place", ['/a"b', "/a\\b", "/a\nb"])
def test_a_path_that_cannot_be_quoted_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="choose another --home"):
        quoted(Path(place))


def test_real_sshd_takes_the_configuration(layout: Layout) -> None:
    require("ssh-keygen")
    put_host_keys(layout)
    try:
        program = find_sshd()
    except SshdMissing:
        require("sshd")
        raise
    config = layout.run / "_sshd_config"
    config.write_text(sshd_config(layout, user="root", listen="127.0.0.1", port=2222))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)

    said = subprocess.run(
        [program, "-t", "-f", str(config)], capture_output=True, text=True, check=False, timeout=200
    )

    assert (said.returncode, said.stderr) == (0, "")
    assert re.findall(r"(?m)^HostKey .*/(\w+)\"$", config.read_text()) == [
        "ssh_host_ed25519_key",
        "ssh_host_rsa_key",
    ]


def test_a_place_where_others_write_is_not_strict(tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.touch()
    path.chmod(0o666)

    assert not is_strict(path)
