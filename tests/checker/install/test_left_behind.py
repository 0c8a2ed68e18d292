"""Which logged-in devices `init` would leave behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.left_behind import Login, Logins, clauses, lost_keys
from checker.install.plan import plan
from checker.install.refusals import Refused
from tests.checker.install.machines import STOCK

OLD, OTHER, OWN = "SHA256:old", "SHA256:other", "SHA256:own"
FILE = Path("/home/reversi/.ssh/authorized_keys2")
OFFICE = Login(peer="192.0.2.7", ports=(50123,), key=OLD)
UNLOGGED = replace(OFFICE, key="")
BEFORE = Logins(found=(OFFICE,), now=frozenset({OLD}), places=((OLD, FILE),))
"""A machine of the original; `init` was not given its key."""
TAKEN = replace(BEFORE, shared_then=frozenset({OLD}), shared_ports_then=frozenset({50123}))
OURS = Logins(
    found=(OFFICE,), is_ours=True, now=frozenset({OLD}), own_ports_then=frozenset({20001})
)
"""An installed gateway whose shared key was just turned off."""


def left(logins: Logins) -> str:
    return "; ".join(clauses(logins, "reversi"))


@pytest.mark.parametrize(
    "logins",
    [
        pytest.param(BEFORE, id="its key will not be accepted"),
        pytest.param(replace(BEFORE, shared_then=frozenset({OTHER})), id="another key will be"),
        pytest.param(replace(BEFORE, found=(UNLOGGED,)), id="sshd's log does not say its key"),
        pytest.param(
            replace(TAKEN, found=(UNLOGGED,), now=None), id="nobody knows what opens the account"
        ),
        pytest.param(
            replace(TAKEN, found=(UNLOGGED,), now=frozenset({OLD, OTHER})),
            id="it may have a key that will not be",
        ),
        pytest.param(OURS, id="the shared key was turned off"),
        pytest.param(replace(OURS, found=(UNLOGGED,)), id="so it was, without a log"),
    ],
)
def test_a_login_that_could_not_come_back_is_named(logins: Logins) -> None:
    assert "192.0.2.7 on port 50123" in left(logins)


@pytest.mark.parametrize(
    "logins",
    [
        pytest.param(Logins(), id="nobody is logged in"),
        pytest.param(TAKEN, id="its key will be accepted"),
        pytest.param(replace(TAKEN, found=(UNLOGGED,)), id="so will every key"),
        pytest.param(
            replace(OURS, found=(Login(ports=(20001,), key=OWN),), own_then=frozenset({OWN})),
            id="a node's own key",
        ),
        pytest.param(replace(OURS, found=(Login(ports=(20001,)),)), id="a node's port"),
        pytest.param(replace(OURS, found=(Login(key="SHA256:gone"),)), id="a node's lost key"),
        pytest.param(replace(OURS, found=(Login(),)), id="a request"),
        pytest.param(
            replace(
                OURS,
                found=(replace(OFFICE, ports=(20001,)),),
                shared_then=frozenset({OLD}),
            ),
            id="a port that the registry gave away",
        ),
    ],
)
def test_a_login_that_can_come_back_is_not_named(logins: Logins) -> None:
    assert left(logins) == ""


def test_a_registered_device_that_listens_on_another_port_too_is_named() -> None:
    office = Login(peer="192.0.2.7", ports=(20101, 20102), key=OWN)
    imported = Logins(
        found=(office,),
        now=frozenset({OWN}),
        own_then=frozenset({OWN}),
        own_ports_then=frozenset({20101}),
        ports_of={OWN: frozenset({20101})},
    )

    assert "does not have port 20102" in left(imported)
    assert "node forward add" in left(imported)
    assert left(replace(imported, ports_of={OWN: frozenset({20101, 20102})})) == ""


def test_the_admin_learns_which_keys_and_where_they_are() -> None:
    assert left(BEFORE) == (
        "1 device is logged in as reversi with a key that will not be accepted again"
        f" ({OLD}): 192.0.2.7 on port 50123; take them along with: --shared-key {FILE}"
    )


def test_a_port_that_the_shared_key_will_not_open_is_named_too() -> None:
    logins = replace(TAKEN, found=(OFFICE, replace(OFFICE, ports=(61000,))))

    assert left(logins) == (
        "1 device will not get this port again: 61000 (192.0.2.7 on port 61000); name all ports of"
        " the fleet with --shared-ports; if they are among those of new nodes, go on with"
        " --leave-behind and import these nodes at once"
    )


def test_of_many_devices_only_the_first_are_listed() -> None:
    many = tuple(replace(OFFICE, ports=(port,)) for port in range(50000, 50040))

    said = left(replace(BEFORE, found=many))

    assert said.startswith("40 devices are logged in")
    assert "on port 50004 and 35 more" in said


def test_init_leaves_nobody_behind_unless_it_is_told_to() -> None:
    with pytest.raises(Refused, match=r"192\.0\.2\.7 on port 50123.*init --leave-behind"):
        plan(replace(STOCK, logins=BEFORE))

    planned = plan(replace(STOCK, logins=replace(BEFORE, leave=True)))

    assert any("192.0.2.7 on port 50123" in warning for warning in planned.warnings)


def test_a_key_that_nobody_uses_now_is_only_a_warning() -> None:
    two = replace(TAKEN, now=frozenset({OLD, OTHER}), places=((OLD, FILE), (OTHER, FILE)))

    (warning,) = lost_keys(two, "reversi")
    assert f"{OTHER} ({FILE})" in warning
    assert OLD not in warning
    assert warning in plan(replace(STOCK, logins=two)).warnings
    assert list(lost_keys(replace(two, shared_then=frozenset({OLD, OTHER})), "reversi")) == []
