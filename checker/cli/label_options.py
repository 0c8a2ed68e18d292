"""The options `--tag` and `--note`, and how tags and notes are shown."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from checker.model import Node


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Declare `--tag` and `--note`."""
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        help="add a tag: 1 to 32 of a-z 0-9 . _ -; can be repeated, up to 16 tags",
    )
    parser.add_argument(
        "--note", metavar="TEXT", help="one line to remember it by; an empty one removes it"
    )


def label_lines(node: Node) -> Iterator[str]:
    """Tags and note, if it has any, a line each."""
    if node.tags:
        yield f"tags      {', '.join(node.tags)}"
    if node.note:
        yield f"note      {node.note}"
