"""HAProxy as this machine has it: its command, addresses and loopback."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from checker.config.layout import SYSTEM, Layout
from checker.config.settings import Config
from checker.haproxy.program import (
    SYSTEM_RELOAD,
    ReloadFailed,
    every_address,
    proxy_of,
    reload,
)
from checker.haproxy.publish import tell_haproxy


@pytest.mark.parametrize("command", ["false", "no-such-program", "'"])
def test_a_command_that_does_not_reload_is_named(command: str) -> None:
    with pytest.raises(ReloadFailed, match="haproxy cannot be reloaded with"):
        reload(command)


def test_an_installed_gateway_reloads_the_service_and_a_home_does_not(layout: Layout) -> None:
    config = Config(tunnel_user="reversi")

    assert proxy_of(SYSTEM, config).reload == SYSTEM_RELOAD
    assert str(proxy_of(SYSTEM, config).path) == "/etc/reversi/haproxy.cfg"
    assert proxy_of(layout, config).reload == ""
    assert (
        proxy_of(
            layout, Config(tunnel_user="reversi", haproxy_reload="service haproxy reload")
        ).reload
        == "service haproxy reload"
    )


def test_all_addresses_means_those_of_the_families_that_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = psutil.net_if_addrs()
    ipv4 = {
        link: [one for one in found if one.family is not socket.AF_INET6]
        for link, found in here.items()
    }
    ipv6 = SimpleNamespace(family=socket.AF_INET6)

    monkeypatch.setattr(psutil, "net_if_addrs", lambda: ipv4)
    assert every_address() == ("0.0.0.0",)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {**ipv4, "lo": [ipv6]})
    assert every_address() == ("0.0.0.0", "::")


@pytest.mark.parametrize(
    ("said", "loopback"),
    [
        pytest.param("addressfamily inet6", "::1", id="IPv6 only"),
        pytest.param("AddressFamily inet6", "::1", id="as OpenSSH 10.5 says it"),
        pytest.param("addressfamily any", "127.0.0.1", id="both"),
        pytest.param("addressfamily inet", "127.0.0.1", id="IPv4 only"),
        pytest.param("", "127.0.0.1", id="it does not tell"),
    ],
)
def test_visitors_are_sent_to_the_loopback_on_which_the_machines_sshd_listens(
    said: str, loopback: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = tmp_path / "sshd"
    sshd.write_text(f'#!/bin/sh\necho "port 22"\necho "{said}"\n')
    sshd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert proxy_of(SYSTEM, Config(tunnel_user="reversi")).loopback == loopback


def test_a_change_asks_sshd_nothing_while_nothing_is_published(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sshd").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tmp_path / "sshd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    note = tell_haproxy(replace(layout, home=None))

    assert note is None
    assert not (tmp_path / "asked").exists()
