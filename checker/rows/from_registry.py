"""Rows made from what the registry says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from checker.model import Forward, Node, NodeName, Status, Tunnel, Unregistered
from checker.rows.row import NO_PORT, Known, Row, Whereabouts


class Broken(Protocol):
    """A broken file of the registry. Its class, checker.registry.kept_rights.BrokenFile, takes 5 ms
    to import, so `--once` does so only if there is one.
    """

    @property
    def name(self) -> NodeName: ...

    @property
    def sentence(self) -> str: ...

    def as_json(self) -> dict[str, Any]: ...


def barred_words(nodes: Mapping[NodeName, Node], day: str) -> dict[NodeName, str]:
    """Why each node may not listen on a day (YYYY-MM-DD), in one word."""
    return {
        name: "expired" if node.enabled else "disabled"
        for name, node in nodes.items()
        if node.barred(day)
    }


def broken_row(broken: Broken) -> Row:
    """The row of a broken file."""
    return Row(
        forward=None,
        seen=Tunnel(node=broken.name, port=NO_PORT, status=Status.BROKEN, detail=broken.sentence),
    )


def forward_row(  # noqa: PLR0913 - what is known of it, from each source
    forward: Forward | None,
    node: Node | None,
    seen: Tunnel,
    known: Known,
    *,
    barred: str = "",
    why: str = "",
    where: Whereabouts | None = None,
) -> Row:
    """The row of a registered forward; None: the registry has not been read yet."""
    return Row(
        forward=forward,
        seen=seen,
        known=known,
        barred=barred,
        why_barred=why,
        calls_itself=node.calls_itself if node else "",
        tags=node.tags if node else (),
        note=node.note if node else "",
        where=where,
    )


def device_row(device: Unregistered, seen: Tunnel, known: Known, *, barred: str = "") -> Row:
    """The row of a device that is not in the registry."""
    return Row(
        forward=device.forward,
        seen=seen,
        known=known,
        barred=barred,
        unregistered=True,
        calls_itself=device.calls_itself,
    )
