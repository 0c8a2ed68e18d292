"""The pages for admins quote real messages and name real commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker.cli.main import build_parser
from client.cli import parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ("operating", "sizing", "troubleshooting", "faq", "metrics")
SAID_BY_OTHERS = {
    "Could not resolve",
    "Connection refused",
    "No route to host",
    "Host key verification failed",
    "remote port forwarding failed",
    "past MaxStartups",
    "drop connection",
    "Error resolving",
    "No auth methods could be used",
    "host key mismatch",
    "No module named checker",
    "no matching MAC found",
    "No such file",
    "fork: Resource temporarily unavailable",
}
"""Messages of OpenSSH, dropbear and Python."""
PARSERS: dict[str, Callable[[list[str]], object]] = {
    "reversi-checker": build_parser().parse_args,
    "reversi-client": parser().parse_args,
}


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def prose(name: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"```.*?```", "", page(name), flags=re.DOTALL)


def quoted(text: str) -> Iterator[str]:
    """The texts between double quotes in the page's literals."""
    for words in re.findall(r'"([^"]+)"', re.sub(r"`[^`]*`", "", text)):
        yield from filter(None, re.split(r"\s*\.\.\.\s*", " ".join(words.split())))


def messages() -> str:
    """The source of gateway and client, with each string literal joined into one line."""
    paths = (path for folder in ("checker", "client") for path in (ROOT / folder).rglob("*"))
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in paths if path.suffix in (".py", ".sh")
    )
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_each_quoted_message_is_in_the_source() -> None:
    source = messages()

    found = {part for name in ("troubleshooting", "operating") for part in quoted(prose(name))}

    assert found > SAID_BY_OTHERS
    assert {part for part in found - SAID_BY_OTHERS if part not in source} == set()


@pytest.mark.parametrize("name", PAGES)
def test_each_command_in_the_prose_exists(name: str) -> None:
    for span in re.findall(r"`([^`\n]+)`", prose(name)):
        words = shlex.split(span.removeprefix("sudo "))
        if len(words) > 1 and words[0] in PARSERS:
            PARSERS[words[0]](words[1:])
