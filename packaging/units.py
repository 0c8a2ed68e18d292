"""What systemd reads of the package: its units, and the options that the admin may add to them."""

from __future__ import annotations

from pathlib import Path

from environment import write
from release import HERE, PREFIX

from checker.install.units import packaged_texts

UNITS = Path("usr/lib/systemd/system")
DEFAULTS = Path("etc/default")


def add_units(root: Path) -> None:
    """Write them below `root`. Nothing enables the units before `init` does."""
    for name, content in packaged_texts(f"/{PREFIX}/bin/python3").items():
        write(root / UNITS / name, content.decode())
    for file in sorted((HERE / "defaults").iterdir()):
        write(root / DEFAULTS / file.name, file.read_text(encoding="utf-8"))


def conffiles(root: Path) -> list[Path]:
    """Return the files that dpkg asks about before it replaces what the admin changed."""
    return sorted((root / DEFAULTS).iterdir())
