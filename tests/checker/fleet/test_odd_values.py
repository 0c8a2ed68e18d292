"""Each value in what a stolen gateway says or posts may be anything; it stops nothing.

An exception other than InvalidValue would end the agents of all other gateways, or root's service.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from checker.fleet.cards import CARD_KEYS, parse_card
from checker.fleet.items import parse_items
from checker.fleet.mirror import Mirror
from checker.fleet.past import parse_past
from checker.fleet.pulses import parse_pulse
from checker.fleet.sayings import parse_question, parse_rows
from checker.fleet.sums import parse_marks, parse_sums
from checker.model import InvalidValue
from checker.model.pulse import HeardPulse
from checker.registry.bucket_values import (
    BucketMissing,
    BucketRefused,
    parse_posted,
    parse_state,
    parse_value,
)
from checker.registry.entries import ENTRY_KEYS, parse_entry
from checker.registry.node_file import FORWARD_KEYS, NODE_KEYS
from checker.state.mirrors import Position
from tests.strategies import public_key

NUMBERS = (
    *("7", "-1", "0", "1.5", "-0.0", "1e308", "1e-320", "1e400"),
    *("9223372036854775807", "9223372036854775808", f"1{'0' * 400}", f"-1{'0' * 400}"),
)
IN_JSON = (
    *NUMBERS,
    *("NaN", "Infinity", "-Infinity", "true", "null", "[]", "[7]", "[[7]]", "[null]"),
    *("{}", '{"a":1}', '["a",1]', '""', '"x"', '"\\u0000"', '"\\ud800"', '"\\u202e"', '"1.5"'),
    *('"0"', '"00"', '"9999999999"', '"2024-13-45"', f'"{"x" * 5000}"'),
)
IN_TOML = (
    *(one for one in NUMBERS if "e" not in one),
    *("nan", "inf", "true", "[]", "[7]", "[[7]]", '[""]', "{}", "{a=1}", "[{}]", "[{port=1}]"),
    *('[{port="x"}]', "[{port=1,next_port=2}]", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"),
    *('""', '"x"', '"\\u0000"', '["a","a"]', f'"{"x" * 5000}"'),
)
PULSE = {
    **dict.fromkeys(("beat", "number", "at", "revision", "swept_at", "every_s"), "1"),
    **dict.fromkeys(("last_event", "load", "free_mb"), "1"),
    "epoch": '"e"',
    "version": '"1"',
    "state": '"active"',
    "counts": "{}",
}
ROWS = {
    "epoch": '"e"',
    "number": "1",
    "items": "[]",
    "nonce": '"a"',
    "upto": "1",
    "beat": "1",
    "whole": "true",
    "more": "true",
}
PAST = {
    "epoch": '"e"',
    "after": "0",
    "last": "9",
    "nonce": '"a"',
    "more": "true",
    "beat": "1",
    "events": "[]",
}
QUESTION = {
    "nonce": '"a"',
    "epoch": '"e"',
    "since": "1",
    "known": "1",
    "about": '"marks"',
    "place": '["a",1]',
}
TUNNEL = ('"up"', '"d"', "1", "2", "3", '"p"', *["1"] * 8, '"a"', "1", "1")
CONNECTION = ('"i"', '"p"', "1", '"c"', "true", '"h"')
DEVICE = ('"n"', '"open"', "1", "1", '"c"')
EVENT = ("1", "1", '"kill"', '"a"', "20000", '"x"', '"t"')
SUM = ('"a"', "20000", "1", "1")


def table(values: Mapping[str, str]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in values.items()) + "}"


def tables(usual: Mapping[str, str]) -> Iterator[str]:
    """Yield the table with each odd value in each place."""
    for key in usual:
        yield from (table({**usual, key: odd}) for odd in IN_JSON)


def lists(usual: tuple[str, ...]) -> Iterator[str]:
    """Yield the list with each odd value in each place."""
    for at in range(len(usual)):
        for odd in IN_JSON:
            yield f"[{','.join((*usual[:at], odd, *usual[at + 1 :]))}]"


def items() -> Iterator[str]:
    yield from (f'["t","a",20000,{one}]' for one in lists(TUNNEL))
    yield from (f'["r","a",5,6,{one}]' for one in lists(CONNECTION))
    yield from (f'["u",20000,{one}]' for one in lists(DEVICE))
    for usual in (('"t"', '"a"', "20000"), ('"r"', '"a"', "5", "6"), ('"u"', "20000")):
        yield from lists(usual)
    yield from IN_JSON


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    found = Mirror(tmp_path_factory.mktemp("mirror") / "gw3.db")
    yield found
    found.close()


def test_a_pulse(mirror: Mirror) -> None:
    for text in (
        *tables(PULSE),
        *(table({**PULSE, "counts": f'{{"up":{one}}}'}) for one in IN_JSON),
    ):
        with suppress(InvalidValue):
            pulse = parse_pulse(text.encode("utf-8", "surrogatepass"))
            mirror.put_pulse(HeardPulse(pulse=pulse, heard_at=1.0))
            mirror.heard()


def test_rows(mirror: Mirror) -> None:
    found = parse_items(json.loads(f"[{','.join(items())}]"))

    mirror.put_items(found, Position(epoch="e", number=1))

    assert found.refused > len(found.tunnels) + len(found.registrations) + len(found.unregistered)


def test_events(mirror: Mirror) -> None:
    last = {**PAST, "last": "9223372036854775807"}
    for text in (*tables(PAST), table({**last, "events": f"[{','.join(lists(EVENT))}]"})):
        with suppress(InvalidValue):
            mirror.put_events(parse_past(text.encode("utf-8", "surrogatepass")))
    mirror.heard()


def sums() -> Iterator[str]:
    for period in ('"1"', '"2024-01-01"', *IN_JSON):
        yield table({"nonce": '"a"', "period": period, "sums": f"[{','.join(lists(SUM))}]"})
    yield from tables({"nonce": '"a"', "period": '"1"', "sums": "[]"})


def marks() -> Iterator[str]:
    yield from tables({"nonce": '"a"', "marks": "{}"})
    for odd in IN_JSON:
        yield table({"nonce": '"a"', "marks": f'{{"1":{odd}}}'})
        if odd.startswith('"'):
            yield table({"nonce": '"a"', "marks": f'{{{odd}:"x"}}'})


def questions() -> Iterator[str]:
    yield from tables(QUESTION)
    yield from (table({**QUESTION, "place": one}) for one in lists(('"a"', "1")))


@pytest.mark.parametrize(
    ("parse", "texts"),
    [
        pytest.param(parse_rows, lambda: tables(ROWS), id="rows"),
        pytest.param(parse_sums, sums, id="sums"),
        pytest.param(parse_marks, marks, id="marks"),
        pytest.param(parse_question, questions, id="questions"),
    ],
)
def test_other_messages(parse: Callable[[bytes], Any], texts: Callable[[], Iterator[str]]) -> None:
    for text in texts():
        with suppress(InvalidValue):
            parse(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("parse", "form"),
    [
        (parse_state, '{"created":%s,"state":{"last_seq":1},"config":{"num_replicas":1}}'),
        (parse_state, '{"created":"a","state":{"last_seq":%s},"config":{"num_replicas":1}}'),
        (parse_state, '{"created":"a","state":{"last_seq":1},"config":{"num_replicas":%s}}'),
        (parse_state, '{"created":"a","state":%s,"config":%s,"cluster":%s}'),
        (parse_state, '{"error":%s}'),
        (parse_state, '{"error":{"err_code":%s}}'),
        (parse_value, '{"message":%s}'),
        (parse_value, '{"message":{"data":%s,"seq":1,"subject":"x"}}'),
        (parse_value, '{"message":{"data":"","seq":%s,"subject":"x"}}'),
        (parse_value, '{"message":{"data":"","seq":1,"subject":%s}}'),
        (parse_posted, '{"seq":%s}'),
    ],
)
def test_what_is_answered_about_the_bucket(parse: Callable[[bytes], Any], form: str) -> None:
    for odd in IN_JSON:
        with suppress(BucketRefused, BucketMissing):
            parse(form.replace("%s", odd).encode("utf-8", "surrogatepass"))


# --- entries and cards


def toml(values: Mapping[str, str]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in values.items())


HEAD = {"node": '"a"', "rev": "1", "changed_at": "1", "changed_by": '"anna"'}
NODE = {"public_key": f'"{public_key(1)}"', "added_at": "1"}
FORWARD = {"port": "20000", "target": '"127.0.0.1:22"'}


def entry(node: Mapping[str, str], forward: Mapping[str, str], head: Mapping[str, str]) -> str:
    return f"{toml(node)}\n[[forward]]\n{toml(forward)}\n[entry]\n{toml(head)}"


def entries() -> Iterator[str]:
    for odd in IN_TOML:
        for key in (*ENTRY_KEYS, "another"):
            yield entry(NODE, FORWARD, {**HEAD, key: odd})
            yield f"\n[entry]\n{toml({**HEAD, 'removed': 'true', key: odd})}"
        for key in {*NODE_KEYS, "another"} - {"forward"}:
            yield entry({**NODE, key: odd}, FORWARD, HEAD)
        yield f"{toml({**NODE, 'forward': odd})}\n[entry]\n{toml(HEAD)}"
        for key in (*FORWARD_KEYS, "another"):
            yield entry(NODE, {**FORWARD, key: odd}, HEAD)
        for published in (f"[{{port={odd}}}]", f"[{{port=443,sni={odd}}}]", f"[{odd}]"):
            yield entry(NODE, {**FORWARD, "publish": published}, HEAD)


def test_an_entry() -> None:
    assert parse_entry(entry(NODE, FORWARD, HEAD).encode()).name == "a"
    for text in entries():
        with suppress(InvalidValue):
            parse_entry(text.encode())


def test_a_card() -> None:
    usual = {"gateway": '"gw1"', "rev": "1", "changed_at": "1", "changed_by": '"anna"'}
    assert parse_card(toml(usual).encode()).id == "gw1"
    for odd in IN_TOML:
        for key in (*CARD_KEYS, "another"):
            with suppress(InvalidValue):
                parse_card(toml({**usual, key: odd}).encode())
