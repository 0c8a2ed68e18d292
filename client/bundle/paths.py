"""Which of the two tunnels of a node a bundle keeps, and over which gateways."""

from __future__ import annotations

from collections.abc import Sequence

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import InvalidValue, NodeName
from client.bundle.gateways import id_of, pins_of
from client.paths import ONLY, PATHS


def signed_paths(layout: Layout, config: Config, name: NodeName) -> int | None:
    """Return how many tunnels the node's entry wants; None: it has none, or there is no fleet.
    Raises ConfigError.
    """
    if config.fleet is None:
        return None
    from checker.registry.entry_files import read_entry  # only a fleet has entries

    kept = read_entry(layout, name)
    return None if kept is None else kept.entry.head.paths


def paths_to_build(name: NodeName, signed: int | None, path: int, *, all_: bool) -> tuple[int, ...]:
    """Return the paths for which to build. `path`: the one that was typed, or ONLY; `all_`: build
    whatever the node needs. Raises InvalidValue.
    """
    if path != ONLY:
        if signed == 1:
            raise InvalidValue(
                f"{name} keeps one tunnel, so its bundle has no path; for two: reversi-checker node"
                f" sign {name} --paths 2"
            )
        return (path,)
    if signed != len(PATHS):
        return (ONLY,)
    if all_:
        return PATHS
    raise InvalidValue(
        f"{name} keeps two tunnels, each over other gateways: build a bundle for each, with"
        " --path 1 and with --path 2, and install both"
    )


def gateways_of(gateways: Sequence[str], path: int) -> tuple[str, ...]:
    """Return the gateways of a path, [ID=]HOST:PORT each: every other one, with all its addresses.
    Raises InvalidValue if there is only one gateway.
    """
    if path == ONLY:
        return tuple(gateways)
    ids = list(dict.fromkeys(map(id_of, gateways)))
    if len(ids) < len(PATHS):
        raise InvalidValue(
            "two paths need two gateways, and addresses with the same ID or without one are of the"
            " same gateway: write --gateway gw1=HOST --gateway gw2=HOST"
        )
    mine = ids[path - 1 :: len(PATHS)]
    return tuple(gateway for gateway in gateways if id_of(gateway) in mine)


def pins_for(gateways: Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of `Pinning.lines` that are for these gateways."""
    wanted = {
        f"{id_of(gateway)} {key}".lstrip()
        for gateway in gateways
        for key in pins_of(gateway, lines)
    }
    return tuple(line for line in lines if line in wanted)
