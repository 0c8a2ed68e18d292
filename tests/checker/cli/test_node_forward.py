"""The verbs `node forward add` and `node forward remove`, without a daemon."""

from __future__ import annotations

import json

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from tests.checker.cli.homes import Run, key_lines, registered, registry_events
from tests.strategies import free_port


def test_a_forward_is_added_and_the_admin_hears_what_the_device_needs(
    edit: Run, home: Layout
) -> None:
    before, port = registered(home), free_port()

    code, out, err = edit("forward", "add", "office", f"{port}=nas:443,tls", "--deadline", "4")

    assert code == ExitCode.OK
    assert out == (
        f"office:{port}: forward to nas:443 added\noffice: port {port} -> nas:443, expecting tls\n"
    )
    assert f"port {port} works once the device asks for it" in err
    after = registered(home)
    assert after.forwards[:2] == before.forwards
    assert (str(after.forwards[2].target), after.forwards[2].deadline_s) == ("nas:443", 4.0)
    assert (after.key_since, after.forwards[2].port_at > 0) == (before.key_since, True)
    assert f'permitlisten="localhost:{port}"' in key_lines(home)[0]
    assert [event.text for event in registry_events(home)] == ["forward to nas:443 added"]


def test_a_port_is_allotted_and_open_is_explained_once(edit: Run, home: Layout) -> None:
    code, out, err = edit("forward", "add", "office", "nas:443")

    assert code == ExitCode.OK
    assert "office: port 20000 -> nas:443, expecting open\n" in out
    assert err.count("a tunnel that hangs is not noticed") == 1
    assert "run: reversi-checker node set office --forward 20000 --expect tls" in err


def test_a_removed_forward_leaves_when_its_device_does(edit: Run, home: Layout) -> None:
    first, second = registered(home).ports

    code, out, err = edit("forward", "remove", "office", str(second))

    assert (code, out) == (
        ExitCode.OK,
        f"office:{second}: the forward is removed once its device no longer listens there\n",
    )
    assert f"office keeps port {second} until its device no longer asks for it" in err
    assert registered(home).ports == (first, second)
    assert f'"localhost:{second}"' in key_lines(home)[0]
    assert f"{second}, leaves" in edit("list")[1]
    assert "leaves since 20" in edit("show", "office")[1]
    shown = json.loads(edit("show", "office", "--json")[1])["node"]["forwards"]
    assert [one["leaves_at"] is None for one in shown] == [True, False]
    assert edit("forward", "remove", "office", str(second))[1] == "office: nothing to change\n"

    edit("forward", "add", "office", f"{second}=127.0.0.1:22,banner:SSH-2.0")
    assert registered(home).lasting == registered(home).forwards


def test_a_forward_removed_at_once_is_gone_with_a_word_about_the_device(
    edit: Run, home: Layout
) -> None:
    first, second = registered(home).ports

    code, out, err = edit("forward", "remove", "office", str(first), "--now")

    assert code == ExitCode.OK
    assert f"office:{first}: forward removed\n" in out
    assert "stays out until somebody installs a new one" in err
    assert registered(home).ports == (second,)
    assert f":{first}" not in key_lines(home)[0]


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        pytest.param(
            ("add", "office", "20777=nas:443,tls"),
            "would change office:20777: forward to",
            id="add",
        ),
        pytest.param(("remove", "office", "PORT"), "the forward is removed once", id="remove"),
        pytest.param(
            ("remove", "office", "PORT", "--now"), "would end the tunnel on port", id="now"
        ),
    ],
)
def test_a_dry_run_changes_nothing(
    edit: Run, home: Layout, words: tuple[str, ...], shows: str
) -> None:
    before = (registered(home), home.authorized_keys.read_bytes())
    port = str(registered(home).ports[1])

    code, out, _ = edit(
        "forward", *(port if word == "PORT" else word for word in words), "--dry-run"
    )

    assert code == ExitCode.OK
    assert shows in out
    assert (registered(home), home.authorized_keys.read_bytes()) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("add", "office", "OWN=nas:1"), "asks for port", id="its own port"),
        pytest.param(("add", "office", "nas"), "add the port, as in nas:22", id="no port"),
        pytest.param(("add", "ofice", "nas:1"), "did you mean 'office'?", id="node"),
        pytest.param(("remove", "office", "1"), "node office has no port 1; it has:", id="port"),
        pytest.param(("remove", "office", "x"), "port 'x' is not a port", id="no number"),
    ],
)
def test_what_makes_no_sense_is_refused(
    edit: Run, home: Layout, words: tuple[str, ...], says: str
) -> None:
    own = str(registered(home).ports[0])

    code, _, err = edit("forward", *(word.replace("OWN", own) for word in words))

    assert code == ExitCode.USAGE
    assert says in err
