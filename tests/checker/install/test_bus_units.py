"""The nats-server and the agent of a gateway that is on the bus of its fleet, and their end."""

from __future__ import annotations

from dataclasses import replace

from checker.config.layout import SYSTEM
from checker.install.bus_units import LIBRARY, agent_content
from checker.install.fleet_units import fleet_folders
from checker.install.places import (
    BUS_FILE,
    BUS_UNIT_FILES,
    FLEET_AGENT_FILE,
    FLEET_STATE,
    FLEET_USER,
    drop_in_of,
)
from checker.install.plan import plan
from checker.install.steps import Choices, Command, Remove
from checker.install.undo import Installed, undo
from checker.install.units import packaged_texts
from tests.checker.install.machines import PYTHON, STOCK, done, entry_of, words, written

MEMBER = replace(STOCK, choices=Choices(is_in_fleet=True, is_on_bus=True))
NAMES = frozenset(path.name for path in BUS_UNIT_FILES)
STARTS = [f"systemctl enable --now {path.name}" for path in BUS_UNIT_FILES]


def test_a_gateway_on_the_bus_gets_an_account_and_both_services() -> None:
    planned = plan(MEMBER)

    assert set(BUS_UNIT_FILES) <= set(written(planned))
    assert set(STARTS) <= set(words(planned))
    assert any(one.startswith("useradd") and one.endswith(FLEET_USER) for one in words(planned))
    folders = {one.path: (one.mode, one.group) for one in fleet_folders(MEMBER.choices)}
    assert folders[FLEET_STATE] == (0o1775, FLEET_USER)
    assert folders[SYSTEM.inbox] == (0o1730, "reversi-operators")


def test_a_fleet_without_a_bus_gets_neither() -> None:
    planned = plan(replace(MEMBER, choices=Choices(is_in_fleet=True)))

    assert not set(BUS_UNIT_FILES) & set(written(planned))
    assert FLEET_USER not in " ".join(words(planned)).replace("reversi-fleet-apply", "")


def test_once_done_there_is_nothing_left_to_do() -> None:
    after = done(MEMBER)
    folders = {one.path: entry_of(one) for one in fleet_folders(MEMBER.choices)}
    links = after.linked | NAMES | {"reversi-fleet-apply.path"}

    planned = plan(replace(after, entries={**after.entries, **folders}, linked=links))

    assert planned.steps == ()


def test_what_runs_an_older_release_is_restarted() -> None:
    after = done(MEMBER)
    links = after.linked | NAMES | {"reversi-fleet-apply.path"}

    planned = plan(replace(after, linked=links, outdated_units=NAMES))

    assert {f"systemctl restart {name}" for name in NAMES} <= set(words(planned))


def test_a_missing_program_or_package_is_named_and_stops_nothing() -> None:
    planned = plan(replace(MEMBER, missing_libraries=frozenset({LIBRARY}), has_nats_server=False))

    assert STARTS[0] in words(planned)
    assert STARTS[1] not in words(planned)
    said = " ".join(planned.warnings)
    assert f"run: sudo {PYTHON} -m pip install nats-py" in said
    assert "apt-get install nats-server" in said


def test_mirrors_of_a_closed_gateway_are_its_readers_alone() -> None:
    closed = agent_content(PYTHON, "wheel").decode()
    shipped = packaged_texts(PYTHON)
    packaged = plan(
        replace(MEMBER, choices=replace(MEMBER.choices, readers="wheel"), packaged=shipped)
    )

    assert "Group=wheel\n" in closed
    assert "UMask=0027\n" in closed
    assert set(shipped) >= NAMES
    part = written(packaged)[drop_in_of(FLEET_AGENT_FILE)].content
    assert b"Group=wheel\n" in part
    assert b"UMask=0027\n" in part


def test_a_gateway_that_left_the_bus_loses_the_services() -> None:
    after = done(MEMBER)
    left = replace(after, choices=Choices(is_in_fleet=True), linked=after.linked | NAMES)

    planned = plan(left)

    gone = [one.path for one in planned.steps if isinstance(one, Remove)]
    assert gone == list(BUS_UNIT_FILES)
    disabled = " ".join(path.name for path in BUS_UNIT_FILES)
    assert f"systemctl disable --now {disabled}" in words(planned)


def test_uninstall_stops_the_services_and_forgets_their_state() -> None:
    after = done(MEMBER)
    there = Installed(
        files=after.written,
        folders=[str(FLEET_STATE)],
        made=(f"user {FLEET_USER}",),
        entries=after.entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )

    steps, _ = undo(there, purge=False)

    said = [" ".join(one.words) for one in steps if isinstance(one, Command)]
    assert said[0].endswith(f"{BUS_FILE.name} {FLEET_AGENT_FILE.name}")
    assert "rm -rf /var/lib/reversi-bus /var/lib/private/reversi-bus" in said
    assert f"userdel {FLEET_USER}" in said
    assert set(BUS_UNIT_FILES) <= {one.path for one in steps if isinstance(one, Remove)}
