"""Bring entries and cards to another gateway over SSH, and take in what was brought."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, Any

from checker.config.layout import Layout
from checker.config.settings import FleetSettings, load_config
from checker.config.toml_file import MOST_BYTES, ConfigError, toml_files
from checker.fleet.apply import apply_inbox
from checker.fleet.card_files import cards_folder
from checker.fleet.cards import Card, host_alias, known_hosts
from checker.fleet.inbox import drop
from checker.fleet.sealed import MOST_BATCH, Sealed, batch, digest, parse_batch
from checker.fleet.values import whole_of
from checker.linux.systemd import state_of
from checker.model import CheckerError, InvalidValue, parse_target, printable
from checker.registry.entries import rev_of
from checker.registry.entry_files import (
    WHY,
    KeptEntry,
    all_kept,
    entries_folder,
    left_out_folder,
    left_out_path,
    read_pair,
)

FORMAT = "reversi-fleet"
RECEIVE = "reversi-checker fleet import -"
"""What a push runs at the other end; a forced command may replace it."""
MOST_INDEX = 16 << 20
APPLIED_WITHIN_S = 60.0
LOOKED_AFTER_S = 3.0
"""When to look why a batch still lies in the inbox."""
SLOW_AFTER_S = 5.0
PUSHED_WITHIN_S = 300.0
APPLY_UNIT = "reversi-fleet-apply.path"
SLOW = f"it has not taken the entries yet; if that lasts, see there: systemctl status {APPLY_UNIT}"
POLL_S = 0.1
SSH_FAILED = 255
STOPPED = ("inactive", "failed")
"""States, in systemd's words, of a unit that does nothing."""
Document = tuple[int, str]
"""The revision of an entry or card, and the digest of its text."""
Documents = Mapping[tuple[str, str], tuple[int, Sealed]]
"""What others may take, by kind and name, with its revision."""


class PushFailed(CheckerError):
    """A gateway could not be reached, or did not understand."""


class NotTaken(CheckerError):
    """What was brought stays in the inbox."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the entries lie in the inbox, and {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What a gateway has: revision and digest of each entry and card."""

    gateway: str
    nodes: Mapping[str, Document] = field(default_factory=dict)
    gateways: Mapping[str, Document] = field(default_factory=dict)
    left_out: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Revision and reason of each entry that waits."""

    def as_line(self) -> str:
        table = {
            FORMAT: 1,
            "gateway": self.gateway,
            "nodes": self.nodes,
            "gateways": self.gateways,
            "left_out": self.left_out,
        }
        return json.dumps(table, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PushWay:
    """How to reach the others."""

    login: str = ""
    """The account there; empty: as ssh's configuration says."""
    ssh: tuple[str, ...] = ("ssh",)
    receive: str = RECEIVE
    is_dry: bool = False
    """Whether only to ask what the other one lacks."""
    tell: Callable[[str], object] = str
    """Hears, in another thread, what takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push brought about."""

    sent: int
    taken: int
    left_out: Mapping[str, str]
    """Why each of ours waits there."""
    newer: tuple[str, ...]
    """What is newer there than here."""


def documents(layout: Layout) -> dict[tuple[str, str], tuple[int, Sealed]]:
    """Return all that others may take, by kind and name, with its revision. Raises ConfigError."""
    fleet = fleet_of(layout)
    found: dict[tuple[str, str], tuple[int, Sealed]] = {}
    for kind, folder in (("gateways", cards_folder(layout)), ("nodes", entries_folder(layout))):
        for path in toml_files(folder):
            text, signature = read_pair(path, MOST_BYTES)
            sealed = Sealed(text=text, signature=signature)
            rev = rev_of(sealed.text)  # to parse 30,000 entries takes a minute
            if rev and (sealed.signature or not fleet.signed):
                found[kind, path.stem] = (rev, sealed)
    return found


def fleet_of(layout: Layout) -> FleetSettings:
    """Return the settings of the fleet. Raises ConfigError."""
    fleet = load_config(layout.config).fleet
    if fleet is None:
        raise ConfigError(
            layout.config, "has no [fleet]; begin with: reversi-checker fleet init ID"
        )
    return fleet


