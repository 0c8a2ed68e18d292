"""What limits sshd and not us, by the labels and namespaces of both."""

from __future__ import annotations

import pytest

from checker.sshd.confinement import Confined, clause

SHELL = "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"
SSHD_T = "system_u:system_r:sshd_t:s0-s0:c0.c1023"


@pytest.mark.parametrize(
    ("sshd", "own", "is_enforcing", "expected"),
    [
        pytest.param("", "", False, "", id="neither module"),
        pytest.param("unconfined", "unconfined", False, "", id="AppArmor, no profile"),
        pytest.param(
            "/usr/sbin/sshd (enforce)",
            "unconfined",
            False,
            "AppArmor (profile /usr/sbin/sshd)",
            id="AppArmor",
        ),
        pytest.param("/usr/sbin/sshd (complain)", "unconfined", False, "", id="only complains"),
        pytest.param("box (enforce)", "box (enforce)", False, "", id="a container's, ours too"),
        pytest.param(SSHD_T, SHELL, True, "SELinux (type sshd_t)", id="SELinux"),
        pytest.param("system_u:system_r:sshd_t", SHELL, True, "SELinux (type sshd_t)", id="short"),
        pytest.param(SSHD_T, SHELL, False, "", id="permissive"),
        pytest.param(SHELL, "system_u:system_r:init_t:s0", True, "", id="unconfined sshd"),
    ],
)
def test_a_label_that_we_do_not_have_limits_sshd(
    sshd: str, own: str, is_enforcing: bool, expected: str
) -> None:
    found = clause(
        Confined(label=sshd, mounts="mnt:[1]"),
        Confined(label=own, mounts="mnt:[1]"),
        is_enforcing=is_enforcing,
    )

    assert found == expected


def test_another_view_of_the_files_is_a_sandbox() -> None:
    sshd, own = Confined(mounts="mnt:[2]"), Confined(mounts="mnt:[1]")

    assert clause(sshd, own, is_enforcing=False) == "a sandbox of its service"
