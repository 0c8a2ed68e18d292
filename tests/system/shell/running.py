"""A bundle that runs with a stand-in for the SSH client."""

from __future__ import annotations

from pathlib import Path

from client.bundle.compose import render
from tests.bundles import Box
from tests.client.bundle.samples import changed


def bundle(box: Box, *gateways: str, **settings: str) -> Path:
    text = render(
        changed(
            gateways=gateways or ("gw:22",),
            settings={"root": str(box.root), "beat": "1", "retry": "1", **settings},
        )
    )
    return box.write(text)


def requests(box: Box) -> list[str]:
    """Return the requests that the client was started for, each with its gateway."""
    log = box.folder / "programs/ssh.log"
    words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [
        f"{line[line.index('-R') + 2] if '-R' in line else ''} {' '.join(line[-3:])}".strip()
        for line in words
    ]


def set_answer(box: Box, name: str, text: str) -> None:
    """Change what the gateway answers from now on."""
    new = box.folder / f"programs/{name}.new"
    new.write_text(text)
    new.replace(box.folder / f"programs/{name}")
