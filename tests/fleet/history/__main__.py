"""`./run history --minutes N --seed S`: run the history check, and say which invariant broke.

Whatever ends it, nothing that it started goes on. As root it runs in namespaces of its own, and
splits the network too; an ordinary user's run says at its end what was not run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tests.fleet.history.apart import Ended, raise_for_signals, run_apart, why_not_split
from tests.fleet.history.checks import violations
from tests.fleet.history.plan import SPLITS, Step, steps
from tests.fleet.history.records import History
from tests.fleet.history.running import Run
from tests.fleet.history.summary import checked, counts
from tests.fleet.history.world import world

NEEDED = ("nats-server", "sshd", "ssh", "ssh-keygen", "dbclient", "dropbearconvert")
HISTORY = "history.jsonl"
INSIDE = "--inside"
SHOWN = 20


def main(words: Sequence[str]) -> int:
    given = parsed(words)
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        print(f"history: missing: {', '.join(missing)}", file=sys.stderr)
        return 2
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    if given.inside is not None:
        return check(given, seed, given.inside)
    path = given.history or Path.cwd() / f"history-{seed}.jsonl"
    if not os.access(path.parent, os.W_OK):
        print(f"history: cannot write {path}; name another place: --history FILE", file=sys.stderr)
        return 2
    print(f"seed {seed}", flush=True)
    again = [sys.executable, "-m", "tests.fleet.history", *words, "--seed", str(seed)]
    try:
        raise_for_signals()
        return run(again, path, is_kept=given.history is not None)
    except Ended as ended:
        print(f"history: {ended}; nothing was judged", file=sys.stderr)
        return ended.status


def run(words: Sequence[str], path: Path, *, is_kept: bool) -> int:
    """Run this in a folder of its own; if something broke, the history is left at the path. Raises
    Ended.
    """
    with tempfile.TemporaryDirectory(prefix="reversi-history-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        status = run_apart([*words, INSIDE, made], {**os.environ, "TMPDIR": made})
        if status != 0 and (folder / HISTORY).exists():
            shutil.move(folder / HISTORY, path)
    if status != 0 or is_kept:
        print(f"the history is {path}")
    return status


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run history", description=__doc__)
    parser.add_argument("--minutes", type=float, metavar="N", help="how long (10 if not given)")
    parser.add_argument("--steps", type=int, metavar="N", help="how many steps instead")
    parser.add_argument("--seed", type=int, metavar="S", help="what to do, as an earlier run said")
    parser.add_argument("--history", type=Path, metavar="FILE", help="where to keep what happened")
    parser.add_argument(INSIDE, type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def check(given: argparse.Namespace, seed: int, folder: Path) -> int:
    """Run, judge, and print; 1 if an invariant broke."""
    path = given.history or folder / HISTORY
    path.write_text("", encoding="utf-8")
    history = History(path)
    why_not = why_not_split()
    with world(folder, can_split=not why_not) as made:
        run = Run(made, history)
        run.go(chosen(given, seed, can_split=not why_not))
        took_s = run.heal()
        print(f"healed after {took_s:.1f} s; {run.haunted.said()} messages of a stolen member")
    found = violations(history)
    print(counts(history))
    print("\n".join(checked(history)))
    if why_not:
        print(f"not run: the faults {' and '.join(sorted(SPLITS))}: {why_not}")
    for name, sentences in found.items():
        print(f"violated: {name}")
        print("".join(f"  {sentence}\n" for sentence in sentences[:SHOWN]), end="")
    return 1 if found else 0


def chosen(given: argparse.Namespace, seed: int, *, can_split: bool) -> Iterator[Step]:
    """Yield the steps, as many or as long as was asked for."""
    endless = steps(seed, can_split=can_split)
    if given.steps is not None:
        yield from islice(endless, given.steps)
        return
    end = time.monotonic() + 60 * (10.0 if given.minutes is None else given.minutes)
    for step in endless:
        if time.monotonic() > end:
            return
        yield step


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
