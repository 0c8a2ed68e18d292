"""`alerts.toml`: whom to tell, how soon, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checker.alerts.outages import Rules
from checker.config.layout import is_there
from checker.config.toml_file import ConfigError, number_in, read_toml, text_in, whole_in
from checker.model import InvalidValue
from checker.nearest import nearest
from checker.rows.filter import parse_filter

KEYS = (
    "send",
    "command",
    "down_after_s",
    "up_after_s",
    "group_s",
    "storm",
    "remind",
    "filter",
    "heartbeat",
)
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
MOST_WAYS = 20
MOST_FILTER = 400
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`alerts.toml` with the defaults filled in."""

    send: tuple[str, ...] = field(default=(), repr=False)
    """URLs for Apprise. They hold passwords: print only what ways.shown returns."""
    command: tuple[str, ...] = ()
    """The words of a command that gets each message; empty: none."""
    rules: Rules = field(default_factory=Rules)
    group_s: float = 60.0
    """At most one message in so many seconds."""
    storm: int = 20
    """Of more nodes than this, a message has only the count and the first names."""
    remind: str = ""
    """The local time, `HH:MM`, at which to repeat once a day what is still down; empty: never."""
    filter_text: str = ""
    """Only the forwards that it shows are watched; empty: all."""
    heartbeat: str = field(default="", repr=False)
    """A URL to call while all is well; empty: none."""

    @property
    def has_ways(self) -> bool:
        return bool(self.send or self.command)


def load_settings(path: Path) -> tuple[Settings, tuple[str, ...]]:
    """Read the file, and return a warning for each unknown key; a missing file has the defaults.
    Raises ConfigError.
    """
    return settings_from(path, read_toml(path)) if is_there(path) else (Settings(), ())


def settings_from(path: Path, table: Mapping[str, Any]) -> tuple[Settings, tuple[str, ...]]:
    """Parse the table, and return a warning for each unknown key. Raises ConfigError."""
    rules = Rules()
    settings = Settings(
        send=urls_in(path, table.get("send", [])),
        command=words_in(path, table.get("command", [])),
        rules=Rules(
            down_after_s=seconds_in(path, table, "down_after_s", rules.down_after_s),
            up_after_s=seconds_in(path, table, "up_after_s", rules.up_after_s),
        ),
        group_s=seconds_in(path, table, "group_s", 60.0),
        storm=whole_in(path, "storm", table.get("storm", 20), 1, 1000),
        remind=time_in(path, table.get("remind", "")),
        filter_text=filter_in(path, table.get("filter", "")),
        heartbeat=heartbeat_in(path, table.get("heartbeat", "")),
    )
    return settings, tuple(unknown_sentence(path, key) for key in table if key not in KEYS)


def unknown_sentence(path: Path, key: str) -> str:
    near = nearest(key, KEYS)
    hint = f"did you mean {near!r}?" if near else f"known are: {', '.join(KEYS)}"
    return f"{path}: unknown key {key[:40]!r} is ignored; {hint}"


def seconds_in(path: Path, table: Mapping[str, Any], key: str, default: float) -> float:
    """Raises ConfigError."""
    return float(number_in(path, key, table.get(key, default), 0, 86400))


def urls_in(path: Path, value: Any) -> tuple[str, ...]:
    """Parse the list of URLs, without naming a password in an error. Raises ConfigError."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or len(given) > MOST_WAYS:
        raise ConfigError(
            path, f"send must be a list of at most {MOST_WAYS} URLs, as in ['ntfy://my-topic']"
        )
    for place, url in enumerate(given, start=1):
        if not isinstance(url, str) or not URL.match(url) or not url.isprintable():
            raise ConfigError(
                path,
                f"send: entry {place} is not a URL such as 'ntfy://my-topic' or"
                " 'mailto://user:password@example.org'",
            )
    if len(set(given)) < len(given):
        raise ConfigError(path, "send names the same URL twice")
    return tuple(given)


def words_in(path: Path, value: Any) -> tuple[str, ...]:
    """Parse the words of the command. Raises ConfigError."""
    if not isinstance(value, list) or not all(
        isinstance(word, str) and "\0" not in word for word in value
    ):
        raise ConfigError(
            path, "command must be a list of words, as in ['/usr/local/bin/page', '--urgent']"
        )
    if value and not value[0].startswith("/"):
        raise ConfigError(path, "command must begin with the whole path of a program")
    return tuple(value)


def time_in(path: Path, value: Any) -> str:
    """Raises ConfigError."""
    if value != "" and not (isinstance(value, str) and TIME_OF_DAY.fullmatch(value)):
        raise ConfigError(path, f"remind must be a time of day, as in '08:00', not {value!r}")
    return str(value)


def filter_in(path: Path, value: Any) -> str:
    """Raises ConfigError."""
    if value == "":
        return ""
    text = text_in(path, "filter", value)
    if len(text) > MOST_FILTER or not text.isprintable():
        raise ConfigError(
            path, f"filter must be one line of at most {MOST_FILTER} printable characters"
        )
    try:
        if not parse_filter(text):
            raise ConfigError(path, "filter says nothing; write for example 'tag:site-a'")
    except InvalidValue as error:
        raise ConfigError(path, f"filter: {error}") from error
    return text


def heartbeat_in(path: Path, value: Any) -> str:
    """Raises ConfigError, which does not quote the URL: it is as good as a password."""
    if value == "":
        return ""
    wrong = ConfigError(path, "heartbeat must be a URL that begins with https:// or http://")
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise wrong
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("https", "http") or not parts.hostname or not value.isascii():
        raise wrong
    return value
