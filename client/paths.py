"""The two tunnels of a node that must not have a gap: paths 1 and 2, over different gateways."""

from __future__ import annotations

PATHS = (1, 2)
ONLY = 0
"""In place of a path: the node keeps one tunnel."""


def tunnel_name(node: str, path: int) -> str:
    """Return what a tunnel is called on its device, in files and services. The first path has the
    name of a node's only tunnel, which it replaces. No node can be called as the second one.
    """
    return f"{node}_2" if path == PATHS[1] else node
