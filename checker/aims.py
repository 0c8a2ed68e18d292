"""What an operator aimed at: what came of it, and why it cannot be hit."""

from __future__ import annotations

from checker.config import Layout
from checker.control import Aim, Outcome
from checker.holdings import Held
from checker.model import Forward, Node, Port


def outcome(aim: Aim, *, done: bool, sentence: str) -> Outcome:
    return Outcome(node=aim.node, port=Port(aim.port), done=done, sentence=sentence)


def why_unknown(layout: Layout, aim: Aim, node: Node | None) -> str:
    """Why the registry names no such forward, as a clause."""
    if node is None and not layout.nodes.is_dir():
        return f"the registry can not be read: there is no directory {layout.nodes}"
    return (
        f"{aim.node} has no port {aim.port}"
        if aim.port > 0
        else f"{aim.node} has no port: its file is broken"
    )


def is_another(aim: Aim, held: Held) -> bool:
    """Whether the operator saw another process than the one that is there now."""
    return aim.session is not None and aim.session != held.session


def why_no_holder(forward: Forward, held: Held) -> str:
    """Why there is nothing to kill, as a clause."""
    if held.stranger:
        return f"port {forward.port} is held by {held.stranger}, which is not ours to kill"
    if held.inodes:
        return (
            f"the sshd process that holds port {forward.port} can not be found: run the daemon as"
            " root, or let the node use hold"
        )
    return f"nobody listens on port {forward.port}"
