"""The demo's progress: what it counts as seen."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName, Port, Status, Tunnel
from demo.scene import FREEZER, ROLES, Progress


def settled() -> dict[str, Tunnel]:
    """Return every node with its expected status."""
    return {
        role.name: Tunnel(node=NodeName(role.name), port=Port(20000 + at), status=role.status)
        for at, role in enumerate(ROLES)
    }


def frozen(tunnels: dict[str, Tunnel], status: Status, kills: int = 0) -> dict[str, Tunnel]:
    return tunnels | {FREEZER.name: replace(tunnels[FREEZER.name], status=status, kills=kills)}


def test_the_cast_is_eight_nodes_and_every_status_of_the_issue() -> None:
    assert len({role.name for role in ROLES}) == 8
    assert {role.status for role in ROLES} == {Status.UP, Status.DOWN, Status.REFUSED, Status.WRONG}
    assert sum(role.freezes for role in ROLES) == 1


def test_all_is_seen_only_once_the_frozen_node_is_back() -> None:
    progress = Progress(ROLES)

    progress.update(settled())
    before = (progress.is_settled, progress.is_complete)
    for tunnels in (
        frozen(settled(), Status.HUNG),
        frozen(settled(), Status.DOWN, kills=1),
        frozen(settled(), Status.UP, kills=1),
    ):
        progress.update(tunnels)

    assert before == (True, False)
    assert progress.is_complete
    assert not progress.faults()


def test_a_tunnel_that_never_hung_does_not_count_as_come_back() -> None:
    progress = Progress(ROLES)
    progress.update(settled())
    progress.update(frozen(settled(), Status.UP, kills=1))

    assert progress.faults() == [
        f"{FREEZER.name} was not seen hung, then killed, then up; it is up"
    ]


def test_a_killed_healthy_node_is_a_fault() -> None:
    progress = Progress([role for role in ROLES if not role.freezes])
    progress.update(
        {
            name: replace(tunnel, kills=1 if name == "mail" else 0)
            for name, tunnel in settled().items()
        }
    )

    assert progress.is_complete
    assert progress.faults() == ["mail was killed, but had not hung"]
