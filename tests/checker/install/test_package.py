"""`init --root`: a package's files, and its postinst."""

from __future__ import annotations

from dataclasses import replace

from checker.config.layout import SYSTEM
from checker.install.package import package
from checker.install.places import (
    DROP_IN,
    REST,
    RUN,
    SYSCTL,
    TMPFILES,
    UNITS,
)
from checker.install.steps import (
    Choices,
    File,
    Folder,
)
from tests.checker.install.machines import STOCK, written


def test_a_package_gets_only_files_and_its_postinst_does_the_rest() -> None:
    planned, after = package(replace(STOCK, choices=Choices(ports=range(50000, 50010))))

    assert set(written(planned)) == {
        SYSTEM.config,
        SYSTEM.authorized_keys,
        TMPFILES,
        SYSCTL,
        *UNITS,
        DROP_IN,
        REST,
    }
    assert all(isinstance(step, File | Folder) for step in planned.steps)
    assert not [
        step for step in planned.steps if isinstance(step, Folder) and step.path.is_relative_to(RUN)
    ]
    assert after[0] == "groupadd --system reversi-operators"
    assert "install -d -m 0755 -o reversi-checker -g reversi-checker /var/lib/reversi" in after
    assert after[-1] == "systemctl try-reload-or-restart ssh.service"
