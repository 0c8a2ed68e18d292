"""The mirror of another gateway: what gets into it, and what does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from checker.fleet.answering import Answering
from checker.fleet.bus import BusLost, NobodyAnswered
from checker.fleet.identity import Identity, Known
from checker.fleet.looking import Looking
from checker.fleet.member import Member
from checker.fleet.past import Past, past_body
from checker.fleet.pulses import pulse_body
from checker.fleet.sayings import Rows, parse_question, rows_body, say_subject
from checker.fleet.telling import Teller
from checker.model import Event, EventKind, InvalidValue, NodeName, Port, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import Pulse
from checker.state.ages import is_material
from checker.state.mirrors import read_pulse
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store

GW2 = GatewayId("gw2")
T = TypeVar("T")


def tunnel(name: str, status: Status = Status.UP) -> Tunnel:
    return Tunnel(node=NodeName(name), port=Port(20000), status=status)


def new_teller(epoch: str) -> Teller:
    return Teller(epoch=epoch, is_material=is_material)


@dataclass(kw_only=True)
class Other:
    """The other gateway, and the wire to it: it answers questions, and says what we have it say."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    teller: Teller = field(default_factory=lambda: new_teller("a"))
    beat: int = 0
    trouble: Callable[[], Exception] | None = None
    thief: Identity | None = None
    """Answers before it."""
    is_silent: bool = False
    """Whether only the thief answers."""
    recorded: list[bytes] = field(default_factory=list)
    """Its answers; a thief brings them again."""
    is_replayed: bool = False
    asked: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.key)

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    async def ask(
        self, subject: str, question: bytes, within_s: float, opens: Callable[[bytes], T | None]
    ) -> T:
        self.asked += not parse_question(question).about
        if self.trouble is not None:
            raise self.trouble()
        if self.is_replayed:
            assert [opens(old) for old in self.recorded] == [None] * len(self.recorded)
        answerers = [one for one in (self.thief, self.identity) if one is not None]
        for identity in answerers[:1] if self.is_silent else answerers:
            answering = Answering(
                GW2,
                identity,
                Looking(self.folder / "state.db"),
                teller=lambda: self.teller,
                beat=lambda: self.beat,
            )
            answer = await answering.answer(subject, question)
            assert answer is not None
            self.recorded.append(answer)
            found = opens(answer)
            if found is not None:
                return found
        raise NobodyAnswered("no answer that counts")

    def pulse(self, *, last_event: int = 0, beat: int | None = None) -> bytes:
        self.beat = self.beat + 1 if beat is None else beat
        return pulse_body(
            Pulse(
                epoch=self.teller.epoch,
                beat=self.beat,
                number=self.teller.number,
                at=5.0,
                version="1",
                state="active",
                swept_at=4.0,
                every_s=20.0,
                last_event=last_event,
            )
        )

    def rows(self) -> bytes:
        told = self.teller.next_message()
        assert told is not None
        rows = Rows(epoch=self.teller.epoch, number=told.number, items=())
        return rows_body(rows, told.items)


@pytest.fixture
def other(tmp_path: Path) -> Other:
    return Other(folder=tmp_path)


@pytest.fixture
def member(other: Other, tmp_path: Path) -> Iterator[Member]:
    found = Member(GW2, other.public, tmp_path / "gw2.db", lambda: other)
    yield found
    found.mirror.close()


async def say(
    member: Member, other: Other, what: str, body: bytes, *, by: Identity | None = None
) -> None:
    subject = say_subject(GW2, what)
    await member.handle(what, subject, (by or other.identity).sealed(subject, body))


async def say_again_at_once(member: Member, other: Other) -> None:
    """Say a pulse, and let no earlier question keep the member from asking."""
    member.ask_from = 0.0
    await say(member, other, "pulse", other.pulse())


def rows_of(member: Member) -> dict[str, str]:
    reader = open_reader(member.mirror.path)
    try:
        return {one.node: one.status.value for one in reader.tunnels()}
    finally:
        reader.close()


def pulsed(member: Member) -> tuple[str, int] | None:
    found = read_pulse(member.mirror.store)
    return (found.pulse.epoch, found.pulse.beat) if found else None


