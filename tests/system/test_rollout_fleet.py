"""A rollout in a fleet: a real device goes to its home, another gateway, with its new bundle."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.fleet.cards import card_text
from checker.model import parse_public_key
from checker.registry.reading import read_registry
from tests.client.bundle.samples import made_key
from tests.fleet.fleet_mirrors import make_member, name_at, told
from tests.system.accounts import Mode
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.mounted_device import MountedDevice
from tests.system.seen import is_gone
from tests.system.shell.stand_ins import program

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of one's own takes root"),
]
IDS = ("gw1", "gw2")
ENTRY = "import sys; from client.cli import main; sys.exit(main())"
CONNECT = f"""#!/bin/sh
exec {sys.executable} -c '
import sys
from checker.fleet.reach import local
local(int(sys.argv[-1].rpartition(":")[2]))' "$@"
"""
"""In place of `reversi-checker connect`: both gateways are on this machine."""


def client(gateway: Gateway, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENTRY, *words, "--home", str(gateway.home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        cwd=Path.cwd(),
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
    )


def address(gateway: Gateway) -> str:
    return f"{gateway.host}:{gateway.ssh_port}"


def test_a_device_goes_home_with_the_bundle_of_its_nodes_order(usual: Mode, tmp_path: Path) -> None:
    admin, programs = made_key(tmp_path), tmp_path / "programs"
    programs.mkdir()
    program(programs, "reversi-checker", CONNECT)
    with ExitStack() as stack:
        gw1, gw2 = (stack.enter_context(gateway_at(usual, policy=FAST)) for _ in IDS)
        for gateway, id_ in ((gw1, "gw1"), (gw2, "gw2")):
            cards = make_member(gateway.layout, id_, IDS)
            gateway.start_sshd()
            gateway.serve()
        device = stack.enter_context(closing(MountedDevice(tmp_path / "device", admin)))
        name = name_at("gw2", cards, 0)
        node = gw1.add(f"127.0.0.1:{device.port},banner:SSH-2.0", name=name)
        key, (port,) = tmp_path / "node.pub", node.ports
        public = read_registry(gw1.layout.nodes).node(name).public_key
        key.write_text(f"{public}\n", encoding="ascii")
        forward = f"{port}=127.0.0.1:{device.port},banner:SSH-2.0"
        gw2.ok("node", "add", name, "--forward", forward, "--public-key", str(key))
        file = tmp_path / "bundle.sh"
        done = client(
            *(gw1, programs, "build", name, "--private-key", str(node.key), "--beat", "1"),
            *("--output", str(file), "--gateway", f"gw1={address(gw1)}"),
        )
        assert done.returncode == 0, done.stderr
        device.ok("cat >/tmp/bundle.sh", file.read_text())
        device.ok("sh /tmp/bundle.sh install && rm -f /tmp/bundle.sh")
        first = gw1.await_up(node)
        for card, gateway in zip(cards, (gw1, gw2), strict=True):
            text = gateway.layout.host_key.with_suffix(".pub").read_text(encoding="ascii")
            found = replace(
                card, addresses=(address(gateway),), host_keys=(parse_public_key(text),)
            )
            (gw1.layout.fleet / "gateways" / f"{card.id}.toml").write_bytes(card_text(found))

        with told(gw2.layout, "gw2", gw1.layout):
            done = client(
                *(gw1, programs, "rollout", name, "--user", "root"),
                *("--ssh-option", f"IdentityFile={admin}"),
                *("--ssh-option", f"UserKnownHostsFile={tmp_path / 'known_hosts'}"),
            )

        assert done.returncode == 0, done.stdout + done.stderr
        assert " upgraded " in done.stdout
        assert "it is at gw2 now" in done.stdout
        gw2.await_up(node)
        assert is_gone(first)
        script = device.ok(f"cat /etc/reversi/{name}.sh /etc/reversi/{name}.keys")
        assert f"GATEWAYS='gw2={address(gw2)} gw1={address(gw1)}'" in script
        assert "gateway: gw2=" in device.run(f"sh /etc/reversi/{name}.sh status").stdout
        assert device.ok("ls /tmp") == ""
