"""A port that no node has any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from checker.model.node import NodeName, Port


@dataclass(frozen=True, slots=True, kw_only=True)
class FreedPort:
    """A port that no node has any more."""

    port: Port
    node: NodeName
    """The node that had it last."""
    freed_at: float
    """Unix seconds."""

    @property
    def sentence(self) -> str:
        return (
            f"port {self.port} belonged to node {self.node} until"
            f" {datetime.fromtimestamp(self.freed_at, UTC):%Y-%m-%d}"
        )
