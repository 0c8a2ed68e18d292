"""Print progress on standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    print(f"bench: links: {text}", file=sys.stderr, flush=True)
