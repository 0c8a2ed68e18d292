"""The help of each command of reversi-client."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli import main, parser

CHECKOUT = Path(__file__).parents[2]


def commands() -> Iterator[tuple[str, str]]:
    """Each command and its summary."""
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                yield str(choice.dest), str(choice.help)


@pytest.mark.parametrize("command", [name for name, _ in commands()])
def test_each_command_is_in_the_readme_or_the_docs(command: str) -> None:
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")]

    assert any(f"reversi-client {command}" in page.read_text(encoding="utf-8") for page in pages)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("command", "summary"), list(commands()), ids=[name for name, _ in commands()]
)
def test_help_has_an_example_and_keeps_names_as_they_are_written(
    command: str, summary: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = help_of(command, capsys)

    assert f"example: reversi-client {command}" in said
    for name in re.findall(r"\b[A-Z]{2,}\b", summary):
        assert re.search(rf"\b{name}\b", said), f"{name} is spelled another way"


def test_run_ends_at_sigterm_as_its_help_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Keep the tunnel in the foreground, until SIGTERM." in help_of("run", capsys)


def test_the_example_of_build_copies_to_a_router_without_sftp(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "scp -O office.sh" in help_of("build", capsys)
