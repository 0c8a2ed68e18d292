"""What `doctor` finds about keys and the way to the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checker.doctor.gateways import assert_wrong


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param("key file", {"keys.file": None}, "missing", "init", id="no keys"),
        pytest.param(
            "key file",
            {"keys.loose": Path("/etc/reversi")},
            "others can write /etc/reversi",
            "chmod go-w",
            id="loose",
        ),
        pytest.param(
            "key file",
            {"keys.is_closed": True},
            "cannot read",
            "chmod 0644",
            id="unreadable",
        ),
        pytest.param("key file", {"keys.lag": True}, "does not follow", "init", id="lag"),
        pytest.param(
            "key file",
            {"keys.lag": True, "keys.programs_gone": ("/a/python3", "/b/gate.py")},
            "names programs that are gone (/a/python3, /b/gate.py)",
            "init",
            id="upgraded",
        ),
        pytest.param(
            "private keys",
            {"keys.open_secrets": (Path("/a b"), Path("/c"))},
            "/a b, /c",
            "chmod 0600 '/a b' /c",
            id="secrets",
        ),
        pytest.param(
            "way in",
            {"keys.unreachable": Path("/root/x"), "keys.unreachable_at": Path("/root")},
            "cannot reach /root/x",
            "chmod a+x /root",
            id="unreachable",
        ),
    ],
)
def test_what_is_wrong_with_the_keys_is_reported_with_its_fix(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    assert_wrong(name, change, sentence, mend)
