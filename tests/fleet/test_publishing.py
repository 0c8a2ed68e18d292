"""What one gateway publishes through HAProxy, the others publish, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.homes import Fleet, Member
from tests.programs import require
from tests.strategies import free_port

pytestmark = pytest.mark.usefixtures("sbin")


def file_of(member: Member) -> Path:
    return member.layout.config.with_name("haproxy.cfg")


def test_each_gateway_renders_the_same_file_and_says_if_it_cannot(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    require("haproxy")
    for one in (gw1, gw2):
        text = one.layout.config.read_text(encoding="utf-8")
        one.layout.config.write_text(f'publish_on = ["127.0.0.1"]\n{text}', encoding="utf-8")
    gw1.add("office", 20010)
    gw1.do("publish", "office:20010", "--port", str(free_port()))

    assert fleet.carry(gw1, gw2)[0] == 0

    assert b"frontend" in file_of(gw2).read_bytes()
    assert file_of(gw2).read_bytes() == file_of(gw1).read_bytes()

    file_of(gw2).unlink()
    file_of(gw2).mkdir()
    gw1.do("node", "disable", "office")
    code, _, err = fleet.carry(gw1, gw2)

    assert not gw2.node("office").enabled, "what was signed counts, whatever HAProxy says"
    assert code == 1
    assert "haproxy keeps its old configuration" in err
    assert any("haproxy keeps its old configuration" in one for one in gw2.events())
