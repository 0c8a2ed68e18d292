"""The wire grammar: what it takes, what it refuses, and that nothing else comes of any text."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.wire import (
    MALFORMED,
    MAX_REQUEST,
    Accepted,
    Beat,
    Check,
    Claim,
    Enrol,
    EnrolAnswer,
    Hold,
    Malformed,
    OldCheck,
    Rejected,
    Request,
    Version,
    Wait,
    instance_in,
    parse_enrol,
    parse_enrol_answer,
    parse_request,
    parse_shared_request,
    parse_verdict,
    port_in,
    refusal,
    render_enrol,
    render_enrol_answer,
    render_request,
)
from tests.strategies import names, public_key

RELEASED = Path(__file__).parents[1] / "data" / "released" / "checker-0.1.0.tar.xz"
ports = st.integers(1, 65535)
instances = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
clients = st.just("") | st.from_regex(r"[A-Za-z0-9._/+-]{1,64}", fullmatch=True)
client_names = st.from_regex(r"[A-Za-z0-9._/-]{0,25}", fullmatch=True)
home_ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
words = st.lists(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9), max_size=5
).map(" ".join)
requests = st.one_of(
    st.builds(Check, st.lists(ports, max_size=8).map(tuple)),
    st.builds(OldCheck, names, ports, words),
    st.builds(Claim, instances),
    st.builds(Hold, instances, clients),
    st.builds(Hold, instances, client_names, st.just(True), st.just("") | home_ids),
    st.builds(Version),
)


@given(requests)
def test_a_request_parses_back_from_its_own_words(request_: Request) -> None:
    assert parse_request(render_request(request_)) == request_


@given(
    st.text(st.characters())
    | st.text(alphabet="check claimhold vrsion0123456789-. ")
    | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
def test_any_text_is_a_request_or_malformed(text: str) -> None:
    for parse in (parse_request, parse_shared_request):
        try:
            parsed = parse(text)
        except Malformed:
            continue

        assert parse(render_request(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("check", Check(), id="all ports"),
        pytest.param("check 20010 20011", Check((20010, 20011)), id="some ports"),
        pytest.param("beat", Beat(), id="as a connection that holds"),
        pytest.param("  check   20010 ", Check((20010,)), id="spaces"),
        pytest.param("office 20010", OldCheck("office", 20010), id="the original's two words"),
        pytest.param(
            "office 20010 SSH-2.0 dropbear",
            OldCheck("office", 20010, "SSH-2.0 dropbear"),
            id="the original's expected text",
        ),
        pytest.param("Office_Router 20010", OldCheck("Office_Router", 20010), id="capitals"),
        pytest.param("O" * 64 + " 1", OldCheck("O" * 64, 1), id="the longest name"),
        pytest.param("claim a.B_c-9", Claim("a.B_c-9"), id="claim"),
        pytest.param("hold x", Hold("x"), id="hold"),
        pytest.param(
            "hold x a-1.0+b/c_2", Hold("x", "a-1.0+b/c_2"), id="hold by a client with a name"
        ),
        pytest.param(
            "hold x a-1.0/b+moves", Hold("x", "a-1.0/b", moves=True), id="hold of one that moves"
        ),
        pytest.param(
            "hold x a-1.0+moves-gw-2",
            Hold("x", "a-1.0", moves=True, home="gw-2"),
            id="hold of one that names its home",
        ),
        pytest.param("hold x a+moves-GW", Hold("x", "a+moves-GW"), id="capitals in the home"),
        pytest.param("hold x a+moves2", Hold("x", "a+moves2"), id="another word behind the client"),
        pytest.param("hold x +moves", Hold("x", "", moves=True), id="hold of a mover without name"),
        pytest.param("version", Version(), id="version"),
    ],
)
def test_each_request_is_understood(text: str, expected: Request) -> None:
    assert parse_request(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param("check 0", id="port 0"),
        pytest.param("check 65536", id="port too high"),
        pytest.param("check 2001O", id="letter in port"),
        pytest.param("check ٢٢", id="digits of another script"),
        pytest.param("check -1", id="negative port"),
        pytest.param("claim", id="claim without instance"),
        pytest.param("claim a b", id="claim with two"),
        pytest.param("claim " + "x" * 65, id="long instance"),
        pytest.param("hold a/b", id="slash in instance"),
        pytest.param("hold a b c", id="hold with three words"),
        pytest.param("hold a " + "x" * 65, id="long client"),
        pytest.param("hold a b;c", id="client with a letter of the shell's"),
        pytest.param("version x", id="version with more"),
        pytest.param("O" * 65 + " 20010", id="long name"),
        pytest.param("Roof Top 20010 SSH", id="space in name"),
        pytest.param("check\n20010", id="newline"),
        pytest.param("check\x00", id="NUL"),
        pytest.param("office 20010 \x1b[31m", id="escape sequence"),
        pytest.param("office 20010 " + "x" * MAX_REQUEST, id="too long"),
        pytest.param("office 20010 " + "é" * (MAX_REQUEST // 2), id="too long in bytes"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("$(reboot)", id="shell"),
    ],
)
def test_what_is_outside_of_the_grammar_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_request(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("O" * 65 + " 20010", "longer than 64 characters", id="long"),
        pytest.param("Roof Top 20010 SSH", "'Roof Top' looks like a name with a space", id="space"),
        pytest.param("office 70000", "'70000' is not a port", id="high-port"),
        pytest.param("office", "say one of", id="no-port"),
    ],
)
def test_a_refusal_says_if_the_name_is_at_fault(text: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse_request(text)


def test_a_released_gateway_takes_a_client_that_moves() -> None:
    with tarfile.open(RELEASED) as archive:
        member = archive.extractfile("checker/wire.py")
        assert member is not None
        text = member.read().decode()
    released = ModuleType("released_wire")
    sys.modules[released.__name__] = released  # its dataclasses look there
    try:
        exec(text, released.__dict__)
        held = [released.parse_request(f"hold x {word}") for word in ("a/b+moves", "a+moves-gw-2")]
    finally:
        del sys.modules[released.__name__]

    assert [one.client for one in held] == ["a/b+moves", "a+moves-gw-2"]


@pytest.mark.parametrize("verb", ["check", "claim", "hold", "beat", "version"])
def test_with_the_shared_key_a_word_and_a_port_are_always_a_device(verb: str) -> None:
    assert parse_shared_request(f"{verb} 20010 SSH") == OldCheck(verb, 20010, "SSH")


@pytest.mark.parametrize("text", ["check", "claim a", "hold a", "version", "beat"])
def test_with_the_shared_key_other_requests_are_as_ever(text: str) -> None:
    assert parse_shared_request(text) == parse_request(text)


def test_port_in_raises_malformed_and_names_the_word() -> None:
    with pytest.raises(Malformed, match="'70000' is not a port"):
        port_in("70000")


def test_instance_in_raises_malformed_and_names_the_verb() -> None:
    with pytest.raises(Malformed, match="hold takes one instance"):
        instance_in("hold", [])


@given(st.integers(0, 999_999))
def test_a_verdict_is_read_back(seconds: int) -> None:
    assert parse_verdict(f"{seconds}\n") == seconds


@given(st.text(st.characters()))
def test_any_line_is_a_verdict_or_malformed(line: str) -> None:
    try:
        seconds = parse_verdict(line)
    except Malformed:
        return

    assert 0 <= seconds < 10**6


@pytest.mark.parametrize("line", ["", "-1", "1.5", "1 2", "1234567", "up", "٣"])
def test_a_line_that_is_not_a_number_of_seconds_is_malformed(line: str) -> None:
    with pytest.raises(Malformed, match="not a number of seconds"):
        parse_verdict(line)


def test_a_refusal_tells_an_old_client_to_do_nothing() -> None:
    assert refusal("why", MALFORMED).answer == "0"


said = st.text(st.characters(), min_size=1, max_size=64).filter(
    lambda text: text.isprintable() and " " not in text
)
keys = st.integers(1, 99).map(public_key)
enrols = st.builds(Enrol, said, keys, st.lists(keys, max_size=4).map(tuple))
enrol_answers = st.one_of(
    st.builds(Wait, st.integers(0, 999_999), names, st.just("SHA256:abc/+9")),
    st.builds(
        Accepted,
        names,
        st.lists(st.sampled_from(["20010:127.0.0.1:22", "*:443:[::1]:443"]), min_size=1).map(tuple),
    ),
    st.just(Rejected()),
)


@given(enrols)
def test_a_request_to_enrol_parses_back_from_its_own_words(request_: Enrol) -> None:
    assert parse_enrol(render_enrol(request_)) == request_


@given(st.text(st.characters()) | st.text().map(lambda text: f"enrol {text}"))
def test_any_text_is_a_request_to_enrol_or_malformed(text: str) -> None:
    try:
        parsed = parse_enrol(text)
    except Malformed:
        return

    assert parse_enrol(render_enrol(parsed)) == parsed


@given(enrol_answers, st.text(max_size=40).filter(lambda text: "enrol: " not in text))
def test_an_answer_to_enrol_is_found_behind_what_a_login_prints(
    answer: EnrolAnswer, text: str
) -> None:
    line = render_enrol_answer(answer)

    for before in ("", text, f"{text}\n", "enrol: wait 1 a b\n"):
        assert parse_enrol_answer(f"{before}{line}\n") == answer
        assert parse_enrol_answer(f"{before}{line}\r\n\n") == answer


@pytest.mark.parametrize(
    "output", ["", "0\n", "enrol: \n", "enrol: wait soon a b", "enrol: accepted office", "enrol"]
)
def test_any_other_answer_means_later(output: str) -> None:
    with pytest.raises(Malformed, match="ask again later"):
        parse_enrol_answer(output)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("enrol", id="no name"),
        pytest.param("enrol office", id="no key"),
        pytest.param(f"enrol {public_key()}", id="a key for a name"),
        pytest.param(f"enrol office {public_key()} ssh-rsa", id="half a host key"),
        pytest.param(f"enrol {'O' * 65} {public_key()}", id="long name"),
        pytest.param("enrol office ssh-ed25519 AAAA", id="short key"),
        pytest.param(f"enrol office ssh-ed25519 {'A' * 2049}", id="long key"),
        pytest.param(f"enrol office {public_key()}; reboot", id="words of a shell"),
        pytest.param(f"enrol office\t{public_key()}", id="tab"),
        pytest.param(f"Enrol office {public_key()}", id="capital"),
        pytest.param("hold x", id="hold"),
    ],
)
def test_such_a_request_to_enrol_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_enrol(text)
