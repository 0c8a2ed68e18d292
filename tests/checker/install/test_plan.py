"""What `init` plans, from what it finds; places.py and steps.py are covered here too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.layout import SYSTEM, Layout
from checker.install.places import (
    DROP_IN,
    REST,
    STATE,
    SYSCTL,
    TMPFILES,
    UNIT_FILE,
    UNITS,
)
from checker.install.plan import all_folders, plan
from checker.install.steps import (
    Choices,
    Entry,
    Folder,
    GoLive,
    InitPlan,
    KeysInLine,
    digest,
)
from checker.install.unit_files import DAEMON_USER
from tests.checker.install.machines import STOCK, done, words, written


def test_a_stock_server_gets_everything_accounts_first_and_the_service_last() -> None:
    planned = plan(STOCK)

    assert words(planned) == [
        "groupadd --system reversi-operators",
        (
            "useradd --system --user-group --no-create-home --home-dir / --shell /bin/sh --password"
            " '*' reversi"
        ),
        (
            "useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin"
            " --password '*' reversi-checker"
        ),
        "systemctl daemon-reload",
        "systemctl enable --now reversi-checker.service reversi-keys.path",
    ]
    assert list(written(planned)) == [
        SYSTEM.config,
        SYSTEM.authorized_keys,
        TMPFILES,
        *UNITS,
        DROP_IN,
        REST,
    ]
    assert [step.reload for step in planned.steps if isinstance(step, GoLive)] == [
        ("systemctl", "try-reload-or-restart", "ssh.service")
    ]
    assert planned.notes == ()


@pytest.mark.parametrize(
    "ports", [range(20000, 30000), range(50000, 50100), range(30000, 40000)], ids=str
)
@pytest.mark.parametrize("has_systemd", [True, False])
def test_a_second_run_plans_nothing(ports: range, has_systemd: bool) -> None:
    found = replace(
        STOCK, choices=Choices(ports=ports), reserved=frozenset({40000}), has_systemd=has_systemd
    )

    assert plan(done(found)) == InitPlan(steps=())


def test_without_systemd_init_starts_nothing_and_says_so() -> None:
    planned = plan(replace(STOCK, has_systemd=False, sshd_unit=""))

    assert not any("systemctl" in text for text in words(planned))
    assert [step.reload for step in planned.steps if isinstance(step, GoLive)] == [()]
    assert "systemd does not run here" in planned.notes[0]


def test_without_systemd_reversi_may_be_installed_anywhere() -> None:
    planned = plan(replace(STOCK, has_systemd=False, python="/home/me/venv/bin/python"))

    assert UNIT_FILE in written(planned)
    assert planned.notes[0].startswith(
        "reversi runs from /home/me/venv/bin/python, which a service cannot see"
    )


def test_a_gateway_option_does_not_change_the_settings_and_init_says_so() -> None:
    asked = replace(STOCK.choices, gateways=("a:22",), asked_gateways=("b:22",))

    planned = plan(
        replace(done(replace(STOCK, choices=replace(asked, asked_gateways=()))), choices=asked)
    )

    assert planned.steps == ()
    assert planned.notes == (
        (
            "left as it is: gateway in /etc/reversi/reversi.toml says a:22, not b:22; edit that"
            " file to change it"
        ),
    )


def test_files_that_a_daemon_run_by_root_owns_stay_with_root() -> None:
    there = done(STOCK)
    entry = Entry(mode=0o755, owner=DAEMON_USER, group=DAEMON_USER, strays=True)

    assert (
        plan(replace(there, entries={**there.entries, STATE: entry}, is_served_by_root=True)).steps
        == ()
    )


def test_ports_in_the_ephemeral_range_are_reserved_beside_those_reserved_before() -> None:
    found = replace(
        STOCK,
        choices=Choices(ports=range(32000, 33000)),
        reserved=frozenset({8080, 32770}),
        node_ports=frozenset({60000, 70}),
    )

    planned = plan(found)

    assert written(planned)[SYSCTL].content.endswith(
        b"\nnet.ipv4.ip_local_reserved_ports = 8080,32768-32999,60000\n"
    )
    assert f"sysctl -q -p {SYSCTL}" in words(planned)
    assert SYSCTL not in written(plan(STOCK))


def test_ports_that_the_kernel_no_longer_reserves_are_reserved_again() -> None:
    found = replace(
        done(replace(STOCK, choices=Choices(ports=range(50000, 50010)))), reserved=frozenset()
    )

    assert words(plan(found)) == [f"sysctl -q -p {SYSCTL}"]


def test_a_file_of_an_earlier_version_is_replaced_but_a_changed_one_is_not() -> None:
    there = done(STOCK)
    changed = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    entries = {**there.entries, UNIT_FILE: changed}
    ours = replace(there, entries=entries, written={str(UNIT_FILE): digest(b"mine\n")})
    admins = replace(there, entries=entries)

    assert words(plan(ours)) == [
        "systemctl daemon-reload",
        "systemctl restart reversi-checker.service",
    ]
    assert plan(admins).steps == ()
    assert plan(admins).notes[0].startswith(f"left as it is: {UNIT_FILE}")
    assert written(plan(replace(admins, force=True)))[UNIT_FILE].backup


def test_the_settings_and_the_key_file_are_never_replaced() -> None:
    there = done(STOCK)
    mine = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    entries = {**there.entries, SYSTEM.config: mine, SYSTEM.authorized_keys: mine}

    assert plan(replace(there, entries=entries, force=True)) == InitPlan(steps=())


def test_a_directory_with_another_mode_or_owner_or_strays_is_repaired() -> None:
    there = done(STOCK)
    for entry in (
        Entry(mode=0o777, owner=DAEMON_USER, group=DAEMON_USER),
        Entry(mode=0o755, owner="root", group=DAEMON_USER),
        Entry(mode=0o755, owner=DAEMON_USER, group=DAEMON_USER, strays=True),
    ):
        steps = plan(replace(there, entries={**there.entries, STATE: entry})).steps
        assert [step.path for step in steps if isinstance(step, Folder)] == [STATE]


def test_a_key_file_that_does_not_match_the_registry_is_written_again() -> None:
    assert plan(replace(done(STOCK), keys_lag=True)).steps == (KeysInLine(),)


def test_init_makes_the_directories_that_the_daemon_uses() -> None:
    layout: Layout = SYSTEM

    assert {folder.path for folder in all_folders("reversi")} >= {
        layout.nodes,
        layout.run,
        layout.spool,
        layout.state.parent,
    }


def test_the_shared_key_is_in_force_before_sshd_reads_our_key_file() -> None:
    config = b'tunnel_user = "reversi"\n[shared_key]\nenabled = true\n'
    planned = plan(replace(STOCK, choices=Choices(config=config)))

    kinds = [type(step) for step in planned.steps]
    assert written(planned)[SYSTEM.config].content == config
    assert kinds.index(KeysInLine) < kinds.index(GoLive)


def test_a_shared_key_on_an_installed_gateway_edits_its_settings_and_restarts_the_daemon() -> None:
    config = b'tunnel_user = "reversi"\n[shared_key]\nenabled = true\n'
    planned = plan(replace(done(STOCK), choices=Choices(config=config)))

    assert list(written(planned)) == [SYSTEM.config]
    assert written(planned)[SYSTEM.config].backup is False
    assert words(planned) == ["systemctl restart reversi-checker.service"]
    assert any(isinstance(step, KeysInLine) for step in planned.steps)
    after = done(replace(STOCK, choices=Choices(config=config)))
    assert plan(after).steps == ()


def test_a_daemon_that_does_not_know_the_settings_yet_is_restarted() -> None:
    assert words(plan(replace(done(STOCK), is_daemon_older=True))) == [
        "systemctl restart reversi-checker.service"
    ]
