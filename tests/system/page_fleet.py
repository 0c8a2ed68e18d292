"""docs/fleet.md on installed gateways: what each command says, and what follows from it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.system.fleet_servers import LAPTOP, World
from tests.system.page_steps import Step, Terminal
from tests.system.waiting import until

SUDO = "sudo --preserve-env=SSH_AUTH_SOCK reversi-checker"
PUSH = "reversi-checker fleet push"
FOLDER = "sudo install -d /etc/reversi/fleet"
SIGNERS = (
    'echo "anna namespaces=\\"reversi-registry,reversi-act\\" $(ssh-add -L | head -n 1)" | sudo tee'
    " -a /etc/reversi/fleet/allowed_signers"
)
INIT = "sudo reversi-checker init"
DOCTOR = "sudo reversi-checker doctor"
STOP_THEIRS = "sudo systemctl disable --now nats-server"
BARN = "sudo cat barn.sh"
NODES = "/etc/reversi/nodes"


def on(name: str, world: World) -> Terminal:
    return world.seats[name]


def at_gw2(world: World) -> Terminal:
    return on("gw2", world)


def at_desk(world: World) -> Terminal:
    return on(LAPTOP, world)


def begin_at(name: str, world: World) -> None:
    """Do steps 1 and 2 at another gateway."""
    for line in (FOLDER, SIGNERS, f"{SUDO} fleet init {name}", INIT):
        world.seats[name].type(line)


def begin_at_gw2(world: World) -> None:
    begin_at("gw2", world)


def begin_at_gw3(world: World) -> None:
    begin_at("gw3", world)


def edit_without_a_key(world: World) -> None:
    world.seats["gw1"].type("sudo reversi-checker node set barn --note 'by the river'")


def bring_it_to_the_desk(world: World) -> None:
    world.desk_seat.type("scp -qr gw1.example.org:/media/stick/registry .")


def bring_it_to_gw2(world: World) -> None:
    world.desk_seat.type("scp -qr registry gw2.example.org:/media/stick/")


def import_what_is_signed(world: World) -> None:
    bring_it_to_gw2(world)
    world.seats["gw2"].type("sudo reversi-checker fleet import /media/stick/registry")
    world.seats["gw2"].until_says(f"cat {NODES}/barn.toml", "by the river")


def has_barn(world: World) -> None:
    for name in world.gateways:
        assert "barn.toml" in world.seats[name].type(f"ls {NODES}")


def make_a_key(world: World) -> None:
    world.seats["gw1"].type("ssh-keygen -q -t ed25519 -N '' -f gw9_ed25519")


def hears(world: World, name: str, text: str) -> None:
    """Wait until a gateway hears the others, and has nothing to say about the bucket."""
    seat = world.seats[name]
    until(lambda: "bucket" not in seat.said("reversi-checker fleet status")[0], "the bucket")
    seat.until_says(DOCTOR, text)


def all_go_on_the_bus(world: World) -> None:
    """Do at the others what the page says of each gateway; wait until they hear each other."""
    for name in ("gw2", "gw3"):
        for line in (STOP_THEIRS, f"{SUDO} fleet card --bus {name}.example.org", PUSH, INIT):
            world.seats[name].type(line)
    for name in world.gateways:
        hears(world, name, "it hears 2 other gateways")
    for name in world.gateways:
        said = world.seats[name].type("sudo journalctl -qu reversi-bus")
        assert "cannot validate certificate" not in said, "each knows the others by name"


def connect_barn(world: World) -> None:
    """Run the bundle on the laptop, which has sshd's answer at its port 22."""
    world.desk_seat.type(f"ssh gw1.example.org {BARN} > barn.sh")
    world.desk_seat.typed("sh barn.sh run")
    for name in world.gateways:
        world.seats[name].until_says("reversi-checker where barn", "  refused  ")


def act_from_elsewhere(world: World) -> None:
    """The device is at one gateway; the others end its tunnel there, and know who holds it."""
    home = world.seats["gw1"].type("reversi-checker where barn --json")
    away = next(name for name in world.gateways if f'"{name}"' not in home)
    said = world.seats[away].type("reversi-checker kill barn")
    assert " at gw" in said
    assert "is free" in said


def add_at_gw2(world: World) -> None:
    """What somebody adds at one gateway is obeyed at the others, without a push."""
    world.seats["gw2"].type(f"{SUDO} node add mill --forward 127.0.0.1:22,banner:SSH-2.0")
    for name in world.gateways:
        world.seats[name].until_says(f"ls {NODES}", "mill.toml")


def clear_the_desk(world: World) -> None:
    world.desk_seat.type("rm -r registry")


def watch(world: World) -> None:
    desk = world.desk_seat
    desk.until_says("reversi-checker --home ~/fleet status", "  refused  ")
    done: subprocess.CompletedProcess[str] = desk.typed("reversi-checker --home ~/fleet kill barn")
    assert "with reader.password this machine only watches" in done.stdout + done.stderr


