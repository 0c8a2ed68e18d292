"""Reading what `doctor` judges: of a gateway under a home, or of this machine's own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import re
import shutil
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.config.files import unreachable_part
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.control.client import Control
from checker.doctor.facts import Seen, SshdSeen, Taken
from checker.install.manifest import load_manifest
from checker.install.plan import DROP_INS, SERVICE
from checker.install.steps import Account, Entry, digest
from checker.install.survey import (
    SYSTEMD,
    account,
    answers,
    entry,
    is_served_by_root,
    kernel_ports,
    sshrc_of,
)
from checker.linux.accounts import group_name, user_name
from checker.linux.machine import read_machine, usage_of
from checker.linux.processes import read_process, started_at
from checker.linux.sockets import read_listeners
from checker.model import CheckerError, Tunnel
from checker.registry.authorized_keys import gate_command, keys_lag
from checker.registry.key_lines import programs_in
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.succession import overdue
from checker.sshd.log_reader import source
from checker.sshd.openings import judged
from checker.sshd.program import MAIN, complaint, effective, version
from checker.state.errors import StateError, StateMissing, StateNewer
from checker.state.rows import Sweep
from checker.state.store import is_sound, open_reader

TIME_ERROR = 5
"""What adjtimex answers while nothing keeps the clock right. Source: adjtimex(2)."""


def examine(layout: Layout) -> Seen:
    """All that `doctor` wants to know; a part that can not be read is a fact too."""
    fixed = {
        "home": layout.home,
        "key_file": layout.authorized_keys,
        "socket": layout.socket,
        "spool": layout.spool,
        "state": layout.state,
    }
    try:
        config = load_config(layout.config)
        registry = read_known(layout)
    except CheckerError as error:
        return Seen(trouble=str(error), user="", account=None, is_own=False, **fixed)  # type: ignore[arg-type]
    who = account(config.tunnel_user)
    uid = who.uid if who else 0
    tunnels, sweep, state_trouble = recorded(layout)
    sshd = sshd_seen(layout, config)
    blocked = unreachable(layout, who)
    ephemeral, reserved = kernel_ports()
    daemon = Control(layout=layout).daemon_pid()
    now = time.time()
    return Seen(
        **fixed,  # type: ignore[arg-type]
        user=config.tunnel_user,
        account=who,
        is_own=layout.home is not None and uid == os.geteuid(),
        has_systemd=SYSTEMD.is_dir(),
        sshd=sshd,
        closed_by=closed_by(sshd) if uid else None,
        is_drop_in_changed=layout.home is None and any(map(is_changed, DROP_INS)),
        sshrc=rc_files(config.tunnel_user, sshd),
        sshd_log=source() if layout.home is None and os.geteuid() == 0 else None,
        keys=entry(layout.authorized_keys),
        keys_loose=loose_part(layout.authorized_keys, uid, within=within(layout, sshd)),
        keys_lag=keys_lag(layout),
        programs_gone=programs_gone(layout.authorized_keys),
        open_secrets=tuple(open_secrets(layout)),
        unreachable=(
            f"the tunnel user can not reach {blocked[0]}: {blocked[1]} lets only its owner in"
            if blocked
            else ""
        ),
        unreachable_at=blocked[1] if blocked else None,
        daemon_pid=daemon,
        daemon_age_s=age_s(daemon, now) if daemon else None,
        swept_s_ago=None if sweep is None else now - sweep.swept_at,
        every_s=config.policy.probe_every_s,
        is_enabled=(
            answers("systemctl", "is-enabled", SERVICE)
            if layout.home is None and SYSTEMD.is_dir()
            else None
        ),
        socket_mode=stat.S_IMODE(layout.socket.stat().st_mode) if layout.socket.exists() else None,
        socket_blocked=unreachable_part(layout.socket, uid) if layout.socket.exists() else None,
        spool_seen=spool_entry(layout.spool),
        nodes=len(registry.nodes),
        node_keys=tuple(
            (node.name, key)
            for node in registry.nodes.values()
            if node.enabled
            for key in node.public_keys
        ),
        problems=(*registry.problems, *filter(None, [registry.freed_trouble])),
        overdue=tuple(one for node in registry.nodes.values() for one in overdue(node, now)),
        taken=tuple(taken(registry, config, uid)),
        unreserved=unreserved(registry, config, ephemeral, reserved),
        reserved=reserved,
        peers=peers_of(tunnels),
        banned=banned(),
        is_synchronized=is_synchronized(),
        ahead_s=max(
            [
                sweep.swept_at - now if sweep else 0.0,
                *(node.added_at - now for node in registry.nodes.values()),
            ]
        ),
        free_bytes=free_bytes(layout),
        machine=read_machine(),
        daemon_usage=usage_of(daemon) if daemon else None,
        state_trouble=None if state_trouble is None else str(state_trouble),
        state_is_newer=isinstance(state_trouble, StateNewer),
        state_strays=layout.home is None
        and strays(layout.state.parent)
        and not is_served_by_root(),
    )


def programs_gone(key_file: Path) -> tuple[str, ...]:
    """What the key lines start, and is not there."""
    try:
        present = key_file.read_bytes()
    except OSError:
        return ()
    return tuple(sorted(path for path in programs_in(present) if is_gone(path)))


def is_gone(path: str) -> bool:
    """Whether nothing is there, or at the end of its links; what we may not see may be there."""
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists raises where we may not look
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def age_s(pid: int, now: float) -> float | None:
    """For how many seconds the process has been there; None where it ended."""
    process = read_process(pid)
    return (
        now - started_at(process.id, now, time.clock_gettime(time.CLOCK_BOOTTIME))
        if process
        else None
    )


def peers_of(tunnels: tuple[Tunnel, ...]) -> Counter[str]:
    """How many nodes came from each address."""
    pairs = {
        (tunnel.node, tunnel.peer.rpartition(":")[0].strip("[]"))
        for tunnel in tunnels
        if tunnel.peer
    }
    return Counter(address for _, address in pairs)


def recorded(layout: Layout) -> tuple[tuple[Tunnel, ...], Sweep | None, str | StateNewer | None]:
    """What the state file holds, and what is wrong with it: empty for nothing, None if there is
    no such file.
    """
    try:
        state = open_reader(layout.state)
    except StateMissing:
        return (), None, None
    except StateNewer as error:
        return (), None, error
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
        if trouble:
            return SshdSeen(file=file, version=version(), complaint=trouble)
        if layout.home is not None:  # whose sshd has no Match block
            return SshdSeen(
                file=file, version=version(), effective=effective(file, config.tunnel_user)
            )
        found = judged(file, config.tunnel_user)
        return SshdSeen(
            file=file, version=version(), effective=found.effective, openings=found.openings
        )
    except CheckerError as error:
        return SshdSeen(file=file, complaint=str(error))


def rc_files(user: str, sshd: SshdSeen | None) -> tuple[Path, ...]:
    """What sshd runs before a forced command; a file of the user's own only if sshd allows it."""
    allows = sshd is not None and sshd.effective.get("permituserrc", "no").lower() != "no"
    try:
        own = Path(pwd.getpwnam(user).pw_dir) / ".ssh/rc"
        found = (own,) if allows and own.exists() else ()
    except (KeyError, OSError):
        found = ()
    return (*sshrc_of(user), *found)


