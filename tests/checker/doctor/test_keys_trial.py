"""How long `init` waits for logins that began before sshd read its settings again."""

from __future__ import annotations

import pytest

from checker.doctor.keys_trial import GRACE_S, grace_s


@pytest.mark.parametrize(
    ("said", "seconds"), [("30", 30.0), ("120", 120.0), ("0", GRACE_S), ("", GRACE_S)]
)
def test_a_login_may_take_as_long_as_sshd_says(said: str, seconds: float) -> None:
    assert grace_s(said) == seconds
