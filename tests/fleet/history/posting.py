"""Write entries into the bucket, as a rogue does, and say how many gateways have it.

`python -m tests.fleet.history.posting HOME` runs in the network namespace of a gateway.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from checker.config.layout import home_layout
from checker.control.bucket import open_as_editor
from checker.fleet.sealed import Sealed, batch, parse_batch
from checker.model import CheckerError
from checker.registry.bucket_values import NODE, Key
from checker.registry.entries import parse_entry
from tests.system.harness import Gateway

ROOT = Path(__file__).parents[3]


ABSENT = 3
"""Its exit status if the bucket cannot be reached now."""


def put(gateway: Gateway, many: Sequence[Sealed]) -> int:
    """Write these at a gateway; return how many have the bucket, 0 if it is out of reach."""
    done = subprocess.run(
        [*gateway.inside, sys.executable, "-m", __spec__.name, str(gateway.home)],
        cwd=ROOT,
        input=batch(many),
        capture_output=True,
        check=False,
        timeout=200,
    )
    assert done.returncode in {0, ABSENT}, done.stderr
    return int(done.stdout) if done.returncode == 0 else 0


def main() -> int:
    """Read a batch from the standard input; return the exit status."""
    try:
        with open_as_editor(home_layout(Path(sys.argv[1]))) as bucket:
            for sealed in parse_batch(sys.stdin.buffer.read()):
                key = Key(kind=NODE, name=parse_entry(sealed.text).name)
                bucket.post([(key, sealed.text + sealed.signature)], None)
            print(bucket.state().replicas)
    except CheckerError as error:
        print(error, file=sys.stderr)
        return ABSENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
