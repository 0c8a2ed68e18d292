"""Nodes whose tunnels work, in a real state file, and a stand-in for ssh."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import (
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.state.rows import Batch
from checker.state.store import open_store
from client.rollout.way import Job
from tests.client.bundle.samples import changed
from tests.strategies import public_key

FIRST_PORT = 20010
HOST_KEY = public_key(9)
ANSWERS = """#!/bin/sh
cat >/dev/null
read -r status <"$0.answers"
sed -i 1d "$0.answers"
printf 'office: said %s\\n' "$status" >&2
exit "$status"
"""
"""Ends with the next status of a list."""
HANGS = "#!/bin/sh\nexec sleep 60\n"
INTERRUPTS = "#!/bin/sh\nkill -INT $PPID\nexec sleep 60\n"
"""As if somebody pressed Ctrl-C meanwhile."""


def jobs(*names: str) -> list[Job]:
    """The devices of these nodes, each with a forward to its SSH server."""
    made = []
    for port, name in enumerate(names, FIRST_PORT):
        forward = Forward(
            node=NodeName(name),
            port=Port(port),
            target=parse_target("127.0.0.1:22"),
            expect=parse_expect("banner:SSH-2.0"),
        )
        node = Node(
            name=NodeName(name), public_key="ssh-ed25519 AAAA", forwards=(forward,), added_at=0
        )
        bundle = changed(node=name, host_keys=(HOST_KEY,), key=None, keep=("KEY",))
        made.append(Job(node=node, forward=forward, bundle=bundle))
    return made


def seen(folder: Path, those: Sequence[Job], status: Status = Status.UP) -> Layout:
    """Write a state file in which the checker found their tunnels so."""
    layout = home_layout(folder)
    sessions = [ProcessId(pid=job.port, start_ticks=1) for job in those]
    batch = Batch(
        tunnels=tuple(
            Tunnel(node=job.name, port=job.port, status=status, session=session, probed_at=20.0)
            for job, session in zip(those, sessions, strict=True)
        ),
        registrations=tuple(
            Registration(
                node=job.name,
                instance="word",
                session=session,
                peer="192.0.2.1",
                registered_at=10.0,
                client="bundle-0.1.0/dropbear-2022.83",
            )
            for job, session in zip(those, sessions, strict=True)
        ),
    )
    with closing(open_store(layout.state)) as store:
        store.write(batch)
    return layout


def put_ssh(folder: Path, script: str, *answers: int) -> Path:
    """Put a stand-in for ssh into the directory; return its list of answers."""
    program, left = folder / "ssh", folder / "ssh.answers"
    left.write_text("".join(f"{status}\n" for status in answers))
    program.write_text(script)
    program.chmod(0o755)
    return left
