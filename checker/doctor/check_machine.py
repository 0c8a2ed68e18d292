"""Judge ports, fail2ban, the clock, disk space, capacity and pip's notes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding
from checker.model import room_for, why_too_small

ENOUGH_BYTES = 100 << 20
MOST_AHEAD_S = 60


def check_machine(facts: Facts) -> Iterator[Finding]:
    yield check_taken_ports(facts)
    yield check_reserved_ports(facts)
    yield from check_fail2ban(facts)
    yield check_clock(facts)
    yield check_disk(facts)
    yield from check_capacity(facts)
    yield from check_old_metadata(facts)


def check_taken_ports(facts: Facts) -> Finding:
    taken = facts.ports.taken
    first = taken[0] if taken else None
    others = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
    return finding(
        "ports",
        "no other program holds a node's port",
        (
            first is not None,
            f"a process of uid {first.uid} holds port {first.port} of {first.node}{others}"
            if first
            else "",
            remedies.give_way(facts, first) if first else "",
        ),
    )


def check_reserved_ports(facts: Facts) -> Finding:
    unreserved = facts.ports.unreserved
    return finding(
        "reserved ports",
        "no outgoing connection can take a node's port",
        (
            bool(unreserved),
            (
                f"the kernel may use {len(unreserved)} of the gateway's ports for outgoing"
                f" connections, {min(unreserved, default=0)} among them"
            ),
            f"{remedies.reserve(facts)}    # while one uses a node's port, the node's -R fails",
        ),
    )


def check_fail2ban(facts: Facts) -> Iterator[Finding]:
    if facts.machine.banned is not None:
        hit = sorted(facts.machine.banned & set(facts.machine.peers))
        yield finding(
            "fail2ban",
            "fail2ban watches sshd, and bans no known node; add addresses that many nodes share to"
            " ignoreip",
            (
                bool(hit),
                f"fail2ban bans {', '.join(hit)}, from where nodes connect",
                (
                    f"sudo fail2ban-client set sshd unbanip {' '.join(hit)}    # and add it to"
                    " ignoreip"
                ),
            ),
        )


def check_clock(facts: Facts) -> Finding:
    machine = facts.machine
    # without systemd this is probably a container, whose clock belongs to its host
    is_known = machine.is_synchronized is not None and (
        machine.is_synchronized or machine.has_systemd
    )
    if not is_known and machine.ahead_s <= MOST_AHEAD_S:
        return Finding(
            name="clock",
            ok=None,
            sentence="it is unknown whether the clock is synchronized",
            mend="timedatectl",
        )
    return finding(
        "clock",
        "the clock is synchronized",
        (
            machine.ahead_s > MOST_AHEAD_S,
            f"the clock is behind: recorded times lie {machine.ahead_s:.0f} s in the future",
            "sudo timedatectl set-ntp true",
        ),
        (
            not machine.is_synchronized,
            "the clock is not synchronized, but expiry dates and the log depend on it",
            "sudo timedatectl set-ntp true",
        ),
    )


def check_disk(facts: Facts) -> Finding:
    full = [
        f"{place} ({free >> 20} MiB)"
        for place, free in facts.machine.free_bytes.items()
        if free < ENOUGH_BYTES
    ]
    return finding(
        "disk",
        "there is room for the state file and the log",
        (bool(full), f"little room is left at {', '.join(full)}", "make room there"),
    )


def check_capacity(facts: Facts) -> Iterator[Finding]:
    capacity, used = facts.machine.capacity, facts.daemon.usage
    if capacity is None:
        return
    small = why_too_small(capacity, facts.registry.nodes)
    descriptors, limit = (used.descriptors, used.most_descriptors) if used else (None, None)
    is_short = descriptors is not None and limit is not None and descriptors > limit * 0.8
    yield finding(
        "capacity",
        f"there is room for about {room_for(capacity):,} more tunnels",
        (bool(small), small, "add memory, or raise the limit: docs/sizing.md has the figures"),
        (
            is_short,
            f"the daemon has {descriptors} of at most {limit} descriptors open",
            remedies.start(facts),
        ),
    )


def check_old_metadata(facts: Facts) -> Iterator[Finding]:
    if old := facts.machine.old_metadata:
        yield Finding(
            name="distribution",
            ok=False,
            sentence=f"pip has our files under the old name, too, in {old[0]}; pip uninstall"
            " reversi would remove them",
            mend=remedies.forget_old_name(facts),
        )