def index_of(layout: Layout) -> Index:
    """Return what this gateway has. Raises ConfigError."""
    found = documents(layout)
    kinds: dict[str, dict[str, Document]] = {"nodes": {}, "gateways": {}}
    for (kind, name), (rev, sealed) in found.items():
        kinds[kind][name] = (rev, digest(sealed.text))
    return Index(
        gateway=fleet_of(layout).name,
        nodes=kinds["nodes"],
        gateways=kinds["gateways"],
        left_out=dict(left_out(layout)),
    )


def left_out(layout: Layout) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield each entry that waits, with its revision and the reason. Raises ConfigError."""
    for kept in all_kept(left_out_folder(layout)):
        if isinstance(kept, KeptEntry):
            path = left_out_path(layout, kept.entry.name).with_suffix(WHY)
            why = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            yield kept.entry.name, (kept.entry.head.rev, why.strip())


def parse_index(line: bytes) -> Index:
    """Parse what another gateway says. Raises PushFailed."""
    try:
        table = json.loads(line)
        if table[FORMAT] != 1:
            raise ValueError
        return Index(
            gateway=str(table["gateway"]),
            nodes=pairs_in(table["nodes"]),
            gateways=pairs_in(table["gateways"]),
            left_out=pairs_in(table["left_out"]),
        )
    except (
        InvalidValue,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
    ):
        raise PushFailed(f"it does not answer as a gateway of a fleet: {printable(line)}") from None


def pairs_in(table: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return revisions, each with a text that is safe to show: that gateway may be stolen. Raises
    InvalidValue, TypeError, IndexError, AttributeError.
    """
    return {
        printable(name, 128): (whole_of(one[0]), printable(str(one[1]), 300))
        for name, one in table.items()
    }


def lacking(ours: Documents, there: Index) -> list[tuple[str, Sealed]]:
    """Return what another gateway lacks, or has in another version of the same revision, each with
    its name.
    """
    found = []
    for (kind, name), (rev, sealed) in ours.items():
        known = there.nodes if kind == "nodes" else there.gateways
        had, said = known.get(name, (0, ""))
        waits = there.left_out.get(name, (0, ""))[0] if kind == "nodes" else 0
        is_other = rev == had and said != digest(sealed.text)
        if rev > max(had, waits) or is_other:
            found.append((name, sealed))
    return found


def newer_there(ours: Documents, there: Index) -> tuple[str, ...]:
    nothing = (0, Sealed(text=b""))
    return tuple(
        name
        for kind, known in (("nodes", there.nodes), ("gateways", there.gateways))
        for name, (rev, _) in known.items()
        if rev > ours.get((kind, name), nothing)[0]
    )


def push(layout: Layout, card: Card, way: PushWay) -> Pushed:
    """Bring a gateway what it lacks. Raises PushFailed, ConfigError."""
    if not card.host_keys or not card.addresses:
        raise PushFailed(f"the card of {card.id} names no address, or no host key to know it by")
    ours = documents(layout)
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        pins = Path(folder) / "known_hosts"
        pins.write_text(known_hosts(card), encoding="ascii")
        troubles = []
        for address in card.addresses:
            try:
                words = ssh_words(card, address, way, pins)
                return converse(words, card, ours, way)
            except PushFailed as error:
                troubles.append(f"{address}: {error}")
    raise PushFailed("; ".join(troubles))


def ssh_words(card: Card, address: str, way: PushWay, pins: Path) -> list[str]:
    """Return the command that reaches a gateway, and knows it only by the host keys of its card."""
    target = parse_target(address)
    words = [*way.ssh, "-T", *options_for(card, pins), "-o", "BatchMode=yes"]
    login = ["-l", way.login] if way.login else []
    return [*words, *login, "-p", str(target.port), "--", target.host, way.receive]


