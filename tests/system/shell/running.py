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
    lines = (
        [line.split() for line in log.read_text().splitlines() if "-l" in line]
        if log.exists()
        else []
    )
    return [" ".join(words[words.index("-l") :][2:]) for words in map(without_forwards, lines)]


def without_forwards(words: list[str]) -> list[str]:
    """Return an SSH client's command line without its -R options."""
    while "-R" in words:
        at = words.index("-R")
        words = words[:at] + words[at + 2 :]
    return words


def verbs(box: Box) -> list[str]:
    """Return only the verbs of these requests."""
    words = [line.split() for line in requests(box)]
    return [
        next(word for word in line if word in ("check", "claim", "hold", "version"))
        for line in words
    ]


def set_answer(box: Box, name: str, text: str) -> None:
    """Change what the gateway answers from now on."""
    new = box.folder / f"programs/{name}.new"
    new.write_text(text)
    new.replace(box.folder / f"programs/{name}")
