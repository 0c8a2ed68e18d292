"""The command line of `rollout`."""

from __future__ import annotations

import pytest

from client.cli import parse_arguments
from client.rollout.options import RolloutOptions


def parsed(*words: str) -> RolloutOptions:
    wanted = parse_arguments(["rollout", *words]).rollout
    assert wanted is not None
    return wanted


def test_a_rollout_to_all_may_have_a_filter() -> None:
    assert parsed("--all", "--filter", "tag:site-a").build.filter_text == "tag:site-a"


def test_a_rollout_keeps_keys_and_settings_that_were_not_typed() -> None:
    wanted = parsed("office", "roof", "--beat", "60", "--gateway", "a", "--gateway", "b:2222")

    assert wanted.nodes == ["office", "roof"]
    assert wanted.build.gateways == ["a", "b:2222"]
    assert wanted.build.settings.beat == "60"
    assert wanted.build.keep == ("KEY", "RETRY", "FIRST_WAIT", "CLIENT", "STARTED_BY")
    assert (wanted.at_once, wanted.within_s, wanted.sudo) == (5, 600, False)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param((), "name at least one NODE, or use --all", id="no node"),
        pytest.param(("a", "--all"), "name at least one NODE, or use --all", id="both"),
        pytest.param(("a", "--filter", "x"), "--filter is for --all", id="filter"),
        pytest.param(("a", "--at-once", "0"), "'0' is not a number from 1 to 100", id="at once"),
        pytest.param(("a", "--port", "x"), "'x' is not a port from 1 to 65535", id="port"),
        pytest.param(("a", "--within", "-1"), "not a number of seconds from 1", id="within"),
        pytest.param(("a", "--ssh-option", "Port"), "--ssh-option takes NAME=VALUE", id="option"),
        pytest.param(("a", "--user=-x"), "'-x' cannot be a user's name", id="user"),
    ],
)
def test_a_wrong_option_is_said(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*words)

    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
