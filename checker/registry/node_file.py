"""Parse a node's file, `nodes/NAME.toml`, and write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from checker.config.toml_file import (
    MOST_BYTES,
    ConfigError,
    beginning,
    flag_in,
    number_in,
    read_toml,
    text_in,
    whole_in,
)
from checker.model import (
    SHARED_KEY,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Publication,
    decoded,
    parse_day,
    parse_expect,
    parse_name,
    parse_public_key,
    parse_target,
)
from checker.nearest import nearest
from checker.registry import beating_every
from checker.registry.beating_every import (
    beating_every_in,
    beating_every_table,
    broken_beating_every,
)
from checker.registry.host_key_value import broken_host_key, for_shared_key, host_key_in
from checker.registry.labels import as_written, labels_in, labels_table, with_odd_tags
from checker.registry.publications import parse_sni
from checker.registry.waiting import waiting_path, with_waiting

NODE_KEYS = (
    "public_key",
    "next_key",
    "added_at",
    "key_since",
    "enabled",
    "expires",
    "tags",
    "note",
    "probe_beating_every_s",
    "forward",
)
FORWARD_KEYS = ("port", "target", "expect", "deadline_s", "public", "publish", "host_key")
PUBLICATION_KEYS = ("port", "sni", "send_proxy")
OWN_PREFIX = "x-"
"""Keys that begin with this are the admin's own."""


def publications_in(path: Path, where: str, value: Any) -> tuple[Publication, ...]:
    """Parse a forward's `publish = [{port = 443, sni = "...", send_proxy = true}, ...]`. Raises
    ConfigError, InvalidValue.
    """
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ConfigError(
            path, f"{where}publish must be a list of tables, as in publish = [{{port = 443}}]"
        )
    found = []
    for number, table in enumerate(value, start=1):
        place = f"{where}publish {number}: "
        port = Port(whole_in(path, f"{place}port", table.get("port"), 1, 65535))
        sni = parse_sni(text_in(path, f"{place}sni", table["sni"])) if "sni" in table else ""
        found.append(
            Publication(
                port=port,
                sni=sni,
                send_proxy=flag_in(path, f"{place}send_proxy", table.get("send_proxy", False)),
            )
        )
    return tuple(found)


def forward_from(path: Path, node: NodeName, number: int, table: Any) -> Forward:
    """Parse one `[[forward]]` of a node's file. Raises ConfigError."""
    where = f"forward {number}: "
    if not isinstance(table, dict):
        raise ConfigError(path, f"{where}must be a table; write [[forward]]")
    for key in ("port", "target"):
        if key not in table:
            raise ConfigError(path, f"{where}{key} is missing")
    try:
        return Forward(
            node=node,
            port=Port(whole_in(path, f"{where}port", table["port"], 1, 65535)),
            target=parse_target(text_in(path, f"{where}target", table["target"])),
            expect=parse_expect(text_in(path, f"{where}expect", table.get("expect", "open"))),
            deadline_s=(
                float(number_in(path, f"{where}deadline_s", table["deadline_s"], 0.5, 60))
                if "deadline_s" in table
                else None
            ),
            public=flag_in(path, f"{where}public", table.get("public", False)),
            published=publications_in(path, where, table.get("publish", [])),
            host_key=host_key_in(table),
        )
    except InvalidValue as error:
        raise ConfigError(path, f"{where}{error}") from error


def key_in(path: Path, value: Any) -> str:
    """Parse a public key, or the word `shared`. Raises ConfigError, InvalidValue."""
    text = text_in(path, "public_key", value)
    return text if text == SHARED_KEY else parse_public_key(text)


