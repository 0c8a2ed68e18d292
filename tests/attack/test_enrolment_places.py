"""Who fills the places of those that wait, and who still gets one. No gateway runs here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from checker.model import MOST_APPLICANTS, Applicant, NodeName, fingerprint
from checker.tunnels.applying import Answered, Known, Refused, decide, network_of
from checker.wire import MALFORMED, NOT_YOURS, TRY_LATER, Enrol
from tests.enrolled import FIELD, enrolment
from tests.strategies import NOW, key_of, node, padded, public_key, rsa_key

EMPTY = Known(
    by_key={},
    other_keys=(FIELD.public_key,),
    accepted=(),
    names=(),
    broken=(),
    open_enrolments={"field", "other"},
    applicants={},
)


class Desk:
    """Keeps those that are taken, as the daemon does."""

    def __init__(self) -> None:
        self.found: dict[str, Applicant] = {}
        self.asked = 5000
        self.now = NOW

    def ask(self, peer: str, *, id_: str = "field") -> str:
        """Ask with a new key from this address; return why not, or nothing."""
        self.asked += 1
        # a name of its own for each, as finding a free number is not what is tested
        request = Enrol(f"box-{self.asked}", public_key(self.asked))
        there = replace(EMPTY, applicants=self.found)
        decision = decide(enrolment(id=id_), request, there, peer=peer, now=self.now)
        if isinstance(decision, Refused):
            assert decision.exit_status == TRY_LATER
            return decision.why
        assert decision.put is not None
        self.found[decision.put.fingerprint] = decision.put
        return ""

    def held(self) -> Counter[str]:
        return Counter(network_of(one.peer) for one in self.found.values())


def test_one_address_leaves_half_of_the_places_to_others_however_patient_it_is() -> None:
    desk = Desk()

    for minute in range(55):
        desk.now = NOW + 61 * minute
        for turn in range(10):
            desk.ask("198.51.100.1", id_=("field", "other")[turn % 2])
    assert desk.held() == {"198.51.100.1": MOST_APPLICANTS // 2}
    assert "500 devices from this address wait already" in desk.ask("198.51.100.1")

    assert desk.ask("203.0.113.9") == ""


def test_the_addresses_of_one_ipv6_network_have_one_share() -> None:
    desk = Desk()

    for minute in range(6):
        desk.now = NOW + 61 * minute
        for host in range(100):
            desk.ask(f"2001:db8:0:1::{host:x}")

    assert desk.held() == {"2001:db8:0:1::/64": 60}


def test_many_addresses_fill_all_places_and_then_all_are_put_off() -> None:
    """A limit, which docs/security.md states: `enrol end` and `node reject` end it."""
    desk = Desk()

    for host in range(110):
        for _ in range(10):
            desk.ask(f"10.0.0.{host}")

    assert len(desk.found) == MOST_APPLICANTS
    assert desk.ask("203.0.113.9") == "1000 devices wait already for an answer"
    first = next(iter(desk.found))
    desk.found[first] = replace(desk.found[first], is_rejected=True)
    assert desk.ask("203.0.113.9") == ""


def test_a_clock_that_was_set_back_keeps_no_address_out() -> None:
    desk = Desk()
    desk.now = NOW + 86400
    for _ in range(10):
        desk.ask("198.51.100.1")

    desk.now = NOW

    assert desk.ask("198.51.100.1") == ""


def refused(public: str, known: Known = EMPTY) -> tuple[int, str]:
    decision = decide(FIELD, Enrol("attic", public), known, peer="::1", now=NOW)
    assert isinstance(decision, Refused), decision
    return decision.exit_status, decision.why


def test_a_nodes_key_with_more_zeros_is_still_that_nodes_key() -> None:
    """OpenSSH takes both for one key, and the first line in the key file decides whose it is."""
    barn = replace(node("barn", 3, (20012,)), public_key=rsa_key(2048))
    there = replace(EMPTY, by_key={barn.public_key: barn}, names=(barn.name,))

    assert refused(padded(barn.public_key, 2), there) == refused(barn.public_key, there)
    assert refused(padded(barn.public_key), there)[0] == NOT_YOURS


def test_the_bundles_key_with_more_zeros_is_still_refused() -> None:
    there = replace(EMPTY, other_keys=(rsa_key(2048),))

    assert refused(padded(rsa_key(2048)), there)[0] == NOT_YOURS


def test_keys_that_let_nobody_in_are_refused() -> None:
    for key in (
        rsa_key(512),
        rsa_key(1016),
        "ssh-dss AAAAB3NzaC1kc3MAAACBAO",
        key_of(b"ssh-ed25519-cert-v01@openssh.com", bytes(32), bytes(32), bytes(100)),
        key_of(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", bytes(65), b"ssh:"),
        key_of(b"ssh-ed25519", bytes(32), b"more"),
        key_of(b"ssh-ed25519", bytes(33)),
        key_of(b"ssh-rsa", b"\1\0\1", bytes(257), b"more"),
        key_of(b"ecdsa-sha2-nistp256", bytes(65)),
        f'command="id" {public_key()}',
        f"{public_key()}\nssh-ed25519 x",
    ):
        assert refused(key)[0] == MALFORMED, key


def test_only_some_host_keys_are_kept_of_many() -> None:
    host_keys = tuple(public_key(number) for number in range(100, 140))
    rsa = tuple(rsa_key(1024 + 8 * number) for number in range(5))

    decision = decide(
        FIELD, Enrol("attic", public_key(), host_keys + rsa), EMPTY, peer="::1", now=NOW
    )

    assert isinstance(decision, Answered)
    assert decision.put is not None
    assert decision.put.host_keys == (host_keys[0], rsa[0])
    assert decision.put.fingerprint == fingerprint(public_key())
    assert decision.put.name == NodeName("attic")
