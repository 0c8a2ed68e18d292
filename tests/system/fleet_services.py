"""An installed gateway on the bus of its fleet: nats-server and agent as services."""

from __future__ import annotations

import shutil
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from checker.cli.main import run
from checker.config.layout import home_layout
from tests.fleet.homes import Signer, make_home, signer
from tests.system.booted import Booted
from tests.system.fleet_post import only_operators_act_through_the_socket
from tests.system.waiting import until

BUS, AGENT = "reversi-bus.service", "reversi-fleet.service"
KEY, CARD = "/run/anna", "/run/gw2.card"
LIBRARIES = ("nats", "cryptography", "cffi", "_cffi_backend")
"""What the bus needs besides the checker's own libraries."""
SWAP = """
set -e
cp -a /opt/reversi /opt/own
cp -a /run/libraries/. /opt/own/site/
mount --bind /opt/own /opt/reversi
"""
CONFINED = {"NoNewPrivs": "1", "CapEff": "0" * 16}


def give_libraries(gateway: Booted, folder: Path) -> None:
    """Give the machine, and no other one, the libraries of the bus."""
    folder.mkdir()
    for name in LIBRARIES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin.parent, folder / name, ignore=ignored)
        else:
            shutil.copy(origin, folder)
    gateway.must("cp", "-r", str(folder), "/run/libraries")
    gateway.must("sh", "-c", SWAP)
    gateway.is_warm = False


def other_card(folder: Path, anna: Signer) -> str:
    """Make the home of a gateway gw2 that is on the bus, too, and return its signed card."""
    with redirect_stdout(StringIO()):
        home = make_home(folder, "gw2", anna)
        with (home / "reversi.toml").open("a", encoding="utf-8") as file:
            file.write("bus_port = 14224\n")
        words = ["fleet", "card", "--bus", "127.0.0.1:16224", "--key", str(anna.key)]
        assert run(["--home", str(home), *words]) == 0
    card = home_layout(home).fleet / "gateways" / "gw2.toml"
    return card.read_text() + card.with_name("gw2.toml.sig").read_text()


def join_the_bus(gateway: Booted, folder: Path) -> None:
    """Make it `gw1`, on a bus on which nobody else is yet."""
    anna = signer(folder / "people", "anna")
    gateway.write(KEY, anna.key.read_text())
    gateway.write(f"{KEY}.pub", anna.key.with_name("anna.pub").read_text())
    gateway.must("chmod", "600", KEY)
    gateway.write("/etc/reversi/fleet/allowed_signers", anna.line)
    gateway.write(CARD, other_card(folder, anna))
    gateway.ok("fleet", "init", "gw1", "--key", KEY)
    gateway.ok("fleet", "card", "--bus", "127.0.0.1:16223", "--key", KEY)
    gateway.ok("init")
    until(lambda: "on the bus as gw1" in gateway.journal(AGENT), "the agent is on the bus")


def confinement(gateway: Booted, unit: str) -> dict[str, str]:
    """What the kernel says of the rights of a service's first process."""
    text = gateway.read(f"/proc/{gateway.main_pid(unit)}/status")
    found = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert found["Uid"].split()[0] != "0"
    return {name: found[name] for name in CONFINED}


def both_services_follow_the_fleet(gateway: Booted, folder: Path) -> None:
    """They start confined, follow the cards, and stop without a failure."""
    give_libraries(gateway, folder / "libraries")
    join_the_bus(gateway, folder)
    assert [confinement(gateway, unit) for unit in (BUS, AGENT)] == [CONFINED, CONFINED]
    secret = "/etc/reversi/fleet/bus/agent.password"
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert gateway.run(*nobody, "cat", secret).returncode != 0
    bus, agent = gateway.main_pid(BUS), gateway.main_pid(AGENT)

    gateway.ok("fleet", "join", CARD)

    until(lambda: gateway.main_pid(BUS) not in {0, bus}, "nats-server follows the new card")
    until(lambda: gateway.journal(AGENT).count("on the bus as gw1") > 1, "the agent is back")
    assert gateway.main_pid(AGENT) == agent
    assert "16224" in gateway.read("/etc/reversi/fleet/bus/nats.conf")

    only_operators_act_through_the_socket(gateway, folder / "gw2", folder / "people" / "anna")

    gateway.must("systemctl", "stop", AGENT, BUS)

    for unit in (BUS, AGENT):
        state = gateway.must("systemctl", "show", "--property=ActiveState,Result", unit)
        assert sorted(state.split()) == ["ActiveState=inactive", "Result=success"], unit
    assert "Traceback" not in gateway.journal(AGENT)
