"""Who may act as an operator, and who is told how to become one."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from checker.config.settings import Config, current_user
from checker.daemon.operators import Operators
from checker.model import CheckerError

NOBODY_HAS = 2**31 - 7


def operators(group: str = "") -> Operators:
    return Operators(Config(tunnel_user=current_user(), operators_group=group))


def test_an_unknown_group_of_operators_is_an_error() -> None:
    with pytest.raises(
        CheckerError,
        match="'no-such-group' is not a group on this machine; make it with: groupadd no-such",
    ):
        operators("no-such-group")


async def test_root_and_the_daemons_own_user_are_operators_without_a_group() -> None:
    found = operators()

    assert found.known == {0, os.geteuid()}
    assert await found.include(0)
    assert await found.include(os.geteuid())
    assert not await found.include(NOBODY_HAS)
    assert found.refusal(NOBODY_HAS, "kill") == "only root may kill here: use sudo"


async def test_the_members_of_the_group_are_looked_up_at_each_request() -> None:
    other = next(user for user in pwd.getpwall() if user.pw_uid not in (0, os.geteuid()))
    group = grp.getgrgid(other.pw_gid).gr_name
    found = operators(group)
    found.known.clear()

    assert await found.include(other.pw_uid)

    assert other.pw_uid in found
    found.known.add(NOBODY_HAS)
    assert not await found.include(NOBODY_HAS)
    assert NOBODY_HAS not in found


def test_another_user_learns_which_group_to_join() -> None:
    group = grp.getgrgid(0).gr_name

    assert (
        operators(group)
        .refusal(1, "kill")
        .endswith(f"sudo usermod -aG {group} {pwd.getpwuid(1).pw_name}")
    )
