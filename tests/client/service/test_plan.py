"""What `install` and `uninstall` do on a device, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from client.service.plan import (
    Delete,
    Found,
    Plan,
    ServiceError,
    Write,
    account,
    install,
    text_of,
    uninstall,
)
from client.service.service import Manager, Service
from client.service.systemd import Account
from tests.client.service.samples import OFFICE, PLIST, SERVER, UNIT, commands

USER = replace(SERVER, manager=Manager.SYSTEMD_USER, home=Path("/home/anna"))
MAC = replace(SERVER, manager=Manager.LAUNCHD_DAEMON)
AGENT = replace(MAC, manager=Manager.LAUNCHD_AGENT, home=Path("/Users/anna"))


def installed(found: Found, plan: Plan) -> Found:
    """The device after the plan, with the service running."""
    written = {step.path: step.text for step in plan.steps if isinstance(step, Write)}
    return replace(found, files={**found.files, **written}, is_running=True)


def test_a_first_install_writes_the_unit_and_starts_it() -> None:
    planned = install(OFFICE, SERVER)

    assert [step.path for step in planned.steps if isinstance(step, Write)] == [UNIT]
    assert commands(planned) == [
        "systemctl daemon-reload",
        "systemctl enable reversi-client-office.service",
        "systemctl restart reversi-client-office.service",
    ]
    assert "an account of its own" in planned.notes[0]


def test_a_second_install_does_nothing() -> None:
    there = installed(SERVER, install(OFFICE, SERVER))

    assert install(OFFICE, there).steps == ()


def test_a_service_that_was_stopped_is_started_again() -> None:
    there = replace(installed(SERVER, install(OFFICE, SERVER)), is_running=False)

    assert commands(install(OFFICE, there)) == [
        "systemctl enable reversi-client-office.service",
        "systemctl start reversi-client-office.service",
    ]


def test_another_release_key_or_setting_restarts_it() -> None:
    there = installed(SERVER, install(OFFICE, SERVER))

    planned = install(replace(OFFICE, note="reversi 0.3.0, 0123456789abcdef"), there)

    assert commands(planned)[-1] == "systemctl restart reversi-client-office.service"


def test_two_nodes_of_one_device_are_two_services() -> None:
    cabin = replace(OFFICE, tunnel="cabin", config=Path("/etc/reversi/cabin.toml"))
    there = installed(SERVER, install(OFFICE, SERVER))

    both = installed(there, install(cabin, replace(there, is_running=False)))

    assert len(both.files) == 2
    assert install(OFFICE, both).steps == ()


def test_a_node_that_got_another_name_leaves_no_old_service() -> None:
    there = installed(SERVER, install(OFFICE, SERVER))

    planned = install(replace(OFFICE, tunnel="attic"), replace(there, is_running=False))

    assert commands(planned)[0] == "systemctl disable --now reversi-client-office.service"
    assert Delete(path=UNIT) in planned.steps
    assert commands(planned)[-1] == "systemctl restart reversi-client-attic.service"


def test_a_client_that_was_started_by_hand_is_named() -> None:
    notes = install(OFFICE, replace(SERVER, rival=4711)).notes

    assert any(note.endswith("kill 4711") for note in notes)


def test_a_users_service_needs_no_root() -> None:
    planned = install(OFFICE, USER)

    (written,) = (step.path for step in planned.steps if isinstance(step, Write))
    assert written == Path("/home/anna/.config/systemd/user/reversi-client-office.service")
    assert all(words.startswith("systemctl --user ") for words in commands(planned))
    assert "loginctl enable-linger" in planned.notes[0]


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (MAC, PLIST),
        (AGENT, Path("/Users/anna/Library/LaunchAgents/reversi-client-office.plist")),
    ],
)
def test_launchd_loads_the_file(found: Found, place: Path) -> None:
    planned = install(OFFICE, found)

    assert [step.path for step in planned.steps if isinstance(step, Write)] == [place]
    assert commands(planned) == [f"launchctl unload {place}", f"launchctl load -w {place}"]
    assert "as you" in planned.notes[0] or "as root" in planned.notes[0]


@pytest.mark.parametrize(
    ("found", "whose", "why"),
    [
        (SERVER, Account.OWN, "an account of its own"),
        (replace(SERVER, closed=Path("/opt/x")), Account.ROOT, "cannot read /opt/x"),
        (replace(SERVER, hands_over=False), Account.ROOT, "systemd cannot"),
        (USER, Account.USER, "as you"),
        (MAC, Account.ROOT, "launchd cannot"),
        (AGENT, Account.USER, "as you"),
    ],
)
def test_it_runs_with_the_least_rights_that_do_and_says_so(
    found: Found, whose: Account, why: str
) -> None:
    assert account(found) is whose
    assert why in install(OFFICE, found).notes[0]


REFUSED = [
    pytest.param(
        replace(OFFICE, config=Path("/tmp/office.toml")), SERVER, "not outlive", id="config in /tmp"
    ),
    pytest.param(
        replace(OFFICE, key=Path("/dev/shm/key")), USER, "not outlive", id="key in memory"
    ),
    pytest.param(
        replace(OFFICE, config=Path("/etc/a\nb")), SERVER, "no unit can hold", id="newline"
    ),
    pytest.param(
        OFFICE,
        replace(SERVER, files={UNIT: "[Service]\n"}),
        "is not ours; move it away",
        id="another one's unit",
    ),
    pytest.param(
        OFFICE,
        replace(
            SERVER,
            files={UNIT: text_of(replace(OFFICE, config=Path("/etc/other.toml")), SERVER)},
        ),
        "reversi-client uninstall --config /etc/other.toml",
        id="the same name at another gateway",
    ),
    pytest.param(
        OFFICE,
        replace(SERVER, bundle=Path("/etc/systemd/system/reversi-office.service")),
        "uninstall that bundle first",
        id="a bundle",
    ),
    pytest.param(
        OFFICE,
        replace(SERVER, environment=(Path("/root/.local/share/pipx/venvs/x/bin/python"),)),
        "cannot see /root/.local",
        id="environment in a home",
    ),
    pytest.param(
        OFFICE,
        replace(SERVER, hands_over=False, unreadable=Path("/home/anna")),
        "could not read /home/anna",
        id="another's key",
    ),
]


@pytest.mark.parametrize(("service", "found", "says"), REFUSED)
def test_what_could_not_work_is_refused(service: Service, found: Found, says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        install(service, found)


def test_a_user_may_have_the_environment_at_home() -> None:
    assert install(OFFICE, replace(USER, environment=(Path("/home/anna/venv/bin/python"),))).steps


def test_uninstall_removes_what_install_made() -> None:
    there = installed(SERVER, install(OFFICE, SERVER))

    planned = uninstall(OFFICE.config, there)

    assert commands(planned) == [
        "systemctl disable --now reversi-client-office.service",
        "systemctl daemon-reload",
        "systemctl reset-failed reversi-client-office.service",
    ]
    assert [step.path for step in planned.steps if isinstance(step, Delete)] == [
        UNIT,
        Path("/var/lib/reversi-client-office"),
        Path("/var/lib/private/reversi-client-office"),
    ]


def test_uninstall_of_launchd_removes_the_log_too() -> None:
    there = installed(MAC, install(OFFICE, MAC))

    planned = uninstall(None, there)

    assert commands(planned) == [f"launchctl unload -w {PLIST}"]
    assert [step.path for step in planned.steps if isinstance(step, Delete)] == [
        PLIST,
        Path("/var/log/reversi-client-office.log"),
    ]


def test_uninstall_without_a_name_wants_one_service() -> None:
    there = installed(SERVER, install(OFFICE, SERVER))
    cabin = replace(OFFICE, tunnel="cabin", config=Path("/etc/reversi/cabin.toml"))
    both = installed(there, install(cabin, replace(there, is_running=False)))

    assert uninstall(None, there).steps
    with pytest.raises(ServiceError, match=r"choose one with --config: .*office.*cabin\.toml"):
        uninstall(None, both)
    assert uninstall(cabin.config, both).steps


@pytest.mark.parametrize("config", [None, Path("/etc/other.toml")])
def test_uninstall_leaves_other_units_alone(config: Path | None) -> None:
    other = replace(SERVER, files={UNIT: "[Service]\n"})

    with pytest.raises(ServiceError, match="made no service"):
        uninstall(config, other)
