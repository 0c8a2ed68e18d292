"""Parse what keeps a plain `ssh -R`, or frp's client, running into nodes. Pure.

No such device says its name, so a node is called as its section or file is. It has the shared key
until it is given its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from checker.model import InvalidValue
from checker.registry.command_lines import is_script, script_sources, together
from checker.registry.frp_files import frp_sources, is_frp
from checker.registry.imported import MOST_BYTES, FileRead, Found, Remark
from checker.registry.service_units import is_service, unit_sources
from checker.registry.ssh_hosts_file import host_sources, is_ssh_config
from checker.registry.tunnel_source import NO_TUNNEL, Source
from checker.registry.uci_files import is_uci, uci_sources

Sources = Iterator[Source | Remark]
KINDS: tuple[tuple[Callable[[str], bool], Callable[[str, str], Sources]], ...] = (
    (is_service, unit_sources),
    (is_uci, uci_sources),
    (is_frp, frp_sources),
    (is_ssh_config, host_sources),
    (is_script, script_sources),
)
"""How to tell each kind of file, and how to read it; the first that fits counts."""
SEVERAL = frozenset({script_sources, host_sources})
"""Kinds whose tunnels may be those of one device, if the admin says so."""


def read_tunnel_file(
    content: bytes, *, stem: str, added_at: int, name: str = ""
) -> FileRead | None:
    """Parse a file; None if it is of none of these kinds. `stem` is its name without a suffix;
    `name` is for its node, whatever the file says. Never raises.
    """
    text = content[:MOST_BYTES].decode("utf-8-sig", "replace")
    return read_tunnels(re.sub(r"\r\n?", "\n", text), stem=stem, added_at=added_at, name=name)


def read_tunnels(text: str, *, stem: str, added_at: int, name: str = "") -> FileRead | None:
    """Parse a text; None if it is of none of these kinds. Never raises."""
    reader = next((read for is_this, read in KINDS if is_this(text)), None)
    if reader is None:
        return None
    sources: list[Source] = []
    problems: list[Remark] = []
    try:
        for each in reader(text, stem):
            if isinstance(each, Remark):
                problems.append(each)
            else:
                sources.append(each)
    except InvalidValue as error:
        problems.append(Remark(line=0, text=str(error)))
    if name and len(sources) > 1 and reader in SEVERAL:
        joined = together(sources)
        sources = [joined] if joined else sources
    found: list[Found] = []
    for source in sources:
        try:
            found.append(source.found(name or source.name, added_at))
        except InvalidValue as error:
            problems.append(Remark(line=source.line, text=str(error)))
    if not found and not problems:
        problems.append(Remark(line=0, text=NO_TUNNEL))
    if len(found) == 1 and not problems:
        found = [replace(found[0], line=0)]
    return FileRead(found=tuple(found), problems=tuple(sorted(problems, key=lambda one: one.line)))
