"""Tell what a file of another product is, and parse it into nodes. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from checker.model import InvalidValue
from checker.registry.foreign_keys import MOST_BYTES_OF_KEYS, is_key_file, read_keys
from checker.registry.imported import MOST_BYTES, FileRead, Remark, Wish, text_of
from checker.registry.rev_files import is_rev, read_rev
from checker.registry.tunnel_files import read_tunnels

NO_KIND = (
    "is of no kind that is read: a .rev file, OpenWRT's sshtunnel or autossh, a systemd unit, a"
    " script or list of ssh -R or autossh command lines, an SSH client's config with RemoteForward,"
    " frpc.toml, or an authorized_keys file with permitlisten"
)
TOO_LONG = "is too long to be any of the files that are read"
OF_THE_SYSTEM = frozenset(
    {"etc", "config", "systemd", "system", "root", "home", ".ssh", "init.d", "cron", "crontabs"}
)
"""Directories of every device."""
NAMELESS = frozenset({"frpc"})
"""Files that are called the same on every device, and lie in a directory of their own."""


def stem_of(path: Path) -> str:
    """Return what a file is called: its name without a suffix; or the device's directory, if it
    lies there as on the device: office/etc/config/autossh.
    """
    above = [part for part in reversed(path.parts[:-1]) if part not in ("/", "..", ".")]
    outer = next((part for part in above if part not in OF_THE_SYSTEM), "")
    is_below = bool(above) and (above[0] in OF_THE_SYSTEM or path.stem in NAMELESS)
    return outer if is_below and outer else path.stem


def read_any(content: bytes, path: Path, *, added_at: int, wish: Wish) -> FileRead:
    """Parse a file, whatever kind it is of. `added_at`: Unix seconds. Never raises."""
    try:
        if len(content) > MOST_BYTES_OF_KEYS:
            raise InvalidValue(TOO_LONG)
        text = text_of(content)
    except InvalidValue as error:
        return FileRead(problems=(Remark(line=0, text=str(error)),))
    if path.suffix == ".rev":
        return read_rev(text.encode(), added_at=added_at)
    if is_key_file(text):
        today = datetime.fromtimestamp(added_at, UTC).astimezone().date()
        return read_keys(text, added_at=added_at, wish=wish, today=today)
    if len(content) > MOST_BYTES:
        return FileRead(problems=(Remark(line=0, text=TOO_LONG),))
    found = read_tunnels(text, stem=stem_of(path), added_at=added_at, name=wish.name or "")
    if found is not None:
        return found
    if is_rev(text):
        return read_rev(text.encode(), added_at=added_at)
    return FileRead(problems=(Remark(line=0, text=NO_KIND),))
