"""Serve the metrics over HTTP, to programs of this machine."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from checker.metrics.exposition import CONTENT_TYPE
from checker.model import CheckerError, InvalidValue, Port, Target
from checker.output import sentence_of

log = logging.getLogger(__name__)
FRESH_S = 1.0
"""Scrapes that come closer together get the same text."""
AT_ONCE = 32
"""Most connections; another one is closed at once."""
ASKED_WITHIN_S = 10.0
PLAIN = "text/plain; charset=utf-8"
ELSEWHERE = b"ask for an address or localhost; a proxy must send one of them as Host\n"
PAGE = b"reversi's metrics for Prometheus are at /metrics\n"


class CannotListen(CheckerError):
    """The address is in use, or not one of this machine."""

    def __init__(self, address: Target, why: str) -> None:
        super().__init__(f"cannot listen on {address} ({why}); choose another --listen")


def is_expected(host: str) -> bool:
    """Whether a request's `Host` is one that a program of this machine, a forward or a proxy sends:
    an address or `localhost`.

    A page on the web whose name's address was changed to ours (DNS rebinding) would send that name.
    """
    if not host:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def loopback(address: Target) -> Target:
    """Return the address with its host as a number. Raises InvalidValue for any that others could
    reach: the metrics name every node.
    """
    host = "127.0.0.1" if address.host == "localhost" else address.host
    try:
        is_ours = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_ours = False
    if not is_ours:
        raise InvalidValue(
            f"--listen {address}: only an address such as 127.0.0.1 is allowed, as the metrics name"
            " every node; from another machine, reach it through ssh -L or a proxy with a password"
        )
    return Target(host=host, port=address.port)


class Source:
    """The text of the metrics, collected when it is asked for. Several threads may ask."""

    def __init__(self, collect: Callable[[], bytes]) -> None:
        self.collect = collect
        self.lock = threading.Lock()
        self.text = b""
        self.at = 0.0
        """When `text` was begun, monotonic; 0.0: there is none."""
        self.trouble = ""

    def get(self) -> bytes:
        """Return a text not older than FRESH_S. Raises what collecting raises."""
        with self.lock:
            began = time.monotonic()
            if not self.at or began - self.at > FRESH_S:
                self.at = 0.0
                self.text = self.collect()
                self.at = began
                self.trouble = ""
            return self.text

    def failed(self, sentence: str) -> None:
        """Log why there are no metrics, once until there are some again."""
        if sentence != self.trouble:
            log.error("%s", sentence)
        self.trouble = sentence


class Handler(BaseHTTPRequestHandler):
    """Answers GET for /metrics and /."""

    timeout = ASKED_WITHIN_S
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not is_expected(self.headers.get("Host", "")):
            self.answer(HTTPStatus.MISDIRECTED_REQUEST, PLAIN, ELSEWHERE)
        elif path == "/":
            self.answer(HTTPStatus.OK, PLAIN, PAGE)
        elif path == "/metrics":
            self.answer_metrics()
        else:
            self.answer(HTTPStatus.NOT_FOUND, PLAIN, PAGE)

    def answer_metrics(self) -> None:
        source = self.server.source
        try:
            text = source.get()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next scrape may succeed
            sentence = sentence_of(error)
            source.failed(sentence)
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{sentence}\n".encode())
        else:
            self.answer(HTTPStatus.OK, CONTENT_TYPE, text)

    def answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "reversi"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is named there
        """Log no request."""


class Server(ThreadingHTTPServer):
    """Listens on one loopback address; a thread for each connection."""

    daemon_threads = True
    request_queue_size = 2 * AT_ONCE

    def __init__(self, address: Target, source: Source) -> None:
        """Raises CannotListen."""
        self.source = source
        self.free = threading.BoundedSemaphore(AT_ONCE)
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((address.host, address.port), Handler)
        except OSError as error:
            raise CannotListen(address, str(error.strerror)) from error

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        where = Target(host=str(host), port=Port(port))
        return f"http://{where}/metrics"

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as it is there
        """Whoever asked went away, or no thread could be started: the next scrape may succeed."""
        log.debug("a scrape of %s failed: %s", client_address, sys.exception())
