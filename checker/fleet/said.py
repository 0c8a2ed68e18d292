"""The sentences about entries that were taken or left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from checker.fleet.taking import Taking
from checker.model import Node, NodeName, Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something that happened to a node or to the fleet, for the log."""

    text: str
    node: NodeName | None = None
    port: Port | None = None
    actor: str = ""
    is_trouble: bool = False


def added(node: Node | None) -> list[tuple[Port | None, str]]:
    forwards = node.forwards if node else ()
    return [(one.port, f"added: to {one.target}, expecting {one.expect}") for one in forwards]


def why_left_out(taking: Taking, signer: str) -> str:
    """Return why it was left out, as a clause; empty if there is nothing to say."""
    match taking:
        case Taking.UNSIGNED:
            return f"no signature of {signer} counts here"
        case Taking.OLD:
            return "a newer one is here"
        case Taking.CLASH:
            return "another one of the same name and revision is here; sign the right one again"
        case _:
            return ""
