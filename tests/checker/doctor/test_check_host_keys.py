"""What `doctor` finds about the host keys that devices pin, and the ports that gateway names."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor.facts import Facts, GatewayFacts, HostKeyFacts
from checker.doctor.findings import findings
from checker.registry.pins import Pins
from checker.sshd.includes import misplaced_include
from checker.sshd.listening import Unheard
from tests.checker.doctor.gateways import WELL, changed, the

OLD, NEW, LATER = (f"ssh-ed25519 SHA256:{name}" for name in ("old", "new", "later"))


def facts(known: tuple[str, ...], **pinned: tuple[Pins, ...]) -> Facts:
    """A gateway whose sshd has these keys and offers the first of them, and its nodes."""
    host_keys = HostKeyFacts(known=frozenset(known), offered=frozenset(known[:1]), pinned=pinned)
    return changed(WELL, {"host_keys": host_keys, "registry.nodes": len(pinned)})


def pins(*host_keys: str, to_come: tuple[str, ...] = ()) -> tuple[Pins, ...]:
    return (Pins(at=1, host_keys=host_keys, to_come=to_come),)


def test_nodes_that_pin_a_key_that_sshd_does_not_have_are_named() -> None:
    found = the(facts((NEW,), office=pins(OLD, NEW), barn=pins(NEW, OLD), shop=pins(NEW)), NAME)

    assert found.ok is False
    assert found.sentence == "2 nodes pin a key that sshd does not offer: barn, office"
    assert found.mend.startswith("sudo reversi-client rollout barn office    # ")


NAME = "pinned host keys"


def test_many_nodes_are_counted_and_one_home_is_named() -> None:
    many = {f"n{number}": pins(OLD, NEW) for number in range(5)}
    gateway = changed(facts((NEW,), **many), {"layout": home_layout(Path("/srv/a b"))})

    found = the(gateway, NAME)

    assert found.sentence == ("5 nodes pin a key that sshd does not offer: n0, n1, n2 (and 2 more)")
    assert found.mend.startswith("reversi-client rollout --home '/srv/a b' --all    # ")


@pytest.mark.parametrize(
    ("pinned", "sentence"),
    [
        pytest.param(
            pins(OLD),
            "1 node pins no host key that sshd offers, and cannot come back: office",
            id="only the old one",
        ),
        pytest.param(
            (*pins(OLD), *pins(OLD, NEW)),
            "1 node may have a bundle that pins no host key that sshd offers, and then cannot come"
            " back: office",
            id="perhaps only the old one",
        ),
    ],
)
def test_a_node_that_cannot_come_back_is_named_first(
    pinned: tuple[Pins, ...], sentence: str
) -> None:
    found = the(facts((NEW,), office=pinned, barn=pins(OLD, NEW)), NAME)

    assert found.sentence == sentence
    assert found.mend.startswith("sudo reversi-client rollout office    # for a node that is down")


@pytest.mark.parametrize(
    ("known", "pinned"),
    [
        pytest.param((NEW,), pins(NEW), id="the same"),
        pytest.param((OLD,), pins(OLD, to_come=(LATER,)), id="one to come"),
    ],
)
def test_a_node_that_pins_only_sshds_keys_is_well(
    known: tuple[str, ...], pinned: tuple[Pins, ...]
) -> None:
    found = the(facts(known, office=pinned), NAME)

    assert found.ok is True
    assert found.sentence == "no node pins a host key that sshd does not have"


def test_a_node_that_does_not_pin_the_next_key_yet_is_named() -> None:
    waiting = the(
        facts((OLD, NEW), office=pins(OLD, NEW), barn=(*pins(OLD), *pins(OLD, NEW))), NAME
    )
    done = the(facts((OLD, NEW), office=pins(OLD, NEW), barn=pins(OLD, to_come=(NEW,))), NAME)

    assert waiting.ok is None
    assert waiting.sentence == (
        "1 node does not pin yet what sshd will offer once the keys before it go: barn"
    )
    assert waiting.mend.startswith("sudo reversi-client rollout barn")
    assert done.ok is True
    assert done.sentence.endswith("does not have, and each pins those that sshd will offer")


def test_nodes_for_which_it_is_unknown_are_counted() -> None:
    found = the(changed(facts((NEW,), office=pins(NEW)), {"registry.nodes": 3}), NAME)

    assert found.ok is True
    assert found.sentence.endswith("; unknown for 2 nodes")


@pytest.mark.parametrize(
    "gateway", [facts((), office=pins(OLD)), facts((NEW,))], ids=["sshd", "no node"]
)
def test_without_facts_nothing_is_said(gateway: Facts) -> None:
    assert NAME not in {one.name for one in findings(gateway)}


def unheard(*, is_own: bool) -> Unheard:
    return Unheard(gateway="gw.example.org:2222", port=2222, sshd_ports=(22,), is_own=is_own)


@pytest.mark.parametrize(
    ("silent", "ok"),
    [
        pytest.param((), True, id="none"),
        pytest.param((unheard(is_own=False),), None, id="behind a router"),
        pytest.param((unheard(is_own=True),), False, id="this machine"),
        pytest.param((unheard(is_own=False), unheard(is_own=True)), False, id="both"),
    ],
)
def test_a_port_on_which_nothing_listens_is_wrong_only_at_an_own_address(
    silent: tuple[Unheard, ...], ok: bool | None
) -> None:
    gateway = GatewayFacts(are_checked=True, unheard=silent)

    found = the(changed(WELL, {"gateway": gateway}), "gateway's ports")

    assert found.ok is ok
    assert ("2222" in found.sentence) is bool(silent)
    assert ("correct gateway in /etc/reversi/reversi.toml" in found.mend) is bool(silent)


def test_an_include_inside_a_match_block_is_named_before_what_follows_from_it() -> None:
    main, place = Path("/etc/ssh/sshd_config"), Path("/etc/ssh/sshd_config.d/00-reversi.conf")
    text = "Match Address 10.0.0.0/8\nInclude /etc/ssh/sshd_config.d/*.conf\n"
    misplaced = misplaced_include(text, main, place)

    found = the(
        changed(WELL, {"sshd.misplaced": misplaced, "sshd.complaint": "MaxStartups"}), "sshd"
    )

    assert found.ok is False
    assert "inside the block of line 1" in found.sentence
    assert found.mend.startswith("sudo sed -i '2d;1i Include")


def test_settings_that_name_no_gateway_are_mentioned() -> None:
    found = the(changed(WELL, {"gateway": GatewayFacts(are_missing=True)}), "gateway's ports")

    assert found.ok is None
    assert "does not say where devices reach this gateway" in found.sentence
    assert found.mend == "sudo reversi-checker init --gateway HOST:PORT"
