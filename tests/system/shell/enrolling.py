"""The bundle of an enrolment, and a device that asks with it."""

from __future__ import annotations

from pathlib import Path

from client.bundle.compose import render
from tests.bundles import Box
from tests.client.bundle.samples import changed
from tests.system.shell.installing import ED25519
from tests.system.shell.running import set_answer
from tests.system.shell.stand_ins import KEYGEN, program

WAITING = "enrol_yard"
"""The name of a device that waits, where a node's name would be."""
FORWARDS = "20010:127.0.0.1:22 *:20011:192.168.1.20:443"
PRINT = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
WAIT = f"enrol: wait 1 roof {PRINT}\n"
ACCEPTED = f"enrol: accepted roof {FORWARDS}\n"
REJECTED = "enrol: rejected\n"
ACCEPT = f"reversi-checker node accept roof@{PRINT}"
REKEY = "reversi-checker node rekey {} --public-key -"


def enrolment(box: Box, name: str = "reversi-yard.sh", **fields: object) -> Path:
    """Write the bundle, for a device that can make keys and whose host name is `roof`."""
    folder = box.folder / "programs"
    for maker in ("ssh-keygen", "dropbearkey"):
        program(folder, maker, KEYGEN)
    (folder / "types").write_text(f"{ED25519}\n")
    system = "Darwin" if (folder / "uname").exists() else "Linux"
    program(
        folder, "uname", f'#!/bin/sh\n[ "${{1:-}}" = -n ] && exec echo roof\nexec echo {system}\n'
    )
    program(folder, "pidof", "#!/bin/sh\nexit 1\n")
    if not (folder / "enrol").exists():
        set_answer(box, "enrol", WAIT)
    return box.write(enrolment_text(box, **fields), name)


def enrolment_text(box: Box, **fields: object) -> str:
    settings = {"root": str(box.root), "beat": "1", "retry": "1", **fields}
    return render(
        changed(
            node=WAITING,
            enrolment="yard",
            forwards=(),
            node_add=REKEY.format("+"),
            settings=settings,
        )
    )


def node_text(box: Box, name: str = "roof", forwards: str = FORWARDS) -> str:
    """What the gateway builds for the node, if its device makes its own key."""
    settings = {"root": str(box.root), "beat": "1", "retry": "1"}
    return render(
        changed(
            node=name,
            key=None,
            forwards=tuple(forwards.split()),
            node_add=REKEY.format(name),
            settings=settings,
        )
    )


def asked(box: Box) -> list[str]:
    """Return the requests of devices that asked to become nodes."""
    log = box.folder / "programs/ssh.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return ["enrol " + line.partition(" enrol ")[2] for line in lines if " enrol " in line]


def is_over(box: Box, name: str = WAITING) -> bool:
    """Whether nothing of the wait is left."""
    places = (box.root, box.user_home)
    try:
        return not [path for place in places for path in place.rglob("*") if name in path.name]
    except FileNotFoundError:
        return False  # it is being removed: look again
