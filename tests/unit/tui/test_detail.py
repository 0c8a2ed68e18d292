"""The detail sheet's fields, as values."""

from __future__ import annotations

from dataclasses import replace

from checker.model import Port, Publication
from reversi_tui.rows import Moment, Row
from reversi_tui.screens.detail import fields
from tests.tui.states import EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)


def row(*, public: bool = False, published: tuple[Publication, ...] = ()) -> Row:
    return Row(forward=replace(forward("attic", 20010), public=public, published=published), seen=tunnel("attic", 20010))


def test_what_is_published_is_told() -> None:
    ports = (Publication(port=Port(25), send_proxy=True), Publication(port=Port(443), sni="mail.example.org"))

    shown = [text for name, text in fields(row(published=ports), MOMENT) if name == "published"]

    assert shown == ["on port 25 with a PROXY line", "on port 443 for mail.example.org"]


def test_a_public_port_is_told_from_one_of_the_loopback() -> None:
    assert dict(fields(row(public=True), MOMENT))["port"] == "20010, on all addresses of the gateway"
    assert dict(fields(row(), MOMENT))["port"] == "20010"
    assert "published" not in dict(fields(row(), MOMENT))


def test_a_row_that_the_registry_was_not_asked_about_is_told_too() -> None:
    assert dict(fields(Row(forward=None, seen=tunnel("attic", 20010)), MOMENT))["port"] == "20010"
