"""Who listens on which port, by the kernel's own tables: sockets, the sshd sessions that own them,
and their ancestry.

The sshd child that owns a listener is not dumpable: its uid shows to everyone, its descriptors to
the privileged alone (proc(5)).
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from checker.model import CheckerError, Listener, Port, ProcessId
from checker.sockdiag import listening

PROC = Path("/proc")
LISTEN = "0A"
CAP_DAC_READ_SEARCH = 2
CAP_SYS_PTRACE = 19
SSHD_NAMES = frozenset({"sshd", "sshd-session"})
SESSION_TITLE = re.compile(r"(?:sshd|sshd-session): [^\s@/\[]+(?:@notty)?\Z")
"""`sshd: USER` or `sshd: USER@notty`; not `[priv]`, `[net]`, `[listener]`, and no terminal: that is
a person's login.
"""


class ProcFormatError(CheckerError):
    """A table under /proc is not as proc(5) has it."""


PRIVATE_LISTENER = re.compile(r"sshd: .* -f (?P<run>/.*)/_sshd_config \[listener\]")
"""The title of a listening sshd that `up` started: which home it serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What everyone may know of a process."""

    id: ProcessId
    parent: int
    name: str
    uid: int
    title: str


def address_from(text: str) -> str:
    """An address of /proc/net/tcp or tcp6: 32-bit words in host order. Raises ProcFormatError."""
    if len(text) not in (8, 32):
        raise ProcFormatError(f"{text!r} is no address of /proc/net/tcp")
    try:
        words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
        return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))
    except (ValueError, struct.error) as error:
        raise ProcFormatError(f"{text!r} is no address of /proc/net/tcp") from error


def listeners(table: str | Iterable[str]) -> tuple[Listener, ...]:
    """Listening sockets in the text, or the lines, of /proc/net/tcp or tcp6, in file order.

    Ports are host order; inode 0 is dropped. Reading ends with the first socket in another state,
    as the kernel lists the listening ones first. Raises ProcFormatError. Source: proc(5),
    /proc/net/tcp.
    """
    lines = table.splitlines() if isinstance(table, str) else table
    found = []
    for number, line in enumerate(lines):
        if number == 0:
            continue
        words = line.split()
        if len(words) < 10:
            raise ProcFormatError(
                f"line {number + 1} of the socket table has {len(words)} words; expected 10 or more"
            )
        if words[3] != LISTEN:
            break
        address, _, port = words[1].partition(":")
        try:
            uid, inode, number_of_port = int(words[7]), int(words[9]), int(port, 16)
        except ValueError as error:
            raise ProcFormatError(f"line {number + 1} of the socket table: {error}") from error
        if inode:
            found.append(
                Listener(
                    address=address_from(address), port=Port(number_of_port), uid=uid, inode=inode
                )
            )
    return tuple(found)


def from_tables() -> list[Listener]:
    """All TCP listeners of this network namespace, from the text that every kernel has."""
    found: list[Listener] = []
    for name in ("tcp", "tcp6"):
        try:
            with (PROC / "net" / name).open(encoding="ascii") as table:
                found += listeners(table)
        except FileNotFoundError:
            continue  # a kernel without IPv6
    return found


def read_listeners() -> dict[Port, tuple[Listener, ...]]:
    """All TCP listeners of this network namespace, by port."""
    try:
        found = [
            listener
            for family in (socket.AF_INET, socket.AF_INET6)
            for listener in listening(family)
        ]
    except OSError:
        found = from_tables()  # a sandbox may refuse netlink
    by_port: dict[Port, tuple[Listener, ...]] = {}
    for listener in found:
        by_port[listener.port] = (*by_port.get(listener.port, ()), listener)
    return by_port


def read_process(pid: int) -> Process | None:
    """The facts of a process; None where there is none."""
    folder = PROC / str(pid)
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] in "ZX":
        return None
    uid = re.search(r"^Uid:\t\d+\t(\d+)", status, re.MULTILINE)
    if uid is None:
        raise ProcFormatError(f"{folder}/status has no Uid line")
    return Process(
        id=ProcessId(pid=pid, start_ticks=int(fields[19])),
        parent=int(fields[1]),
        name=name,
        uid=int(uid[1]),
        title=title.rstrip(),
    )


def started_at(process: ProcessId, now: float, uptime_s: float) -> float:
    """When a process began, in Unix seconds, at a moment of which both clocks are given."""
    return now - uptime_s + process.start_ticks / os.sysconf("SC_CLK_TCK")


def is_alive(process: ProcessId) -> bool:
    """Whether that very process still runs."""
    found = read_process(process.pid)
    return found is not None and found.id == process


def is_session(process: Process, uid: int) -> bool:
    """Whether this is the sshd process of a session of the tunnel user's: one that we may end."""
    return (
        process.name in SSHD_NAMES
        and process.uid == uid
        and SESSION_TITLE.match(process.title) is not None
    )


