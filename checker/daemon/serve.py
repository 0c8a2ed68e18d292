"""Running a gateway's processes in the foreground: the daemon (`serve`), or a private sshd and the
daemon (`up`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import AsyncIterator, Callable

from checker.config.files import make_folder, write_changed
from checker.config.layout import Layout, listen_note
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.daemon.daemon import Daemon
from checker.daemon.sshd_events import follow, private_log
from checker.daemon.startup import (
    begin_without_room,
    lock_home,
    open_to_tunnel_user,
    opened,
    prepare_folders,
    raise_file_limit,
    refuse_shell,
    refuse_unreachable,
)
from checker.model import CheckerError, EventKind
from checker.registry.authorized_keys import KeysLag, follow_registry
from checker.registry.last_good import read_known
from checker.sshd.keygen import make_host_key
from checker.sshd.private import SshdFailed, free_port, start_sshd, stop_sshd

log = logging.getLogger(__name__)
WILDCARDS = {
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - named, not bound
    "::": "::1",
    "*": "127.0.0.1",
}


@contextlib.asynccontextmanager
async def prepared(layout: Layout) -> AsyncIterator[Daemon]:
    """A daemon on a locked, prepared home with its key file in order. Raises CheckerError."""
    config = load_config(layout.config)
    raise_file_limit()
    prepare_folders(layout, config.tunnel_uid)
    lock = lock_home(layout)
    try:
        refuse_unreachable(layout, config)
        open_to_tunnel_user(layout, config)
        try:
            follow_registry(layout)
        except KeysLag as lag:
            log.warning("%s", lag)
        store, aside = await asyncio.to_thread(opened, layout)
        registry = await asyncio.to_thread(read_known, layout)
        daemon = Daemon(layout, config, store, registry)
        if store is None:
            await asyncio.to_thread(begin_without_room, daemon.ledger)
        if aside is not None:
            daemon.ledger.tell(
                EventKind.GATEWAY,
                f"the state file was damaged; it lies at {aside}, and a new one was begun",
            )
        try:
            yield daemon
        finally:
            if daemon.ledger.store is not None:
                daemon.ledger.store.close()
    finally:
        os.close(lock)


async def serve(layout: Layout, say: Callable[[str], None]) -> None:
    """The daemon, until it is told to stop. Raises CheckerError."""
    async with prepared(layout) as daemon:
        if layout.home is None:
            daemon.beside = (functools.partial(follow, daemon.gateway),)
        await daemon.run(lambda: say(f"ready: the daemon serves {layout.socket}"))


def note_address(layout: Layout, address: str) -> None:
    """Leave it for `node add`, which can be told too: without room on the disk the gateway runs all
    the same.
    """
    try:
        write_changed(listen_note(layout), f"{address}\n".encode(), mode=0o644)
    except ConfigError as error:
        log.warning("%s", error)


def address_unknown(listen: str, config: Config) -> bool:
    """Whether what `node add` would tell a node leads to this machine from here alone."""
    return listen in WILDCARDS and not config.gateway


async def up(layout: Layout, *, listen: str, port: int, say: Callable[[str], None]) -> None:
    """A private sshd and the daemon, until told to stop or sshd ends. Raises CheckerError."""
    if layout.home is None:
        raise CheckerError(
            "up needs a home of its own: give --home DIR; an installed gateway has its sshd already"
        )
    make_folder(layout.home)
    make_host_key(layout.host_key)
    port = port or free_port(listen, 0)
    async with prepared(layout) as daemon:
        refuse_shell(daemon.config.tunnel_user)
        host = WILDCARDS.get(listen, listen)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        note_address(layout, address)
        daemon.run_made_again = functools.partial(note_address, layout, address)
        if address_unknown(listen, daemon.config):
            log.warning(
                "nodes elsewhere must be told where this gateway is: set gateway in %s, or give"
                " node add --gateway",
                layout.config,
            )
        with private_log(daemon.gateway) as said:
            sshd = await start_sshd(
                layout,
                user=daemon.config.tunnel_user,
                listen=listen,
                port=port,
                stderr=said.theirs.fileno(),
            )
            try:
                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(stop_with(sshd, daemon), name="sshd")
                    await daemon.run(lambda: say(f"ready: sshd at {address}, home {layout.home}"))
                    watching.cancel()
                if sshd.returncode is not None:
                    raise SshdFailed(
                        f"it ended with status {sshd.returncode}; its reason stands above"
                    )
            finally:
                await stop_sshd(sshd)


async def stop_with(sshd: asyncio.subprocess.Process, daemon: Daemon) -> None:
    """Stop the daemon when its sshd ends."""
    await sshd.wait()
    daemon.stopping.set()
