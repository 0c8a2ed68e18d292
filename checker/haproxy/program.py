"""HAProxy itself: its file is checked before it replaces the old one, the program reloaded, and the
old file put back if that fails.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psutil

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.config.toml_file import ConfigError
from checker.haproxy.config_text import HEAD
from checker.linux.sockets import read_listeners
from checker.model import IPV4_LOOPBACK, IPV6_LOOPBACK, CheckerError, Port
from checker.sshd.lockdown import settings
from checker.sshd.program import ask_sshd

PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
SYSTEM_RELOAD = "systemctl reload haproxy"
CHECK_WITHIN_S = 30.0
RELOAD_WITHIN_S = 60.0
LISTENS_WITHIN_S = 5.0
POLL_S = 0.05


class HaproxyMissing(CheckerError):
    """HAProxy is not installed."""

    def __init__(self) -> None:
        super().__init__("haproxy is not installed; as root, run: apt-get install haproxy")


class FileRefused(CheckerError):
    """HAProxy does not accept what we would have it do."""

    def __init__(self, why: str) -> None:
        super().__init__(f"haproxy refuses the new configuration, so the old one stays: {why}")


class ReloadFailed(CheckerError):
    """HAProxy was not brought to use the new file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; the old configuration is back; see docs/publishing.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """HAProxy as this gateway uses it."""

    path: Path
    """Our file; another may stand beside it."""
    addresses: tuple[str, ...]
    """Where it binds each published port."""
    reload: str
    """The command that makes it read the file again; empty: the admin's to do."""
    loopback: str = IPV4_LOOPBACK
    """Where sshd listens for the tunnels."""


def proxy_of(layout: Layout, config: Config) -> Proxy:
    """Our file, and the settings of reversi.toml with what they leave out filled in."""
    default = SYSTEM_RELOAD if layout.home is None else ""
    return Proxy(
        path=layout.config.with_name("haproxy.cfg"),
        addresses=config.publish_on or every_address(),
        reload=default if config.haproxy_reload is None else config.haproxy_reload,
        loopback=tunnel_loopback() if layout.home is None else IPV4_LOOPBACK,
    )


def tunnel_loopback() -> str:
    """Where the machine's sshd listens for `-R localhost`: 127.0.0.1, unless it has `AddressFamily
    inet6`; also if it does not tell.
    """
    try:
        said = settings(ask_sshd("-T").stdout)
    except CheckerError:
        return IPV4_LOOPBACK
    family = {key.lower(): value for key, value in said.items()}.get("addressfamily")
    return IPV6_LOOPBACK if family == "inet6" else IPV4_LOOPBACK


def every_address() -> tuple[str, ...]:
    """The wildcards of the families that this machine has."""
    addresses = [one for link in psutil.net_if_addrs().values() for one in link]
    has_ipv6 = any(one.family is socket.AF_INET6 for one in addresses)
    return ("0.0.0.0", "::") if has_ipv6 else ("0.0.0.0",)  # noqa: S104 - to publish is to bind them all


def find_haproxy() -> str:
    """Its path. Raises HaproxyMissing."""
    found = shutil.which("haproxy", path=f"{PLACES}:{os.environ.get('PATH', '')}")
    if found is None:
        raise HaproxyMissing
    return found


def check(candidate: Path) -> None:
    """Raises HaproxyMissing, and FileRefused with HAProxy's own words."""
    try:
        done = subprocess.run(
            [find_haproxy(), "-c", "-f", str(candidate)],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_WITHIN_S,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FileRefused(str(error)) from error
    if done.returncode:
        alerts = [
            line.partition(" : ")[2]
            for line in done.stderr.splitlines()
            if line.startswith("[ALERT]")
        ]
        raise FileRefused(alerts[0] if alerts else f"exit status {done.returncode}")


def reload(command: str) -> None:
    """Have HAProxy read its files again. Raises ReloadFailed."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            check=False,
            timeout=RELOAD_WITHIN_S,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ReloadFailed(f"haproxy can not be reloaded with {command!r}: {error}") from error
    if done.returncode:
        said = (
            done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        ).splitlines()[0]
        raise ReloadFailed(f"haproxy can not be reloaded with {command!r}: {said}")


def await_listening(ports: Collection[Port], path: Path) -> None:
    """Until somebody listens on each port. Raises ReloadFailed: a reload itself does not tell
    whether HAProxy could bind.
    """
    end = time.monotonic() + LISTENS_WITHIN_S
    while silent := set(ports) - set(read_listeners()):
        if time.monotonic() > end:
            raise ReloadFailed(
                f"haproxy was reloaded, but does not listen on port {min(silent)}: is it told of"
                f" {path}?"
            )
        time.sleep(POLL_S)


def put_live(proxy: Proxy, wanted: bytes, present: bytes | None, ports: Collection[Port]) -> None:
    """The file in place of the present one, and HAProxy by it; all of it or nothing.

    Raises HaproxyMissing, FileRefused, ReloadFailed, ConfigError.
    """
    candidate = proxy.path.with_name(f"{proxy.path.name}.new")
    try:
        write_atomically(candidate, wanted, mode=0o644)
        if ports:
            check(candidate)
        write_atomically(proxy.path, wanted, mode=0o644)
    finally:
        candidate.unlink(missing_ok=True)
    if not proxy.reload:
        return
    try:
        reload(proxy.reload)
        await_listening(ports, proxy.path)
    except ReloadFailed:
        write_atomically(proxy.path, HEAD.encode() if present is None else present, mode=0o644)
        with contextlib.suppress(ReloadFailed):
            reload(proxy.reload)
        raise


def present_file(path: Path) -> bytes | None:
    """What HAProxy is told now; None for no file. Raises ConfigError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            path, f"can not be read ({error.strerror}); check its permissions"
        ) from error
