"""Measure the metrics of many forwards: how many samples and bytes, and the CPU of a scrape."""

from __future__ import annotations

import asyncio
import base64
import struct
import time
from contextlib import closing
from pathlib import Path

from bench.figures import Figure
from bench.setting import Scale
from checker.config.layout import Layout, home_layout
from checker.metrics.families import Per
from checker.metrics.reading import Reader
from checker.metrics.scrape import scrape
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
from checker.registry.file_stamps import signs
from checker.registry.node_file import node_toml
from checker.registry.snapshot import write_copy
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store
from demo.stage import temporary_home

FIRST_PORT = 20_000
FAULTS = (Status.DOWN, Status.HUNG, Status.REFUSED)
EVERY_FAULT = 33
"""One forward in so many is not up."""
ROUNDS = 5
MOST_SAMPLES, MOST_MB, MOST_CPU_S = 50_000, 4.0, 0.5
OF = 10_000
"""The forwards that the targets are for."""


def node(number: int) -> Node:
    """A node with one forward, which makes the most series."""
    name = NodeName(f"router-{number:05}")
    forward = Forward(
        node=name,
        port=Port(FIRST_PORT + number),
        target=parse_target("127.0.0.1:22"),
        expect=parse_expect("banner:SSH-2.0"),
    )
    blob = struct.pack(">I11sI32s", 11, b"ssh-ed25519", 32, b"%032d" % number)
    key = f"ssh-ed25519 {base64.b64encode(blob).decode()}"
    return Node(name=name, public_key=key, forwards=(forward,), added_at=1)


def tunnel(number: int, now: float) -> Tunnel:
    is_up = number % EVERY_FAULT != 0
    return Tunnel(
        node=NodeName(f"router-{number:05}"),
        port=Port(FIRST_PORT + number),
        status=Status.UP if is_up else FAULTS[number % len(FAULTS)],
        latency_ms=12.5 + number % 900 / 7,
        session=ProcessId(pid=1000 + number, start_ticks=number) if is_up else None,
        probed_at=now,
        kills=number % 3,
        bytes_total=5_000_000 + number * 977 if is_up else None,
    )


def registration(number: int) -> Registration:
    return Registration(
        node=NodeName(f"router-{number:05}"),
        instance="i",
        session=ProcessId(pid=1000 + number, start_ticks=number),
        peer="192.0.2.1:4242",
        registered_at=1.0,
        client="bundle-0.2.0/dropbear-2022.83",
    )


def make(layout: Layout, count: int, now: float) -> None:
    """Write a registry with the daemon's copy, and a state file."""
    layout.nodes.mkdir(parents=True)
    layout.run.mkdir(parents=True)
    nodes = {one.name: one for one in map(node, range(count))}
    for one in nodes.values():
        (layout.nodes / f"{one.name}.toml").write_bytes(node_toml(one))
    write_copy(layout, nodes, signs(layout.nodes)[0], public=True)
    with closing(open_store(layout.state)) as store:
        store.write(
            Batch(
                tunnels=[tunnel(number, now) for number in range(count)],
                registrations=[registration(n) for n in range(count) if n % EVERY_FAULT],
                sweep=Sweep(pid=1, swept_at=now, every_s=1e6, logins_waiting=3),
            )
        )


def cpu_of(reader: Reader) -> tuple[float, bytes]:
    began = time.process_time()
    text = scrape(reader, Per.FORWARD)
    return time.process_time() - began, text


def measure(home: Path, count: int) -> list[Figure]:
    layout = home_layout(home)
    make(layout, count, time.time())
    reader = Reader(layout)
    first_s, text = cpu_of(reader)
    later_s = sorted(cpu_of(reader)[0] for _ in range(ROUNDS))[ROUNDS // 2]
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    size_mb = len(text) / 1e6
    return [
        Figure(
            what=f"metrics of {count} forwards, a node each, 3 % not up",
            measured=f"{samples} samples, {size_mb:.2f} MB",
            target=f"<= {MOST_SAMPLES} samples, <= {MOST_MB:g} MB at {OF}",
            met=None if count < OF else samples <= MOST_SAMPLES and size_mb <= MOST_MB,
        ),
        Figure(
            what=f"a scrape of {count} forwards",
            measured=f"{later_s:.2f} s CPU; the first one {first_s:.2f} s",
            target=f"<= {MOST_CPU_S:g} s at {OF}",
            met=None if count < OF else later_s <= MOST_CPU_S,
        ),
    ]


async def metrics(scale: Scale) -> list[Figure]:
    """Measure a synthetic fleet, in this process."""
    with temporary_home() as home:
        return await asyncio.to_thread(measure, home, scale.registered)
