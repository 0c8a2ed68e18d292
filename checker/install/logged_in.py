"""Find who is logged in to the tunnel user's account, and what opens it now and after `init`."""

from __future__ import annotations

import json
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.config.settings import Config
from checker.config.toml_file import ConfigError
from checker.install.left_behind import Login, Logins
from checker.install.shared_key import key_of
from checker.linux.processes import Process, sockets_of
from checker.linux.sockets import connected, read_listeners
from checker.model import Port, fingerprint
from checker.registry.authorized_keys import gate_command, lines_of_shared, present_keys
from checker.registry.enrolments import read_enrolments
from checker.registry.kept_rights import shared_keys_of, shared_ports_of
from checker.registry.nodes import Registry
from checker.sshd.log_formats import from_journal, from_syslog
from checker.sshd.log_lines import LoggedIn, LogLine, parse
from checker.sshd.log_reader import JOURNALCTL, LOG_FILES, SSHD
from checker.sshd.sessions import sessions

LOOKED_FOR_S = 20
"""On a server that strangers try to log in to all day, the journal is long."""


def logins(config: Config, registry: Registry, effective: Mapping[str, str]) -> Logins:
    """Look at the sessions of the tunnel user. Needs root. Raises ConfigError.

    `config` is what reversi.toml will say, `effective` what sshd says about the user now.
    """
    try:
        account = pwd.getpwnam(config.tunnel_user)
    except KeyError:
        return Logins()
    present = present_keys(SYSTEM)
    then = after(config, registry, present)
    is_ours = effective.get("authorizedkeysfile") == str(SYSTEM.authorized_keys)
    places: tuple[tuple[str, Path], ...] = ()
    now: frozenset[str] | None
    if is_ours:
        now = frozenset(map(fingerprint, shared_keys_of(present)))
        if now <= then.shared_then and shared_ports_of(present) <= then.shared_ports_then:
            return then
    else:
        places, is_whole = opening_keys(account, effective)
        now = frozenset(key for key, _ in places) if is_whole else None
    return Logins(
        found=found(account),
        is_ours=is_ours,
        now=now,
        shared_then=then.shared_then,
        own_then=then.own_then,
        ports_of=then.ports_of,
        shared_ports_then=then.shared_ports_then,
        own_ports_then=then.own_ports_then,
        places=places,
    )


def after(config: Config, registry: Registry, present: bytes) -> Logins:
    """What will open the account; `present` is our key file."""
    nodes = list(registry.nodes.values())
    lines = lines_of_shared(
        config.shared_key, nodes, registry.broken_ports, gate_command(SYSTEM), present
    )
    return Logins(
        shared_then=frozenset(map(fingerprint, config.shared_key.public_keys))
        if config.shared_key.enabled
        else frozenset(),
        own_then=frozenset(
            fingerprint(key) for node in nodes if node.enabled for key in node.public_keys
        )
        | frozenset(
            fingerprint(one.public_key) for one in read_enrolments(SYSTEM.enrolments).found.values()
        ),
        ports_of={
            fingerprint(key): frozenset(node.ports)
            for node in nodes
            if node.enabled
            for key in node.public_keys
        },
        shared_ports_then=shared_ports_of("\n".join(lines).encode()),
        own_ports_then=frozenset(
            port for node in nodes if not node.is_shared for port in node.ports
        ),
    )


def found(account: pwd.struct_passwd) -> tuple[Login, ...]:
    """Return the sessions of the account."""
    present = sessions(account.pw_uid)
    if not present:
        return ()
    listening = {
        listener.inode: port for port, those in read_listeners().items() for listener in those
    }
    ends, logged = established(), logged_in(account.pw_name)
    return tuple(login_of(process, listening, ends, logged) for process in present)


def established() -> dict[int, tuple[Port, str]]:
    try:
        return connected()
    except OSError:
        return {}  # a sandbox may refuse netlink


def login_of(
    process: Process,
    listening: Mapping[int, Port],
    ends: Mapping[int, tuple[Port, str]],
    logged: Mapping[int, LoggedIn],
) -> Login:
    """What is known of a session. Its login was logged by the monitor, which is its parent."""
    inodes = sockets_of(process.id.pid) or frozenset()
    ports = sorted({listening[inode] for inode in inodes if inode in listening})
    peers = [ends[inode][1] for inode in inodes if inode in ends and ends[inode][0] not in ports]
    login = logged.get(process.parent)
    peer = login.peer[0] if login else next(iter(peers), "").rpartition(":")[0].strip("[]")
    return Login(peer=peer, ports=tuple(ports), key=login.fingerprint if login else "")


def logged_in(user: str) -> dict[int, LoggedIn]:
    """Return the last login that each process of sshd logged for the user."""
    latest: dict[int, LoggedIn] = {}
    for line in log_lines():
        fact = parse(line.text)
        if isinstance(fact, LoggedIn) and fact.user == user and line.pid is not None:
            latest[line.pid] = fact
    return latest


def log_lines() -> Iterator[LogLine]:
    """Yield sshd's lines about logins since the boot, from the journal, else from its file."""
    entries = journal()
    for entry in entries:
        line = from_journal(json.loads(entry))
        if line is not None and line.uid == 0:
            yield line
    for path in () if entries else LOG_FILES:
        for file in (path.with_name(f"{path.name}.1"), path):
            try:
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            yield from filter(None, map(from_syslog, lines))


def journal() -> list[str]:
    """Return the journal's entries about logins since the boot; none if it cannot be asked."""
    if shutil.which(JOURNALCTL[0]) is None:
        return []
    try:
        asked = subprocess.run(
            [*JOURNALCTL, "--boot", "--grep=Accepted ", *SSHD],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LOOKED_FOR_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in asked.stdout.splitlines() if line.startswith("{")]


def opening_keys(
    account: pwd.struct_passwd, effective: Mapping[str, str]
) -> tuple[tuple[tuple[str, Path], ...], bool]:
    """Return the fingerprint and the file of each key that opens the account now, and whether these
    are all. Source: sshd_config(5), AuthorizedKeysFile.
    """
    is_whole = all(
        effective.get(word, "none") in ("none", "")
        for word in ("authorizedkeyscommand", "trustedusercakeys")
    )
    places: list[tuple[str, Path]] = []
    for path in key_files(account, effective.get("authorizedkeysfile", "")):
        for line in lines_of(path):
            try:
                places.append((fingerprint(key_of(line, path)), path))
            except ConfigError:
                is_whole = False
    return tuple(places), is_whole


def key_files(account: pwd.struct_passwd, words: str) -> Iterator[Path]:
    """Yield the files that sshd reads for the account."""
    tokens = {"h": account.pw_dir, "u": account.pw_name, "U": str(account.pw_uid), "%": "%"}
    for word in words.split():
        if word != "none":
            name = re.sub("%(.)", lambda found: tokens.get(found[1], ""), word)
            yield Path(account.pw_dir) / name


def lines_of(path: Path) -> list[str]:
    """Return the lines of a key file that are not blank or comments; none if it is not there."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