def closed_by(sshd: SshdSeen | None) -> Path | None:
    """The file that keeps everyone but root out: sshd asks for one itself where PAM does not.
    Source: pam_nologin(8), sshd(8).
    """
    has_pam = sshd is None or sshd.effective.get("usepam", "").lower() != "no"
    places = (Path("/run/nologin"), Path("/etc/nologin")) if has_pam else (Path("/etc/nologin"),)
    return next((place for place in places if place.exists()), None)


def is_changed(path: Path) -> bool:
    """Whether a file is not as `init` wrote it."""
    found, written = entry(path), load_manifest().files.get(str(path))
    return (
        found is not None
        and found.content is not None
        and written is not None
        and digest(found.content) != written
    )


def within(layout: Layout, sshd: SshdSeen | None) -> Path:
    """Below what place nobody else may write: a home's sshd that `up` told to be lax does not look
    above the home.
    """
    is_lax = layout.home is not None and (
        sshd is None or sshd.effective.get("strictmodes", "").lower() != "yes"
    )
    return layout.home if is_lax and layout.home else Path("/")


def open_secrets(layout: Layout) -> Iterator[Path]:
    """Private keys that their owner does not have for himself."""
    kept = sorted(layout.nodes.glob("*.key")) if os.access(layout.nodes, os.R_OK | os.X_OK) else []
    for path in (layout.host_key, *kept):
        with contextlib.suppress(OSError):
            if path.stat().st_mode & 0o077:
                yield path


