"""The agent's command, and a machine without nats-py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checker.fleet.bus_files import bus_folder
from tests.fleet.homes import Fleet, Member
from tests.programs import run_program

WITHOUT_NATS = """
import sys
sys.modules["nats"] = None
from checker.cli.main import run
import checker.gate, checker.daemon.serve, checker.fleet.serving
sys.exit(run(sys.argv[1:]))
"""
HARMLESS = {
    "checker.daemon.accept",
    "checker.daemon.crowd",
    "checker.daemon.operators",
    "checker.tunnels.port_owner",
}
LOADED = """
import sys
import checker.fleet.serving
print(*sys.modules)
"""


def test_without_nats_py_only_the_agent_cannot_run(gw1: Member) -> None:
    home = str(gw1.layout.home)
    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_program(
            [sys.executable, "-c", WITHOUT_NATS, "--home", home, *words], timeout=120
        )

    assert run("fleet", "status").returncode == 0
    said = run("fleet", "serve")
    assert said.returncode == 2
    assert f"run: sudo {sys.executable} -m pip install nats-py" in said.stderr


def test_the_agent_loads_nothing_that_could_end_a_tunnel_or_change_the_registry() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120
    )

    loaded = set(said.stdout.split())
    assert "checker.fleet.member" in loaded
    able = {one for one in loaded if one.startswith(("checker.tunnels.", "checker.daemon."))}
    assert able <= HARMLESS
    assert not loaded & {"nats", "asyncssh", "checker.sshd.kill", "checker.registry.changes"}


def test_a_gateway_that_is_on_no_bus_is_told_how_to_get_there(gw1: Member) -> None:
    code, _, err = gw1.say("fleet", "serve")

    assert code == 2
    assert "this gateway is on no bus; see: reversi-checker fleet card --bus" in err


def test_a_gateway_without_a_fleet_is_told_where_to_begin(gw1: Member) -> None:
    gw1.layout.config.write_text("", encoding="utf-8")

    code, _, err = gw1.say("fleet", "serve")

    assert code == 2
    assert "has no [fleet]; begin with: reversi-checker fleet init ID" in err


def test_an_identity_that_cannot_be_used_is_named(gw1: Member) -> None:
    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223")
    (gw1.layout.fleet / "identity").write_text("no key\n", encoding="ascii")

    code, _, err = gw1.say("fleet", "serve")

    assert code == 2
    assert "identity: is not a private key without a passphrase" in err


def test_the_servers_configuration_follows_the_cards(fleet: Fleet) -> None:
    gw1, gw2 = fleet.gateways
    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223")
    config = bus_folder(gw1.layout) / "nats.conf"
    assert "cluster" not in config.read_text(encoding="utf-8")

    gw2.do("fleet", "card", "--bus", "gw2.example.org")
    fleet.carry(gw2, gw1)
    assert 'routes: ["nats-route://gw2.example.org:6223"]' in config.read_text(encoding="utf-8")
    members = (bus_folder(gw1.layout) / "members.pem").read_text(encoding="ascii")
    assert members.count("BEGIN CERTIFICATE") == 2
    gw1.do("fleet", "remove", "gw2", "--yes")

    assert "cluster" not in config.read_text(encoding="utf-8")
    members = (bus_folder(gw1.layout) / "members.pem").read_text(encoding="ascii")
    assert members.count("BEGIN CERTIFICATE") == 1


def test_the_server_of_a_removed_gateway_has_no_configuration(fleet: Fleet) -> None:
    gw1, gw2 = fleet.gateways
    for one in fleet.gateways:
        one.do("fleet", "card", "--bus", f"{one.id}.example.org")
    fleet.carry(gw1, gw2)
    fleet.carry(gw2, gw1)
    config = bus_folder(gw2.layout) / "nats.conf"
    assert "gw1.example.org:6223" in config.read_text(encoding="utf-8")

    gw1.do("fleet", "remove", "gw2", "--yes")
    fleet.carry(gw1, gw2)

    assert not config.exists()


def test_a_card_that_is_signed_again_keeps_its_certificate(gw1: Member) -> None:
    def certificate() -> str:
        return gw1.do("fleet", "card").partition("bus_certificate = ")[2].partition("\n")[0]

    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223")
    before = certificate()
    gw1.do("fleet", "card", "--weight", "2")
    assert certificate() == before
    gw1.do("fleet", "card", "--bus", "192.0.2.1:16223")
    assert certificate() not in ("", before)
    assert (bus_folder(gw1.layout) / "nats.conf").exists()
    gw1.do("fleet", "card", "--no-bus")
    assert certificate() == ""
    assert not (bus_folder(gw1.layout) / "nats.conf").exists()


def test_only_root_reads_what_the_server_needs(gw1: Member) -> None:
    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223")

    folder = bus_folder(gw1.layout)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "words", [("gw2", "--bus", "gw2.example.org"), ("--bus", "gw1:x"), ("--bus", "")]
)
def test_a_bus_that_cannot_be_is_refused(gw1: Member, words: tuple[str, ...]) -> None:
    code, _, err = gw1.say("fleet", "card", *words)

    assert code == 2, err
    assert not bus_folder(gw1.layout).exists()


def test_dry_run_makes_nothing(gw1: Member, tmp_path: Path) -> None:
    gw1.do("fleet", "card", "--bus", "127.0.0.1:16223", "--dry-run")

    assert not bus_folder(gw1.layout).exists()
