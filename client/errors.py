"""The client's errors, each with its message."""

from __future__ import annotations

from pathlib import Path


class ClientError(Exception):
    """The root of the client's errors; its text is a message for the admin."""


class ConfigError(ClientError):
    """The configuration, or a file that it names, cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class NoConfig(ClientError):
    """No configuration was named, and none of the default files exists."""

    def __init__(self, defaults: tuple[Path, ...]) -> None:
        places = " or ".join(map(str, defaults))
        super().__init__(
            f"no configuration at {places}; make one on the gateway with reversi-checker node add"
            " --client-config, and name it here with --config"
        )


class GatewayUnreachable(ClientError):
    """No gateway accepted a login of this node."""

    def __init__(self, node: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{node}: " + "; ".join(reasons))
        self.reasons = reasons


class Ended(ClientError):
    """The gateway refused a request, or ended `hold`."""
