"""What the client can not do, each with its sentence."""

from __future__ import annotations

from pathlib import Path


class ClientError(Exception):
    """The root of the client's errors; the text is a sentence for the admin."""


class ConfigError(ClientError):
    """The configuration, or a file that it names, can not be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class NoConfig(ClientError):
    """No configuration was named, and none is where one would be."""

    def __init__(self, looked: tuple[Path, ...]) -> None:
        places = " and ".join(map(str, looked))
        super().__init__(
            f"no configuration in {places}; write one with node add --client-config on the gateway,"
            " and name it with --config"
        )


class GatewayUnreachable(ClientError):
    """No address of the gateway let this node in."""

    def __init__(self, node: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{node}: " + "; ".join(reasons))
        self.reasons = reasons


class Ended(ClientError):
    """The gateway refused a request, or ended one that was to last."""
