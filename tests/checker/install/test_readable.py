"""What `init` says about an installation that the gateway's accounts could not read."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.plan import plan
from checker.install.readable import Installation, examine, installation, trouble_of
from checker.install.refusals import Refused
from checker.linux.as_user import Closed
from tests.checker.install.machines import STOCK

HERE = Installation(
    python=Path("/opt/reversi/bin/python"),
    prefix=Path("/opt/reversi"),
    library=(Path("/usr/lib/python3.11"),),
    packages=(Path("/opt/reversi/lib/checker"), Path("/srv/psutil")),
)


def test_an_interpreter_says_what_it_loads() -> None:
    found = installation(sys.executable)

    assert found is not None
    assert found.prefix == Path(sys.prefix)
    assert {path.name for path in found.packages} == {"checker", "psutil", "tomli_w", "tomlkit"}
    assert str(Path(sys.executable).resolve()) in found.places
    gate = next(path for path in found.packages if path.name == "checker") / "gate.py"
    assert {gate, gate.with_name("hold.sh"), Path(os.__file__)} <= set(found.files)
    assert not [path for path in found.files if "__pycache__" in path.parts]


def test_a_program_that_does_not_run_reversi_is_refused() -> None:
    assert examine(("/bin/false",), "reversi") == (
        (),
        "/bin/false cannot run reversi; name one that can, with --python",
    )


@pytest.mark.parametrize(
    ("path", "at", "mend"),
    [
        pytest.param("bin/python", "/opt/reversi", "chmod -R a+rX /opt/reversi", id="umask 077"),
        pytest.param(
            "bin/python", "/opt", "chmod a+rX /opt && chmod -R a+rX /opt/reversi", id="above"
        ),
        pytest.param("/srv/psutil/x.py", "/srv/psutil/x.py", "chmod -R a+rX /srv/psutil", id="x"),
    ],
)
def test_one_command_opens_what_was_installed_together(path: str, at: str, mend: str) -> None:
    said = str(trouble_of("reversi", Closed(path=HERE.prefix / path, at=Path(at)), HERE))

    assert said.endswith(f"; run: {mend}")


@pytest.mark.parametrize("place", ["/root", "/home/anna"])
def test_nobody_is_told_to_open_a_home(place: str) -> None:
    said = str(trouble_of("reversi", Closed(path=HERE.python, at=Path(place)), HERE))

    assert "chmod" not in said
    assert f"an interpreter that is not below {place}, such as /usr/bin/python3" in said


def test_what_could_not_be_read_is_refused_before_anything_is_planned() -> None:
    with pytest.raises(Refused, match="could not read"):
        plan(replace(STOCK, unreadable="account reversi could not read /opt"))


def test_a_service_must_see_the_interpreter_behind_the_link() -> None:
    with pytest.raises(Refused, match="runs from /root/py/bin/python3, which a service cannot see"):
        plan(replace(STOCK, places=("/opt/reversi/bin/python", "/root/py/bin/python3")))
