"""What a node's admin should change if sshd refused something about the node's own port. Pure."""

from __future__ import annotations

import re

from checker.model import Node

LISTENS = re.compile(r"listening on (.*) port (\d{1,5})", re.DOTALL)
CONNECTS = re.compile(r"a connection to (?:127\.0\.0\.1|localhost|::1) port (\d{1,5})")


def advice(what: str, node: Node) -> str:
    """Return the end of the sentence `sshd refused WHAT`; empty if there is nothing to advise."""
    listens = LISTENS.fullmatch(what)
    if listens and int(listens[2]) in node.ports:
        return (
            f"; port {listens[2]} is the node's, but only on the loopback: leave the address out of"
            f" -R, or run: reversi-checker node set {node.name} --forward {listens[2]} --public yes"
        )
    connects = CONNECTS.fullmatch(what)
    if connects and int(connects[1]) in node.ports:
        return "; autossh -M tests itself through -L, which no key may open: run it with -M 0"
    return ""
