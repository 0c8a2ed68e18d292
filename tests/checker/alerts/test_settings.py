"""alerts.toml: its keys, and what is said about mistakes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from checker.alerts.example import EXAMPLE
from checker.alerts.outages import Rules
from checker.alerts.settings import (
    KEYS,
    Settings,
    load_settings,
    settings_from,
)
from checker.config.layout import SYSTEM
from checker.config.toml_file import ConfigError

FILE = Path("/etc/reversi/alerts.toml")
SECRET = "s3cret-token"


def test_the_file_is_beside_the_settings() -> None:
    assert SYSTEM.alerts == FILE


def test_a_missing_or_empty_file_has_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml") == (Settings(), ())
    assert settings_from(FILE, {}) == (Settings(), ())


def test_every_key_is_read() -> None:
    text = """
        send = ["ntfy://my-topic", "mailto://me:pw@example.org"]
        command = ["/usr/bin/page", "--loud"]
        down_after_s = 60
        up_after_s = 30
        group_s = 10
        storm = 5
        remind = "08:00"
        filter = "tag:prod"
        heartbeat = "https://hc.example.org/ping/x"
    """
    table = tomllib.loads(text)

    assert set(table) == set(KEYS)
    assert settings_from(FILE, table) == (
        Settings(
            send=("ntfy://my-topic", "mailto://me:pw@example.org"),
            command=("/usr/bin/page", "--loud"),
            rules=Rules(down_after_s=60, up_after_s=30),
            group_s=10,
            storm=5,
            remind="08:00",
            filter_text="tag:prod",
            heartbeat="https://hc.example.org/ping/x",
        ),
        (),
    )


def test_an_unknown_key_is_a_warning_that_names_the_nearest() -> None:
    _, warnings = settings_from(FILE, {"down_afters": 3, "zzz": 1})

    assert warnings[0] == (
        "/etc/reversi/alerts.toml: unknown key 'down_afters' is ignored; did you mean"
        " 'down_after_s'?"
    )
    assert "known are: send, command" in warnings[1]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("send", 3, "send must be a list"),
        ("send", ["topic"], "send: entry 1 is not a URL"),
        ("send", [f"x://{SECRET}", f"no url {SECRET}"], "send: entry 2 is not a URL"),
        ("send", [f"x://{SECRET}"] * 2, "send names the same URL twice"),
        ("send", [f"ntfy://{SECRET}/{n}" for n in range(21)], "at most 20"),
        ("command", "/usr/bin/page", "command must be a list of words"),
        ("command", ["page"], "the whole path of a program"),
        ("command", ["/bin/a\0b"], "command must be a list of words"),
        ("down_after_s", "3m", "down_after_s must be a number"),
        ("up_after_s", -1, "up_after_s must be a number"),
        ("group_s", 1e9, "group_s must be a number"),
        ("storm", 0, "storm must be a whole number"),
        ("remind", "8:00", "remind must be a time of day, as in '08:00'"),
        ("remind", "24:00", "remind must be a time of day"),
        ("filter", 3, "filter must be a text"),
        ("filter", "a\nb", "filter must be one line"),
        ("heartbeat", f"file:///etc/{SECRET}", "heartbeat must be a URL that begins with https"),
        ("heartbeat", f"http://[{SECRET}", "heartbeat must be a URL"),
        ("heartbeat", f"http://x:port{SECRET}/", "heartbeat must be a URL"),
        ("heartbeat", f"http:///{SECRET}", "heartbeat must be a URL"),
    ],
)
def test_a_bad_value_is_named_with_file_and_key_and_without_secrets(
    key: str, value: object, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_from(FILE, {key: value})

    assert str(caught.value).startswith(f"{FILE}: ")
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_settings_do_not_print_their_secrets() -> None:
    found = Settings(send=(f"ntfy://{SECRET}",), heartbeat=f"https://hc.example.org/{SECRET}")

    assert SECRET not in repr(found)


def test_each_setting_of_the_example_is_valid() -> None:
    assert tomllib.loads(EXAMPLE) == {}
    lines = [line.removeprefix("# ") for line in EXAMPLE.splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith("send"))
    code = [line for line in lines[start:] if "=" in line or line.strip(" ").startswith(('"', "]"))]

    table = tomllib.loads("\n".join(code))

    assert set(table) == set(KEYS)
    assert settings_from(FILE, table)[1] == ()
