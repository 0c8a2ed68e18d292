"""See what a gateway has: its keys, entries, nodes, tunnels and log; and what a key opens."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from pathlib import Path

from checker.model import EventKind
from checker.registry.entries import rev_of
from checker.registry.entry_files import signature_path
from checker.registry.reading import read_registry
from tests.fleet.history.records import ActEvent, History, KeyLine, Login, Look, Sessions
from tests.fleet.history.world import Site, World
from tests.programs import run_program

LINE = re.compile(r"(\S+ [A-Za-z0-9+/=]+) reversi:([^ ]+)$")
PERMITS = re.compile(r'permitlisten="localhost:([0-9]+)"')
TRIES = 20


def look(site: Site, history: History) -> Look:
    """Note what lies on the disk of a gateway."""
    layout = site.gateway.layout
    began = time.monotonic()
    folder = layout.fleet / "nodes"
    texts = entry_texts(folder)
    nodes = read_registry(layout.nodes).nodes
    seen = Look(
        gateway=site.id,
        began=began,
        ended=time.monotonic(),
        lines=key_lines(site),
        revs={name: rev_of(text) for name, text in texts.items()},
        entries={name: entry_digest(folder / f"{name}.toml", text) for name, text in texts.items()},
        nodes={
            node.name: {
                "key": node.public_key,
                "port": str(node.ports[0]),
                "enabled": "yes" if node.enabled else "no",
                "note": node.note,
            }
            for node in nodes.values()
        },
    )
    history.add(seen)
    return seen


def entry_texts(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob("*.toml")}


def entry_digest(path: Path, text: bytes) -> str:
    signed = "" if signature_path(path).exists() else " unsigned"
    return hashlib.sha256(text).hexdigest()[:12] + signed


def key_lines(site: Site) -> tuple[KeyLine, ...]:
    """Return what each key opens. Read until it stays the same: an edit may write two files."""
    before: list[str] = []
    for _ in range(TRIES):
        found = key_texts(site)
        if found == before:
            break
        before = found
    return tuple(
        KeyLine(key=match[1], node=match[2], ports=tuple(PERMITS.findall(line)))
        for line in found
        if (match := LINE.search(line)) and not line.startswith("#")
    )


def key_texts(site: Site) -> list[str]:
    layout = site.gateway.layout
    files = [layout.authorized_keys, *sorted(layout.keys.rglob("*.pub"))]
    lines = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            lines += file.read_text(encoding="utf-8").splitlines()
    return lines


def sessions(world: World, history: History) -> None:
    """Note which processes carry the tunnels that nobody touches."""
    found = {}
    for site in world.all:
        for device in site.steady:
            session = site.session(device.node)
            found[device.node] = f"{session.pid}/{session.start_ticks}" if session else "gone"
    history.add(Sessions(at=time.monotonic(), pids=found))


def try_key(site: Site, key: str, file: Path, history: History) -> None:
    """Log in with a key, and note whether it opens anything."""
    gateway = site.gateway
    device = site.steady[0]
    words = device.ssh("-T", "-o", "ConnectTimeout=5")
    words[words.index("-i") + 1] = str(file)
    began = time.monotonic()
    done = run_program([*words, "version"], timeout=100, cwd=gateway.folder)
    is_refused = "Permission denied" in done.stderr
    if is_refused or done.returncode != 255:
        history.add(Login(key=key, gateway=site.id, began=began, is_open=not is_refused))


def acts(site: Site, history: History) -> None:
    """Note what the log says about acts."""
    for event in site.gateway.events(kind=EventKind.ACT):
        if " at " not in event.text.partition(":")[0] and "is asked of" not in event.text:
            history.add(
                ActEvent(
                    gateway=site.id,
                    node=event.node or "",
                    actor=event.actor or "",
                    text=event.text,
                )
            )