async def test_a_new_gateway_is_asked_and_then_followed(member: Member, other: Other) -> None:
    other.teller.see_tunnels([tunnel("barn"), tunnel("office")])
    other.teller.settle()

    await say_again_at_once(member, other)
    assert rows_of(member) == {"barn": "up", "office": "up"}
    other.teller.see_tunnels([tunnel("barn", Status.DOWN)])
    other.teller.see_places([(NodeName("barn"), Port(20000))])
    await say(member, other, "rows", other.rows())
    await say(member, other, "pulse", other.pulse())

    assert rows_of(member) == {"barn": "down"}
    assert pulsed(member) == ("a", 2)
    assert other.asked == 1


async def test_missed_rows_are_asked_for(member: Member, other: Other) -> None:
    await say_again_at_once(member, other)
    other.teller.see_tunnels([tunnel("barn")])
    other.rows()  # nobody hears this

    await say_again_at_once(member, other)

    assert rows_of(member) == {"barn": "up"}


async def test_a_restarted_gateway_keeps_only_the_rows_that_it_still_has(
    member: Member, other: Other
) -> None:
    other.teller.see_tunnels([tunnel("barn"), tunnel("office")])
    other.teller.settle()
    await say_again_at_once(member, other)

    other.teller = new_teller("b")
    other.teller.see_tunnels([tunnel("office", Status.HUNG)])
    other.teller.settle()
    await say_again_at_once(member, other)

    assert rows_of(member) == {"office": "hung"}


async def test_a_message_that_another_key_signed_changes_nothing(
    member: Member, other: Other
) -> None:
    thief = Identity(Ed25519PrivateKey.generate())
    await say_again_at_once(member, other)
    before = pulsed(member)
    other.teller.see_tunnels([tunnel("barn")])

    await say(member, other, "rows", other.rows(), by=thief)
    await say(member, other, "pulse", other.pulse(), by=thief)
    await member.handle("rows", say_subject(GW2, "rows"), b"")

    assert rows_of(member) == {}
    assert pulsed(member) == before


async def test_a_message_counts_only_under_its_own_subject(member: Member, other: Other) -> None:
    await say_again_at_once(member, other)
    before = pulsed(member)
    signed = other.identity.sealed(say_subject(GatewayId("gw3"), "pulse"), other.pulse())

    await member.handle("pulse", say_subject(GW2, "pulse"), signed)

    assert pulsed(member) == before


async def test_a_forged_answer_changes_nothing(member: Member, other: Other) -> None:
    other.thief, other.is_silent = Identity(Ed25519PrivateKey.generate()), True
    other.teller.see_tunnels([tunnel("barn")])
    other.teller.settle()

    await say_again_at_once(member, other)

    assert rows_of(member) == {}
    assert member.heard.epoch == ""
    assert member.failures == 1


async def test_an_answer_to_an_earlier_question_does_not_count(
    member: Member, other: Other
) -> None:
    await say_again_at_once(member, other)
    other.teller.see_tunnels([tunnel("barn")])
    other.teller.settle()
    other.is_replayed = True

    await say_again_at_once(member, other)

    assert len(other.recorded) == 2
    assert rows_of(member) == {"barn": "up"}


async def test_a_forged_answer_that_comes_first_keeps_nothing_away(
    member: Member, other: Other
) -> None:
    other.thief = Identity(Ed25519PrivateKey.generate())
    other.teller.see_tunnels([tunnel("barn")])
    other.teller.settle()

    await say_again_at_once(member, other)

    assert rows_of(member) == {"barn": "up"}
    assert member.heard.epoch == "a"


async def test_a_pulse_that_is_sent_again_does_not_make_a_dead_gateway_fresh(
    member: Member, other: Other
) -> None:
    await say_again_at_once(member, other)
    old = other.pulse()
    await say(member, other, "pulse", old)
    other.teller = new_teller("b")
    other.beat = 0
    await say_again_at_once(member, other)
    await say(member, other, "pulse", other.pulse())
    present, other.trouble = pulsed(member), lambda: NobodyAnswered("it is dead")

    for _ in range(3):
        member.ask_from = 0.0
        await say(member, other, "pulse", old)

    assert pulsed(member) == present == ("b", 2)


