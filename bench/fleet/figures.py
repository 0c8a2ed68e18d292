"""The figures of a fleet, each beside its target. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.console_figures import KEY_MS, key_text, painted_ms
from bench.console_large import FIRST_ROWS_S
from bench.console_pty import Paint, high
from bench.figures import Figure, spread

SEEN_S = 2.0
ACT_MS = 300.0
COLD_S = 5.0
MOST_SHARE = 3.0
"""Percent of a core, of agent and nats-server together."""
MOST_MB = 150.0
MOST_KB_S = 20.0
ADD_S = 1.0
OBEYED_S = 2.0
FEW = 1000
"""With fewer nodes the targets of an edit mean nothing."""
ELSEWHERE = (
    ("login CPU with 30,000 keys, gate included", "scale", "<= 45 ms"),
    ("silent death of a gateway, 200 real nodes; orderly stop", "failover", "< 30 s; p95 < 5 s"),
    ("storm of 2,000 logins", "herd", "no healthy kill; goodput >= 70 %"),
)
"""What other benchmarks measure: what, which, target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What agent and nats-server of one gateway cost."""

    agent_share: float
    """Percent of a core."""
    bus_share: float
    memory_mb: float
    """PSS of both."""
    kb_s: float
    """Over the routes, in both directions."""

    @property
    def share(self) -> float:
        return self.agent_share + self.bus_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The sshd sessions of all tunnels, before the faults of the bus and after them."""

    before: Mapping[int, int]
    """PID by port."""
    after: Mapping[int, int]
    faults: Sequence[str]

    @property
    def lost(self) -> int:
        return sum(self.after.get(port) != pid for port, pid in self.before.items())


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile of at least one value, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def seen_figure(took_s: Sequence[float]) -> Figure:
    return Figure(
        what="fleet: a change, until the mirrors of both other gateways have it",
        measured=f"p95 {p95(took_s):.2f} s; {spread(took_s, 's', 2)}",
        target=f"p95 <= {SEEN_S:g} s",
        met=p95(took_s) <= SEEN_S,
    )


def acts_figure(took_s: Sequence[float]) -> Figure:
    took_ms = [one * 1000 for one in took_s]
    return Figure(
        what="fleet: a probe at another gateway, signature included, until its outcome is here",
        measured=f"p95 {p95(took_ms):.0f} ms; {spread(took_ms, 'ms', 0)}",
        target=f"p95 <= {ACT_MS:g} ms",
        met=p95(took_ms) <= ACT_MS,
    )


def edit_figures(
    registered: int,
    filled_s: float,
    first_s: float,
    added_s: Sequence[float],
    obeyed_s: Sequence[float],
) -> Iterator[Figure]:
    """Show how long `node add` takes, and until the other gateways have key and node, from the
    start of the command. `first_s`: of the first edit at a gateway, which reads the whole bucket.
    """
    what = f"fleet: `node add`, {registered:,} registered"
    about_bucket = (
        f"{first_s:.2f} s the first time at a gateway, which reads the whole bucket; that was"
        f" filled from the disks in {filled_s:.0f} s"
    )
    is_judged = registered >= FEW
    for which, took_s, most_s, beside in (
        (
            "signed and posted on the bus",
            added_s,
            ADD_S,
            about_bucket,
        ),
        ("until all gateways obey", obeyed_s, OBEYED_S, "from the start of the command"),
    ):
        yield Figure(
            what=f"{what}, {which}",
            measured=f"p95 {p95(took_s):.2f} s; {spread(took_s, 's', 2)}",
            beside=beside,
            target=f"p95 <= {most_s:g} s",
            met=p95(took_s) <= most_s if is_judged else None,
        )


def cold_figure(rows: int, took_s: float) -> Figure:
    return Figure(
        what=f"fleet: mirror of {rows:,} rows, cold, from the start of the agent",
        measured=f"{took_s:.1f} s",
        target=f"<= {COLD_S:g} s",
        met=took_s <= COLD_S,
    )


def load_figure(loads: Mapping[str, Load], rows: int, changes: int, seconds: float) -> Figure:
    """Show the most of any gateway; each changes so many rows a second."""
    many = loads.values()
    share, memory, kb_s = (
        max(one.share for one in many),
        max(one.memory_mb for one in many),
        max(one.kb_s for one in many),
    )
    shares = "; ".join(
        f"{id_}: agent {one.agent_share:.1f} %, nats-server {one.bus_share:.1f} %"
        for id_, one in loads.items()
    )
    return Figure(
        what=f"fleet, {rows:,} rows, {changes} changes a second at each: agent and bus, at most",
        measured=f"{share:.1f} % of a core, PSS {memory:.0f} MB, {kb_s:.1f} KB/s",
        beside=f"{shares}; {seconds:.0f} s",
        target=f"<= {MOST_SHARE:g} %, {MOST_MB:g} MB, {MOST_KB_S:g} KB/s",
        met=share <= MOST_SHARE and memory <= MOST_MB and kb_s <= MOST_KB_S,
    )


def held_figure(held: Held) -> Figure:
    return Figure(
        what=f"fleet: tunnels lost to faults of the bus, of {len(held.before)}",
        measured=str(held.lost),
        beside="; ".join(held.faults),
        target="0",
        met=not held.lost,
    )


def console_figures(
    rows: int, took_s: Sequence[float], keys: Mapping[str, Sequence[Paint]]
) -> Iterator[Figure]:
    what = f"console, {rows:,} rows over three gateways"
    yield Figure(
        what=f"{what}: first rows",
        measured=spread(took_s, "s", 2),
        target=f"<= {FIRST_ROWS_S:g} s",
        met=max(took_s) <= FIRST_ROWS_S,
    )
    for key, answers in keys.items():
        yield Figure(
            what=f"{what}: key to paint, {key}",
            measured=key_text(answers),
            target=f"p95 <= {KEY_MS:g} ms",
            met=high(painted_ms(answers)) <= KEY_MS,
        )


def references() -> Iterator[Figure]:
    """Name the rows that other benchmarks measure."""
    for what, benchmark, target in ELSEWHERE:
        yield Figure(
            what=f"fleet: {what}", measured=f"see: ./run bench --only {benchmark}", target=target
        )
