"""What an agent believes of the bucket, and what it posts there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from checker.config.toml_file import ConfigError
from checker.control.bucket import Bucket
from checker.fleet.apply import apply
from checker.fleet.bucket_news import read_news
from checker.fleet.bus import Login
from checker.fleet.sealed import Sealed
from checker.fleet.syncing import Syncing
from checker.registry.bucket_values import NODE, Key, Mark, State, Value
from checker.registry.entries import entry_text, parse_entry, rev_of
from checker.registry.entry_files import signature_path
from checker.signatures import SigningKey, sign
from tests.fleet.homes import Fleet, Member

BARN = Key(kind=NODE, name="barn")


@dataclass(kw_only=True)
class StandIn:
    """A bucket in memory."""

    values: list[Value] = field(default_factory=list)
    replicas: int = 1

    def state(self) -> State:
        seq = self.values[-1].seq if self.values else 0
        return State(mark=Mark(made="now", seq=seq), replicas=self.replicas)

    def make(self, replicas: int, members: Collection[str]) -> State:
        self.replicas = replicas
        return self.state()

    def after(self, seq: int) -> list[Value]:
        return [one for one in self.values if one.seq > seq]

    def last(self, key: Key) -> Value | None:
        return next((one for one in reversed(self.values) if one.key == key), None)

    def of(self, key: Key) -> Sealed | None:
        value = self.last(key)
        return Sealed(text=value.text, signature=value.signature) if value else None

    def post(self, values: list[tuple[Key, bytes]], expected: int | None) -> list[int]:
        for key, content in values:
            at = content.find(b"-----BEGIN")
            self.put(key, content[:at], content[at:])
        return [one.seq for one in self.values[-len(values) :]]

    def put(self, key: Key, text: bytes, signature: bytes) -> None:
        seq = self.state().mark.seq + 1
        self.values.append(Value(key=key, seq=seq, text=text, signature=signature))


def syncing(gateway: Member) -> Syncing:
    login = Login(port=1, user="agent", password="-")
    return Syncing(gateway.layout, login, is_signing=True, members=lambda: {gateway.id})


def compare(sync: Syncing, bucket: StandIn) -> None:
    sync.compare(cast(Bucket, bucket))


def on_disk(gateway: Member, name: str) -> Sealed:
    path = gateway.entry(name)
    return Sealed(text=path.read_bytes(), signature=signature_path(path).read_bytes())


def test_our_text_with_a_signature_that_proves_nothing_is_posted_again(gw1: Member) -> None:
    gw1.add("barn")
    sealed, bucket, sync = on_disk(gw1, "barn"), StandIn(), syncing(gw1)
    compare(sync, bucket)
    assert bucket.of(BARN) == sealed

    bucket.put(BARN, sealed.text, sealed.signature.replace(b"A", b"B"))
    compare(sync, bucket)  # it was posted less than ten seconds ago
    sync.posted.due.clear()
    compare(sync, bucket)

    assert bucket.of(BARN) == sealed


def test_what_came_forged_is_taken_when_it_comes_signed(gw1: Member, gw2: Member) -> None:
    gw1.add("barn")
    sealed, bucket, sync = on_disk(gw1, "barn"), StandIn(), syncing(gw2)
    bucket.put(BARN, sealed.text, sealed.signature.replace(b"A", b"B"))
    compare(sync, bucket)
    assert "barn" not in gw2.nodes

    bucket.put(BARN, sealed.text, sealed.signature)
    compare(sync, bucket)

    assert gw2.node("barn").ports == gw1.node("barn").ports


def test_an_entry_is_not_posted_between_its_text_and_its_signature(gw1: Member) -> None:
    gw1.add("barn")
    sealed, bucket, sync = on_disk(gw1, "barn"), StandIn(), syncing(gw1)
    place = signature_path(gw1.entry("barn"))
    sync.disk.look()
    place.unlink()

    sync.post(cast(Bucket, bucket), [BARN], sync.disk.held)
    assert bucket.of(BARN) is None
    place.write_bytes(sealed.signature)
    compare(sync, bucket)

    assert bucket.of(BARN) == sealed


def test_a_batch_that_could_not_be_taken_is_taken_later(
    gw1: Member, gw2: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    gw1.add("barn")
    sealed, bucket, sync = on_disk(gw1, "barn"), StandIn(), syncing(gw2)
    bucket.put(BARN, sealed.text, sealed.signature)
    with monkeypatch.context() as patch:
        patch.setattr("checker.fleet.apply.apply", refuse)
        with pytest.raises(ConfigError):
            compare(sync, bucket)
    assert "barn" not in gw2.nodes

    compare(sync, bucket)

    assert "barn" in gw2.nodes


def test_a_removal_that_seems_old_is_brought_to_who_has_the_node_and_to_nobody_else(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    for name in ("barn", "shed"):
        gw1.add(name)
    sealed = on_disk(gw1, "barn")
    apply(gw2.layout, [sealed])
    bucket, sync = StandIn(), syncing(gw2)
    for name in ("barn", "shed"):  # as by a machine whose clock began in 1970
        head = replace(parse_entry(on_disk(gw1, name).text).head, rev=2, changed_at=60)
        text = entry_text(head, None)
        [signature] = sign([text], SigningKey(signer="anna", file=fleet.anna.key))
        bucket.put(Key(kind=NODE, name=name), text, signature)

    for _ in range(2):
        compare(sync, bucket)

    assert gw2.nodes == {}
    assert parse_entry(gw2.entry("barn").read_bytes()).node is None
    assert not gw2.entry("shed").exists()
    news = read_news(gw2.layout)
    assert news is not None
    assert (news.newer, news.lacks, news.strange) == ((), (), 0)


def refuse(*_: object) -> None:
    raise ConfigError(Path("nodes"), "is locked")


def test_a_bug_that_a_value_meets_keeps_out_no_other(
    gw1: Member, gw2: Member, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bucket, sync = StandIn(), syncing(gw2)
    for name in ("attic", "attic2", "barn"):
        gw1.add(name)
        sealed = on_disk(gw1, name)
        bucket.put(Key(kind=NODE, name=name), sealed.text, sealed.signature)

    def broken(text: bytes) -> int:
        if b"attic" in text:
            raise ZeroDivisionError
        return rev_of(text)

    monkeypatch.setattr("checker.fleet.syncing.rev_of", broken)
    compare(sync, bucket)

    assert gw2.nodes.keys() == {"barn"}
    news = read_news(gw2.layout)
    assert news is not None
    assert news.strange == 2
    assert caplog.text.count("a bug in reversi") == 1, "anybody may send many"


def test_a_bug_ends_no_agent(
    gw1: Member, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync, tries = syncing(gw1), list[str]()

    def broken() -> None:
        tries.append("again")
        if len(tries) > 1:
            sync.stop.set()
        raise ZeroDivisionError

    monkeypatch.setattr(sync, "use_a_connection", broken)
    monkeypatch.setattr("checker.fleet.syncing.pause_s", lambda *_, **__: 0.0)
    sync.run()

    assert len(tries) == 2
    assert "a bug in reversi" in caplog.text
    news = read_news(gw1.layout)
    assert news is not None
    assert "a bug in reversi" in news.trouble
