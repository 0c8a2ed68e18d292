"""What the package has beside the programs: man pages, completions, licences and changes."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from importlib.metadata import Distribution, distributions
from pathlib import Path

from completions import completion
from environment import write
from man_pages import man_page
from release import CHECKOUT, COMMANDS, HERE, NAME, PREFIX, Release

from checker.cli.main import build_parser
from client.cli import parser as client_parser
from reversi_tui.__main__ import parser as tui_parser

GRAMMARS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "reversi-checker": build_parser,
    "reversi-client": client_parser,
    "reversi-tui": tui_parser,
}
COMPLETIONS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/vendor-completions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}


def add_documents(root: Path, release: Release, maintainer: str) -> None:
    """Write all of them below `root`."""
    share = root / "usr/share"
    for name, summary in COMMANDS.items():
        add_help(share, name, summary, release)
    folder = share / "doc" / NAME
    packages = root / PREFIX / "packages"
    text = (HERE / "copyright").read_text(encoding="utf-8")
    write(folder / "copyright", f"{text}{''.join(licences(packages))}")
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    write_packed(folder / "changelog.gz", changes)
    write_packed(folder / "changelog.Debian.gz", changelog(release, maintainer))
    for page in sorted((CHECKOUT / "docs").glob("*.md")):
        write(folder / "docs" / page.name, page.read_text(encoding="utf-8"))
    write(folder / "README.md", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
    write(
        share / "lintian/overrides" / NAME,
        (HERE / "lintian-overrides").read_text(encoding="utf-8"),
    )


def add_help(share: Path, name: str, summary: str, release: Release) -> None:
    """Write the command's man page and completions."""
    day = f"{datetime.fromtimestamp(release.epoch, UTC):%Y-%m-%d}"
    parser = GRAMMARS[name]()
    page = man_page(parser, summary=summary, version=release.version, day=day)
    write_packed(share / f"man/man1/{name}.1.gz", page)
    for shell, place in COMPLETIONS.items():
        write(share / place.format(name), completion(GRAMMARS[name](), shell))


def write_packed(path: Path, text: str) -> None:
    """Compress it the same way each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def changelog(release: Release, maintainer: str) -> str:
    """Return Debian's changelog; ours is beside it."""
    return (
        f"{NAME} ({release.debian}) unstable; urgency=medium\n\n"
        f"  * Release {release.version}; changelog.gz says what changed.\n\n"
        f" -- {maintainer}  {formatdate(release.epoch)}\n"
    )


def licences(packages: Path) -> list[str]:
    """Return a line for each library: its name, version and licence."""
    found = distributions(path=[str(packages)])
    lines = {one.name: f"  {one.name} {one.version}: {licence(one)}\n" for one in found}
    return [lines[name] for name in sorted(lines) if name != NAME]


def licence(library: Distribution) -> str:
    """Return the licence as the library names it, in one line."""
    said = library.metadata
    named = next((said[key] for key in ("License-Expression", "License") if key in said), "")
    kinds = [
        one.rpartition(" :: ")[2]
        for one in said.get_all("Classifier", [])
        if one.startswith("License :: ")
    ]
    return named if named and "\n" not in named else ", ".join(kinds) or "see its files"
