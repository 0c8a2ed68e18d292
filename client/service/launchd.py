"""The property list of launchd, which starts the client on macOS. Pure."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from client.service.service import PREFIX, Service

NOTE = "REVERSI_INSTALLED"


def property_list(service: Service, log: Path) -> str:
    """Return the file's text. KeepAlive needs a program that does not fork, as ours."""
    content = {
        "Label": service.name,
        "ProgramArguments": [*service.command, "run", "--config", str(service.config)],
        "EnvironmentVariables": {NOTE: service.note},
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
        "Umask": 0o077,
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def config_of(text: str) -> Path | None:
    """Return the configuration for which `install` wrote the file; None: it did not."""
    try:
        content: Any = plistlib.loads(text.encode())
        is_ours = content["Label"].startswith(PREFIX) and NOTE in content["EnvironmentVariables"]
        words = content["ProgramArguments"]
        return Path(words[words.index("--config") + 1]) if is_ours else None
    except (plistlib.InvalidFileException, ExpatError, KeyError, TypeError, AttributeError):
        return None
    except (ValueError, IndexError):
        return None
