"""Run a gateway in the foreground: the daemon (`serve`), or also a private sshd (`up`)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from checker.config.files import make_folder, write_changed
from checker.config.layout import Layout, listen_note
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.daemon.daemon import Daemon, Work
from checker.daemon.first_look import first_look
from checker.daemon.key_place import keep_in_file, place_keys
from checker.daemon.sshd_events import log_refusals, private_log
from checker.daemon.startup import (
    begin_without_room,
    lock_home,
    open_state,
    prepare_folders,
    raise_file_limit,
)
from checker.daemon.tunnel_user import open_to_tunnel_user, refuse_shell, refuse_unreachable
from checker.linux.memory import keep_for_good, keep_little
from checker.model import CheckerError
from checker.sshd.keygen import make_host_key
from checker.sshd.private import SshdFailed, free_port, start_sshd, stop_sshd

if TYPE_CHECKING:
    from checker.daemon.fleet_watch import Placing

log = logging.getLogger(__name__)
WILDCARDS = {
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - only compared, not bound
    "::": "::1",
    "*": "127.0.0.1",
}


@contextlib.asynccontextmanager
async def prepared(layout: Layout) -> AsyncIterator[Daemon]:
    """Lock and prepare the home for the block, and yield its daemon. Raises CheckerError."""
    keep_little()
    config = load_config(layout.config)
    if config.tunnel_uid != os.geteuid():
        os.umask(0o022)  # the tunnel user reads verdicts and history; systemd sets the same
    raise_file_limit()
    prepare_folders(layout, config.tunnel_uid, is_closed=config.is_closed(layout))
    lock = lock_home(layout)
    try:
        daemon = await make_daemon(layout, config)
        try:
            yield daemon
        finally:
            if daemon.ledger.store is not None:
                daemon.ledger.store.close()
    finally:
        os.close(lock)


async def make_daemon(layout: Layout, config: Config) -> Daemon:
    """Bring the key file in line, and open registry and state file. Raises CheckerError."""
    refuse_unreachable(layout, config)
    open_to_tunnel_user(layout, config)
    first = await asyncio.to_thread(first_look, layout)
    store, aside = await asyncio.to_thread(open_state, layout)
    daemon = Daemon(layout, config, store, first)
    if store is None:
        await asyncio.to_thread(begin_without_room, daemon.ledger)
    if aside is not None:
        daemon.ledger.tell_damaged(aside)
    keep_for_good()
    return daemon


async def serve(layout: Layout, say: Callable[[str], None], placing: Placing | None = None) -> None:
    """Run the daemon until a signal stops it. `placing`: of a fleet. Raises CheckerError."""
    if layout.home is not None:
        await asyncio.to_thread(keep_in_file, layout)
    async with prepared(layout) as daemon:
        daemon.beside = watch_fleet(daemon, placing)
        if layout.home is None:
            daemon.beside += (functools.partial(log_refusals, daemon.gateway),)
        await daemon.run(lambda: say(f"ready: the daemon serves {layout.socket}"))


def watch_fleet(daemon: Daemon, placing: Placing | None) -> tuple[Work, ...]:
    """Return what the daemon of a fleet's gateway does besides."""
    settings = daemon.config.fleet
    if settings is None or placing is None:
        return ()
    from checker.daemon.fleet_watch import FleetWatch  # only a fleet needs it

    server = daemon.server
    return (FleetWatch(settings, placing, server.drainer, server.sweeper).run,)


def note_address(layout: Layout, address: str) -> None:
    """Write the address for `node add`; on a full disk only warn, as `--gateway` names it too."""
    try:
        write_changed(listen_note(layout), f"{address}\n".encode(), mode=0o644)
    except ConfigError as error:
        log.warning("%s", error)


def local_address(listen: str, port: int) -> str:
    """HOST:PORT by which this machine reaches the listener."""
    host = WILDCARDS.get(listen, listen)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_unknown(listen: str, config: Config) -> bool:
    """Whether `node add` would give nodes an address that works only on this machine."""
    return listen in WILDCARDS and not config.gateway


async def up(
    layout: Layout,
    *,
    listen: str,
    port: int,
    say: Callable[[str], None],
    placing: Placing | None = None,
) -> None:
    """Run a private sshd and the daemon until a signal stops us, or sshd ends. `placing`: of a
    fleet.

    Raises CheckerError.
    """
    if layout.home is None:
        raise CheckerError(
            "up needs a home of its own: give --home DIR; an installed gateway already has an sshd"
        )
    make_folder(layout.home)
    make_host_key(layout.host_key)
    port = port or free_port(listen, 0)
    async with prepared(layout) as daemon:
        refuse_shell(daemon.config.tunnel_user)
        daemon.beside = watch_fleet(daemon, placing)
        address = local_address(listen, port)
        note_address(layout, address)
        daemon.run_made_again = functools.partial(note_address, layout, address)
        if address_unknown(listen, daemon.config):
            log.warning(
                "other machines do not know the address of this gateway: set gateway in %s, or run"
                " node add with --gateway",
                layout.config,
            )
        await run_with_sshd(
            daemon, listen, port, lambda: say(f"ready: sshd at {address}, home {layout.home}")
        )


async def run_with_sshd(daemon: Daemon, listen: str, port: int, ready: Callable[[], None]) -> None:
    """Run the daemon beside an sshd, until one of them ends. Raises SshdFailed."""
    with private_log(daemon.gateway) as said:
        sshd = await start_sshd(
            daemon.layout,
            keys_user=await asyncio.to_thread(place_keys, daemon.layout, daemon.config),
            user=daemon.config.tunnel_user,
            listen=listen,
            port=port,
            stderr=said.theirs.fileno(),
        )
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(stop_with(sshd, daemon), name="sshd")
                await daemon.run(ready)
                watching.cancel()
            if sshd.returncode is not None:
                raise SshdFailed(f"it ended with status {sshd.returncode}; the lines above say why")
        finally:
            await stop_sshd(sshd)


async def stop_with(sshd: asyncio.subprocess.Process, daemon: Daemon) -> None:
    """Stop the daemon when its sshd ends."""
    await sshd.wait()
    daemon.stopping.set()
