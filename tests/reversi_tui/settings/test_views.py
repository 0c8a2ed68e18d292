"""Named views: their tables, keys and names, and the file that they are written to."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from checker.model import InvalidValue
from reversi_tui.actions.table import ACTIONS, MOVES
from reversi_tui.settings.layers import layer_of_own
from reversi_tui.settings.preferences import Layer, combined
from reversi_tui.settings.view_file import NotSaved, save_view
from reversi_tui.settings.view_tables import views_in
from reversi_tui.settings.views import (
    SHIPPED,
    NamedView,
    called,
    key_for,
    parse_view_name,
    summary,
    with_keys_free,
)

FILE = Path("console.toml")
BAKERY = NamedView(
    name="bakery",
    key="7",
    filter_text="tag:bakery",
    sort=("since", True),
    columns=("node", "status"),
    faults_only=True,
)
TABLE = {
    "name": "bakery",
    "key": "7",
    "filter": "tag:bakery",
    "sort": "-since",
    "columns": ["node", "status"],
    "faults": True,
}


def test_a_table_is_a_view() -> None:
    assert views_in(FILE, [TABLE]) == ((BAKERY,), ())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        pytest.param({"key": "7"}, "name is missing", id="no name"),
        pytest.param({"name": " "}, "cannot be the name of a view", id="empty name"),
        pytest.param({"name": "x", "fliter": ""}, "did you mean 'filter'?", id="unknown key"),
        pytest.param({"name": "x", "sort": "-flpas"}, "did you mean 'flaps'?", id="column"),
        pytest.param({"name": "x", "columns": "node"}, "list of texts", id="columns"),
        pytest.param({"name": "x", "faults": 1}, "true or false", id="flag"),
        pytest.param({"name": "x", "key": "7,8"}, "must be one key", id="two keys"),
        pytest.param({"name": "bakery"}, "two views are called 'bakery'", id="twice"),
        pytest.param("x", "must be a table", id="no table"),
    ],
)
def test_a_bad_table_is_one_sentence_and_the_rest_works(table: object, words: str) -> None:
    views, remarks = views_in(FILE, [TABLE, table, {"name": "other"}])

    assert [view.name for view in views] == ["bakery", "other"]
    (remark,) = remarks
    assert remark.startswith("console.toml: view 2: ")
    assert words in remark
    assert remark.endswith("; the other views work")


def test_views_other_than_a_list_are_one_sentence() -> None:
    assert views_in(FILE, {"name": "x"}) == (
        (),
        ("console.toml: view must be a list of tables; write [[view]]",),
    )


def test_an_own_view_takes_the_place_of_a_shipped_one() -> None:
    own = NamedView(name="slow", key="4", filter_text="latency:>900")

    preferences = combined((Layer(origin="own", views=(own, BAKERY), remarks=("bad",)),))

    names = [view.name for view in preferences.views]
    assert names == [*(view.name for view in SHIPPED), "bakery"]
    assert preferences.views[names.index("slow")] == own
    assert preferences.origin("view.slow") == "own"
    assert preferences.remarks == ("bad",)


def test_the_shipped_views_have_keys_that_nothing_else_has() -> None:
    taken = {key: each.id for each in ACTIONS for key in each.keys}
    taken |= {key: name for name, keys in MOVES.items() for key in keys.split(",")}

    assert with_keys_free(SHIPPED, taken) == (SHIPPED, ())
    assert [view.key for view in SHIPPED] == ["1", "2", "3", "4", "5", "6"]


def test_an_own_view_takes_the_key_of_a_shipped_one_and_of_nothing_else() -> None:
    first = NamedView(name="first", key="1")
    kill = NamedView(name="kill view", key="k")

    views, remarks = with_keys_free((*SHIPPED, first, kill), {"k": "act.kill"})

    keys = {view.name: view.key for view in views}
    assert (keys["first"], keys["all"], keys["faults"], keys["kill view"]) == ("1", "", "2", "")
    assert remarks == ("view 'kill view' has no key: 'k' is for act.kill; give it another one",)


@pytest.mark.parametrize(
    ("name", "taken", "key"),
    [
        pytest.param("new", "", "7", id="first free"),
        pytest.param("new", "78", "9", id="others have some"),
        pytest.param("new", "789", "", id="none is free"),
        pytest.param("slow", "", "4", id="it had one"),
    ],
)
def test_a_saved_view_gets_a_digit(name: str, taken: str, key: str) -> None:
    assert key_for(name, SHIPPED, taken) == key


@pytest.mark.parametrize(
    ("now", "name"),
    [
        pytest.param(
            NamedView(name="", sort=("status", False), faults_only=True), "faults", id="sort"
        ),
        pytest.param(NamedView(name="", sort=("node", False), faults_only=True), "", id="other"),
        pytest.param(
            NamedView(name="", sort=("peer", False), filter_text="is:disabled|expired"),
            "out on purpose",
            id="open order",
        ),
    ],
)
def test_what_is_shown_has_the_name_of_its_view(now: NamedView, name: str) -> None:
    assert called(SHIPPED[1:], now) == name


@pytest.mark.parametrize("text", ["", "  ", "x" * 33, "a\x1bb"])
def test_a_name_must_be_short_and_printable(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be the name of a view"):
        parse_view_name(text)


def test_a_view_says_what_it_shows() -> None:
    assert summary(BAKERY) == "filter tag:bakery, faults only, sort -since, columns node status"
    assert summary(NamedView(name="x")) == "all rows"


def test_a_view_is_written_without_touching_the_rest(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "console.toml"
    real.write_text('# mine\n[console]\ntheme = "dark" # at night\n\n[[view]]\nname = "a" # A\n')
    real.chmod(0o640)
    link.symlink_to(real)

    save_view(link, BAKERY)
    save_view(link, NamedView(name="a", key="8", filter_text='say "hi" \\o/'))

    text = real.read_text()
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert text.startswith(
        '# mine\n[console]\ntheme = "dark" # at night\n\n[[view]]\nname = "a" # A'
    )
    assert tomllib.loads(text)["view"] == [
        {"name": "a", "key": "8", "filter": 'say "hi" \\o/'},
        TABLE,
    ]
    layer = layer_of_own(link)
    assert [view.name for view in layer.views] == ["a", "bakery"]
    assert layer.remarks == ()


def test_a_view_replaced_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "console.toml"

    save_view(path, BAKERY)
    save_view(path, NamedView(name="bakery", key="7"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(path.read_text()) == {"view": [{"name": "bakery", "key": "7"}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[console", "cannot be changed", id="no TOML"),
        pytest.param("view = 1\n", "not a list of tables", id="no list"),
        pytest.param(None, "the environment names no home", id="no home"),
    ],
)
def test_a_file_that_cannot_take_a_view_stays_as_it_is(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "console.toml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(NotSaved, match=words):
        save_view(None if text is None else path, BAKERY)

    assert text is None or path.read_text() == text
