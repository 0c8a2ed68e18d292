"""What `doctor` says about a gateway that drains."""

from __future__ import annotations

from checker.doctor.findings import findings
from checker.model.drain import Drain
from tests.checker.doctor.gateways import WELL, assert_wrong, changed, the

DRAIN = Drain(at=5e8, by="anna", boot="", uptime_s=1.0)


def test_a_gateway_that_drains_is_named_and_is_not_wrong() -> None:
    found = the(changed(WELL, {"drain": DRAIN}), "drain")

    assert found.ok is None
    assert "(anna)" in found.sentence
    assert found.mend.startswith("sudo reversi-checker undrain")
    assert not [one for one in findings(WELL) if one.name == "drain"]


def test_a_broken_file_is_wrong() -> None:
    trouble = "this gateway does not drain: x"

    assert_wrong("drain", {"drain_trouble": trouble}, trouble, "sudo reversi-checker undrain")