def options_for(card: Card, pins: Path) -> list[str]:
    """Return the options with which ssh knows a gateway only by the host keys of its card, which
    the file `pins` has.
    """
    options = {
        "ConnectTimeout": "10",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "HostKeyAlias": host_alias(card.id),
        "UserKnownHostsFile": str(pins),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ClearAllForwardings": "yes",
        "ControlPath": "none",
    }
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def converse(words: list[str], card: Card, ours: Documents, way: PushWay) -> Pushed:
    """Hear what the other has, send what it lacks, and hear what it took. Raises PushFailed."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
            )
        except OSError as error:
            raise PushFailed(f"{words[0]} cannot be run ({error.strerror})") from error
        with process, after(PUSHED_WITHIN_S, process.kill):
            try:
                return talk(process, said, card, ours, way)
            finally:
                process.kill()


@contextlib.contextmanager
def after(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Act, in another thread, if the block takes longer."""
    timer = Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def talk(
    process: subprocess.Popen[bytes],
    said: IO[bytes],
    card: Card,
    ours: Documents,
    way: PushWay,
) -> Pushed:
    """Have the conversation of a push. Raises PushFailed."""
    assert process.stdin is not None
    there = heard(process, said)
    if there.gateway != card.id:
        raise PushFailed(f"the gateway there calls itself {printable(there.gateway)}")
    sending = lacking(ours, there)
    try:
        if not way.is_dry:
            process.stdin.write(batch(sealed for _, sealed in sending))
        process.stdin.close()
    except BrokenPipeError:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        raise PushFailed(why_silent(process.wait(), said)) from None
    with after(SLOW_AFTER_S, lambda: way.tell(f"{card.id}: {SLOW}")):
        return outcome(sending, ours, there, heard(process, said))


def heard(process: subprocess.Popen[bytes], said: IO[bytes]) -> Index:
    """Read what the other one has. Raises PushFailed."""
    assert process.stdout is not None
    line = process.stdout.readline(MOST_INDEX)
    if not line:
        raise PushFailed(why_silent(process.wait(), said))
    return parse_index(line)


def why_silent(status: int, said: IO[bytes]) -> str:
    """Say why no answer came: the last line on standard error."""
    said.seek(0)
    lines = said.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
    if lines:
        return printable(lines[-1].removeprefix("reversi-checker: error: "), 300)
    return "ssh failed" if status == SSH_FAILED else f"the command there ended with {status}"


def outcome(
    sending: list[tuple[str, Sealed]],
    ours: Documents,
    before: Index,
    after: Index,
) -> Pushed:
    had = {*before.nodes.items(), *before.gateways.items()}
    has = {*after.nodes.items(), *after.gateways.items()}
    taken = has - had
    names = {name for _, name in ours}
    return Pushed(
        sent=len(sending),
        taken=len(taken),
        left_out={name: why for name, (_, why) in after.left_out.items() if name in names},
        newer=newer_there(ours, after),
    )


def receive(layout: Layout, given: IO[bytes], answer: Callable[[str], None]) -> None:
    """Say what this gateway has, read a batch, leave it for root, and say what it has then. Raises
    ConfigError, InvalidValue.
    """
    answer(index_of(layout).as_line())
    content = given.read(MOST_BATCH + 1)
    if parse_batch(content):
        path = drop(layout, content)
        if layout.home is not None:
            apply_inbox(layout)
        else:
            wait_until_taken(path, lambda: state_of(APPLY_UNIT))
    answer(index_of(layout).as_line())


def wait_until_taken(path: Path, state: Callable[[], str | None]) -> None:
    """Wait until root's service took the batch out of the inbox; `state`: of the unit that starts
    it. Raises CheckerError.
    """
    began = time.monotonic()
    is_watched = False
    while path.exists():
        waited_s = time.monotonic() - began
        if waited_s > LOOKED_AFTER_S and not is_watched:
            found, is_watched = state(), True
            if found in STOPPED and path.exists():
                raise NotTaken(f"{APPLY_UNIT} is {found}; there, run: sudo reversi-checker init")
        if waited_s > APPLIED_WITHIN_S:
            raise NotTaken(f"nothing takes them out; there, see: systemctl status {APPLY_UNIT}")
        time.sleep(POLL_S)


def shell_words(text: str) -> tuple[str, ...]:
    """Split the command for `--ssh`. Raises PushFailed."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise PushFailed(f"--ssh {text[:80]!r} is not a command: {error}") from error
    if not words:
        raise PushFailed("--ssh needs a command, as in --ssh 'ssh -J jump.example.org'")
    return words
