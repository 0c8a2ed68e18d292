"""Call a URL while all is well, so that somebody else notices if we do not."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException

from checker import __version__

EVERY_S = 60.0
WITHIN_S = 10.0


def call(url: str) -> str:
    """Return why the call failed, as a clause without the URL; empty if it did not."""
    request = urllib.request.Request(url, headers={"User-Agent": f"reversi/{__version__}"})  # noqa: S310 - the settings accept only http and https
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310 - as above
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP status {error.code}"
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or "no connection")
    except (OSError, ValueError, HTTPException) as error:
        return "no answer in time" if isinstance(error, TimeoutError) else "connection lost"
    return ""
