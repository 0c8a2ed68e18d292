"""docs/fleet.md: each of its commands, as people would type them on two gateways."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.model.gateway_id import GatewayId
from checker.signatures import KEY_FILE
from checker.sshd.keygen import make_key
from checker.state.rows import Batch
from client.cli import main as run_client
from tests.fleet.homes import Fleet, Member, Signer, member
from tests.fleet.mirrors import at, mirror
from tests.fleet.test_pushing import serving
from tests.reversi_tui.console.states import tunnel

PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")
BLOCKS = [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]
TYPED = [line for block in BLOCKS for line in block]
SUDO = re.compile(r"^sudo (--preserve-env=SSH_AUTH_SOCK )?")


class People:
    """Two gateways, a laptop, and what the page says is typed there."""

    def __init__(self, fleet: Fleet, port: int, key: Path) -> None:
        self.fleet = fleet
        self.gw1, self.gw2 = fleet.gateways
        self.port = port
        self.keys = [key]
        self.typed: list[str] = []
        laptop = home_layout(fleet.folder / "laptop")
        self.laptop = Member(layout=laptop, id=GatewayId("laptop"), capsys=self.gw1.capsys)

    def type(self, line: str, on: Member | None = None) -> str:
        """Type a line of the page; places of this test replace those of the page."""
        assert line in TYPED, line
        self.typed.append(line)
        words, _, file = SUDO.sub("", line).partition(" > ")
        program, *given = shlex.split(words)
        places = {
            "/media/stick/registry": str(self.fleet.folder / "stick"),
            "registry/unsigned/barn.toml": str(self.fleet.folder / "stick/unsigned/barn.toml"),
            "~/.ssh/id_ed25519": str(self.fleet.anna.key),
        }
        given = [places.get(word, word) for word in given]
        if given[:2] == ["fleet", "push"]:
            keys = " ".join(f"-i {key}" for key in self.keys)
            given += ["--ssh", f"ssh -F none -o IdentitiesOnly=yes {keys}"]
        if program == "reversi-client":
            assert run_client([*given, "--no-scan", "--home", str(self.gw1.layout.home)]) == 0
            return ""
        out = (on or self.gw1).do(*given)
        if file:
            Path(file).write_text(out, encoding="utf-8")
        return out


@pytest.fixture
def people(fleet: Fleet, tmp_path: Path) -> Iterator[People]:
    with contextlib.ExitStack() as stack:
        port, key = stack.enter_context(serving(fleet.gateways[1], tmp_path / "sshd"))
        fleet.gateways[0].do("fleet", "card", "gw2", "--address", f"127.0.0.1:{port}")
        yield People(fleet, port, key)


@pytest.fixture
def third(people: People, tmp_path: Path) -> Iterator[Member]:
    """A gateway that has done steps 1 and 2, and that a push reaches."""
    gw1, anna = people.gw1, people.fleet.anna
    gw3 = member(tmp_path, "gw3", gw1.capsys, anna)
    with serving(gw3, tmp_path / "sshd-of-gw3") as (port, key):
        gw3.do("fleet", "card", "--address", f"127.0.0.1:{port}", "--key", str(anna.key))
        people.keys.append(key)
        yield gw3


SIGNERS = "/etc/reversi/fleet/allowed_signers"
ALLOWED = 'echo "anna namespaces=\\"reversi-registry,reversi-act\\" $(ssh-add -L | head -n 1)"'
OTHERS = re.compile(r"^(ssh|scp) |~/fleet")
"""Lines that log in to another machine, or prepare one that only watches."""
BY_HAND = [
    "sudo apt-get install nats-server",
    "sudo systemctl disable --now nats-server",
    "sudo install -d /etc/reversi/fleet",
    f"{ALLOWED} | sudo tee -a {SIGNERS}",
    "sudo reversi-checker init",
]
"""The fixture makes the signers; tests/system/test_fleet_page.py types these on servers."""


def give_a_second_tunnel(people: People) -> None:
    """Type what a node without a gap needs."""
    for line in TYPED:
        if "barn --path" in line:
            people.type(line)
            people.type("reversi-checker fleet push")
    headers = [Path(name).read_text(encoding="ascii") for name in ("barn.sh", "barn_2.sh")]
    addresses = "gw1=gw1.example.org:22", f"gw2=127.0.0.1:{people.port}"
    found = [[address in text for address in addresses] for text in headers]
    assert sorted(found) == [[False, True], [True, False]], "one gateway each, another one"


def add_a_third_gateway(people: People, gw3: Member) -> None:
    """Type what the page says on another gateway."""
    Path("gw3.card").write_text(gw3.do("fleet", "card"), encoding="utf-8")
    people.type("sudo reversi-checker fleet join gw3.card")
    said = people.type("reversi-checker fleet push")
    assert "gw3: " in said
    assert gw3.nodes == people.gw1.nodes
    for one in (people.gw2, gw3):
        assert "gw3" in one.do("fleet", "status")
    assert "gw1" in gw3.do("fleet", "status")


def look_at_the_fleet(people: People) -> None:
    """Type what shows the whole fleet, while gw2 holds barn."""
    gw1 = people.gw1
    now, port = time.time(), gw1.node("barn").forwards[0].port
    mirror(gw1.layout, "gw2", Batch(tunnels=at(now, tunnel("barn", port))), now)
    assert "gw2" in people.type("reversi-checker where barn")
    people.type("reversi-checker log --since 1h")
    assert "barn" in people.type("reversi-checker report --here --days 7")
    people.type("reversi-checker ssh-config > nodes.conf")
    assert "connect %n" in Path("nodes.conf").read_text(encoding="utf-8")


@pytest.mark.sshd
def test_each_command_of_the_page_does_what_it_says(
    people: People, third: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    gw1, gw2 = people.gw1, people.gw2
    gw1.layout.nodes.joinpath("old.toml").write_text(
        'public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAEAAAABAAAAAQAAAAEAAAABAAAAAQAAAAEA'
        'AAAB"\n[[forward]]\nport = 20500\ntarget = "127.0.0.1:22"\n',
        encoding="utf-8",
    )

    sudo = "sudo --preserve-env=SSH_AUTH_SOCK reversi-checker"
    people.type(f"{sudo} fleet init gw1")
    Path("gw1.card").write_text(gw1.do("fleet", "card"), encoding="utf-8")
    Path("gw2.card").write_text(gw1.do("fleet", "card", "gw2"), encoding="utf-8")
    gw2.do("fleet", "join", "gw1.card", "gw2.card")
    people.type("sudo reversi-checker fleet join gw2.card")
    people.type(f"{sudo} node sign --all")
    assert "gw2: 1 of 1" in people.type("reversi-checker fleet push")
    assert "1 signed" in people.type("reversi-checker fleet status")
    assert "old" in gw2.nodes

    add_a_third_gateway(people, third)
    people.type(f"{sudo} node add barn --forward 127.0.0.1:22,banner:SSH-2.0")
    people.type("reversi-checker fleet push")
    assert "barn" in gw2.nodes

    give_a_second_tunnel(people)
    look_at_the_fleet(people)

    monkeypatch.delenv(KEY_FILE)
    gw1.do("node", "set", "barn", "--note", "by the river")
    people.type("reversi-checker fleet export /media/stick/registry")
    people.type(
        "reversi-checker fleet sign registry/unsigned/barn.toml --key ~/.ssh/id_ed25519 --as anna",
        on=people.laptop,
    )
    people.type("sudo reversi-checker fleet import /media/stick/registry", on=gw2)
    assert gw2.node("barn").note == "by the river"

    monkeypatch.setenv(KEY_FILE, str(people.fleet.anna.key))
    make_key(Path("gw9_ed25519"), comment="gw9")
    people.type(f"{sudo} fleet card --sign")
    people.type(
        f"{sudo} fleet card gw9 --state reserved --address gw9.example.org:22"
        " --host-key gw9_ed25519.pub"
    )
    people.type(f"{sudo} fleet card --bus gw1.example.org")
    assert "2 of 2" in people.type("reversi-checker fleet push")
    people.type(f"{sudo} fleet remove gw2")
    assert "gw2: " in people.type("reversi-checker fleet push gw2")

    elsewhere = {line for line in TYPED if OTHERS.search(line)}
    assert set(people.typed) | set(BY_HAND) | elsewhere == set(TYPED)
    assert isinstance(people.fleet.anna, Signer)
