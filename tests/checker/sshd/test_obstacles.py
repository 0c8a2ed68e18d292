"""Files of this machine that keep every login out."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.sshd import obstacles
from checker.sshd.obstacles import pam_modules, refusals, revoked_trouble
from checker.sshd.openings import judged
from tests.programs import require

CASES = Path(__file__).parents[2] / "data/sshd"


def test_a_missing_file_of_revoked_keys_shuts_everybody_out(tmp_path: Path) -> None:
    path = tmp_path / "revoked"
    effective = {"revokedkeys": str(path)}

    assert refusals(effective, "reversi", ("reversi",)) == (
        f"RevokedKeys names {path}, which does not exist: restore it, or take it out",
    )
    path.write_text("")
    assert revoked_trouble(effective) == ""
    assert "cannot be read (Is a directory)" in revoked_trouble({"revokedkeys": str(tmp_path)})
    assert revoked_trouble({"revokedkeys": "none"}) == ""
    assert revoked_trouble({}) == ""


def test_pam_access_counts_once_it_has_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, rule = (CASES / "pam-access.txt").read_text(encoding="ascii").splitlines()[1:]
    access = tmp_path / "access.conf"
    monkeypatch.setattr(obstacles, "PAM_FOLDERS", (tmp_path, tmp_path / "none"))
    monkeypatch.setattr(obstacles, "ACCESS", (access, tmp_path / "access.d"))
    (tmp_path / "sshd").write_text(f"{module}\n")
    effective = {"usepam": "yes"}

    assert pam_modules(effective) == ()
    access.write_text("# no rules\n\n")
    assert pam_modules(effective) == ()
    access.write_text(f"{rule}\n")
    assert pam_modules(effective) == (f"pam_access.so in {tmp_path}/sshd",)
    assert pam_modules({"usepam": "no"}) == ()
    (tmp_path / "sshd").write_text(f"{module} accessfile={tmp_path}/none\n")
    assert pam_modules(effective) == ()
    (tmp_path / "sshd").write_text("account required pam_listfile.so\n")
    assert pam_modules(effective) == (f"pam_listfile.so in {tmp_path}/sshd",)


@pytest.mark.sshd
def test_sshd_is_asked_for_each_address_whom_it_lets_in(tmp_path: Path) -> None:
    require("sshd")
    config = tmp_path / "sshd_config"
    config.write_text(
        "DenyGroups nobody\nMatch Address 10.0.0.0/8\n    DenyUsers ro*\n", encoding="ascii"
    )

    found = judged(config, "root")

    assert found.refusals == ()
    assert found.limits == ("host=10.0.0.1 addr=10.0.0.1: DenyUsers names root: take it out",)
    config.write_text("DenyGroups root\n", encoding="ascii")
    assert judged(config, "root").refusals == (
        "DenyGroups names root, a group of root: take it out",
    )
