"""An Include of our drop-ins that stands inside a Match block."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.sshd.includes import misplaced_include

MAIN = Path("/etc/ssh/sshd_config")
PLACE = Path("/etc/ssh/sshd_config.d/00-reversi.conf")
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf"
BLOCK = "Match Address 10.0.0.0/8\n    PermitTTY no\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{INCLUDE}\n{BLOCK}", id="before"),
        pytest.param(f"{BLOCK}Match all\n{INCLUDE}\n", id="Match all"),
        pytest.param(f"{INCLUDE}\n{BLOCK}{INCLUDE}\n", id="also before"),
        pytest.param(f"{BLOCK}Include /etc/ssh/other.d/*.conf\n", id="another"),
        pytest.param(f"#{INCLUDE}\n{BLOCK}", id="commented out"),
        pytest.param("", id="none"),
    ],
)
def test_an_include_that_holds_for_all_is_fine(text: str) -> None:
    assert misplaced_include(text, MAIN, PLACE) is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(INCLUDE, id="Debian's"),
        pytest.param("  include sshd_config.d/*.conf", id="relative"),
        pytest.param(f'Include /etc/x "{PLACE}"', id="quoted, beside another"),
    ],
)
def test_an_include_inside_a_block_is_found_with_the_command_that_moves_it(line: str) -> None:
    found = misplaced_include(f"Port 22\n{BLOCK}{line}\n", MAIN, PLACE)

    assert found is not None
    assert "line 4" in found.sentence
    assert "block of line 2 (Match address 10.0.0.0/8)" in found.sentence
    assert found.mend == (
        f"sudo sed -i '4d;1i {line.strip()}' {MAIN} && sudo sshd -t && sudo systemctl reload ssh"
    )
