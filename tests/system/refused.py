"""What a command that is refused looks like."""

from __future__ import annotations

import subprocess


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *says: str) -> None:
    """It ended with this code and one sentence that says all this."""
    assert done.returncode == code, done.stderr
    complaints = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(complaints) == 1, done.stderr
    assert complaints[0].startswith("reversi-checker: error: ")
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in complaints[0]
