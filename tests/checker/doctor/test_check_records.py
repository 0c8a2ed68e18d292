"""What `doctor` finds about the registry and the state file."""

from __future__ import annotations

import pytest

from tests.checker.doctor.gateways import WELL, assert_wrong, changed, the


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param("state file", {"state.trouble": "damaged"}, "damaged", "restart", id="state"),
        pytest.param(
            "state file",
            {"state.trouble": "newer", "state.is_newer": True},
            "newer",
            "mv /var/lib/reversi/state.db* /var/backups/reversi/newer",
            id="newer",
        ),
        pytest.param(
            "state file",
            {"state.has_strays": True},
            "does not belong to the daemon",
            "init",
            id="strays",
        ),
        pytest.param(
            "registry",
            {"registry.problems": ("x.toml: bad",)},
            "x.toml: bad",
            "fix these files",
            id="registry",
        ),
    ],
)
def test_what_is_wrong_with_the_records_is_reported_with_its_fix(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    assert_wrong(name, change, sentence, mend)


def test_nodes_whose_host_key_is_awaited_but_not_pinned_are_named() -> None:
    found = the(changed(WELL, {"registry.unpinned": ("attic", "barn")}), "host keys of nodes")

    assert found.ok is False
    assert found.sentence.endswith("hostkey is expected of attic, barn")
    assert found.mend.startswith("sudo reversi-checker node pin attic barn ")


def test_old_keys_that_stay_too_long_are_named() -> None:
    overdue = tuple(
        (f"node{number}: old key still valid since 2023-11-14", f"node rekey node{number} --now")
        for number in range(5)
    )

    found = the(changed(WELL, {"registry.overdue": overdue}), "old keys and ports")

    assert found.ok is False
    assert found.sentence.startswith("node0: old key still valid since 2023-11-14; node1: ")
    assert found.sentence.endswith("(and 2 more)")
    assert found.mend.startswith("sudo reversi-checker node rekey node0 --now ")
