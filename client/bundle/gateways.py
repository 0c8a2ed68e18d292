"""The gateways of a bundle in order, and the host keys that it pins for each of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.model import InvalidValue, parse_target

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Host keys that the admin gave with one `--host-key`."""

    id: str
    """Of the gateway that has them; empty: this machine."""
    keys: Sequence[str]
    """`TYPE BASE64` each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinning:
    """What a bundle pins."""

    lines: Sequence[str]
    """`[ID ]TYPE BASE64` each: with an id only for its gateway, without one for those without."""
    own: Sequence[str]
    """Host keys of this machine's sshd among them."""
    to_come: Sequence[str]
    """Those that this machine's sshd does not have yet."""


def id_of(gateway: str) -> str:
    """Return the id in `[ID=]HOST:PORT`; empty if it has none."""
    return gateway.rpartition("=")[0]


def address_of(gateway: str) -> str:
    """Return the HOST:PORT in `[ID=]HOST:PORT`."""
    return gateway.rpartition("=")[2]


def split_id(text: str, option: str) -> tuple[str, str]:
    """Split `[ID=]REST`. Raises InvalidValue."""
    before, sign, rest = text.partition("=")
    if not sign:
        return "", text
    if not ID.match(before):
        raise InvalidValue(
            f"{option}: {before!a} cannot be a gateway's id: 1 to 32 of a-z 0-9 -, first a letter"
            " or digit"
        )
    return before, rest


def parse_gateway(text: str) -> str:
    """Return [ID=]HOST:PORT; the port is 22 if the text has none. Raises InvalidValue."""
    id_, rest = split_id(text, "--gateway")
    is_bare = ":" not in rest or rest.endswith("]")
    address = str(parse_target(f"{rest}:22" if is_bare else rest, "--gateway"))
    return f"{id_}={address}" if id_ else address


def pins_of(gateway: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Return the host keys, `TYPE BASE64` each, that are pinned for this gateway."""
    id_ = id_of(gateway)
    if id_:
        return tuple(line.removeprefix(f"{id_} ") for line in lines if line.startswith(f"{id_} "))
    return tuple(line for line in lines if line.count(" ") == 1)


def pinning(gateways: Sequence[str], present: Sequence[str], given: Sequence[Given]) -> Pinning:
    """Choose what to pin: for each id with host keys of its own only these; for all other gateways,
    which are this machine, its sshd's and those that were given without an id. Raises InvalidValue.
    """
    refuse_doubtful(gateways, given)
    bare = [key for one in given if not one.id for key in one.keys]
    pairs: list[tuple[str, str]] = []
    for id_ in dict.fromkeys(map(id_of, gateways)):
        named = [key for one in given if one.id == id_ for key in one.keys]
        pairs += [(id_, key) for key in (named if id_ and named else [*present, *bare])]
    pairs = list(dict.fromkeys(pairs))
    ours = {id_ for id_, key in pairs if key in present}
    own = dict.fromkeys(key for id_, key in pairs if id_ in ours)
    return Pinning(
        lines=tuple(f"{id_} {key}".lstrip() for id_, key in pairs),
        own=tuple(key for key in own if key in present),
        to_come=tuple(key for key in own if key not in present),
    )


def refuse_doubtful(gateways: Sequence[str], given: Sequence[Given]) -> None:
    """Raise InvalidValue for ids without a gateway, keys for nobody, and an address of two ids."""
    ids = {id_of(gateway) for gateway in gateways}
    named = {one.id for one in given if one.id}
    for id_ in sorted(named - ids):
        raise InvalidValue(f"--host-key {id_}=FILE: add --gateway {id_}=HOST[:PORT]")
    if not ids - named and any(not one.id for one in given):
        raise InvalidValue(
            "--host-key FILE is for this machine, but each gateway has host keys of its own: write"
            " --host-key ID=FILE"
        )
    for address in map(address_of, gateways):
        if len({id_of(one) for one in gateways if address_of(one) == address}) > 1:
            raise InvalidValue(f"--gateway: {address} cannot have two ids")


def key_texts(text: str) -> Iterator[str]:
    """Yield the text of each key in a .pub file or known_hosts: without comments and hosts."""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        has_host = len(words) > 2 and words[2].startswith("AAAA")
        yield " ".join(words[1:3] if has_host else words)
