"""Entries on their way into the bucket, while others write there too: no socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from checker.config.layout import home_layout
from checker.control import posting as posting_module
from checker.control.bucket import Bucket, NoPassword, open_as_editor, read_mark, write_mark
from checker.control.bus_line import BusAbsent, BusLine
from checker.control.posting import FEW, TRIES, Offer, Posted, Posting, post
from checker.control.registering import TakenElsewhere
from checker.model import NodeName
from checker.registry.bucket_values import (
    NODE,
    BucketRefused,
    Key,
    Mark,
    Stale,
    State,
    Value,
    parted,
)
from checker.registry.claims import Refusal
from checker.registry.entries import Entry, Head, entry_text, parse_entry
from checker.registry.entry_files import entry_path, left_out_path, write_signed
from checker.signatures import SigningKey, sign
from tests.fleet.homes import signer
from tests.strategies import node


class MemoryBucket(Bucket):
    """A bucket, and others who write into it directly before we do."""

    def __init__(self, quicker: Sequence[Entry] = (), *, loses_answer: bool = False) -> None:
        super().__init__(BusLine(socket.socket()))
        self.line.peer.close()
        self.values: dict[Key, tuple[int, bytes]] = {}
        self.seq, self.posts = 0, 0
        self.quicker = list(quicker)
        self.loses_answer = loses_answer

    def put(self, key: Key, content: bytes) -> int:
        self.seq += 1
        self.values[key] = (self.seq, content)
        return self.seq

    def state(self) -> State:
        return State(mark=Mark(made="today", seq=self.seq), replicas=1)

    def after(self, seq: int) -> Iterator[Value]:
        found = sorted((at, key, content) for key, (at, content) in self.values.items())
        for at, key, content in found:
            if at > seq:
                text, signature = parted(content)
                yield Value(key=key, seq=at, text=text, signature=signature)

    def post(self, values: Sequence[tuple[Key, bytes]], expected: int | None) -> list[int | Stale]:
        self.posts += 1
        if self.quicker:
            other = self.quicker.pop(0)
            self.put(Key(kind=NODE, name=other.name), other.text)
        done: list[int | Stale] = []
        for key, content in values:
            if expected is not None and expected != self.seq:
                done.append(Stale("stale"))
                break
            expected = self.put(key, content)
            done.append(expected)
        if self.loses_answer:
            self.loses_answer = False
            raise BusAbsent("lost")
        return done


def entry(name: str, number: int, port: int, rev: int = 1) -> Entry:
    head = Head(name=NodeName(name), rev=rev, changed_at=1, changed_by="anna")
    return parse_entry(entry_text(head, node(name, number, (port,))))


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting_module, "PAUSE_S", 0.0)


def run(home: Path, bucket: MemoryBucket, *offers: Entry) -> Posted:
    posted = Posted()
    home.mkdir(exist_ok=True)
    (home / "fleet").mkdir(exist_ok=True)
    one = Posting(layout=home_layout(home), bucket=bucket, signed=False, posted=posted)
    one.run([Offer(entry=each, signature=b"") for each in offers])
    return posted


def test_a_stale_sequence_is_read_again_and_tried_again(tmp_path: Path) -> None:
    bucket = MemoryBucket([entry(f"other{n}", n, 20100 + n) for n in range(1, 4)])

    posted = run(tmp_path, bucket, entry("office", 9, 20010))

    assert posted.done == {"office"}
    assert bucket.posts == 4


def test_a_port_that_another_got_meanwhile_is_refused_and_named(tmp_path: Path) -> None:
    bucket = MemoryBucket([entry("barn", 1, 20010)])

    posted = run(tmp_path, bucket, entry("office", 2, 20010), entry("attic", 3, 20011))

    assert posted.done == {"attic"}
    assert posted.refused["office"].ports == {20010}  # type: ignore[index]
    assert Key(kind=NODE, name="office") not in bucket.values


def test_a_port_of_what_root_left_out_is_refused_too(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    bucket = MemoryBucket()
    barn = entry("barn", 1, 20010)
    bucket.put(Key(kind=NODE, name="barn"), barn.text)
    write_signed(left_out_path(layout, NodeName("barn")), barn.text, b"")
    write_mark(layout, Mark(made="today", seq=1))

    posted = run(tmp_path, bucket, entry("office", 2, 20010))

    assert set(posted.refused) == {"office"}


def test_what_lies_on_the_disk_already_refuses_nothing(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    bucket = MemoryBucket()
    barn = entry("barn", 1, 20010)
    bucket.put(Key(kind=NODE, name="barn"), barn.text)
    write_signed(entry_path(layout, NodeName("barn")), entry("barn", 1, 20020, rev=2).text, b"")

    posted = run(tmp_path, bucket, entry("office", 2, 20010))

    assert posted.done == {"office"}
    assert read_mark(layout) == Mark(made="today", seq=1)


def test_forgeries_in_the_bucket_are_passed_over_quickly_and_what_is_signed_counts(
    tmp_path: Path,
) -> None:
    anna = signer(tmp_path / "people", "anna")
    layout = home_layout(tmp_path)
    layout.fleet.mkdir()
    (layout.fleet / "allowed_signers").write_text(anna.line, encoding="utf-8")
    bucket = MemoryBucket()
    barn = entry("barn", 1, 20010)
    [signature] = sign([barn.text], SigningKey(signer="anna", file=anna.key))
    for number in range(4 * FEW):
        forged = entry(f"n{number}", number + 2, 20011)
        bucket.put(Key(kind=NODE, name=forged.name), forged.text + signature)
    bucket.put(Key(kind=NODE, name="barn"), barn.text + signature)
    posted = Posted()
    one = Posting(layout=layout, bucket=bucket, signed=True, posted=posted)

    offers = [entry("office", 900, 20010), entry("attic", 901, 20011)]
    one.run([Offer(entry=each, signature=signature) for each in offers])

    assert set(posted.refused) == {"office"}, "barn has its port"
    assert posted.done == {"attic"}
    assert one.wrong == FEW


def test_the_mark_stays_before_what_is_not_taken_yet(tmp_path: Path) -> None:
    bucket = MemoryBucket()
    for number in range(3):
        bucket.put(Key(kind=NODE, name=f"n{number}"), entry(f"n{number}", number + 1, 1).text)

    run(tmp_path, bucket, entry("office", 9, 20010))

    assert read_mark(home_layout(tmp_path)) == Mark(made="today", seq=0)


def test_a_lost_answer_leads_to_no_second_write(tmp_path: Path) -> None:
    bucket = MemoryBucket(loses_answer=True)
    office = entry("office", 1, 20010)
    with pytest.raises(BusAbsent):
        run(tmp_path, bucket, office)

    posted = run(tmp_path, bucket, office)

    assert posted.done == {"office"}
    assert bucket.seq == 1


def test_who_is_always_too_late_gives_up(tmp_path: Path) -> None:
    bucket = MemoryBucket([entry(f"other{n}", n + 2, 20100 + n) for n in range(TRIES + 1)])

    with pytest.raises(BucketRefused, match="all the time"):
        run(tmp_path, bucket, entry("office", 1, 20010))


def test_without_the_password_the_trouble_says_what_to_do(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    (layout.fleet / "bus").mkdir(parents=True)
    (layout.fleet / "bus" / "nats.conf").touch()
    layout.config.write_text('[fleet]\nname = "gw1"\n', encoding="utf-8")

    with pytest.raises(NoPassword, match="fleet card --bus"):
        open_as_editor(layout)
    posted = post(layout, [Offer(entry=entry("office", 1, 20010), signature=b"")], signed=True)

    assert "fleet card --bus" in posted.trouble
    assert not posted.done


def test_a_gateway_on_no_bus_posts_nothing_and_has_no_trouble(tmp_path: Path) -> None:
    posted = post(
        home_layout(tmp_path), [Offer(entry=entry("office", 1, 20010), signature=b"")], signed=True
    )

    assert posted == Posted()


def test_a_node_that_another_was_quicker_with_is_not_registered() -> None:
    error = TakenElsewhere(NodeName("office"), Refusal(sentence="port 1 is barn's"), others=2)

    assert "office was not registered: port 1 is barn's" in str(error)
    assert "2 others" in str(error)


@given(
    ports=st.lists(st.integers(20010, 20014), min_size=1, max_size=4),
    others=st.lists(st.tuples(st.integers(0, 3), st.integers(20010, 20014)), max_size=6),
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whoever_is_quicker_no_port_has_two_owners(
    tmp_path_factory: pytest.TempPathFactory, ports: list[int], others: list[tuple[int, int]]
) -> None:
    owned: dict[int, tuple[int, int]] = {}
    for number, port in others:  # the others do not collide among themselves
        if port not in {one for _, one in owned.values()}:
            owned[number] = (number, port)
    bucket = MemoryBucket([entry(f"other{n}", n + 20, port) for n, port in owned.values()])
    ours = {port: entry(f"ours{port}", port - 20000, port) for port in ports}

    run(tmp_path_factory.mktemp("home"), bucket, *ours.values())

    found = [parse_entry(parted(content)[0]) for _, content in bucket.values.values()]
    taken = [port for one in found if one.node for port in one.node.ports]
    assert len(taken) == len(set(taken))
