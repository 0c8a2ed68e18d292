"""Parse what keeps a plain `ssh -R` running into nodes: UCI files and systemd units. Pure.

No such device says its name, so a node is called as its section or file is. It has the shared key
until it is given its own.
"""

from __future__ import annotations

import re

from checker.model import InvalidValue
from checker.registry.imported import MOST_BYTES, FileRead, Found, Remark
from checker.registry.service_units import is_service, unit_sources
from checker.registry.tunnel_source import NO_TUNNEL
from checker.registry.uci_files import is_uci, uci_sources


def read_tunnel_file(
    content: bytes, *, stem: str, added_at: int, name: str = ""
) -> FileRead | None:
    """Parse a file; None if it is of none of these kinds. `stem` is its name without a suffix;
    `name` is for its node, whatever the file says. Never raises.
    """
    text = content[:MOST_BYTES].decode("utf-8-sig", "replace")
    text = re.sub(r"\r\n?", "\n", text)
    found: list[Found] = []
    problems: list[Remark] = []
    if is_service(text):
        sources = unit_sources(text, stem)
    elif is_uci(text):
        sources = uci_sources(text, stem)
    else:
        return None
    try:
        for source in sources:
            try:
                found.append(source.found(name or source.name, added_at))
            except InvalidValue as error:
                problems.append(Remark(line=source.line, text=str(error)))
    except InvalidValue as error:
        problems.append(Remark(line=0, text=str(error)))
    if not found and not problems:
        problems.append(Remark(line=0, text=NO_TUNNEL))
    return FileRead(found=tuple(found), problems=tuple(problems))