def session_above(pid: int, uid: int) -> ProcessId | None:
    """The sshd session that the process was started by, walking up; never by trusting its parent
    blindly.
    """
    for _ in range(32):
        process = read_process(pid)
        if process is None or process.id.pid <= 1:
            return None
        if is_session(process, uid):
            return process.id
        pid = process.parent
    return None


def login_took_s(session: ProcessId) -> float | None:
    """Seconds from the connection to the end of its login: sshd's monitor begins with the one, the
    session with the other.

    None where that cannot be told: root's session has no monitor.
    """
    process = read_process(session.pid)
    monitor = read_process(process.parent) if process else None
    if monitor is None or monitor.name not in SSHD_NAMES or "[priv]" not in monitor.title:
        return None
    return (session.start_ticks - monitor.id.start_ticks) / os.sysconf("SC_CLK_TCK")


def elsewhere(session: ProcessId, run: Path) -> str:
    """The directory of another gateway on this machine whose private sshd serves this session;
    empty where none does.

    Two homes may have one tunnel user. A session whose listening sshd has ended is no other's.
    """
    pid = session.pid
    for _ in range(8):
        process = read_process(pid)
        if process is None or process.name not in SSHD_NAMES:
            return ""
        served = PRIVATE_LISTENER.match(process.title)
        if served:
            return "" if Path(served["run"]).resolve() == run.resolve() else served["run"]
        pid = process.parent
    return ""


def sockets_of(pid: int) -> frozenset[int] | None:
    """Inodes of the sockets that a process has open; None where we may not look, or it is gone."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - on the hot path of a scan over thousands of processes
    except OSError:
        return None
    inodes = set()
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - as above
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(int(link[8:-1]))
    return frozenset(inodes)


def sessions(uid: int) -> tuple[Process, ...]:
    """All sshd sessions of the tunnel user."""
    found = []
    for name in os.listdir(PROC):  # noqa: PTH208 - as above
        if name.isdigit():
            try:
                with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as comm:  # noqa: PTH123 - as above
                    if comm.read().rstrip("\n") not in SSHD_NAMES:
                        continue
            except OSError:
                continue
            process = read_process(int(name))
            if process is not None and is_session(process, uid):
                found.append(process)
    return tuple(found)


def processes_of(uid: int) -> tuple[ProcessId, ...]:
    """All that runs as the user."""
    processes = [read_process(int(name)) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - as above
    return tuple(process.id for process in processes if process and process.uid == uid)


def sessions_below(pid: int) -> tuple[int, ...]:
    """PIDs of all sshd processes that a listening sshd started, at any depth."""
    processes = [read_process(int(name)) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - as above
    parents = {
        process.id.pid: process.parent
        for process in processes
        if process and process.name in SSHD_NAMES
    }
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return tuple(sorted(below - {pid}))


def may_look() -> bool:
    """Whether this process may see which session owns a socket: root, or CAP_SYS_PTRACE with
    CAP_DAC_READ_SEARCH (capabilities(7)).
    """
    status = (PROC / "self" / "status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\t([0-9a-f]+)$", status, re.MULTILINE)
    bits = int(effective[1], 16) if effective else 0
    return all(bits >> capability & 1 for capability in (CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE))


def stranger(inodes: frozenset[int], uid: int) -> str:
    """Who else holds one of these sockets, as a clause; empty for nobody that we may look at, so
    for an sshd session at most.
    """
    for name in os.listdir(PROC):  # noqa: PTH208 - as above
        if name.isdigit() and inodes & (sockets_of(int(name)) or frozenset()):
            process = read_process(int(name))
            if process is not None and not is_session(process, uid):
                return f"process {name} ({process.name}) of uid {process.uid}"
    return ""


def scan(uid: int) -> dict[int, ProcessId]:
    """Which session owns which socket, by inode; empty where we may not look."""
    return owners(
        (process.id, sockets_of(process.id.pid) or frozenset()) for process in sessions(uid)
    )


def owners(held: Iterable[tuple[ProcessId, frozenset[int]]]) -> dict[int, ProcessId]:
    """The oldest process of each socket: a fork of the session, that is about to run a command, has
    its sockets for a moment too.
    """
    found: dict[int, ProcessId] = {}
    for process, inodes in sorted(held, key=lambda one: (one[0].start_ticks, one[0].pid)):
        for inode in inodes:
            found.setdefault(inode, process)
    return found
