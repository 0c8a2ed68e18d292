"""A home with the shared key, and .rev files to import into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import home_layout
from tests.host_keys import put_rsa_host_key
from tests.strategies import public_key

OFFICE = """\
# the office's router
nodename:office
reversiport:50010
fwdhost:192.168.1.1

fwdport:22
fwdportstr:SSH-2.0-dropbear
mretrysecs:60
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: ExitCode
    out: str
    err: str


def rev(folder: Path, name: str, **values: str | int) -> Path:
    """Write a file of the original."""
    said = {
        "nodename": name,
        "reversiport": 50010,
        "fwdhost": "127.0.0.1",
        "fwdport": 22,
        "fwdportstr": "SSH-2.0",
        **values,
    }
    path = folder / f"{name}.rev"
    path.write_text("".join(f"{key}:{value}\n" for key, value in said.items()))
    return path


def cli(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> Ran:
    code = run(["--home", str(home), *arguments])
    captured = capsys.readouterr()
    return Ran(code=code, out=captured.out, err=captured.err)


def imported(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> Ran:
    return cli(capsys, home, "node", "import", *words)


def shared_home(tmp_path: Path) -> Path:
    """Make a home whose shared key is enabled."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "reversi.toml").write_text(
        f'[shared_key]\nenabled = true\npublic_key = "{public_key(9)}"\n'
    )
    put_rsa_host_key(home_layout(place))
    return place
