"""A small fleet in every status, and what its metrics say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from checker.metrics.families import Family, Per, families
from checker.metrics.gathered import Gathered
from checker.model import Node, NodeName, Port
from checker.model.glance import Glance, Seen
from tests.strategies import NOW, node

EVERY_S = 20.0
TODAY = "2023-11-14"
SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def seen(name: str, port: int, status: str = "up", **more: object) -> Seen:
    """What was seen of a forward just now."""
    facts: dict[str, object] = {
        "latency_ms": 12.5,
        "probed_at": NOW - 5,
        "kills": 0,
        "bytes_total": None,
        "pid": None,
        "start_ticks": None,
    }
    return Seen(node=NodeName(name), port=Port(port), status=status, **{**facts, **more})  # type: ignore[arg-type]


def registry(*nodes: Node) -> Mapping[NodeName, Node]:
    return {one.name: one for one in nodes}


FLEET = Gathered(
    version="1.2.3",
    now=NOW,
    today=TODAY,
    nodes=registry(
        node("attic", 1, (20001,)),
        node("barn", 2, (20002, 20003)),
        node("cellar", 3, (20004,)),
        replace(node("dairy", 4, (20005,)), enabled=False),
        replace(node("eaves", 5, (20006,)), expires="2023-11-14"),
        node("fold", 6, (20007,)),
        node("gate-house", 7, (20008,)),
    ),
    broken=frozenset({NodeName("gate-house"), NodeName("hayloft")}),
    glance=Glance(
        seen=[
            seen("attic", 20001, kills=2, bytes_total=1000, pid=1, start_ticks=1),
            seen(
                "barn",
                20002,
                "hung",
                latency_ms=None,
                kills=1,
                bytes_total=70,
                pid=2,
                start_ticks=2,
            ),
            seen("barn", 20003, kills=4, bytes_total=75, pid=2, start_ticks=2),
            seen("cellar", 20004, probed_at=NOW - 61),
            seen("dairy", 20005, "down"),
            seen("eaves", 20006, "down"),
            seen("gate-house", 20008, "refused"),
            seen("stranger", 29999, "up"),
        ],
        unregistered=[(NodeName("stranger"), Port(29999)), (NodeName("attic"), Port(20001))],
        swept_at=NOW - 3,
        every_s=EVERY_S,
        logins_waiting=4,
        tally={"kill": 7, "refused": 9, "clone": 1},
    ),
    clients={NodeName("attic"): "bundle-0.2.0/dropbear-2022.83"},
    applicants=2,
)
"""fold was never probed."""


def values(found: Iterable[Family]) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples by metric and labels' values."""
    return {one.name: dict(one.samples) for one in found}


def measured(
    found: Gathered = FLEET, per: Per = Per.FORWARD
) -> dict[str, dict[tuple[str, ...], float]]:
    return values(families(found, per))


def labels_in(text: str) -> dict[str, set[str]]:
    """The labels' names of each metric in an exposition."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            names = {name for name, _ in LABEL.findall(match["labels"] or "")}
            found.setdefault(match["name"], set()).update(names)
    return found
