"""Bulk through a tunnel: a target on the device's side, and its visitor.

The bytes are random, as dropbear compresses.

python bulk.py serve                     print the port; each visitor says `get N` or `put N`
python bulk.py get|put PORT BYTES        move that many bytes, and print how many came
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

BANNER = b"SSH-2.0-bulk\r\n"


def meet(peer: socket.socket) -> None:
    with peer, peer.makefile("rb") as lines:
        peer.sendall(BANNER)
        word, _, count = lines.readline().partition(b" ")
        if word == b"get":
            peer.sendall(random.randbytes(int(count)))
        elif word == b"put":
            peer.sendall(b"%d\n" % len(lines.read(int(count))))


def serve() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        peer, _ = server.accept()
        threading.Thread(target=meet, args=(peer,), daemon=True).start()


def visit(word: str, port: int, count: int) -> int:
    with socket.create_connection(("127.0.0.1", port)) as peer, peer.makefile("rb") as lines:
        lines.readline()
        peer.sendall(f"{word} {count}\n".encode())
        if word == "get":
            return len(lines.read(count))
        peer.sendall(random.randbytes(count))
        return int(lines.readline() or 0)


class Bulk:
    """The target, in a process of its own."""

    def __init__(self, inside: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            words(inside, "serve"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        end(self.process)


class Transfer:
    """A visitor of a gateway port: `get` moves bytes from the device, `put` to it."""

    def __init__(self, word: str, port: int, count: int, inside: tuple[str, ...] = ()) -> None:
        self.count = count
        told = words(inside, word, str(port), str(count))
        self.process = subprocess.Popen(
            told,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def under_way(self) -> bool:
        return self.process.poll() is None

    def moved(self, within_s: float = 200.0) -> int:
        """Wait until all bytes came or the connection ended; return how many came."""
        printed, _ = self.process.communicate(timeout=within_s)
        return int(printed or 0)

    def close(self) -> None:
        end(self.process)


def words(inside: tuple[str, ...], *arguments: str) -> list[str]:
    return [*inside, sys.executable, str(Path(__file__)), *arguments]


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        print(visit(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
