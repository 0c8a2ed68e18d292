"""The exit status for each error."""

from __future__ import annotations

from checker.cli.exit_codes import ExitCode, exit_code_of
from checker.config.layout import Layout
from checker.control.client import DaemonAbsent
from checker.model import InvalidValue
from checker.registry.nodes import UnknownNode
from checker.state.errors import StateMissing


def test_each_error_has_an_exit_status(layout: Layout) -> None:
    assert exit_code_of(InvalidValue("x")) is ExitCode.USAGE
    assert exit_code_of(UnknownNode("x")) is ExitCode.USAGE
    assert exit_code_of(DaemonAbsent(layout)) is ExitCode.UNREACHABLE
    assert exit_code_of(StateMissing(layout.state)) is ExitCode.STATE
