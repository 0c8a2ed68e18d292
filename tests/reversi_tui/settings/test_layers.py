"""The sources of the preferences: which files count, and what scripts see."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from reversi_tui.actions.table import ACTIONS
from reversi_tui.settings.layers import config_text, for_scripts, layers_of_files
from reversi_tui.settings.preferences import (
    Command,
    Layer,
    Preferences,
    combined,
    keymap,
)
from reversi_tui.settings.toml import layer_in

FILE = Path("console.toml")


def read(text: str) -> Layer:
    return layer_in(FILE, tomllib.loads(text))


def command(*argv: str) -> Command:
    return Command(name="ping", title="Ping", argv=argv)


def test_the_checker_takes_the_console_s_tables_and_does_not_judge_them(tmp_path: Path) -> None:
    (tmp_path / "reversi.toml").write_text(
        "deadline_s = 7\n[console]\nnobody = 'knows'\n[[command]]\n"
    )

    assert load_config(tmp_path / "reversi.toml").policy.deadline_s == 7


def test_the_operator_s_own_file_counts_more_than_the_gateway_s(tmp_path: Path) -> None:
    own = tmp_path / "config" / "reversi" / "console.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[console]\ntheme = 'dark'\n")
    layout = home_layout(tmp_path / "gateway")
    gateway_says = {"console": {"theme": "light", "sort": "port"}}

    files = layers_of_files(layout, gateway_says, {"XDG_CONFIG_HOME": str(tmp_path / "config")})

    preferences = combined(files)
    assert (preferences.theme, preferences.sort_by) == ("dark", "port")
    assert (preferences.origin("theme"), preferences.origin("sort_by")) == (
        str(own),
        str(layout.config),
    )


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"XDG_CONFIG_HOME": "relative"}], ids=str)
def test_without_a_home_there_is_no_own_file(tmp_path: Path, environ: dict[str, str]) -> None:
    assert layers_of_files(home_layout(tmp_path), {}, environ) == ()


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        pytest.param(
            "[consle]", 0o644, "unknown key 'consle'; did you mean 'console'?", id="unknown table"
        ),
        pytest.param("[console", 0o644, "not valid TOML", id="no TOML"),
        pytest.param("", 0o666, "everyone may write to it", id="open to all"),
    ],
)
def test_an_own_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    own = tmp_path / ".config" / "reversi" / "console.toml"
    own.parent.mkdir(parents=True)
    own.write_text(text)
    own.chmod(mode)

    with pytest.raises(ConfigError) as refused:
        layers_of_files(home_layout(tmp_path), {}, {"HOME": str(tmp_path)})

    assert str(refused.value).startswith(str(own))
    assert words in str(refused.value)


def test_scripts_see_no_row_hidden_by_a_file() -> None:
    file = Layer(
        origin="file",
        values={"filter_text": "attic", "faults_only": True, "grouped": True, "sort_by": "port"},
    )

    preferences = for_scripts((file,), {}, Layer(origin="command line", values={"wide": True}))

    assert preferences == Preferences(sort_by="port", wide=True)
    assert (
        for_scripts((file,), {}, Layer(origin="typed", values={"filter_text": "barn"})).filter_text
        == "barn"
    )


@pytest.mark.parametrize(("value", "theme"), [("1", "mono"), ("", "dark")])
def test_no_color_makes_the_theme_mono_where_it_is_not_empty(value: str, theme: str) -> None:
    assert for_scripts((), {"NO_COLOR": value}, Layer(origin="command line")).theme == theme
    assert (
        for_scripts(
            (), {"NO_COLOR": value}, Layer(origin="command line", values={"theme": "dark"})
        ).theme
        == "dark"
    )


def test_shown_settings_are_in_line() -> None:
    lines = config_text(
        combined((Layer(origin="file", values={"sort_by": "latency"}, keys={"act.kill": "x"}),))
    ).splitlines()

    origins = {line.split()[0]: line.split("  ")[-1].strip() for line in lines}
    assert origins["sort"] == origins["keys.act.kill"] == "file"
    assert origins["theme"] == "default"
    place = lines[0].index('"latency"')
    assert all(line[place - 2 : place] == "  " and line[place] != " " for line in lines)


@pytest.mark.parametrize("module", ["preferences", "layers", "toml"])
def test_the_parser_needs_no_textual_and_no_loop(module: str) -> None:
    program = (
        f"import sys, reversi_tui.settings.{module}; print(sorted({{'textual', 'rich', 'asyncio',"
        " 'tempfile', 'fcntl'} & set(sys.modules)))"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True
    )

    assert said.stdout.strip() == "[]"


def test_the_example_of_the_documentation_holds() -> None:
    text = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = text[text.index("    [console]\n") : text.index("- In `argv`")]

    preferences = combined((read(textwrap.dedent(example)),))

    assert keymap({action.id: action.key for action in ACTIONS}, preferences)["act.kill"] == "K"
    assert (preferences.sort_by, preferences.backwards, preferences.commands[0].terminal) == (
        "latency",
        True,
        True,
    )
