"""Reading what `doctor` judges: of a gateway under a home, or of this machine's own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.config import Config, Layout, load_config
from checker.control import Control
from checker.following import keys_lag
from checker.holders import read_listeners
from checker.host import unreachable_part
from checker.model import CheckerError, Tunnel
from checker.registry import Registry, gate_command, read_registry
from checker.sshd_lines import source
from checker.store import StateError, StateMissing, Sweep, is_sound, open_reader
from checker.system.plan import SERVICE
from checker.system.sshd_facts import MAIN, complaint, effective, version
from checker.system.steps import Account, Entry
from checker.system.survey import SYSTEMD, account, answers, entry, group_name, kernel_ports, user_name
from checker.system.symptoms import Seen, SshdSeen, Taken

TIME_ERROR = 5
"""What adjtimex answers while nothing keeps the clock right. Source: adjtimex(2)."""


def examine(layout: Layout) -> Seen:
    """All that `doctor` wants to know; a part that can not be read is a fact too."""
    fixed = {"home": layout.home, "key_file": layout.authorized_keys, "socket": layout.socket, "spool": layout.spool, "state": layout.state}
    try:
        config = load_config(layout.config)
        registry = read_registry(layout.nodes)
    except CheckerError as error:
        return Seen(trouble=str(error), user="", account=None, is_own=False, **fixed)  # type: ignore[arg-type]
    who = account(config.tunnel_user)
    uid = who.uid if who else 0
    tunnels, sweep, state_trouble = recorded(layout)
    has_systemd = layout.home is None and SYSTEMD.is_dir()
    now = time.time()
    return Seen(
        **fixed,  # type: ignore[arg-type]
        user=config.tunnel_user,
        account=who,
        is_own=layout.home is not None and uid == os.geteuid(),
        sshd=sshd_seen(layout, config),
        sshd_log=source() if layout.home is None and os.geteuid() == 0 else None,
        keys=entry(layout.authorized_keys),
        keys_loose=loose_part(layout.authorized_keys, uid),
        keys_lag=keys_lag(layout),
        unreachable=unreachable(layout, who),
        daemon_pid=Control(layout=layout).daemon_pid(),
        swept_s_ago=None if sweep is None else now - sweep.swept_at,
        every_s=config.policy.probe_every_s,
        is_enabled=answers("systemctl", "is-enabled", SERVICE) if has_systemd else None,
        socket_mode=stat.S_IMODE(layout.socket.stat().st_mode) if layout.socket.exists() else None,
        socket_blocked=unreachable_part(layout.socket, uid) if layout.socket.exists() else None,
        spool_seen=spool_entry(layout.spool),
        nodes=len(registry.nodes),
        problems=registry.problems,
        taken=tuple(taken(registry, uid)),
        unreserved=unreserved(registry, config),
        peers=peers_of(tunnels),
        banned=banned(),
        is_synchronized=is_synchronized(),
        ahead_s=max([sweep.swept_at - now if sweep else 0.0, *(node.added_at - now for node in registry.nodes.values())]),
        free_bytes=free_bytes(layout),
        state_trouble=state_trouble,
        state_strays=layout.home is None and strays(layout.state.parent),
    )


def peers_of(tunnels: tuple[Tunnel, ...]) -> Counter[str]:
    """How many nodes came from each address."""
    pairs = {(tunnel.node, tunnel.peer.rpartition(":")[0].strip("[]")) for tunnel in tunnels if tunnel.peer}
    return Counter(address for _, address in pairs)


def recorded(layout: Layout) -> tuple[tuple[Tunnel, ...], Sweep | None, str | None]:
    """What the state file holds, and what is wrong with it: empty for nothing, None where there is none."""
    try:
        state = open_reader(layout.state)
    except StateMissing:
        return (), None, None
    except StateError as error:
        return (), None, str(error)
    try:
        if not is_sound(state):
            return (), None, f"the state file {layout.state} is damaged"
        return state.tunnels(), state.last_sweep(), ""
    except StateError as error:
        return (), None, str(error)
    finally:
        state.close()


def sshd_seen(layout: Layout, config: Config) -> SshdSeen | None:
    """What sshd itself says; None for a home whose sshd is not ours."""
    file = MAIN if layout.home is None else layout.run / "_sshd_config"
    if layout.home is None and os.geteuid() != 0:
        return SshdSeen(is_asked=False)
    if layout.home is not None and not file.exists():
        return None
    try:
        trouble = complaint(file)
        return SshdSeen(version=version(), complaint=trouble, effective={} if trouble else effective(file, config.tunnel_user))
    except CheckerError as error:
        return SshdSeen(complaint=str(error))


def loose_part(path: Path, uid: int) -> Path | None:
    """The first place on the way to the key file that others may write: sshd then passes it over. Source: sshd_config(5), StrictModes."""
    for place in (path, *path.parents):
        with contextlib.suppress(OSError):
            found = place.stat()
            if found.st_mode & 0o022 or found.st_uid not in (0, uid):
                return place
    return None


def unreachable(layout: Layout, who: Account | None) -> str:
    """What the tunnel user can not get to, as a sentence; empty where it gets to all."""
    if who is None or who.uid == os.geteuid():
        return ""
    command = gate_command(layout)
    for needed in (Path(command.python), Path(command.gate), layout.nodes / "x", layout.run / "x"):
        if needed.parent.exists() and (blocked := unreachable_part(needed, who.uid)):
            return f"the tunnel user can not reach {needed}: {blocked} lets only its owner in"
    return ""


def spool_entry(path: Path) -> Entry | None:
    """The spool's owner and mode; nobody else may look into it, and we need not."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Entry(mode=stat.S_IMODE(found.st_mode), owner=user_name(found.st_uid), group=group_name(found.st_gid))


def strays(folder: Path) -> bool:
    """Whether a file right below belongs to another than the directory."""
    found = entry(folder)
    return found is not None and found.strays


def taken(registry: Registry, uid: int) -> Iterator[Taken]:
    """Nodes' ports that processes of other users hold."""
    listening = read_listeners()
    for forward in registry.forwards:
        for listener in listening.get(forward.port, ()):
            if listener.uid != uid:
                yield Taken(port=forward.port, node=forward.node, uid=listener.uid)
                break


def unreserved(registry: Registry, config: Config) -> tuple[int, ...]:
    """Ports of this gateway that an outgoing connection may take."""
    ephemeral, reserved = kernel_ports()
    ports = {*config.policy.ports, *config.shared_key.open_ports, *(int(forward.port) for forward in registry.forwards)}
    return tuple(sorted(port for port in ports if port in ephemeral and port not in reserved))


def banned() -> frozenset[str] | None:
    """Whom fail2ban keeps out of sshd; None where it does not watch it, or does not tell us."""
    if shutil.which("fail2ban-client") is None:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(["fail2ban-client", "status", "sshd"], capture_output=True, text=True, check=False, timeout=10)
        found = re.search(r"Banned IP list:\s*(.*)", asked.stdout)
        if asked.returncode == 0 and found:
            return frozenset(found[1].split())
    return None


def is_synchronized() -> bool | None:
    """Whether the kernel is told that its clock is right; None where it does not say."""
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))  # all zero: nothing is changed
    return None if answer < 0 else answer != TIME_ERROR


def free_bytes(layout: Layout) -> Mapping[str, int]:
    """Room for what we write, by directory."""
    return {str(place): shutil.disk_usage(place).free for place in (layout.state.parent, layout.run) if place.exists()}
