"""What this machine has, and how many more tunnels it has room for."""

from __future__ import annotations

from dataclasses import dataclass

TUNNEL_BYTES = 3 << 20
"""What an idle tunnel takes: two sshd processes, a beat loop, and the kernel's share
(docs/sizing.md).
"""
TUNNEL_PROCESSES = 3
SPARE_BYTES = 128 << 20
SPARE_PROCESSES = 200
"""What the rest of the machine needs to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A moment of this machine."""

    cores: int
    load: float
    """Processes that ran or waited to run, averaged over the last minute."""
    memory: int
    """Bytes."""
    memory_left: int
    """Bytes that programs can have without swapping."""
    processes: int
    most_processes: int
    """What the kernel allows."""

    def is_near(self, other: Machine) -> bool:
        """Whether nobody needs to see the difference: load within 0.5 or a tenth, memory and
        processes within a tenth.
        """
        pairs = ((self.memory_left, other.memory_left), (self.processes, other.processes))
        load, before = self.load, other.load
        return abs(load - before) < max(0.5, load / 10, before / 10) and all(
            abs(one - two) * 10 <= max(one, two) for one, two in pairs
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process uses."""

    cpu_s: float
    """Processor seconds since it began."""
    memory: int
    """Resident bytes, pages shared with others included."""
    descriptors: int | None
    """None if we may not look."""
    most_descriptors: int | None
    """Its own limit; None if we may not look."""
    began_at: float | None = None
    """Unix seconds; None: unknown."""


def room_for(machine: Machine) -> int:
    """About how many more tunnels fit, by memory and by the kernel's limit on processes."""
    by_memory = (machine.memory_left - SPARE_BYTES) // TUNNEL_BYTES
    by_processes = (
        machine.most_processes - machine.processes - SPARE_PROCESSES
    ) // TUNNEL_PROCESSES
    return max(0, min(by_memory, by_processes))


def why_too_small(machine: Machine, nodes: int) -> str:
    """Why not all registered nodes can be up at once, as a clause; empty if they can."""
    needed, processes = nodes * TUNNEL_BYTES, nodes * TUNNEL_PROCESSES
    if needed + SPARE_BYTES > machine.memory:
        return (
            f"{nodes} nodes need about {needed / 2**30:.1f} GiB of memory when all are up, and this"
            f" machine has {machine.memory / 2**30:.1f} GiB"
        )
    if processes + SPARE_PROCESSES > machine.most_processes:
        return (
            f"{nodes} nodes need {processes} processes when all are up, and the kernel allows"
            f" {machine.most_processes}"
        )
    return ""
