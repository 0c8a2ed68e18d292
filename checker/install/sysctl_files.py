"""Find the file that sets a kernel setting at boot. Sources: sysctl.d(5), sysctl(8)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

FOLDERS = (
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
)
"""In order of precedence: of files with the same name, only the first counts."""
LAST = "etc/sysctl.conf"


def sets(text: str, key: str) -> bool:
    """Return whether the text of a settings file sets this key, by name or by pattern."""
    for line in text.splitlines():
        name, equals, _ = line.strip().partition("=")
        if (
            equals
            and not name.startswith(("#", ";"))
            and fnmatchcase(key, name.strip().removeprefix("-").replace("/", "."))
        ):
            return True
    return False


def setter(key: str, *, but: Path, root: Path = Path("/")) -> Path | None:
    """Return the last file except `but` that sets the key at boot; None if there is none."""
    by_name = {
        path.name: path for folder in reversed(FOLDERS) for path in (root / folder).glob("*.conf")
    }
    files = [*(by_name[name] for name in sorted(by_name)), root / LAST]
    found = None
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if path != but and sets(text, key):
            found = path
    return found
