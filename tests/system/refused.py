"""The check for a command that must be refused."""

from __future__ import annotations

import subprocess


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *says: str) -> None:
    """Check for this exit status, and one sentence that contains all these texts."""
    assert done.returncode == code, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(complaints) == 1, done.stderr
    assert complaints[0].startswith("reversi-checker: error: ")
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in complaints[0]
