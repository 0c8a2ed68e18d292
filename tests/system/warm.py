"""Run commands of a checker in forks of one interpreter that has imported it.

To start Python and import the checker costs more CPU than most commands need, and tests run a
thousand. A fork has the arguments, the user, the environment and the directory that the command
would have; its output goes to files. How commands start is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ENDS_WITHIN_S = 60.0
SERVER = """
import gc, json, os, sys, traceback
from checker.cli import main
import asyncio, logging, psutil, sqlite3, tomlkit
main.build_parser()
gc.freeze()

def run(job):
    for number, name in enumerate((os.devnull, job["out"], job["err"])):
        os.dup2(os.open(name, os.O_RDWR), number)
    if job["user"] is not None:
        os.setgroups(job["extra_groups"])
        os.setgid(job["group"])
        os.setuid(job["user"])
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    sys.argv = ["reversi-checker", *job["words"]]
    try:
        main.main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    return 1

def flushed(status):
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    return status

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = flushed(run(json.loads(line)))
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""For each job on stdin, a line with the fork's exit status."""
running: set[int] = set()
"""The PIDs of all such interpreters."""


class Warm:
    """One such interpreter, started by the first command; it runs one command at a time."""

    def __init__(self, *python: str) -> None:
        """`python`: the words that start the interpreter."""
        self.python = python
        self.turn = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            environment = {one: os.environ[one] for one in ("PATH", "LANG") if one in os.environ}
            self.process = subprocess.Popen(
                [*self.python, "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env=environment,
            )
            running.add(self.process.pid)
        return self.process

    def run(
        self, words: Sequence[str], options: Mapping[str, Any], *, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one command; `options` are those of `subprocess.run` about user and place.

        Raises TimeoutExpired.
        """
        with tempfile.TemporaryDirectory(prefix="reversi-warm-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            for file in (out, err):
                file.touch()
            user = {name: options.get(name) for name in ("user", "group", "extra_groups")}
            place = {"cwd": str(options["cwd"]), "env": dict(options["env"])}
            job = {"words": [*words], "out": str(out), "err": str(err), **user, **place}
            status = self.status_of(json.dumps(job), words, within_s)
            return subprocess.CompletedProcess([*words], status, out.read_text(), err.read_text())

    def status_of(self, job: str, words: Sequence[str], within_s: float) -> int:
        """The exit status of a fork; if it does not end in time, another interpreter is next."""
        with self.turn:
            process = self.started()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(job.encode() + b"\n")
            if not select.select([process.stdout], [], [], within_s)[0]:
                self.close()
                raise subprocess.TimeoutExpired([*words], within_s)
            return int(process.stdout.readline())

    def close(self) -> None:
        """End it. A fork that goes on is left to `nothing_left`."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        running.remove(process.pid)