def edits_go_on(world: World) -> None:
    """The two that are left have the bucket, and a removed gateway did not take it along."""
    for name in ("gw1", "gw3"):
        hears(world, name, "it hears 1 other gateway")


def gw2_leaves_the_bus(world: World) -> None:
    """Its doctor names the command that keeps its nats-server from calling the others."""
    seat = world.seats["gw2"]
    why = "anna removed this gateway from the fleet, so the others do not hear it;"
    seat.until_says(DOCTOR, f"{why} its nats-server still calls them")
    seat.type(INIT)
    state = seat.typed("sudo systemctl is-active reversi-bus").stdout.strip()
    assert state in ("inactive", "failed")
    assert "still calls" not in "".join(seat.said(DOCTOR))


FLEET: Sequence[Step[World]] = (
    Step(FOLDER),
    Step(SIGNERS, says="anna namespaces"),
    Step(f"{SUDO} fleet init gw1", says="this gateway is gw1 of a fleet"),
    Step(INIT, says="enable --now reversi-fleet-apply.path"),
    Step("ssh gw2.example.org reversi-checker fleet card > gw2.card", before=begin_at_gw2),
    Step("sudo reversi-checker fleet join gw2.card", says="card of gateway gw2 taken"),
    Step(f"{SUDO} node sign --all", says="old: revision 1 signed by anna"),
    Step(PUSH, says="gw2: 2 of 2 entries and cards taken"),
    Step("reversi-checker fleet status", says="nodes: 1 signed"),
    Step("ssh gw3.example.org reversi-checker fleet card > gw3.card", before=begin_at_gw3),
    Step("sudo reversi-checker fleet join gw3.card", says="card of gateway gw3 taken"),
    Step(PUSH, says="gw3: 3 of 3 entries and cards taken"),
    Step(f"{SUDO} node add barn --forward 127.0.0.1:22,banner:SSH-2.0", says="wrote barn.key"),
    Step(PUSH, says="gw3: 1 of 1 entries and cards taken", after=has_barn),
    Step(f"{SUDO} node sign barn --paths 2", says="barn: revision 2 signed by anna"),
    Step(PUSH, says="gw2: 1 of 1"),
    Step("sudo reversi-client build barn --path 1", says="wrote barn.sh"),
    Step("sudo reversi-client build barn --path 2", says="wrote barn_2.sh"),
    Step(
        "reversi-checker fleet export /media/stick/registry",
        before=edit_without_a_key,
        after=bring_it_to_the_desk,
    ),
    Step(
        "sudo reversi-checker fleet import /media/stick/registry",
        at=at_gw2,
        before=bring_it_to_gw2,
        says="nothing new",
    ),
    Step(
        "reversi-checker fleet sign registry/unsigned/barn.toml --key ~/.ssh/id_ed25519 --as anna",
        at=at_desk,
        says="signed by anna",
        after=import_what_is_signed,
    ),
    Step(f"{SUDO} fleet card --sign", says="revision 2 of the card of gw1 is signed"),
    Step(
        f"{SUDO} fleet card gw9 --state reserved --address gw9.example.org:22"
        " --host-key gw9_ed25519.pub",
        before=make_a_key,
        says='state = "reserved"',
    ),
    Step("sudo apt-get install nats-server"),
    Step(STOP_THEIRS),
    Step(f"{SUDO} fleet card --bus gw1.example.org", says='bus = "gw1.example.org:6223"'),
    Step(PUSH),
    Step(INIT, says="enable --now reversi-fleet.service", after=all_go_on_the_bus),
    Step("install -d -m 700 ~/fleet/fleet/bus", at=at_desk, before=connect_barn, after=add_at_gw2),
    Step("scp gw1.example.org:/etc/reversi/fleet/allowed_signers ~/fleet/fleet/", at=at_desk),
    Step("reversi-checker --home ~/fleet fleet init laptop", at=at_desk),
    Step("ssh gw1.example.org reversi-checker fleet export registry", at=at_desk),
    Step("scp -r gw1.example.org:registry .", at=at_desk, before=clear_the_desk),
    Step(
        "reversi-checker --home ~/fleet fleet import registry", at=at_desk, says="barn:20001: added"
    ),
    Step(
        "ssh gw1.example.org sudo cat /etc/reversi/fleet/bus/reader.password >"
        " ~/fleet/fleet/bus/reader.password",
        at=at_desk,
    ),
    Step("ssh -N -L 4223:127.0.0.1:4223 gw1.example.org", at=at_desk),
    Step("reversi-checker --home ~/fleet fleet serve --watch", at=at_desk, after=watch),
    Step("reversi-checker where barn", says="barn"),
    Step("reversi-checker log --since 1h", says="card of gateway gw2 taken"),
    Step("reversi-checker report --here --days 7", says="barn"),
    Step("reversi-checker ssh-config > nodes.conf", after=act_from_elsewhere),
    Step(f"{SUDO} fleet remove gw2", says="removed gw2"),
    Step(PUSH, after=edits_go_on),
    Step(f"{PUSH} gw2", after=gw2_leaves_the_bus),
)
