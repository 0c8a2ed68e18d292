"""Every metric: its name, its help, its labels and its samples. Pure.

No label comes from a peer's address, a detail, a banner or a target: devices and targets choose
these, and each new value would be one more series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from checker.metrics.gathered import WORST_FIRST, Gathered, Judged, judged, node_states
from checker.model import NodeName, Status

UP = Status.UP.value
RANK = {word: place for place, word in enumerate(WORST_FIRST)}
Sample = tuple[tuple[str, ...], float]
"""The values of the labels, and the metric's value."""


class Per(StrEnum):
    """How far the series go into detail."""

    FORWARD = "forward"
    NODE = "node"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric, with all its samples."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    samples: list[Sample]

    @property
    def is_counter(self) -> bool:
        return self.name.endswith("_total")


def families(found: Gathered, per: Per) -> tuple[Family, ...]:
    """Return all metrics that have a sample."""
    forwards = list(judged(found))
    made = [*totals(found, forwards)]
    if per is Per.FORWARD:
        made += [*of_forwards(forwards, found.broken), *of_nodes(found, forwards)]
    elif per is Per.NODE:
        made += [*of_whole_nodes(forwards, found.broken), *of_nodes(found, forwards)]
    return tuple(one for one in made if one.samples)


def totals(found: Gathered, forwards: Iterable[Judged]) -> Iterator[Family]:
    """The whole gateway."""
    yield Family(
        name="reversi_build_info",
        help="The release that serves these metrics; always 1.",
        labels=("version",),
        samples=[((found.version,), 1)],
    )
    yield single(
        "reversi_last_sweep_timestamp_seconds",
        "When the daemon last wrote the results of a sweep, in Unix seconds; 0 if it never did.",
        found.glance.swept_at or 0,
    )
    yield single("reversi_sweep_interval_seconds", "Time between two sweeps.", found.every_s)
    yield Family(
        name="reversi_forwards",
        help="Forwards of nodes that may listen, by status; broken counts unreadable files.",
        labels=("status",),
        samples=by_word(found, forwards),
    )
    yield Family(
        name="reversi_nodes",
        help="Nodes by state; each counts once.",
        labels=("state",),
        samples=[((state,), count) for state, count in node_states(found).items()],
    )
    yield single("reversi_applicants", "Devices that wait to be accepted.", found.applicants)
    yield single(
        "reversi_draining",
        "1 while the gateway tells its nodes to use another gateway, else 0.",
        float(found.draining),
    )
    if found.glance.logins_waiting is not None:
        yield single(
            "reversi_logins_waiting",
            "Connections to sshd that had not logged in yet at the last sweep.",
            found.glance.logins_waiting,
        )
    yield from counters(found.glance.tally)


def single(name: str, text: str, value: float) -> Family:
    return Family(name=name, help=text, samples=[((), value)])


def by_word(found: Gathered, forwards: Iterable[Judged]) -> list[Sample]:
    """Count the forwards of each status; 0 also counts."""
    counts = dict.fromkeys((*WORST_FIRST, Status.BROKEN.value), 0)
    for one in forwards:
        counts[one.word] += 1
    counts[Status.BROKEN.value] = len(found.broken)
    return [((word,), count) for word, count in counts.items()]


def counters(tally: Mapping[str, int]) -> Iterator[Family]:
    yield single(
        "reversi_kills_total",
        "Connections that were killed to free a port.",
        tally.get("kill", 0),
    )
    yield single(
        "reversi_refusals_total",
        "Refusals that the log has as events; it has one for many alike in a row.",
        tally.get("refused", 0),
    )
    yield single(
        "reversi_clones_total",
        "Events about one key on two devices.",
        tally.get("clone", 0),
    )


def of_forwards(forwards: Sequence[Judged], broken: Iterable[NodeName]) -> Iterator[Family]:
    """Each forward."""
    rows = [(one, (one.node, str(one.port))) for one in forwards]
    yield from detail(
        ("node", "port"),
        up=[(labels, float(one.word == UP)) for one, labels in rows],
        fault=[
            *(((*labels, one.word), 1) for one, labels in rows if one.word != UP),
            *(((name, "", Status.BROKEN.value), 1) for name in sorted(broken)),
        ],
        latency=[((one.node, str(one.port)), latency_s) for one, latency_s in latencies(forwards)],
        kills=[(labels, one.seen.kills if one.seen else 0) for one, labels in rows],
    )


