"""The progress bar of commands that work on many nodes."""

from __future__ import annotations

import io

import pytest

from checker.output import bar, progress_bar


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_frame_fits_its_terminal() -> None:
    frame = bar(1, 4, "n" * 63, columns=60)

    assert frame.startswith("\r[######------------------] 1/4 nnn")
    assert frame.endswith("n\x1b[K")
    assert len(frame.removeprefix("\r").removesuffix("\x1b[K")) == 59


def test_a_terminal_sees_the_last_step_and_few_frames() -> None:
    out = Terminal()

    with progress_bar(out, 10_000) as step:
        for number in range(10_000):
            step(f"n{number}")

    assert out.getvalue().count("\r") == 200
    assert "10000/10000 n9999" in out.getvalue()
    assert out.getvalue().endswith("\x1b[K\n")


def test_an_error_does_not_land_in_the_bar() -> None:
    out = Terminal()

    def fail_after_one_step() -> None:
        with progress_bar(out, 2) as step:
            step("a")
            raise MemoryError

    with pytest.raises(MemoryError):
        fail_after_one_step()

    assert out.getvalue().endswith("\n")


@pytest.mark.parametrize(("out", "steps"), [(io.StringIO(), 3), (Terminal(), 0)])
def test_without_a_terminal_or_steps_nothing_is_drawn(out: io.StringIO, steps: int) -> None:
    with progress_bar(out, steps) as step:
        for _ in range(steps):
            step("a")

    assert out.getvalue() == ""
