"""Run the agent until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import signal
import sys

from checker import journal
from checker.config.files import make_folder
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.fleet.agent import Agent, Role
from checker.fleet.bus import LibraryMissing, Login
from checker.fleet.bus_config import AGENT, EDITOR, READER
from checker.fleet.bus_files import password_of, password_path
from checker.fleet.identity import own_identity
from checker.model.gateway_id import GatewayId
from checker.state.mirrors import mirrors_folder


def serve(layout: Layout, *, watches: bool) -> None:
    """Serve until stopped. `watches`: only hear the others. Raises CheckerError."""
    fleet = load_config(layout.config).fleet
    if fleet is None:
        raise ConfigError(
            layout.config, "has no [fleet]; begin with: reversi-checker fleet init ID"
        )
    if importlib.util.find_spec("nats") is None:
        raise LibraryMissing(sys.executable)
    user = watching_user(layout) if watches else AGENT
    role = Role(
        layout=layout,
        id=GatewayId(fleet.name),
        login=Login(port=fleet.bus_port, user=user, password=password_of(layout, user)),
        signed=fleet.signed,
        identity=None if watches else own_identity(layout),
    )
    make_folder(mirrors_folder(layout))
    journal.start_logging(logging.INFO)
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # we report what it raises
    asyncio.run(run(role))


def watching_user(layout: Layout) -> str:
    """Return whose password a machine without a nats-server has: an editor may also act."""
    return EDITOR if password_path(layout, EDITOR).exists() else READER


async def run(role: Role) -> None:
    """Run the agent until a signal comes. Raises CheckerError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    agent = asyncio.create_task(Agent(role).run(), name="agent")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({agent, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (agent, stopped):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await agent
