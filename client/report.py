"""`reversi-client status`: show the content of the status file, as text and as JSON."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from client import identity, status
from client.config import Config
from client.status import Record
from client.words import State


def ago(seconds: float) -> str:
    """Format a duration in the largest unit of which it has two or more."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


class Report:
    """One reading of the status file."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.record: Record | None = status.read(config.status_file)
        self.is_running = (
            self.record is not None
            and self.record.state is not State.STOPPED
            and identity.is_alive(self.record.process)
        )

    @property
    def is_up(self) -> bool:
        return self.is_running and self.record is not None and self.record.state is State.UP

    def text(self) -> str:
        record = self.record
        if record is None:
            return f"{self.config.node}: no client has written {self.config.status_file} yet"
        lines = [f"{record.node}: {self.headline(record)}"]
        lines += [
            f"  {forward.port} -> {forward.target}  {forward.state if self.is_running else 'down'}"
            for forward in record.forwards
        ]
        lines += [f"  last error: {record.error}"] if record.error else []
        return "\n".join(lines)

    def headline(self, record: Record) -> str:
        if record.state is State.STOPPED:
            return f"stopped {ago(time.time() - record.since)} ago"
        if not self.is_running:
            return (
                f"not running; its last state was {record.state.value} (PID {record.process.pid})"
            )
        via = f" via {record.gateway}" if record.gateway else ""
        return (
            f"{record.state.value}{via} for {ago(time.time() - record.since)} (PID"
            f" {record.process.pid})"
        )

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON document; unknown values are null."""
        head: dict[str, Any] = {"schema": 1, "node": self.config.node, "running": self.is_running}
        record = self.record
        if record is None:
            nothing = dict.fromkeys(
                ("state", "since", "gateway", "verdict_s", "error", "instance", "pid")
            )
            return {**head, **nothing, "forwards": []}
        return {
            **head,
            "state": record.state.value,
            "since": record.since,
            "gateway": record.gateway,
            "verdict_s": record.verdict_s,
            "error": record.error or None,
            "instance": record.instance,
            "pid": record.process.pid,
            "forwards": [asdict(forward) for forward in record.forwards],
        }
