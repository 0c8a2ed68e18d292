"""The manual page of a command: by argparse-manpage, from its grammar."""

from __future__ import annotations

import argparse
import os

from argparse_manpage.manpage import Manpage

WIDTH = "400"
"""Columns of a usage line: man breaks it, not argparse."""


def man_page(parser: argparse.ArgumentParser, *, summary: str, version: str, day: str) -> str:
    """Return the page in section 1, with every verb and its options."""
    os.environ["COLUMNS"] = WIDTH
    told, parser.epilog = parser.epilog or "", None
    for group in parser._action_groups:  # noqa: SLF001 - argparse has no public name for it
        if any(isinstance(one, argparse._SubParsersAction) for one in group._group_actions):  # noqa: SLF001 - as above
            group.title = "commands"
    page = Manpage(
        parser,
        {
            "description": summary,
            "project_name": "reversi-ssh",
            "version": version,
            "manual_title": "reversi",
            "date": day,
        },
        format="single-commands-section",
    )
    for part in told.strip().split("\n\n"):
        first, _, rest = part.partition("\n")
        if first.startswith("exit status"):
            page.add_section("exit status", ">", escaped(part.partition(":")[2].strip()))
        else:
            page.add_section("examples", ">", verbatim(rest))
    page.add_section("see also", ">", "The pages in /usr/share/doc/reversi\\-ssh/docs.")
    return str(page)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("-", "\\-")


def verbatim(text: str) -> str:
    """Return roff that shows these lines as they are."""
    safe = (f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped(text).splitlines())
    return "\n".join((".nf", *safe, ".fi"))
