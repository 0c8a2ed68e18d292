"""The message by which the gate hands a request to the daemon, as `gate.py` writes it."""

from __future__ import annotations

from checker.daemon.gate_messages import GATE_MARK
from checker.wire import Asked


def gate_message(asked: Asked) -> bytes:
    """The inverse of `checker.daemon.gate_messages.decode_asked`."""
    fields = (asked.node, asked.peer, asked.command, *([asked.key] if asked.key else []))
    return b"\0".join([GATE_MARK, *(field.encode("utf-8", "surrogateescape") for field in fields)])
