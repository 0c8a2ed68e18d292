"""`ssh-config` with the real ssh: on the gateway, and on a laptop through a real jump."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.model import Forward, NodeName, Port, parse_expect, parse_target
from tests.registry_samples import register
from tests.strategies import public_key
from tests.system.box_server import BoxServer
from tests.system.laptop import Laptop

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[2]
LINE = "ssh gw reversi-checker ssh-config --jump gw > ~/.ssh/config.d/reversi"
"""The README's line."""
SECOND_LINE = "ssh gw reversi-checker known-hosts > ~/.ssh/reversi_pinned_keys"
OWN_HOSTS = """
Host web
  HostName 127.0.0.1
  Port 8022
  User me
Host *
  User everyone
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A device's SSH server, which listens on the port that its node would have at the gateway, and
    the SSH servers of a gateway, on both loopbacks.
    """

    device: BoxServer
    gateway: BoxServer
    gateway6: BoxServer
    layout: Layout

    @property
    def keys(self) -> list[BoxServer]:
        return [self.device, self.gateway, self.gateway6]

    @property
    def forward(self) -> Forward:
        return Forward(
            node=NodeName("office"),
            port=Port(self.device.port),
            target=parse_target("127.0.0.1:22"),
            expect=parse_expect("banner:SSH-2.0"),
        )

    @property
    def device_key(self) -> str:
        kind, key, *_ = (self.device.folder / "host.pub").read_text(encoding="ascii").split()
        return f"{kind} {key}"

    def laptop(self, folder: Path) -> Laptop:
        gw = f"Host gw\n  HostName 127.0.0.1\n  Port {self.gateway.port}\n"
        return Laptop(folder, self.keys, gw)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    commands = folder / "bin"
    commands.mkdir()
    checker = commands / "reversi-checker"
    words = shlex.join([sys.executable, "-m", "checker", "--home", str(folder / "home")])
    checker.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words} "$@"\n', encoding="utf-8"
    )
    checker.chmod(0o755)
    path = f"SetEnv PATH={commands}:{os.environ['PATH']}"
    with (
        closing(BoxServer(folder / "device")) as device,
        closing(BoxServer(folder / "gateway", more=[path])) as gateway,
        closing(BoxServer(folder / "gateway6", host="::1")) as gateway6,
    ):
        yield World(
            device=device, gateway=gateway, gateway6=gateway6, layout=home_layout(folder / "home")
        )


@pytest.fixture
def laptop(world: World, tmp_path: Path) -> Laptop:
    register(world.layout, [world.forward])
    return world.laptop(tmp_path / "laptop")


def test_the_laptops_one_line_makes_the_node_a_host(world: World, laptop: Laptop) -> None:
    assert f"\n    {LINE} " in (ROOT / "README.md").read_text(encoding="utf-8")

    laptop.type(LINE)

    assert laptop.type("ssh office 'echo here'") == "here\n"
    ask = "ssh-keygen -F reversi:office -f ~/.ssh/"
    assert world.device_key in laptop.type(f"{ask}reversi_known_hosts")
    assert laptop.typed(f"{ask}known_hosts").stdout == ""


def test_another_host_key_than_the_learned_one_is_refused(laptop: Laptop) -> None:
    laptop.type(LINE)
    (laptop.ssh / "reversi_known_hosts").write_text(
        f"reversi:office {public_key(5)}\n", encoding="ascii"
    )

    done = laptop.typed("ssh office 'echo here'")

    assert (done.returncode, done.stdout) == (255, "")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr
    assert "Host key for reversi:office has changed" in done.stderr
    forget = next(line for line in done.stderr.splitlines() if "ssh-keygen -f" in line)
    laptop.type(forget)
    assert laptop.type("ssh office 'echo here'") == "here\n"


def test_a_pinned_node_is_reached_only_with_its_pinned_key(world: World, laptop: Laptop) -> None:
    register(world.layout, [replace(world.forward, host_key=world.device_key)])
    said = laptop.typed(LINE).stderr
    assert SECOND_LINE in said

    refused = laptop.typed("ssh office 'echo here'")
    laptop.type(SECOND_LINE)

    assert refused.returncode == 255
    assert "key is known for reversi:office and you have requested strict" in refused.stderr
    assert laptop.type("ssh office 'echo here'") == "here\n"
    assert not (laptop.ssh / "reversi_known_hosts").exists()
    register(world.layout, [replace(world.forward, host_key=public_key(6))])
    laptop.type(SECOND_LINE)
    changed = laptop.typed("ssh office 'echo here'")
    assert changed.returncode == 255
    assert "Host key for reversi:office has changed" in changed.stderr


def test_the_jump_may_be_an_ipv6_address_with_user_and_port(
    world: World, laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    jump = f"{world.gateway6.user}@[::1]:{world.gateway6.port}"
    file = laptop.ssh / "config.d" / "reversi"

    run(["--home", str(world.layout.home), "ssh-config", "--jump", jump, "--output", str(file)])

    assert laptop.type("ssh office 'echo here'") == "here\n"
    assert laptop.options("office")["proxyjump"] == jump


def test_on_the_gateway_no_jump_is_needed_and_none_of_the_users_is_taken(
    world: World, laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    config = laptop.ssh / "config"
    config.write_text(config.read_text(encoding="ascii") + "  ProxyJump nowhere\n")
    file = laptop.ssh / "config.d" / "reversi"

    run(["--home", str(world.layout.home), "ssh-config", "--output", str(file)])

    assert laptop.type("ssh office 'echo here'") == "here\n"


@pytest.mark.parametrize("place", ["top", "bottom"])
def test_nothing_applies_to_the_users_own_hosts(
    world: World, laptop: Laptop, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    without = {host: options_without(laptop, host) for host in ("web", "elsewhere", "127.0.0.1")}
    lines = [OWN_HOSTS, "Match all\nInclude config.d/*\n"]
    (laptop.ssh / "config").write_text("".join(lines[:: 1 if place == "bottom" else -1]) + "Host x")
    register(world.layout, [replace(world.forward, host_key=public_key(6))])
    file = laptop.ssh / "config.d" / "reversi"

    words = ["--home", str(world.layout.home), "ssh-config", "--jump", "gw", "--user", "root"]

    run([*words, "--output", str(file)])

    for host, options in without.items():
        assert laptop.options(host) == options
    office = laptop.options("office")
    assert (office["hostname"], office["port"], office["hostkeyalias"], office["proxyjump"]) == (
        "127.0.0.1",
        str(world.device.port),
        "reversi:office",
        "gw",
    )
    assert (office["stricthostkeychecking"], office["checkhostip"], office["forwardagent"]) == (
        "true",
        "no",
        "no",
    )
    assert office["user"] == ("root" if place == "top" else "everyone")


def options_without(laptop: Laptop, host: str) -> dict[str, str]:
    """What ssh does for a host of the user's own configuration."""
    (laptop.ssh / "config").write_text(OWN_HOSTS)
    return laptop.options(host)
