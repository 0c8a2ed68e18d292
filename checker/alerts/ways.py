"""Ways to send a message: the URLs of Apprise, and a command."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from checker.alerts.settings import Settings
from checker.alerts.words import Message
from checker.config.toml_file import ConfigError
from checker.model import CheckerError

COMMAND_WITHIN_S = 30.0
HOSTED = frozenset(
    (
        "apprise",
        "form",
        "gotify",
        "hassio",
        "json",
        "mailto",
        "matrix",
        "mmost",
        "mqtt",
        "ncloud",
        "nctalk",
        "ntfy",
        "rocket",
        "syslog",
        "xml",
        "xmpp",
    )
)
"""Services, without the `s` for TLS, whose URL may name a server. In the URLs of others, a token
is in its place.
"""
TALKATIVE = ("apprise", "requests", "urllib3", "smtplib", "paho", "slixmpp", "asyncio")
"""Loggers that may write tokens."""
REASONS = (
    (re.compile(r"error=(\d{3})\b"), "HTTP status {}"),
    (re.compile(r"\((\d{3}), b['\"]"), "SMTP status {}"),
    (re.compile(r"Connection refused"), "connection refused"),
    (
        re.compile(r"Name or service not known|name resolution|NameResolution|nodename nor"),
        "its name cannot be resolved",
    ),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED"), "its certificate is not valid"),
    (re.compile(r"timed out|Timeout"), "no answer in time"),
    (re.compile(r"unreachable|No route"), "no route to it"),
    (re.compile(r"Connection (?:error|closed|aborted|reset)|Disconnected"), "connection lost"),
)
"""What may be said of the library's own words, which may have tokens in them."""


class LibraryMissing(CheckerError):
    """The package for URLs is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "send needs the Python package apprise, which this interpreter does not have; run: sudo"
            f" {sys.executable} -m pip install apprise"
        )


class Way(Protocol):
    """One way to send a message. Any thread may call `send`."""

    key: str
    """A digest that stays the same over restarts."""
    name: str
    """For people; without passwords."""

    def send(self, message: Message) -> str:
        """Return why it was not delivered, as a clause; empty if it was."""


def digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


def shown(url: str) -> str:
    """What may be printed of a URL: its scheme, and its host if that is the name of a server."""
    scheme = url.partition("://")[0].lower()
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    is_server = "." in host or ":" in host or host == "localhost"
    is_hosted = scheme in HOSTED or scheme.removesuffix("s") in HOSTED
    return f"{scheme}://{host if is_server and is_hosted and host.isascii() else '...'}"


class Reasons(logging.Handler):
    """The library's words about one delivery. It happens in this thread; newer releases take
    another, in a copy of this context.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.thread = threading.get_ident()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread or DELIVERY.get() is self:
            self.text = f"{self.text}\n{record.getMessage()}"[-10_000:]

    def clause(self) -> str:
        """Why it failed."""
        for pattern, clause in REASONS:
            found = pattern.search(self.text)
            if found:
                return clause.format(*found.groups())
        return "the service did not accept it"


DELIVERY: ContextVar[Reasons | None] = ContextVar("DELIVERY", default=None)


def silence() -> None:
    """Keep what the libraries log off our log, also with `--debug`: it may have tokens."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    logging.getLogger("apprise").setLevel(logging.DEBUG)


@contextlib.contextmanager
def listening() -> Iterator[Reasons]:
    """Collect what the library logs in this thread."""
    reasons, logger = Reasons(), logging.getLogger("apprise")
    logger.addHandler(reasons)
    token = DELIVERY.set(reasons)
    try:
        yield reasons
    finally:
        DELIVERY.reset(token)
        logger.removeHandler(reasons)


class UrlWay:
    """A URL of Apprise."""

    def __init__(self, url: str, sender: Any) -> None:
        self.key = digest("url", url)
        self.name = shown(url)
        self.sender = sender

    def send(self, message: Message) -> str:
        from apprise import NotifyFormat, NotifyType

        with listening() as reasons:
            try:
                is_sent = self.sender.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=NotifyType(message.kind.value),
                    body_format=NotifyFormat.TEXT,
                )
            except Exception as error:  # noqa: BLE001 - a plugin's bug must not end the alerts
                return f"a bug in the library: {type(error).__name__}"
            return "" if is_sent else reasons.clause()


class CommandWay:
    """A program that gets the message as JSON on its standard input."""

    def __init__(self, words: Sequence[str], within_s: float = COMMAND_WITHIN_S) -> None:
        self.words = tuple(words)
        self.key = digest("command", *words)
        self.name = f"command {Path(words[0]).name}"
        self.within_s = within_s

    def send(self, message: Message) -> str:
        document = {**message.document, "title": message.title, "body": message.body}
        try:
            process = subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"it cannot be started ({error.strerror})"
        with process:
            try:
                process.communicate(json.dumps(document).encode(), timeout=self.within_s)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return f"it did not end within {self.within_s:g} s"
        return f"exit status {process.returncode}" if process.returncode else ""


def open_ways(path: Path, settings: Settings) -> tuple[Way, ...]:
    """Return the ways of these settings; `path` is for errors.

    Raises ConfigError, LibraryMissing.
    """
    command = (CommandWay(settings.command),) if settings.command else ()
    return (*(url_ways(path, settings.send) if settings.send else ()), *command)


def url_ways(path: Path, urls: Sequence[str]) -> Iterator[Way]:
    """Raises ConfigError, LibraryMissing."""
    if importlib.util.find_spec("apprise") is None:
        raise LibraryMissing
    from apprise import Apprise, AppriseAsset

    silence()
    asset = AppriseAsset(async_mode=False, app_id="reversi", app_desc="reverse SSH tunnels")
    for place, url in enumerate(urls, start=1):
        server = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if server is None:
            raise ConfigError(
                path,
                f"send: Apprise does not know a URL such as entry {place}, {shown(url)}; see"
                " https://github.com/caronc/apprise/wiki",
            )
        sender = Apprise(asset=asset)
        sender.add(server)
        yield UrlWay(url, sender)
