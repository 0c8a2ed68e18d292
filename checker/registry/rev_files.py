"""Parse the original's `*.rev` files (`key:value` lines for one tunnel) into nodes. Pure.

Such a node has no key of its own; its device uses the shared one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from checker.model import (
    OPEN,
    SHARED_KEY,
    Expect,
    Forward,
    InvalidValue,
    Node,
    expect_said,
    name_for,
    parse_calls_itself,
    parse_port,
    parse_target,
    printable,
)
from checker.nearest import did_you_mean
from checker.registry.imported import MOST_BYTES, FileRead, Found, Remark

NEEDED = ("nodename", "reversiport", "fwdhost", "fwdport")
TAKEN = (*NEEDED, "fwdportstr", "allowinternet")
OLDER = {"rport": "reversiport", "lhost": "fwdhost", "lport": "fwdport", "lportstr": "fwdportstr"}
"""How the first versions of the original called the same; source: their `*.rev-openwrt` files."""
WAITS = "the verdict says how long a device waits"
SCREEN = "nothing runs in screen"
ONE_SCRIPT = "a bundle is one script"
ADDRESS = "the gateway's address is in reversi.toml"
TUNNEL_USER = "the tunnel user is in reversi.toml"
SHARED = "the shared key is in reversi.toml, until the node is adopted"
COMMENT = "it is a comment of the template"
WITHOUT_COUNTERPART = {
    "mretrysecs": WAITS,
    "cretrysecs": WAITS,
    "cbeforesecs": WAITS,
    "mbeforesecs": WAITS,
    "stuffsecs": SCREEN,
    "cscreenname": SCREEN,
    "mscreenname": SCREEN,
    "exetemplatename": ONE_SCRIPT,
    "tuntemplatename": ONE_SCRIPT,
    "montemplatename": ONE_SCRIPT,
    "reversihost": ADDRESS,
    "reversisshport": ADDRESS,
    "reversiuser": TUNNEL_USER,
    "reversisshkey": SHARED,
    "rhost": ADDRESS,
    "rsshport": ADDRESS,
    "ruser": TUNNEL_USER,
    "rsshkey": SHARED,
    "reversisshkey_FOR_OPEMWRT": COMMENT,
    "SUFFSECONDS": COMMENT,
    "fwdportstr_FOR_OPENWRT": COMMENT,
    "RETRYCONTIME": COMMENT,
    "MONRETRYSECS": COMMENT,
    "SLEEPBEFORE": COMMENT,
}
"""Known keys that have no meaning here, and why."""
FLAGS = {"1": True, "0": False, "": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value, and its line."""

    line: int
    text: str


class LineRefused(InvalidValue):
    """A line has an invalid value."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def read_rev(content: bytes, *, added_at: int) -> FileRead:
    """Parse a file. Remark on each line that has no meaning here, or that is not understood. Never
    raises.
    """
    if len(content) > MOST_BYTES:
        too_long = Remark(line=0, text="is too long to be a .rev file of the original")
        return FileRead(problems=(too_long,))
    notes: list[Remark] = []
    values = values_in(content, notes)
    try:
        node = node_of_values(values, notes, added_at)
    except LineRefused as error:
        return FileRead(notes=tuple(notes), problems=(Remark(line=error.line, text=str(error)),))
    return FileRead(found=(Found(node=node, notes=tuple(notes)),))


def values_in(content: bytes, notes: list[Remark]) -> dict[str, Value]:
    """Return the values of the keys that count here; add a remark on every other line."""
    values: dict[str, Value] = {}
    for number, written, text in pairs(content, notes):
        key = OLDER.get(written, written)
        if key in WITHOUT_COUNTERPART:
            why = f"{key} has no counterpart: {WITHOUT_COUNTERPART[key]}"
            notes.append(Remark(line=number, text=why, is_usual=True))
        elif key in TAKEN:
            if key in values:
                again = f"{key} is set again in line {number}, which counts, as in the original"
                notes.append(Remark(line=values[key].line, text=again))
            values[key] = Value(line=number, text=text)
        else:
            notes.append(Remark(line=number, text=unknown(key)))
    return values


def pairs(content: bytes, notes: list[Remark]) -> Iterator[tuple[int, str, str]]:
    """Yield number, key and value of each line. Skip blank lines and comments; remark on any other
    line.
    """
    text = content.decode("utf-8-sig", "replace")
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        stripped = line.strip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        key, colon, value = stripped.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            notes.append(Remark(line=number, text=f"{printable(stripped)!r} is not key:value"))
        elif not value.isprintable() or "\ufffd" in value or len(value) > 500:
            why = (
                f"the value of {printable(key)!r} is too long, or has characters that cannot be"
                " printed"
            )
            notes.append(Remark(line=number, text=why))
        else:
            yield number, key, value


def unknown(key: str) -> str:
    return (
        f"unknown key {printable(key)!r}{did_you_mean(key, (*TAKEN, *OLDER, *WITHOUT_COUNTERPART))}"
    )


def is_rev(text: str) -> bool:
    """Whether this is a file of the original, whatever its name."""
    return re.search(r"^[ \t]*(nodename|reversiport|rport)[ \t]*:", text, re.MULTILINE) is not None


def node_of_values(values: dict[str, Value], notes: list[Remark], added_at: int) -> Node:
    """Return the node that the values describe. Raises LineRefused."""
    missing = [key for key in NEEDED if not values.get(key, Value(line=0, text="")).text]
    if missing:
        raise LineRefused(0, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    host = values["fwdhost"].text
    at = values["nodename"].line
    try:
        word = parse_calls_itself(values["nodename"].text)
        at = values["reversiport"].line
        port = parse_port(values["reversiport"].text, "reversiport")
        at = values["fwdport"].line
        fwdport = parse_port(values["fwdport"].text, "fwdport")
        at = values["fwdhost"].line
        target = parse_target(f"[{host}]:{fwdport}" if ":" in host else f"{host}:{fwdport}")
    except InvalidValue as error:
        raise LineRefused(at, str(error)) from error
    name = name_for(word, port)
    if " " in word:
        notes.append(Remark(line=values["nodename"].line, text=spaced(word)))
    forward = Forward(
        node=name,
        port=port,
        target=target,
        expect=expect_from(values, notes),
        public=is_public(values, notes),
    )
    node = Node(name=name, public_key=SHARED_KEY, forwards=(forward,), added_at=added_at)
    return node if word == name else replace(node, calls_itself=word)


def spaced(word: str) -> str:
    return (
        f"{word!r} has a space, so no gateway understands its device's requests: this device's own"
        " script must be changed"
    )


def expect_from(values: dict[str, Value], notes: list[Remark]) -> Expect:
    """Return the response that the device told the checker to expect."""
    said = values.get("fwdportstr", Value(line=0, text=""))
    expect = expect_said(said.text)
    if expect == OPEN:
        notes.append(
            Remark(
                line=said.line,
                text="fwdportstr names no response: expecting open, which cannot see a hang",
            )
        )
    return expect


def is_public(values: dict[str, Value], notes: list[Remark]) -> bool:
    """Return whether the port was open to everyone. Raises LineRefused."""
    said = values.get("allowinternet")
    if said is None:
        return False
    if said.text not in FLAGS:
        raise LineRefused(said.line, f"allowinternet {said.text[:40]!r} is neither 1 nor 0")
    if FLAGS[said.text]:
        text = (
            "allowinternet: the device may bind its port on all addresses; OpenSSH's client does so"
            " once the node has a key of its own"
        )
        notes.append(Remark(line=said.line, text=text))
    return FLAGS[said.text]
