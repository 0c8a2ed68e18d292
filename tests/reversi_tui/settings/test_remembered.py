"""The remembered view: what is kept, and files that are damaged or locked."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from reversi_tui.settings.preferences import MOST_FILTERS, Layer, Preferences
from reversi_tui.settings.remembered import Memory, memory_path

SOMETHING = {
    "sort_by": "latency",
    "backwards": True,
    "columns": ["port", "node"],
    "wide": True,
    "history": ["a", "b"],
}


def file_in(folder: Path) -> Path:
    return folder / "state" / "reversi" / "console.json"


def memory_in(folder: Path, gateway: str = "gateway") -> Memory:
    return Memory(home_layout(folder / gateway), file_in(folder))


def begun(folder: Path, *files: Layer, later: tuple[Layer, ...] = ()) -> tuple[Memory, Preferences]:
    memory = memory_in(folder)
    preferences, remark = memory.begin(files, later)
    assert remark == ""
    return memory, preferences


def write(folder: Path, content: bytes) -> None:
    file_in(folder).parent.mkdir(parents=True)
    file_in(folder).write_bytes(content)


def test_what_changed_is_there_the_next_time(tmp_path: Path) -> None:
    memory, preferences = begun(tmp_path)
    after = replace(
        preferences,
        sort_by="pid",
        backwards=True,
        columns=("pid", "node"),
        wide=True,
        filter_text="attic",
        faults_only=True,
        grouped=True,
        theme="light",
        history=("attic",),
    )

    assert memory.remember(after) == ""

    _, again = begun(tmp_path)
    assert again == after
    assert again.origin("theme") == "remembered"


def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    memory, preferences = begun(tmp_path)

    memory.remember(replace(preferences, wide=True))

    assert file_in(tmp_path).stat().st_mode & 0o777 == 0o600
    assert file_in(tmp_path).parent.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in file_in(tmp_path).parent.iterdir()} == {
        "console.json",
        "console.json.lock",
    }


def test_nothing_changed_writes_nothing(tmp_path: Path) -> None:
    memory, preferences = begun(tmp_path)

    assert memory.remember(preferences) == ""

    assert not file_in(tmp_path).exists()


def test_each_gateway_has_a_view_of_its_own(tmp_path: Path) -> None:
    for gateway, column in (("one", "pid"), ("two", "port")):
        memory = memory_in(tmp_path, gateway)
        preferences, _ = memory.begin((), ())
        memory.remember(replace(preferences, sort_by=column))

    assert [
        memory_in(tmp_path, gateway).begin((), ())[0].sort_by for gateway in ("one", "two", "three")
    ] == ["pid", "port", "status"]


def test_two_consoles_at_once_lose_nothing_of_each_other_s(tmp_path: Path) -> None:
    gateways = [f"gateway-{number}" for number in range(3)]

    def change(gateway: str) -> None:
        memory = memory_in(tmp_path, gateway)
        preferences, _ = memory.begin((), ())
        for number in range(5):
            assert memory.remember(replace(preferences, filter_text=f"{gateway} {number}")) == ""

    threads = [threading.Thread(target=change, args=(gateway,)) for gateway in gateways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [memory_in(tmp_path, gateway).begin((), ())[0].filter_text for gateway in gateways] == [
        f"{gateway} 4" for gateway in gateways
    ]


def test_what_another_console_of_the_gateway_changed_stays(tmp_path: Path) -> None:
    one, of_one = begun(tmp_path)
    two, of_two = begun(tmp_path)

    one.remember(replace(of_one, sort_by="pid", history=("a", "b")))
    two.remember(replace(of_two, wide=True, history=("b", "c")))

    _, again = begun(tmp_path)
    assert (again.sort_by, again.wide, again.history) == ("pid", True, ("a", "b", "c"))


def test_what_was_typed_is_not_remembered_unless_it_was_changed_afterwards(tmp_path: Path) -> None:
    typed = Layer(origin="command line", values={"filter_text": "status:hung", "theme": "mono"})
    memory, preferences = begun(tmp_path, later=(typed,))

    memory.remember(replace(preferences, theme="light", wide=True))

    _, again = begun(tmp_path)
    assert (again.filter_text, again.theme, again.wide) == ("", "light", True)


def test_going_back_to_what_the_files_say_leaves_it_to_them(tmp_path: Path) -> None:
    memory, preferences = begun(tmp_path, Layer(origin="file", values={"sort_by": "port"}))
    memory.remember(replace(preferences, sort_by="pid"))
    memory.remember(preferences)

    _, again = begun(tmp_path, Layer(origin="file", values={"sort_by": "latency"}))

    assert (again.sort_by, again.origin("sort_by")) == ("latency", "file")


def test_a_filter_that_the_files_set_can_be_remembered_as_cleared(tmp_path: Path) -> None:
    file = Layer(origin="file", values={"filter_text": "attic"})
    memory, preferences = begun(tmp_path, file)

    memory.remember(replace(preferences, filter_text=""))

    assert begun(tmp_path, file)[1].filter_text == ""


def test_the_history_keeps_the_newest(tmp_path: Path) -> None:
    memory, preferences = begun(tmp_path)

    memory.remember(
        replace(
            preferences, history=tuple(f"filter {number}" for number in range(MOST_FILTERS + 7))
        )
    )

    history = begun(tmp_path)[1].history
    assert (len(history), history[-1]) == (MOST_FILTERS, f"filter {MOST_FILTERS + 6}")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_a_damaged_file_is_remarked_on_and_written_again(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, content)
    memory = memory_in(tmp_path)

    preferences, remark = memory.begin((), ())

    assert preferences == Preferences()
    assert str(file_in(tmp_path)) in remark
    assert "damaged" in remark
    assert memory.remember(replace(preferences, wide=True)) == ""
    assert begun(tmp_path)[1].wide


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            SOMETHING | {"columns": ["colour", "port", "port"]},
            {"columns": ("port",)},
            id="unknown column",
        ),
        pytest.param(SOMETHING | {"sort_by": "colour"}, {"sort_by": "status"}, id="sorted by none"),
        pytest.param(
            SOMETHING | {"sort_by": ["node"]}, {"sort_by": "status"}, id="sorted by a list"
        ),
        pytest.param(SOMETHING | {"wide": "yes"}, {"wide": False}, id="no flag"),
        pytest.param(SOMETHING | {"theme": "pink"}, {"theme": "dark"}, id="no such theme"),
        pytest.param(SOMETHING | {"history": [1]}, {"history": ()}, id="no texts"),
        pytest.param(
            SOMETHING | {"confirm_over": 10_000}, {"confirm_over": 5}, id="what is never remembered"
        ),
        pytest.param(
            "nothing",
            {"sort_by": "status", "backwards": False, "columns": (), "wide": False, "history": ()},
            id="no entry",
        ),
    ],
)
def test_of_an_entry_only_what_is_as_it_must_be_counts(
    tmp_path: Path, entry: object, expected: dict[str, object]
) -> None:
    write(tmp_path, json.dumps({str(tmp_path / "gateway"): entry}).encode())

    _, preferences = begun(tmp_path)

    good = {
        "sort_by": "latency",
        "backwards": True,
        "columns": ("port", "node"),
        "wide": True,
        "history": ("a", "b"),
    }
    assert {name: getattr(preferences, name) for name in good | expected} == good | expected


def test_a_state_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    memory = memory_in(tmp_path)
    preferences, remark = memory.begin((), ())

    told = memory.remember(replace(preferences, wide=True))

    assert "cannot be read" in remark
    assert told.startswith("the view is not remembered: ")


def test_a_lock_that_another_holds_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reversi_tui.settings.remembered.LOCK_WITHIN_S", 0.05)
    memory, preferences = begun(tmp_path)
    file_in(tmp_path).parent.mkdir(parents=True)
    handle = os.open(f"{file_in(tmp_path)}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)

        assert "another console has locked it" in memory.remember(replace(preferences, wide=True))
    finally:
        os.close(handle)
    assert memory.remember(replace(preferences, wide=True)) == ""
    assert begun(tmp_path)[1].wide


def test_without_a_place_nothing_is_remembered_and_nothing_is_wrong(tmp_path: Path) -> None:
    memory = Memory(home_layout(tmp_path), None)
    preferences, remark = memory.begin((), ())

    assert remark == ""
    assert memory.remember(replace(preferences, wide=True)) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/reversi/console.json"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/reversi/console.json"),
        ({"HOME": "/h"}, "/h/.local/state/reversi/console.json"),
        ({}, None),
    ],
)
def test_the_place_is_the_one_that_xdg_says(environ: dict[str, str], path: str | None) -> None:
    assert memory_path(environ) == (path and Path(path))
