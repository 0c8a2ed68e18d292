from __future__ import annotations

import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import home_layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from reversi_tui.actions.table import ACTIONS
from reversi_tui.settings.layers import config_text, for_scripts, layers_of_files
from reversi_tui.settings.preferences import (
    Command,
    CommandRefused,
    KeyTwice,
    Layer,
    Preferences,
    UnknownAction,
    combined,
    expanded,
    keymap,
)
from reversi_tui.settings.toml import layer_in

FILE = Path("console.toml")
PING = """
[[command]]
name = "ping"
key = "f5"
argv = ["ping", "-c", "3", "{node}.mesh:{port}"]
dangerous = false
"""


def read(text: str) -> Layer:
    return layer_in(FILE, tomllib.loads(text))


def command(*argv: str) -> Command:
    return Command(name="ping", title="Ping", argv=argv)


def filled(
    *argv: str, node: str = "attic", pid: int | None = 4000, target: str | None = "127.0.0.1:22"
) -> tuple[str, ...]:
    return expanded(command("ping", *argv), node=node, port=20010, pid=pid, target=target)[1:]


def test_a_later_source_wins_setting_by_setting_and_each_knows_where_it_came_from() -> None:
    preferences = combined(
        (
            Layer(
                origin="first",
                values={"sort_by": "port", "wide": True},
                keys={"act.kill": "x"},
                commands=(command("a"),),
            ),
            Layer(
                origin="second",
                values={"sort_by": "pid"},
                keys={"act.reset": "y"},
                commands=(command("b"),),
            ),
        )
    )

    assert (preferences.sort_by, preferences.wide, preferences.grouped) == ("pid", True, False)
    assert preferences.keys == (("act.kill", "x"), ("act.reset", "y"))
    assert [each.argv for each in preferences.commands] == [("b",)]
    origins = [
        preferences.origin(name)
        for name in ("sort_by", "wide", "grouped", "keys.act.kill", "command.ping")
    ]
    assert origins == ["second", "first", "default", "first", "second"]


