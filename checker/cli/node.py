"""The group `node`, and the module of each of its verbs."""

from __future__ import annotations

from checker.cli.verbs import Verbs, add_verb

NODE_VERBS = {
    "add": "node_add",
    "list": "nodes",
    "show": "nodes",
    "remove": "node_remove",
    "rekey": "node_edits",
    "disable": "node_edits",
    "enable": "node_edits",
    "rename": "node_edits",
    "expire": "node_edits",
    "set": "forward_edits",
    "move": "forward_edits",
    "forward": "node_forward",
    "pin": "node_pin",
    "pending": "node_pending",
    "accept": "node_pending",
    "reject": "node_pending",
    "sign": "node_sign",
    "import": "migrate",
    "adopt": "migrate",
}
"""The module of each verb, in the order in which `node --help` lists them."""


def add_group(verbs: Verbs) -> Verbs:
    """Declare `node`; return the group that its verbs are added to."""
    group = add_verb(
        verbs, "node", "add, list, show, change and remove nodes", "reversi-checker node list"
    )
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)