def loose_part(path: Path, uid: int, *, within: Path = Path("/")) -> Path | None:
    """The first place on the way to the key file that others may write: sshd then passes it over.
    Source: sshd_config(5), StrictModes.
    """
    for place in (path, *path.parents):
        if not place.is_relative_to(within):
            break
        with contextlib.suppress(OSError):
            found = place.stat()
            if found.st_mode & 0o022 or found.st_uid not in (0, uid):
                return place
    return None


def unreachable(layout: Layout, who: Account | None) -> tuple[Path, Path] | None:
    """What the tunnel user can not get to, and the directory that keeps it out; None where it gets
    to all.
    """
    if who is None or who.uid == os.geteuid():
        return None
    command = gate_command(layout)
    for needed in (Path(command.python), Path(command.gate), layout.nodes / "x", layout.run / "x"):
        if needed.parent.exists() and (blocked := unreachable_part(needed, who.uid)):
            return needed, blocked
    return None


def spool_entry(path: Path) -> Entry | None:
    """The spool's owner and mode; nobody else may look into it, and we need not."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Entry(
        mode=stat.S_IMODE(found.st_mode),
        owner=user_name(found.st_uid),
        group=group_name(found.st_gid),
    )


def strays(folder: Path) -> bool:
    """Whether a file right below belongs to another than the directory."""
    found = entry(folder)
    return found is not None and found.strays


def taken(registry: Registry, config: Config, uid: int) -> Iterator[Taken]:
    """Nodes' ports that processes of other users hold."""
    listening = read_listeners()
    used = {
        *listening,
        *(port for forward in registry.forwards for port in forward.ports),
        *registry.broken_ports,
        *registry.freed,
    }
    free = next((port for port in config.policy.ports if port not in used), None)
    for port, node in (
        (port, forward.node) for forward in registry.forwards for port in forward.ports
    ):
        for listener in listening.get(port, ()):
            if listener.uid != uid:
                yield Taken(port=port, node=node, uid=listener.uid, free=free)
                break


def unreserved(
    registry: Registry, config: Config, ephemeral: range, reserved: frozenset[int]
) -> tuple[int, ...]:
    """Ports of this gateway that an outgoing connection may take."""
    ports = {
        *config.policy.ports,
        *config.shared_key.open_ports,
        *(int(port) for forward in registry.forwards for port in forward.ports),
    }
    return tuple(sorted(port for port in ports if port in ephemeral and port not in reserved))


def banned() -> frozenset[str] | None:
    """Whom fail2ban keeps out of sshd; None where it does not watch it, or does not tell us."""
    if shutil.which("fail2ban-client") is None:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(
            ["fail2ban-client", "status", "sshd"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
        found = re.search(r"Banned IP list:\s*(.*)", asked.stdout)
        if asked.returncode == 0 and found:
            return frozenset(found[1].split())
    return None


def is_synchronized() -> bool | None:
    """Whether the kernel is told that its clock is right; None where it does not say."""
    # all zero: nothing is changed
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    return None if answer < 0 else answer != TIME_ERROR


def free_bytes(layout: Layout) -> Mapping[str, int]:
    """Room for what we write, by directory."""
    return {
        str(place): shutil.disk_usage(place).free
        for place in (layout.state.parent, layout.run)
        if place.exists()
    }