def test_a_file_gives_every_setting() -> None:
    layer = read(
        """
        [console]
        sort = "-latency"
        columns = ["port", "node"]
        wide = true
        filter = "!status:up"
        faults_only = true
        grouped = true
        theme = "light"
        mouse = false
        confirm_over = 0
        shell_user = "root"
        [console.keys]
        act.kill = "K"
        "act.probe" = "/"
        """
        + PING
    )

    assert combined((layer,)) == Preferences(
        sort_by="latency",
        backwards=True,
        columns=("port", "node"),
        wide=True,
        filter_text="!status:up",
        faults_only=True,
        grouped=True,
        theme="light",
        mouse=False,
        confirm_over=0,
        shell_user="root",
        keys=(("act.kill", "K"), ("act.probe", "slash")),
        commands=(
            Command(
                name="ping",
                key="f5",
                title="ping",
                argv=("ping", "-c", "3", "{node}.mesh:{port}"),
                dangerous=False,
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "[console]\nsrot = 'node'",
            "console: unknown key 'srot'; did you mean 'sort'?",
            id="unknown key",
        ),
        pytest.param("console = 3", "write [console]", id="no table"),
        pytest.param(
            "[console]\nsort = 'colour'",
            "there is no column 'colour'",
            id="no such column to sort by",
        ),
        pytest.param(
            "[console]\ncolumns = ['colour']", "there is no column 'colour'", id="no such column"
        ),
        pytest.param(
            "[console]\ncolumns = ['node', 'node']", "'node' is named twice", id="column twice"
        ),
        pytest.param(
            "[console]\ncolumns = 'node'", "columns must be a list of texts", id="columns no list"
        ),
        pytest.param("[console]\ntheme = 'pink'", "themes are: terminal", id="theme"),
        pytest.param("[console]\nwide = 1", "wide must be true or false, not 1", id="flag"),
        pytest.param(
            "[console]\nconfirm_over = -1", "confirm_over must be a whole number", id="count"
        ),
        pytest.param(
            "[console]\nfilter = ''", "filter must be a text that is not empty", id="empty text"
        ),
        pytest.param(
            "[console]\nshell_user = '-oProxyCommand=x'",
            "is no user",
            id="a user that ssh takes for an option",
        ),
        pytest.param("[console]\nkeys = 3", "write [console.keys]", id="keys no table"),
        pytest.param(
            "[console.keys]\nact.kill = 3", "keys: act.kill must be a text", id="key no text"
        ),
        pytest.param("[console.keys]\nact.kill = 'a,'", "must be a key", id="half a key"),
        pytest.param("command = 3", "write [[command]]", id="command no list"),
        pytest.param(
            "[[command]]\nnme = 'x'",
            "command 1: unknown key 'nme'; did you mean 'name'?",
            id="unknown key of a command",
        ),
        pytest.param("[[command]]\nname = 'x'", "command 1: argv is missing", id="no argv"),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = 'ls'", "argv must be a list of texts", id="argv a text"
        ),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = []", "must begin with a program", id="argv empty"
        ),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = ['{node}']",
            "must name its program",
            id="the row names the program",
        ),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = ['ls', '{nod}']",
            "'{nod}', which stands for nothing",
            id="unknown word",
        ),
        pytest.param("[[command]]\nname = 'x'\nargv = ['ls', '{']", "a lone '{'", id="lone brace"),
        pytest.param(PING + PING, "two of the name 'ping'", id="command twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence_with_its_path(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)

    assert str(refused.value).startswith("console.toml: ")
    assert words in str(refused.value)


def test_words_are_filled_in_within_arguments_and_doubled_braces_are_braces() -> None:
    assert filled("-p", "{port}", "{node}.lan", "{{{pid}}}", "to {target}") == (
        "-p",
        "20010",
        "attic.lan",
        "{4000}",
        "to 127.0.0.1:22",
    )


@given(node=st.text(), target=st.text())
def test_an_argument_stays_one_and_keeps_its_place_whatever_a_device_calls_itself(
    node: str, target: str
) -> None:
    try:
        made = filled("-x", "name={node}", "{target}", node=node, target=target)
    except CommandRefused:
        assert target.startswith("-") or "\0" in node + target
        return

    assert made == ("-x", f"name={node}", target)


@pytest.mark.parametrize(
    ("argv", "values", "words"),
    [
        pytest.param("{node}", {"node": "-rf"}, "would pass for an option of ping", id="option"),
        pytest.param(
            "{node}/x",
            {"node": "--help"},
            "would pass for an option",
            id="option with something behind",
        ),
        pytest.param("{pid}", {"pid": None}, "the pid is not known", id="no pid"),
        pytest.param("{target}", {"target": None}, "the target is not known", id="no target"),
        pytest.param("x{node}", {"node": "a\0b"}, "zero byte", id="zero byte"),
    ],
)
def test_a_command_that_can_not_be_meant_so_is_refused(
    argv: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(CommandRefused, match=words):
        filled(argv, **values)


def test_a_command_may_give_options_of_its_own() -> None:
    assert filled("--name={node}", "-n{port}") == ("--name=attic", "-n20010")


def test_the_keymap_is_the_actions_own_with_what_the_operator_changed() -> None:
    assert keymap({"kill": "k", "reset": "r,f2"}, Preferences(keys=(("kill", "x"),))) == {
        "kill": "x",
        "reset": "r,f2",
    }


def test_keys_may_be_swapped() -> None:
    assert keymap(
        {"kill": "k", "reset": "r"}, Preferences(keys=(("kill", "r"), ("reset", "k")))
    ) == {"kill": "r", "reset": "k"}


def test_a_key_for_no_action_names_the_nearest_and_the_file() -> None:
    preferences = combined((Layer(origin="/etc/reversi/reversi.toml", keys={"kil": "x"}),))

    with pytest.raises(
        UnknownAction, match=r"^/etc/reversi/reversi.toml: .*'kil'; did you mean 'kill'\?"
    ):
        keymap({"kill": "k"}, preferences)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(Layer(origin="mine", keys={"kill": "f2"}), id="an action's"),
        pytest.param(
            Layer(
                origin="mine", commands=(Command(name="ping", key="f2", title="", argv=("ping",)),)
            ),
            id="a command's",
        ),
    ],
)
def test_a_key_used_twice_is_told_of_the_source_that_chose_it(layer: Layer) -> None:
    with pytest.raises(KeyTwice, match=r"^mine: key 'f2' belongs to action reset and to "):
        keymap({"kill": "k", "reset": "r,f2"}, combined((layer,)))


def test_the_console_s_own_keys_do_not_clash() -> None:
    assert len(keymap({action.id: action.key for action in ACTIONS}, Preferences())) == len(ACTIONS)


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
        pytest.param("", 0o666, "everyone may write it", id="open to all"),
    ],
)
def test_an_own_file_that_can_not_be_used_is_one_sentence(
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


@pytest.mark.parametrize(("value", "theme"), [("1", "mono"), ("", "terminal")])
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


@pytest.mark.parametrize("module", ["preferences", "console_toml"])
def test_the_parser_needs_no_textual_and_no_loop(module: str) -> None:
    program = (
        f"import sys, reversi_tui.{module}; print(sorted({{'textual', 'rich', 'asyncio',"
        " 'tempfile', 'fcntl'} & set(sys.modules)))"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
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
