"""Parse systemd units that start ssh, dbclient or autossh with `-R`. Pure.

Source: systemd.service(5).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from checker.model import InvalidValue, printable
from checker.registry.imported import Remark
from checker.registry.ssh_command import PROGRAMS, read_ssh
from checker.registry.tunnel_source import ELSEWHERE, Source, monitored, source_of

PUNCTUATION = frozenset("();<>|&")
SHELLS = frozenset({"sh", "ash", "bash", "dash", "busybox"})


def is_service(text: str) -> bool:
    """Whether this is the unit of a service."""
    return re.search(r"^\[Service\]", text, re.MULTILINE) is not None


def unit_sources(text: str, stem: str) -> Iterator[Source | Remark]:
    """Yield the connections that a unit starts, and a remark on each line that is not understood.
    Raises InvalidValue.
    """
    settings = list(unit_settings(text))
    variables = {
        name: value
        for _, key, given in settings
        if key == "Environment"
        for name, equals, value in (word.partition("=") for word in words_in(given))
        if equals
    }
    others = [
        f"{key}={value}"
        for _, key, value in settings
        if key not in ("ExecStart", "Description", "Type", "")
    ]
    for number, key, value in settings:
        if not key:
            yield Remark(line=number, text=f"{printable(value)!r} is not KEY=VALUE")
        if key != "ExecStart":
            continue
        words = ssh_words(with_variables(value.lstrip("-@:+!|"), variables))
        if words:
            command = read_ssh(words[1:])
            monitor = next((each[3:] for each in command.left_out if each.startswith("-M ")), "")
            is_empty = not command.forwards and not command.refused
            notes = [*monitored(monitor), *([ELSEWHERE] if is_empty else [])]
            yield source_of(command, number, stem, others, notes)


def unit_settings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, key and value of each setting in the unit's [Service] section; any other
    line has no key.
    """
    section, pending, start = "", "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        start = start if pending else number
        pending += stripped
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        if pending.startswith("["):
            section = pending.strip("[]")
        key, equals, value = pending.partition("=")
        if section == "Service" and equals and value:
            yield start, key.strip(), value.strip()
        elif section == "Service" and not equals and pending and not pending.startswith("["):
            yield start, "", pending
        pending = ""


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of the unit's own variables into a command line. Raises InvalidValue."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise InvalidValue(
                f"uses ${name}, which the file does not set; write its value into a copy of the"
                " file"
            )
        return variables[name]

    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", value, text)


def words_in(text: str) -> list[str]:
    """Split a command line into words. Raises InvalidValue."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidValue("has a quote that does not end") from error


def ssh_words(text: str) -> list[str]:
    """Return the words from the ssh program on; none if the line does not start one. Look into the
    script of `sh -c`. Raises InvalidValue.
    """
    words = words_in(text)
    if words and words[0].rpartition("/")[2] in SHELLS and "-c" in words[:-1]:
        lexer = shlex.shlex(words[words.index("-c") + 1], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError as error:
            raise InvalidValue("has a quote that does not end") from error
    at = next(
        (place for place, word in enumerate(words) if word.rpartition("/")[2] in PROGRAMS), None
    )
    if at is None:
        return []
    end = next(
        (
            place
            for place, word in enumerate(words)
            if place > at and word and set(word) <= PUNCTUATION
        ),
        len(words),
    )
    return words[at:end]
