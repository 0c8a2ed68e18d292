"""`python -m tests.fleet.history.posting HOME`: write entries into the bucket, as a rogue does."""

from __future__ import annotations

import sys
from pathlib import Path

from checker.config.layout import home_layout
from checker.control.bucket import open_as_editor
from checker.fleet.sealed import parse_batch
from checker.model import CheckerError
from checker.registry.bucket_values import NODE, Key
from checker.registry.entries import parse_entry


def main() -> int:
    """Read a batch from the standard input; 1 if the bucket cannot be written now."""
    try:
        with open_as_editor(home_layout(Path(sys.argv[1]))) as bucket:
            for sealed in parse_batch(sys.stdin.buffer.read()):
                key = Key(kind=NODE, name=parse_entry(sealed.text).name)
                bucket.post([(key, sealed.text + sealed.signature)], None)
    except CheckerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
