"""The names in an archive of `backup`, and what it says about itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import SYSTEM, home_layout
from checker.install.archive import (
    ABOUT,
    About,
    BadBackup,
    Content,
    about_from,
    about_json,
    member_of,
    place_of,
    why_not,
)
from checker.install.places import ALERTS

PATH = Path("/srv/gateway.tar.gz")
HOME = home_layout(Path("/srv/gate"))
WHOLE = About(
    version="0.2.0",
    made_at=1795337585,
    machine="old",
    tune=True,
    services=("metrics",),
    files={"etc/reversi/reversi.toml": Content(size=7, sha256="ab")},
)


@pytest.mark.parametrize(
    "name",
    [
        "etc",
        "etc/reversi",
        "etc/reversi/nodes/office.toml",
        "etc/reversi/.git/objects/ab/cdef",
        "etc/ssh",
        "etc/ssh/ssh_host_ed25519_key",
        "etc/ssh/ssh_host_rsa_key.pub",
        "etc/ssh/ssh_host_ed25519_key-cert.pub",
        "var/lib/reversi/state.db",
        "var/lib/reversi/last-good.json",
    ],
)
def test_files_of_a_gateway_may_be_in_an_archive(name: str) -> None:
    assert why_not(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "/etc/reversi/reversi.toml",
        "etc/reversi/../passwd",
        "../etc/reversi/reversi.toml",
        "etc/reversi/nodes//office.toml",
        "./etc/reversi/reversi.toml",
        "etc/reversi/a\nb",
        "",
        "etc/passwd",
        "etc/ssh/sshd_config",
        "etc/ssh/sshd_config.d/x_key",
        "etc/ssh/authorized_keys",
        "etc/reversi/.installed.json",
        "etc/reversi/nodes/.lock",
        "var/lib/reversi/new-keys/office",
        "var/lib/reversi/state.db-wal",
        "root/.ssh/authorized_keys",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert why_not(name)


@given(st.text(max_size=30))
def test_no_name_leads_out_of_the_directories_of_a_gateway(tail: str) -> None:
    for folder in ("etc/reversi/", "etc/ssh/", "var/lib/reversi/"):
        if not why_not(folder + tail):
            place = place_of(HOME, folder + tail)
            assert ".." not in place.parts
            assert place.is_relative_to("/srv/gate")


@pytest.mark.parametrize("layout", [SYSTEM, HOME], ids=["installed", "home"])
def test_a_file_goes_back_to_where_it_came_from(layout: object) -> None:
    assert layout in (SYSTEM, HOME)
    found = SYSTEM if layout == SYSTEM else HOME
    for path in (
        found.config,
        found.authorized_keys,
        found.nodes / "office.toml",
        found.enrolments / "site-a.key",
        found.host_key,
        found.state,
        found.state.with_name("last-good.json"),
    ):
        name = member_of(found, path)
        assert why_not(name) == ""
        assert place_of(found, name) == path


def test_an_archive_of_a_home_can_go_to_an_installed_gateway() -> None:
    assert place_of(SYSTEM, member_of(HOME, HOME.nodes / "a.toml")) == SYSTEM.nodes / "a.toml"
    assert place_of(SYSTEM, member_of(HOME, HOME.config.with_name("alerts.toml"))) == ALERTS
    assert place_of(SYSTEM, member_of(HOME, HOME.state)) == SYSTEM.state
    assert place_of(SYSTEM, member_of(HOME, HOME.host_key)) == SYSTEM.host_key


def test_what_an_archive_says_about_itself_is_read_as_it_was_written() -> None:
    assert about_from(PATH, about_json(WHOLE)) == WHOLE


def test_an_archive_of_an_older_release_names_no_services() -> None:
    document = json.loads(about_json(WHOLE))
    del document["services"]

    assert about_from(PATH, json.dumps(document).encode()).services == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "cannot be read", id="empty"),
        pytest.param(b"[]", "cannot be read", id="a list"),
        pytest.param(b'{"schema": 2}', "a newer release wrote it", id="newer"),
        pytest.param(b'{"schema": 1}', "not as we write it", id="incomplete"),
        pytest.param(
            json.dumps({**json.loads(about_json(WHOLE)), "files": ["x"]}).encode(),
            "not as we write it",
            id="no files",
        ),
    ],
)
def test_what_is_not_ours_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(BadBackup, match=why) as refused:
        about_from(PATH, content)

    assert str(PATH) in str(refused.value)
    assert ABOUT in str(refused.value) or "newer" in why
    assert "nothing was restored" in str(refused.value)
