"""A private sshd for one home, locked down to reverse tunnels: configure, start and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from checker.config.files import write_changed
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.linux.accounts import is_locked
from checker.linux.children import end_child, ending_with_us
from checker.linux.machine import cores
from checker.model import CheckerError
from checker.sshd.keygen import rsa_beside
from checker.sshd.lockdown import (
    ANY_STARTUPS,
    KEYS_COMMAND,
    KEYS_COMMAND_USER,
    REVERSE_ONLY,
    keys_command,
    max_startups,
)
from checker.sshd.program import PRIVILEGE_SEPARATION, find_sshd, lacks_log_verbose
from checker.sshd.sessions import sessions_below

ANSWERS_WITHIN_S = 15.0
POLL_S = 0.02
UNCHANGED: Mapping[str, str] = MappingProxyType({})


class SshdFailed(CheckerError):
    """sshd did not start, or ended."""

    def __init__(self, why: str) -> None:
        super().__init__(f"sshd does not run: {why}")


def is_strict(path: Path) -> bool:
    """Return whether sshd's StrictModes would accept the file: nobody else may write to it, nor to
    a directory above it.
    """
    return all(
        not place.stat().st_mode & 0o022 for place in (path, *path.parents) if place.exists()
    )


def quoted(path: Path) -> str:
    """Quote a path for sshd_config. Raises ConfigError."""
    if re.search(r'["\\\n]', str(path)):
        raise ConfigError(
            path,
            "sshd_config cannot contain a path with a quote, backslash or newline; choose another"
            " --home",
        )
    return f'"{path}"'


def sshd_config(  # noqa: PLR0913 - what differs between two private sshds
    layout: Layout,
    *,
    user: str,
    listen: str,
    port: int,
    here: Mapping[str, str] = UNCHANGED,
    keys_user: str = "",
) -> str:
    """Return the whole configuration: one user, only keys, only reverse forwards. `here`: what
    differs on this machine; an empty value omits the option. `keys_user`: the
    account that reads the files by fingerprint; empty: there are none.

    UnusedConnectionTimeout stays unset: it would end idle tunnels. An absolute AuthorizedKeysFile
    is the same for every user.
    """
    options = {
        "Port": str(port),
        "ListenAddress": listen,
        "HostKey": quoted(layout.host_key),
        # % begins a token here, but not in HostKey
        "AuthorizedKeysFile": quoted(layout.authorized_keys).replace("%", "%%"),
        "StrictModes": "yes" if is_strict(layout.authorized_keys) else "no",
        "PidFile": "none",
        "UsePAM": "no",
        "UseDNS": "no",
        "AllowUsers": user,
        "PermitRootLogin": "forced-commands-only" if user == "root" else "no",
        "KbdInteractiveAuthentication": "no",
        "PermitUserEnvironment": "no",
        "PrintMotd": "no",
        "LoginGraceTime": "120",
        "MaxStartups": ANY_STARTUPS,
        **REVERSE_ONLY,
        KEYS_COMMAND: keys_command(layout.keys) if keys_user else "",
        KEYS_COMMAND_USER: keys_user,
        **here,
    }
    lines = [f"{key} {value}\n" for key, value in options.items() if value]
    if rsa_beside(layout.host_key).exists():
        lines.append(f"HostKey {quoted(rsa_beside(layout.host_key))}\n")
    return "# written by reversi-checker up\n" + "".join(lines)


def differing(sshd: str, user: str) -> dict[str, str]:
    """Return what differs here: MaxStartups for this machine's cores; LogVerbose, if this sshd does
    not know it; and PAM, if sshd would otherwise take the account for locked (some systems give
    root a `!`).
    """
    return {
        "MaxStartups": max_startups(cores()),
        **({"LogVerbose": ""} if lacks_log_verbose(sshd) else {}),
        **({"UsePAM": "yes"} if is_locked(user) else {}),
    }


def free_port(listen: str, port: int) -> int:
    """Return the port, or for 0 one that is free now.

    Raises CheckerError if something already listens there: a client must not take that for our
    sshd.
    """
    family = socket.AF_INET6 if ":" in listen else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((listen, port))
        except socket.gaierror as error:
            raise CheckerError(
                f"--listen {listen!r} is not an address ({error.strerror}); use one of this machine"
            ) from error
        except OSError as error:
            mend = "--listen" if error.errno == errno.EADDRNOTAVAIL else "--ssh-port"
            raise CheckerError(
                f"port {port} of {listen} cannot be used ({error.strerror}); choose another {mend}"
            ) from error
        return int(trial.getsockname()[1])


async def start_sshd(  # noqa: PLR0913 - what differs between two private sshds
    layout: Layout,
    *,
    user: str,
    listen: str,
    port: int,
    stderr: int | None = None,
    keys_user: str = "",
) -> asyncio.subprocess.Process:
    """Start sshd, and return once it answers. It dies with us. Raises CheckerError."""
    sshd = find_sshd()
    free_port(listen, port)
    config = layout.run / "_sshd_config"
    here = await asyncio.to_thread(differing, sshd, user)
    text = sshd_config(layout, user=user, listen=listen, port=port, here=here, keys_user=keys_user)
    write_changed(config, text.encode(), mode=0o600)
    process = await launched((sshd, "-D", "-e", "-f", str(config)), stderr)
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await answering(process, listen, port)
    except TimeoutError:
        await stop_sshd(process)
        raise SshdFailed(f"it does not answer on port {port} of {listen}") from None
    except asyncio.CancelledError:
        await stop_sshd(process)
        raise
    return process


async def launched(command: Sequence[str], stderr: int | None) -> asyncio.subprocess.Process:
    """Start sshd so that it dies with us."""
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with_us = await asyncio.to_thread(ending_with_us)
    return await asyncio.create_subprocess_exec(
        *with_us,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,  # a terminal's interrupt must reach only us
    )


async def answering(process: asyncio.subprocess.Process, listen: str, port: int) -> None:
    """Wait until sshd answers. Raises SshdFailed if it ends."""
    while not await answers(listen, port):
        if process.returncode is not None:
            raise SshdFailed(f"it ended with status {process.returncode}; see its messages above")
        await asyncio.sleep(POLL_S)


async def answers(listen: str, port: int) -> bool:
    """Return whether an SSH server answers there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)  # noqa: S104 - compared, not bound
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"SSH-2.0-reversi\r\n")  # else sshd logs a complaint
                return (await reader.read(4)).startswith(b"SSH-")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def stop_sshd(process: asyncio.subprocess.Process) -> None:
    """Terminate sshd and the sessions that it started, and wait until it is gone."""
    if process.returncode is None:
        for session in await asyncio.to_thread(sessions_below, process.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(session, signal.SIGTERM)
        await end_child(process)
