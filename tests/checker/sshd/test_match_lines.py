"""`Match` lines of sshd's configuration: parsed, found in included files, and decided.

Also tests checker.sshd.openings; with a real sshd, tests/system/test_match_blocks.py does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.sshd.match_lines import (
    Connection,
    as_if_there,
    directive,
    holds,
    in_patterns,
    keywords,
    where,
)
from checker.sshd.openings import match_lines
from tests.checker.sshd.blocks import line, outcomes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("Match Address 10.0.0.0/8", ("match", ["Address", "10.0.0.0/8"]), id="plain"),
        pytest.param("\tmatch  user=a # why", ("match", ["user=a"]), id="lower case and a comment"),
        pytest.param('Match Group "a b",!c', ("match", ["Group", "a b,!c"]), id="quoted"),
        pytest.param("Include=/etc/x/*.conf", ("include", ["/etc/x/*.conf"]), id="equals sign"),
        pytest.param('"Match" all', ("match", ["all"]), id="quoted keyword"),
        pytest.param('Banner "unended', ("banner", ['"unended']), id="unended"),
        pytest.param("# Match all", None, id="comment"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_line_is_read_as_sshd_reads_it(text: str, found: tuple[str, list[str]] | None) -> None:
    assert directive(text) == found


@pytest.mark.parametrize(
    ("word", "patterns", "result"),
    [
        pytest.param("reversi", "*", 1, id="all"),
        pytest.param("reversi", "root,rev?rsi", 1, id="one of them"),
        pytest.param("reversi", "*,!reversi", -1, id="negated"),
        pytest.param("reversi", "!root", 0, id="a negation takes nobody in"),
        pytest.param("re[v]", "re[v]", 1, id="no character classes"),
    ],
)
def test_a_list_of_patterns_is_matched_as_sshd_does(word: str, patterns: str, result: int) -> None:
    assert in_patterns(word, patterns) == result


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        pytest.param("Match Address 10.0.0.0/8", "10.9.9.9", "11.0.0.1", id="network"),
        pytest.param("Match Address *,!10.0.0.0/8", "192.0.2.1", "10.0.0.5", id="negated"),
        pytest.param("Match Address 10.1.*", "10.1.200.3", "10.2.1.1", id="wildcard"),
        pytest.param("Match Address 2001:db8::/32", "2001:db8::9", "10.0.0.1", id="IPv6"),
        pytest.param(
            "Match Group *,!root Address 10.0.0.0/8", "10.0.0.1", "127.0.0.1", id="with a group"
        ),
        pytest.param(
            "Match User re* Address 10.0.0.0/8", "10.0.0.1", "127.0.0.1", id="with a user"
        ),
    ],
)
def test_a_block_holds_only_for_its_addresses(text: str, taken: str, left: str) -> None:
    assert holds(line(text), Connection(address=taken, host=taken), "reversi", {"reversi"})
    assert not holds(line(text), Connection(address=left, host=left), "reversi", {"reversi"})
    assert outcomes(line(text)) == {(True,), (False,)}


def test_a_block_inside_a_block_needs_both() -> None:
    outer = line("Match LocalPort 2222")
    inner = line("Match Address 10.0.0.0/8", outer)

    assert (True, True) in outcomes(outer, inner)
    assert (False, True) not in outcomes(outer, inner)
    assert where(inner) == "to port 2222 from 10.0.0.0/8"


def test_a_block_ends_at_the_next_match_line() -> None:
    text = "\tPermitTTY yes # x\n\nBanner none\nMATCH all\nX11Forwarding yes\n"

    assert keywords(text.split("\n")) == {"permittty", "banner"}


def test_a_group_is_decided_for_a_user_who_does_not_exist_yet() -> None:
    text = (
        'Match Group *,!root\n    X11Forwarding yes\nMatch Group root Address "10.0.0.0/8"\nMatch'
        " all\n"
    )

    assert (
        as_if_there(text, "reversi", {"reversi"})
        == "Match User reversi\n    X11Forwarding yes\nMatch User !reversi address"
        ' "10.0.0.0/8"\nMatch all\n'
    )


def test_lines_of_included_files_are_found_with_the_block_around_them(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    main = tmp_path / "main"
    main.write_text(
        f"Include {tmp_path}/d/*.conf {tmp_path}/none\nMatch LocalPort 1\n    Include"
        f" {tmp_path}/more\nMatch all\n"
    )
    (tmp_path / "d" / "20.conf").write_text("Port 22\nMatch Address 10.0.0.0/8\n")
    (tmp_path / "d" / "10.conf").write_text("Match User a\n")
    (tmp_path / "more").write_text(f"Match Host b\nInclude {tmp_path}/more\n")

    found = list(match_lines(main))

    assert [(one.file.name, one.number, one.text) for one in found[:5]] == [
        ("10.conf", 1, "Match user a"),
        ("20.conf", 2, "Match address 10.0.0.0/8"),
        ("main", 2, "Match localport 1"),
        ("more", 1, "Match host b"),
        ("more", 1, "Match host b"),
    ]
    assert found[3].inside is found[2]
    assert len(found) < 30


def test_an_unknown_criterion_is_reported() -> None:
    assert line("Match Weather fair").unclear == ("weather",)
    assert line("Match Version OpenSSH* Address ::1").unclear == ()
