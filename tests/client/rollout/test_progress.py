"""What a rollout shows while it runs."""

from __future__ import annotations

import io

from checker.model import NodeName
from client.rollout.course import Came, Result
from client.rollout.progress import Progress

CAME = (
    Came(name=NodeName("attic"), result=Result.UPGRADED),
    Came(name=NodeName("barn"), result=Result.FAILED, detail="ssh: no route"),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO) -> str:
    progress = Progress(total=2, out=out)
    for came in CAME:
        progress.started(came.name)
        progress.ended(came)
    progress.close()
    return out.getvalue()


def test_each_device_gets_a_line_if_there_is_no_terminal() -> None:
    assert shown(io.StringIO()) == "[1/2] attic upgraded\n[2/2] barn failed: ssh: no route\n"


def test_a_terminal_gets_a_bar_and_a_line_for_each_failure() -> None:
    text = shown(Terminal())

    assert "1/2 attic" in text
    assert "2/2 barn" in text
    assert "attic upgraded" not in text
    assert "barn failed: ssh: no route\n" in text
    assert text.endswith("\n")
