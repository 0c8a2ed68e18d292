"""Make an enrolment at a gateway, as the user who runs it, and ask with its key."""

from __future__ import annotations

import subprocess

from checker.wire import Enrol, render_enrol
from tests.strategies import public_key
from tests.system.clients import Device
from tests.system.harness import Gateway

MAKE = """
import sys
from pathlib import Path
from checker.config.layout import home_layout
from checker.control.client import Control
from checker.model import Enrolment, parse_forward, parse_public_key
from checker.registry.authorized_keys import gate_command
from checker.registry.enrolling import make_enrolment
layout, id_ = home_layout(Path(sys.argv[1])), sys.argv[2]
made = Enrolment(
    id=id_,
    public_key=parse_public_key(sys.argv[3]),
    forwards=(parse_forward("127.0.0.1:22,banner:SSH-"),),
)
make_enrolment(layout, made, b"", gate_command(layout))
Control(layout=layout).reload()
"""


def enrolment_at(gateway: Gateway, id_: str) -> Device:
    """Make an enrolment; return who has its key, and may ask with it."""
    config = gateway.folder / f"{id_}.toml"
    key = config.with_name(f"{config.name}.key")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True
    )
    public = key.with_name(f"{key.name}.pub").read_text(encoding="ascii")
    subprocess.run(
        [gateway.mode.install.python, "-c", MAKE, str(gateway.home), id_, public],
        check=True,
        timeout=200,
        **gateway.spawn_options(),
    )
    return Device(
        node=f"+{id_}",
        ports=(),
        targets=(),
        user=gateway.mode.tunnel.name,
        host=gateway.host,
        ssh_port=gateway.ssh_port,
        host_key=gateway.layout.host_key.with_suffix(".pub").read_text(encoding="ascii").rstrip(),
        config=config,
    )


def request_of(number: int, name: str) -> str:
    """What the device with the key of this number says."""
    return render_enrol(Enrol(name, public_key(number), (public_key(number + 5000),)))
