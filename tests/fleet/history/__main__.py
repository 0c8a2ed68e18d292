"""`./run history --minutes N --seed S`: run the history check, and say which invariant broke.

As root it runs in namespaces of its own: whatever happens, the kernel ends all that it started.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tests.fleet.history.checks import CHECKS, violations
from tests.fleet.history.plan import Step, steps
from tests.fleet.history.records import Act, Edit, Fault, Forgery, History, Login, Look
from tests.fleet.history.running import Run
from tests.fleet.history.world import world

NEEDED = ("nats-server", "sshd", "ssh", "ssh-keygen", "dbclient", "dropbearconvert")
FOR_SPLITS = ("ip", "nsenter", "unshare")
APART = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
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
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="reversi-history-"))
    folder.chmod(0o755)
    try:
        again = [sys.executable, "-m", "tests.fleet.history", *words, "--seed", str(seed)]
        before = APART if can_split() else ()
        environment = {**os.environ, "TMPDIR": str(folder)}
        with subprocess.Popen([*before, *again, INSIDE, str(folder)], env=environment) as process:
            return waited_for(process, is_apart=bool(before))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def waited_for(process: subprocess.Popen[bytes], *, is_apart: bool) -> int:
    """Return its exit status; a signal to us ends it first. `unshare` heeds only SIGKILL, and then
    the kernel ends its namespace; otherwise the run itself ends what it started.
    """
    number = signal.SIGKILL if is_apart else signal.SIGINT
    for ours in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ours, lambda *_: process.send_signal(number))
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(number)
        return 130


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run history", description=__doc__)
    parser.add_argument("--minutes", type=float, metavar="N", help="how long (10 if not given)")
    parser.add_argument("--steps", type=int, metavar="N", help="how many steps instead")
    parser.add_argument("--seed", type=int, metavar="S", help="what to do, as an earlier run said")
    parser.add_argument("--history", type=Path, metavar="FILE", help="where to keep what happened")
    parser.add_argument(INSIDE, type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def can_split() -> bool:
    """Return whether network namespaces can be made here."""
    return os.geteuid() == 0 and all(map(shutil.which, FOR_SPLITS))


def check(given: argparse.Namespace, seed: int, folder: Path) -> int:
    """Run, judge, and print; 1 if an invariant broke."""
    path = given.history or Path.cwd() / f"history-{seed}.jsonl"
    path.write_text("", encoding="utf-8")
    history = History(path)
    with world(folder, can_split=can_split()) as made:
        run = Run(made, history)
        run.go(chosen(given, seed))
        took_s = run.heal()
        print(f"healed after {took_s:.1f} s; {run.haunted.said()} messages of a stolen member")
    found = violations(history)
    print(counts(history), flush=True)
    for name, sentences in found.items():
        print(f"violated: {name}")
        print("".join(f"  {sentence}\n" for sentence in sentences[:SHOWN]), end="")
    if found:
        print(f"seed {seed}; the history is {path}")
    elif given.history is None:
        path.unlink()
    return 1 if found else 0


def chosen(given: argparse.Namespace, seed: int) -> Iterator[Step]:
    """Yield the steps, as many or as long as was asked for."""
    endless = steps(seed, can_split=can_split())
    if given.steps is not None:
        yield from islice(endless, given.steps)
        return
    end = time.monotonic() + 60 * (10.0 if given.minutes is None else given.minutes)
    for step in endless:
        if time.monotonic() > end:
            return
        yield step


def counts(history: History) -> str:
    """Say what happened, in one line."""
    edits = Counter(one.result.value for one in history.of(Edit))
    acts = Counter(one.result.value for one in history.of(Act))
    faults = Counter(one.kind for one in history.of(Fault))
    return (
        f"edits {sum(edits.values())} {dict(edits)}, acts {sum(acts.values())} {dict(acts)},"
        f" faults {sum(faults.values())} {dict(faults)}, forgeries {len(history.of(Forgery))},"
        f" looks {len(history.of(Look))}, logins {len(history.of(Login))}, checks {len(CHECKS)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
