"""A gateway that reads sshd's log, and a stand-in for journalctl."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.model import (
    EventKind,
    Node,
    NodeName,
    fingerprint,
    parse_public_key,
)
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from tests.strategies import public_key

KEY = parse_public_key(public_key(1))
ACCEPTED = (
    f"Accepted publickey for {current_user()} from 192.0.2.7 port 41528 ssh2: ED25519"
    f" {fingerprint(KEY)}"
)
TERMINAL = (
    "debug1: session.c:session_pty_req():1905 (pid=7): Allocating a pty not permitted for this"
    " connection."
)


def told(gateway: Gateway) -> list[tuple[str | None, str, str]]:
    return [
        (event.node, event.actor, event.text)
        for event in gateway.ledger.pending.events
        if event.kind is EventKind.REFUSED
    ]


@asynccontextmanager
async def at_work(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run the work during the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        yield
        task.cancel()


async def until(fact: Callable[[], object], within_s: float = 100.0) -> None:
    end = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def write(path: Path, *texts: str) -> None:
    path.write_text("".join(texts))


def entry(text: str, pid: int, uid: int = 0) -> str:
    return json.dumps({"MESSAGE": text, "_PID": str(pid), "_UID": str(uid)}) + "\n"


def gateway_in(tmp_path: Path) -> Gateway:
    """Make a gateway with one node, in this process."""
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    office = Node(name=NodeName("office"), public_key=KEY, forwards=(), added_at=0)
    registry = Registry(nodes=MappingProxyType({office.name: office}))
    return Gateway(layout, Config(tunnel_user=current_user()), Ledger(layout, None), registry)


def journal_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for journalctl on PATH; return the file that it prints. It writes its PID."""
    folder = tmp_path / "bin"
    folder.mkdir()
    entries = tmp_path / "entries"
    program = folder / "journalctl"
    follows = f'echo "$*" >{tmp_path}/asked; echo $$ >{tmp_path}/pid; cat {entries}; exec sleep 600'
    program.write_text(f'#!/bin/sh\ncase "$*" in *--follow*) {follows};; esac\necho {{}}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return entries
