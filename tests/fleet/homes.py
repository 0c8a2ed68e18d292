"""Gateways of one fleet for tests: a home each, and people whose keys may sign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.model import Node, NodeName
from checker.model.gateway_id import GatewayId
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_key
from checker.state.errors import StateMissing
from checker.state.store import open_reader

Words = tuple[int, str, str]
"""Exit status, standard output, standard error."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Somebody with an SSH key."""

    name: str
    key: Path

    @property
    def line(self) -> str:
        """The line of allowed_signers."""
        public = self.key.with_name(f"{self.key.name}.pub").read_text(encoding="ascii")
        return f'{self.name} namespaces="reversi-registry,reversi-act" {public}'


@dataclass(frozen=True, kw_only=True)
class Member:
    """One gateway of the fleet."""

    layout: Layout
    id: GatewayId
    capsys: pytest.CaptureFixture[str]

    def say(self, *words: str) -> Words:
        """Run a command on this gateway."""
        self.capsys.readouterr()
        code = int(run(["--home", str(self.layout.home), *words]))
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def do(self, *words: str) -> str:
        """Run a command that must succeed; what it printed."""
        code, out, err = self.say(*words)
        assert code == 0, err
        return out

    def add(self, name: str, port: int | None = None) -> Node:
        place = "" if port is None else f"{port}="
        self.do("node", "add", name, "--forward", f"{place}127.0.0.1:22,banner:SSH-2.0")
        return self.node(name)

    def node(self, name: str) -> Node:
        return read_registry(self.layout.nodes).node(name)

    @property
    def nodes(self) -> dict[NodeName, Node]:
        return dict(read_registry(self.layout.nodes).nodes)

    def key_lines(self) -> str:
        return self.layout.authorized_keys.read_text(encoding="utf-8")

    def entry(self, name: str) -> Path:
        return self.layout.fleet / "nodes" / f"{name}.toml"

    def events(self) -> list[str]:
        """All events, the newest first."""
        try:
            reader = open_reader(self.layout.state)
        except StateMissing:
            return []
        try:
            return [f"{one.actor}: {one.text}" for one in reader.events()]
        finally:
            reader.close()


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Several gateways, and who may sign."""

    gateways: tuple[Member, ...]
    anna: Signer
    folder: Path

    def carry(self, giver: Member, taker: Member) -> Words:
        """Bring all entries and cards from one to another, in a folder."""
        folder = self.folder / f"{giver.id}-to-{taker.id}"
        giver.do("fleet", "export", str(folder))
        return taker.say("fleet", "import", str(folder))


def signer(folder: Path, name: str) -> Signer:
    """Make a key for somebody."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / name
    make_key(key, comment=name)
    return Signer(name=name, key=key)


def make_home(folder: Path, id_: str, *allowed: Signer, more: str = "") -> Path:
    """Make a home one of a fleet in which these may sign."""
    layout = home_layout(folder / id_)
    layout.nodes.mkdir(parents=True)
    layout.config.write_text(f'gateway = ["{id_}.example.org:22"]\n{more}', encoding="utf-8")
    layout.fleet.mkdir()
    make_key(layout.host_key, comment=id_)  # no RSA key beside it, which takes long to make
    lines = "".join(person.line for person in allowed)
    (layout.fleet / "allowed_signers").write_text(lines, encoding="utf-8")
    assert run(["--home", str(layout.home), "fleet", "init", id_]) == 0
    assert layout.home is not None
    return layout.home


def member(
    folder: Path, id_: str, capsys: pytest.CaptureFixture[str], *allowed: Signer, more: str = ""
) -> Member:
    """Make a gateway that is one of a fleet in which these may sign."""
    home = make_home(folder, id_, *allowed, more=more)
    return Member(layout=home_layout(home), id=GatewayId(id_), capsys=capsys)