def of_whole_nodes(forwards: Sequence[Judged], broken: Iterable[NodeName]) -> Iterator[Family]:
    """Each node: its worst status, its slowest forward, and all its kills."""
    nodes: dict[NodeName, list[Judged]] = {}
    for one in forwards:
        nodes.setdefault(one.node, []).append(one)
    worst = {
        name: min((one.word for one in theirs), key=RANK.__getitem__)
        for name, theirs in nodes.items()
    }
    slowest: dict[NodeName, float] = {}
    for one, latency_s in latencies(forwards):
        slowest[one.node] = max(latency_s, slowest.get(one.node, 0.0))
    yield from detail(
        ("node",),
        up=[((name,), float(word == UP)) for name, word in worst.items()],
        fault=[
            *(((name, word), 1) for name, word in worst.items() if word != UP),
            *(((name, Status.BROKEN.value), 1) for name in sorted(broken)),
        ],
        latency=[((name,), latency_s) for name, latency_s in slowest.items()],
        kills=[
            ((name,), sum(one.seen.kills for one in theirs if one.seen))
            for name, theirs in nodes.items()
        ],
    )


def latencies(forwards: Sequence[Judged]) -> Iterator[tuple[Judged, float]]:
    """Yield the forwards that are up, and how long their response took, in seconds."""
    for one in forwards:
        if one.word == UP and one.seen is not None and one.seen.latency_ms is not None:
            yield one, one.seen.latency_ms / 1000


def detail(
    labels: tuple[str, ...],
    *,
    up: list[Sample],
    fault: list[Sample],
    latency: list[Sample],
    kills: list[Sample],
) -> Iterator[Family]:
    yield Family(
        name="reversi_forward_up",
        help="1 if the last probe found the expected response, and is not stale; else 0.",
        labels=labels,
        samples=up,
    )
    yield Family(
        name="reversi_forward_fault",
        help="What is wrong with a forward that is not up; always 1. No series while it is up.",
        labels=(*labels, "status"),
        samples=fault,
    )
    yield Family(
        name="reversi_forward_latency_seconds",
        help="How long the expected response took at the last probe; only while it is up.",
        labels=labels,
        samples=latency,
    )
    yield Family(
        name="reversi_forward_kills_total",
        help="How often the connection that held the port was killed to free it.",
        labels=labels,
        samples=kills,
    )


def of_nodes(found: Gathered, forwards: Iterable[Judged]) -> Iterator[Family]:
    """What concerns a node as a whole, and its connection."""
    yield Family(
        name="reversi_node_info",
        help="What a node's client calls itself, and the node's tags between commas; always 1.",
        labels=("node", "client", "tags"),
        samples=[
            ((name, found.clients.get(name, ""), tags_label(node.tags)), 1)
            for name, node in found.nodes.items()
        ],
    )
    yield Family(
        name="reversi_tunnel_bytes_total",
        help="Bytes in both directions over a node's present connection.",
        labels=("node",),
        samples=[((name,), count) for name, count in carried(forwards).items()],
    )


def tags_label(tags: tuple[str, ...]) -> str:
    """Return the tags with a comma around each, so that `=~".*,site-a,.*"` finds exactly one."""
    return f",{','.join(tags)}," if tags else ""


def carried(forwards: Iterable[Judged]) -> dict[NodeName, int]:
    """Return the bytes of each node's connections; forwards of one connection have them in
    common.
    """
    by_connection: dict[NodeName, dict[tuple[int | None, int | None], int]] = {}
    for one in forwards:
        if one.seen is not None and one.seen.bytes_total is not None:
            theirs = by_connection.setdefault(one.node, {})
            session = (one.seen.pid, one.seen.start_ticks)
            theirs[session] = max(theirs.get(session, 0), one.seen.bytes_total)
    return {name: sum(theirs.values()) for name, theirs in by_connection.items()}