def unknown_in(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield a clause for each key of a node's file that is neither known here nor the admin's
    own, and for each value that is ignored because it is broken.
    """
    yield from strange(table, NODE_KEYS, "")
    yield from broken_beating_every(table)
    for number, forward in enumerate(tables(table.get("forward")), start=1):
        yield from strange(forward, FORWARD_KEYS, f"forward {number}: ")
        yield from broken_host_key(forward, f"forward {number}: ")
        for place, publication in enumerate(tables(forward.get("publish")), start=1):
            where = f"forward {number}: publish {place}: "
            yield from strange(publication, PUBLICATION_KEYS, where)


def tables(value: Any) -> list[Mapping[str, Any]]:
    """Return the tables in a list. Other values are refused elsewhere."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def strange(given: Iterable[str], known: tuple[str, ...], where: str) -> Iterator[str]:
    for key in given:
        if key not in known and not key.startswith(OWN_PREFIX):
            near = nearest(key, known)
            yield f"{where}unknown key {key!r}{f' (did you mean {near!r}?)' if near else ''}"


def read_node(path: Path) -> Node:
    """Read the node NAME from NAME.toml, with what waits for its device. Raises ConfigError."""
    table = read_toml(path)
    unknown = tuple(unknown_in(table))
    for key in ("public_key", "forward"):
        if key not in table and any(nearest(other, (key,)) for other in table):
            raise ConfigError(path, f"{key} is missing: {'; '.join(unknown)}")
    return with_waiting(node_from(path, table, unknown), path)


def node_from(path: Path, table: Mapping[str, Any], unknown: tuple[str, ...]) -> Node:
    """Parse the table of a node's file; `unknown`: clauses about its unknown keys. Raises
    ConfigError.
    """
    forwards = table.get("forward", [])
    if not isinstance(forwards, list):
        raise ConfigError(path, "forward must be a list of tables; write [[forward]]")
    labels = labels_in(table)
    try:
        name = parse_name(path.stem)
        next_key = text_in(path, "next_key", table["next_key"]) if "next_key" in table else None
        node = Node(
            name=name,
            public_key=key_in(path, table.get("public_key")),
            next_key=None if next_key is None else parse_public_key(next_key),
            forwards=tuple(
                forward_from(path, name, number, entry)
                for number, entry in enumerate(forwards, start=1)
            ),
            added_at=whole_in(path, "added_at", table.get("added_at", 0), 0, 2**40),
            key_since=whole_in(path, "key_since", table.get("key_since", 0), 0, 2**40),
            enabled=flag_in(path, "enabled", table.get("enabled", True)),
            expires=parse_day(str(table["expires"])) if "expires" in table else None,
            tags=labels.tags,
            note=labels.note,
            probe_beating_every_s=beating_every_in(table),
            unknown_keys=(*unknown, *labels.clauses),
        )
        return for_shared_key(node)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error


def publication_table(publication: Publication) -> dict[str, Any]:
    """Return one item of `publish`, without default values."""
    return {
        "port": publication.port,
        **({"sni": publication.sni} if publication.sni else {}),
        **({"send_proxy": True} if publication.send_proxy else {}),
    }


def forward_table(forward: Forward) -> dict[str, Any]:
    """Return a `[[forward]]`, without default values."""
    return {
        "port": forward.port,
        "target": str(forward.target),
        "expect": str(forward.expect),
        **({} if forward.deadline_s is None else {"deadline_s": forward.deadline_s}),
        **({"public": True} if forward.public else {}),
        **(
            {"publish": [publication_table(publication) for publication in forward.published]}
            if forward.published
            else {}
        ),
        **({"host_key": forward.host_key} if forward.host_key else {}),
    }


def node_toml(node: Node, before: bytes = b"") -> bytes:
    """Render a node's file. Comments, order and foreign keys of `before`, its present content,
    stay.
    """
    return edited_toml(node, before) or tomli_w.dumps(node_table(node)).encode()


def edited_toml(node: Node, before: bytes) -> bytes | None:
    """Edit `before`, a file, to describe the node; None if the result would describe another."""
    # slow imports, needed only when a file changes
    import tomllib

    from checker.registry.toml_edits import edited

    table = node_table(node)
    try:
        given = tomllib.loads(decoded(before))
        same = {*as_written(node, given), *beating_every.as_written(node, given)}
        wanted = with_odd_tags(table, given)
        text = edited(
            decoded(before),
            {key: value for key, value in wanted.items() if key not in same},
            [key for key in NODE_KEYS if key not in same],
            FORWARD_KEYS,
        )
        said = node_from(Path(f"{node.name}.toml"), tomllib.loads(text), ())
    except (ValueError, RecursionError, ConfigError):
        return None
    return text.encode() if node_table(said) == table else None


def node_table(node: Node) -> dict[str, Any]:
    """Return what a node's file says, without default values."""
    return {
        "public_key": node.public_key,
        **({} if node.next_key is None else {"next_key": node.next_key}),
        "added_at": node.added_at,
        **({} if not node.key_since else {"key_since": node.key_since}),
        **({} if node.enabled else {"enabled": False}),
        **({} if node.expires is None else {"expires": node.expires}),
        **labels_table(node),
        **beating_every_table(node),
        "forward": [forward_table(forward) for forward in node.forwards],
    }


def ports_named(path: Path) -> set[Port]:
    """Find what looks like a port in a file that is not valid TOML, or not ours, and in the one
    beside it.
    """
    found: set[Port] = set()
    for file in (path, waiting_path(path)):
        try:
            text = beginning(file, MOST_BYTES).decode(errors="replace")
        except ConfigError:
            continue
        ours = re.sub(r"(?m)^\s*calls_itself\s*=.*$", "", text)  # the device chose that word
        found |= {
            Port(int(number)) for number in re.findall(r"\b(?:next_)?port\s*=\s*(\d{1,5})\b", ours)
        }
    return found