@pytest.mark.parametrize(
    "trouble", [NobodyAnswered("nobody"), BusLost("gone"), InvalidValue("odd")]
)
async def test_a_question_that_fails_is_not_asked_again_at_once(
    member: Member, other: Other, trouble: Exception
) -> None:
    other.trouble = lambda: trouble
    for _ in range(5):
        await say(member, other, "pulse", other.pulse())

    assert member.failures == other.asked == 1
    assert member.ask_from > time.monotonic() - 60


async def test_events_are_mirrored_with_their_ids_and_those_missed_are_asked_for(
    member: Member, other: Other, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "state.db")
    events = [Event(at=float(n), kind=EventKind.MUTE, text=f"event {n}") for n in range(1, 1201)]
    store.write(Batch(events=events))
    store.close()
    await say_again_at_once(member, other)

    member.ask_from = 0.0
    await say(member, other, "pulse", other.pulse(last_event=1200))
    new = Event(id=1201, at=3.0, kind=EventKind.KILL, text="new", node=NodeName("barn"))
    past = Past(epoch="a", after=1200, last=1201, events=(new,))
    await say(member, other, "events", past_body(past))
    await say(member, other, "events", past_body(past))

    found = member.mirror.store.events(limit=5000)
    assert [one.id for one in found] == list(range(1, 1202))
    assert found[0].kind is EventKind.MUTE
    assert found[-1] == new


async def test_a_log_that_began_again_replaces_the_one_in_the_mirror(
    member: Member, other: Other
) -> None:
    await say_again_at_once(member, other)
    old = Event(id=7, at=3.0, kind=EventKind.KILL, text="old")
    await say(member, other, "events", past_body(Past(epoch="a", after=0, last=7, events=(old,))))
    assert member.heard.last_event == 7

    await say(member, other, "pulse", other.pulse(last_event=0))

    assert member.mirror.store.events() == ()


async def test_a_member_goes_on_where_it_was_after_a_restart(
    member: Member, other: Other, tmp_path: Path
) -> None:
    other.teller.see_tunnels([tunnel("barn")])
    other.teller.settle()
    await say_again_at_once(member, other)
    await say(member, other, "pulse", other.pulse())
    member.mirror.close()

    again = Member(GW2, other.public, tmp_path / "gw2.db", lambda: other)

    assert again.heard == member.heard
    again.mirror.close()


async def test_a_mirror_that_was_deleted_is_filled_again(member: Member, other: Other) -> None:
    other.teller.see_tunnels([tunnel("barn")])
    other.teller.settle()
    await say_again_at_once(member, other)
    for path in member.mirror.path.parent.glob("gw2.db*"):
        path.unlink()

    await say_again_at_once(member, other)

    assert rows_of(member) == {"barn": "up"}
    await say(member, other, "pulse", other.pulse())
    reader = open_reader(member.mirror.path)
    assert read_pulse(reader) is not None
    reader.close()


def test_a_flood_waits_only_in_its_own_queue(member: Member) -> None:
    for _ in range(10_000):
        member.hear("pulse", "reversi.say.gw2.pulse", b"x" * 100)

    assert member.waiting.qsize() < 1000


@pytest.mark.parametrize("key", ["", "ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2E="])
def test_an_identity_that_is_not_our_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidValue):
        Known(key)


async def test_a_bug_that_a_message_meets_ends_nothing(
    member: Member,
    other: Other,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(body: bytes) -> Pulse:
        raise ZeroDivisionError(body)

    with monkeypatch.context() as patch:
        patch.setattr("checker.fleet.member.parse_pulse", broken)
        for _ in range(3):
            await say(member, other, "pulse", other.pulse())
    await say(member, other, "pulse", other.pulse())
    await say_again_at_once(member, other)

    assert [one.exc_info is not None for one in caplog.records] == [True]
    pulse = read_pulse(member.mirror.store)
    assert pulse is not None
    assert pulse.pulse.beat == other.beat
