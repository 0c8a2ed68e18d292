"""Preferences: merged sources, settings files, own commands, the keymap."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.toml_file import ConfigError
from reversi_tui.actions.table import ACTIONS
from reversi_tui.settings.layers import shown_settings
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
            "is not a user name",
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
            "must not have a {word} in the name of its program",
            id="the row names the program",
        ),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = ['ls', '{nod}']",
            "'{nod}', which is unknown",
            id="unknown word",
        ),
        pytest.param(
            "[[command]]\nname = 'x'\nargv = ['ls', '{']", "a single '{'", id="lone brace"
        ),
        pytest.param(PING + PING, "two commands have the name 'ping'", id="command twice"),
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
        pytest.param("{node}", {"node": "-rf"}, "ping would take '-rf' for an option", id="option"),
        pytest.param(
            "{node}/x",
            {"node": "--help"},
            "for an option",
            id="option with something behind",
        ),
        pytest.param("{pid}", {"pid": None}, "the pid is unknown", id="no pid"),
        pytest.param("{target}", {"target": None}, "the target is unknown", id="no target"),
        pytest.param("x{node}", {"node": "a\0b"}, "NUL byte", id="NUL byte"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(
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
def test_a_key_used_twice_names_the_source_that_chose_it(layer: Layer) -> None:
    with pytest.raises(KeyTwice, match=r"^mine: key 'f2' is for both action reset and "):
        keymap({"kill": "k", "reset": "r,f2"}, combined((layer,)))


def test_the_keys_of_a_preset_are_the_operators_to_change() -> None:
    preferences = combined(
        (
            read('[console.keys]\npreset = "vim"\nact.kill = "X"\ntable.first = "home"'),
            read('[console.keys]\nact.reset = "R"'),
        )
    )

    keys = dict(preferences.keys)
    assert [keys[name] for name in ("table.down", "act.kill", "table.first", "act.reset")] == [
        "j,down",
        "X",
        "home",
        "R",
    ]
    assert preferences.origin("keys.table.down") == "preset vim"
    assert preferences.origin("keys.act.kill") == "console.toml"
    shown = shown_settings(preferences)
    assert ("keys.preset", "vim", "console.toml") in shown
    assert ("keys.table.down", "j,down", "preset vim") in shown


def test_a_key_that_a_preset_uses_names_the_file_that_gave_it_to_another_action() -> None:
    actions = {"act.kill": "k", "table.up": "up", "table.first": "home"}
    layer = Layer(origin="mine", values={"preset": "vim"})

    for keys, key in (({"act.kill": "k"}, "k"), ({"act.kill": "g"}, "g")):
        changed = combined((layer, Layer(origin="mine", keys=keys)))
        mine = tuple((name, key) for name, key in changed.keys if name in actions)
        with pytest.raises(KeyTwice, match=f"^mine: key {key!r} is for both action table"):
            keymap(actions, replace(changed, keys=mine))


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"there is no preset of keys 'vi'; did you mean 'vim'\? presets are: de"
    ):
        read('[console.keys]\npreset = "vi"')


def test_a_preset_in_the_wrong_table_names_the_right_one() -> None:
    with pytest.raises(
        ConfigError, match=r"preset belongs below \[console.keys\], not below \[con"
    ):
        read('[console]\npreset = "vim"')


def test_the_console_s_own_keys_do_not_clash() -> None:
    assert len(keymap({action.id: action.key for action in ACTIONS}, Preferences())) == len(ACTIONS)
