"""What pip noted about a release whose distribution was called `reversi`.

To pip, `reversi-ssh` is another program that has the same files. So it keeps its notes on the
older one, and `pip uninstall reversi` would remove the files of the newer.
"""

from __future__ import annotations

from pathlib import Path

from checker import DISTRIBUTION

OLD_NAME = "reversi"
OURS = "checker/__init__.py"
SITE = Path(__file__).parents[2]
"""Where our packages are."""


def old_metadata(site: Path) -> tuple[Path, ...]:
    """Return the directories in which pip notes our files under the old name; none if it does not
    have them under the new name, too.
    """
    if not noted(site, DISTRIBUTION.replace("-", "_")):
        return ()
    return noted(site, OLD_NAME)


def noted(site: Path, name: str) -> tuple[Path, ...]:
    """Return where pip notes that our files belong to this distribution."""
    return tuple(sorted(info for info in site.glob(f"{name}-*.dist-info") if has_ours(info)))


def has_ours(info: Path) -> bool:
    """Return whether the distribution has our files; another one may be called `reversi`."""
    try:
        record = (info / "RECORD").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith(f"{OURS},") for line in record.splitlines())
