"""The settings that `init` is asked for, joined with those of `reversi.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from checker.config.layout import SYSTEM, is_there
from checker.config.settings import Config, config_from, load_config
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning, read_toml
from checker.install.places import BUS_CONFIG
from checker.install.shared_key import FleetWish, with_shared_key
from checker.install.steps import OPERATORS, TUNNEL_USER, Choices
from checker.install.unit_files import reversi_toml, with_gateways

NOTHING = FleetWish()


def under(root: Path | None, path: Path) -> Path:
    """Return the path below the tree of a package; the path itself on this machine."""
    return root / path.relative_to("/") if root else path


def choices(root: Path | None, gateways: tuple[str, ...], fleet: FleetWish = NOTHING) -> Choices:
    """Read `reversi.toml`; without one, return what it will say. Raises ConfigError."""
    path = under(root, SYSTEM.config)
    is_first = not is_there(path)
    if is_first and not fleet:
        user = fleet.tunnel_user or TUNNEL_USER
        return Choices(tunnel_user=user, gateways=gateways, asked_gateways=gateways)
    if not is_first and "tunnel_user" not in read_toml(path):
        raise ConfigError(
            path,
            "tunnel_user is missing; name the account that devices log in to, as in: tunnel_user ="
            ' "reversi"',
        )
    content = edited_config(path, gateways, fleet) if fleet else None
    config = settings_of(path, content)
    if gateways and not config.gateway:
        content = with_gateways(
            (content or beginning(path, MOST_BYTES)).decode(), gateways
        ).encode()
        config = settings_of(path, content)
    if fleet.tunnel_user not in ("", config.tunnel_user):
        raise ConfigError(
            path,
            f"tunnel_user is {config.tunnel_user!r} already; edit it there, or leave out"
            " --tunnel-user",
        )
    return Choices(
        config=content,
        tunnel_user=config.tunnel_user,
        operators=config.operators_group,
        readers=config.readers_group,
        ports=config.policy.ports,
        shared_ports=config.shared_key.open_ports,
        gateways=config.gateway,
        asked_gateways=gateways,
        is_in_fleet=config.fleet is not None,
        is_signing=config.fleet is None or config.fleet.signed,
        is_on_bus=is_on_bus(config, root),
    )


def is_on_bus(config: Config, root: Path | None) -> bool:
    """Return whether the gateway takes part in the bus of its fleet: one that was removed does not,
    whatever an earlier release left there.
    """
    if config.fleet is None or not is_there(under(root, BUS_CONFIG)):
        return False
    from checker.fleet.card_files import remover  # only a fleet needs it

    try:
        return not remover(replace(SYSTEM, config=under(root, SYSTEM.config)), config.fleet)
    except ConfigError:
        return True


def edited_config(path: Path, gateways: tuple[str, ...], fleet: FleetWish) -> bytes:
    """Return `reversi.toml` with the shared key. Raises ConfigError."""
    present = (
        beginning(path, MOST_BYTES)
        if is_there(path)
        else reversi_toml(fleet.tunnel_user or TUNNEL_USER, OPERATORS, gateways)
    )
    return with_shared_key(present.decode("utf-8", "replace"), fleet, path).encode()


def settings_of(path: Path, content: bytes | None) -> Config:
    """Parse what `reversi.toml` will say; None: what it says. Raises ConfigError."""
    if content is None:
        return load_config(path)
    return config_from(path, tomllib.loads(content.decode()))


def settings_after(chosen: Choices) -> Config:
    """Return the settings that will hold on this machine. Raises ConfigError."""
    if chosen.config is None and not is_there(SYSTEM.config):
        return Config(tunnel_user=chosen.tunnel_user)
    return settings_of(SYSTEM.config, chosen.config)
