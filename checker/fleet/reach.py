"""Connect standard input and output to a port: of this gateway, or of another one over SSH."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from checker.config.layout import Layout
from checker.control.client import ports_on_ipv6
from checker.fleet.card_files import card_named
from checker.fleet.cards import known_hosts
from checker.fleet.exchange import PushFailed, options_for, shell_words
from checker.model import IPV4_LOOPBACK, IPV6_LOOPBACK, CheckerError, Port, parse_target

CHUNK = 1 << 16
CONNECT_WITHIN_S = 10.0
ADDRESS_WITHIN_S = 5.0
STDIN, STDOUT = 0, 1


class NotReached(CheckerError):
    """The port, or the gateway that holds it, does not answer."""


def reach(layout: Layout, gateway: str, port: Port, *, login: str, ssh: str) -> bool:
    """Connect to a port of another gateway, or of this one if `gateway` is empty, until it closes;
    return whether all went well. Raises NotReached, UnknownGateway, ConfigError.
    """
    if not gateway:
        return local(port)
    card = card_named(layout, gateway).card
    if not card.host_keys or not card.addresses:
        raise NotReached(f"the card of {card.id} names no address, or no host key to know it by")
    try:
        command = shell_words(ssh)
    except PushFailed as error:
        raise NotReached(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        pins = Path(folder) / "known_hosts"
        pins.write_text(known_hosts(card), encoding="ascii")
        target = parse_target(first_that_answers(card.addresses))
        user = ["-l", login] if login else []
        place = ["-W", f"{IPV4_LOOPBACK}:{port}", "-p", str(target.port), "--", target.host]
        return run([*command, *options_for(card, pins), *user, *place])


def first_that_answers(addresses: Sequence[str]) -> str:
    """Return the first address that accepts a connection; if none does, the first one, so that ssh
    says why.
    """
    for address in addresses if len(addresses) > 1 else ():
        target = parse_target(address)
        try:
            socket.create_connection((target.host, target.port), ADDRESS_WITHIN_S).close()
        except OSError:
            continue
        return address
    return addresses[0]


def run(words: Sequence[str]) -> bool:
    """Run ssh until it ends, or somebody ends us. Raises NotReached."""
    for one in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(one, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        process = subprocess.Popen(words)
    except OSError as error:
        raise NotReached(f"{words[0]} cannot be run ({error.strerror})") from error
    try:
        return process.wait() == 0
    finally:
        process.terminate()
        process.wait()


def local(port: Port) -> bool:
    """Connect to a port of this gateway. Raises NotReached."""
    host = IPV6_LOOPBACK if port in ports_on_ipv6() else IPV4_LOOPBACK
    try:
        peer = socket.create_connection((host, port), CONNECT_WITHIN_S)
    except OSError as error:
        raise NotReached(
            f"nobody answers at port {port} here ({error.strerror or error})"
        ) from error
    peer.settimeout(None)
    with peer:
        threading.Thread(target=send, args=(peer,), name="send", daemon=True).start()
        try:
            while part := peer.recv(CHUNK):
                write_all(part)
        except OSError:
            return False  # it was reset, or nobody reads what we write
    return True


def send(peer: socket.socket) -> None:
    """Send what comes from standard input, and its end."""
    try:
        while part := os.read(STDIN, CHUNK):
            peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other end closed


def write_all(part: bytes) -> None:
    while part:
        part = part[os.write(STDOUT, part) :]
