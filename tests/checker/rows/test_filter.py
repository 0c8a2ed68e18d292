"""Filters: words, columns, numbers, wildcards, states, and what is half typed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import Mute, Port, Selector, Status
from checker.rows.fields import FIELDS
from checker.rows.filter import parse_filter
from checker.rows.parse import terms_in
from checker.rows.row import Row
from tests.checker.rows.samples import LATER, MOMENT, OTHER, ROW, ROWS

MUTE = Mute(selector=Selector(node=ROW.seen.node), until=2e9, why="roof", by="ada", at=1e9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", True, id="nothing"),
        pytest.param("att", True, id="in the name"),
        pytest.param("ATTIC", True, id="case does not matter"),
        pytest.param("barn", False, id="another name"),
        pytest.param("20010", True, id="the port"),
        pytest.param("10.0.0.5:443", True, id="a target, whose colon names no column"),
        pytest.param("!att", False, id="inverted"),
        pytest.param("!barn", True, id="inverted, another name"),
        pytest.param("!", True, id="half-typed inversion"),
        pytest.param("status:hung", True, id="in a column"),
        pytest.param("status:up", False, id="in a column, not there"),
        pytest.param("!status:up", True, id="inverted in a column"),
        pytest.param("status:", True, id="half-typed column"),
        pytest.param("!status:", True, id="half-typed inverted column"),
        pytest.param("st:hung", True, id="a shortened column"),
        pytest.param("sshd:4711", True, id="a column by its title"),
        pytest.param("node:hung", False, id="the word is in another column"),
        pytest.param("hung attic", True, id="both words"),
        pytest.param("hung barn", False, id="one word of two"),
        pytest.param("answer:no", True, id="the answer"),
        pytest.param(":", True, id="a colon alone is text, as in a target"),
        pytest.param("[(", False, id="no letter of a pattern is special outside slashes"),
        pytest.param('"no answer within"', True, id="a phrase"),
        pytest.param('answer:"no answer"', True, id="a phrase in a column"),
        pytest.param('!answer:"no answer"', False, id="a phrase that must not be there"),
        pytest.param('"answer no"', False, id="a phrase in another order"),
        pytest.param('"no answer', True, id="a phrase whose end is not typed yet"),
        pytest.param('"', True, id="a quote alone says nothing yet"),
        pytest.param('"status:up"', False, id="a quoted colon names no column"),
        pytest.param("instance:otter client:1.0", True, id="what else is known"),
        pytest.param("latency:>200", True, id="more than"),
        pytest.param("latency:>250", False, id="not more than the same"),
        pytest.param("latency:>=250", True, id="at least"),
        pytest.param("latency:<=249.5", False, id="at most"),
        pytest.param("latency:<.5s", True, id="in another unit"),
        pytest.param("latency:=250", True, id="equal"),
        pytest.param("!latency:>200", False, id="an inverted number"),
        pytest.param("latency:>", True, id="a half-typed number says nothing yet"),
        pytest.param("latency:>=", True, id="a half-typed sign says nothing yet"),
        pytest.param("latency:>soon", False, id="without a number it is a text, which no cell has"),
        pytest.param("latency:>2h", False, id="a unit of another column"),
        pytest.param("node:>a", False, id="a column without numbers"),
        pytest.param("flaps:>0", True, id="flaps"),
        pytest.param("kills:<3", False, id="kills"),
        pytest.param("bytes:>2M", True, id="bytes"),
        pytest.param("bytes:>3m", False, id="not so many bytes"),
        pytest.param("pid:=4711", True, id="a process"),
        pytest.param("port:=2001", False, id="a port as a number, not as a part of one"),
        pytest.param("since:>1h", True, id="an age in hours"),
        pytest.param("since:<1h", False, id="an age, too old"),
        pytest.param("since:>7199 since:<121m", True, id="an age in seconds and minutes"),
        pytest.param("probe:<1d", True, id="an age in days"),
        pytest.param("probe:<1m", True, id="the age itself, not its coarse text"),
        pytest.param("day:<80%", True, id="a percentage of the day"),
        pytest.param("colour:red", False, id="an unknown column is text"),
        pytest.param("la:>200", True, id="a shortened column with a number"),
        pytest.param("barn|attic", True, id="one of two words"),
        pytest.param("barn|cellar", False, id="neither of two words"),
        pytest.param("!barn|attic", False, id="an inversion is of all alternatives"),
        pytest.param("barn|!cellar", True, id="an alternative may be inverted itself"),
        pytest.param("status:down|hung", True, id="alternatives have the column of the first"),
        pytest.param("status:down|attic", False, id="only that column"),
        pytest.param("status:down|node:attic", True, id="an alternative with its own column"),
        pytest.param("latency:<100|>200", True, id="alternatives of numbers"),
        pytest.param("is:up|hung", True, id="alternatives of states"),
        pytest.param("target:1.2.3.4:5|10.0.0.5:443", True, id="alternatives with colons"),
        pytest.param("barn|", False, id="a half-typed alternative"),
        pytest.param('"barn|attic"', False, id="a quoted bar"),
        pytest.param("att*", True, id="a wildcard"),
        pytest.param("*ttic", True, id="a wildcard at the beginning"),
        pytest.param("a*t*c", True, id="wildcards"),
        pytest.param("tt*", False, id="a word with a wildcard is a whole value"),
        pytest.param("*", True, id="anything"),
        pytest.param("node:A*C", True, id="a wildcard in a column, whatever the case"),
        pytest.param("node:*s*", False, id="a wildcard that is in another column"),
        pytest.param("*attic*site*", False, id="a wildcard does not reach into the next column"),
        pytest.param("status:h*", True, id="a status without its sign"),
        pytest.param('answer:"no answer"*', True, id="quotes and a wildcard"),
        pytest.param('node:"a*c"', False, id="a quoted star"),
        pytest.param("node:a.*", False, id="a point is a point"),
        pytest.param("/^att.c$/", True, id="a regular expression"),
        pytest.param("/^ATTIC$/", True, id="whatever the case"),
        pytest.param("/^attic.+site/", False, id="it does not reach into the next column"),
        pytest.param("node:/^a.*c$/", True, id="a regular expression in a column"),
        pytest.param("node:/hung/", False, id="not in that column"),
        pytest.param("node:!/hung/", True, id="inverted behind the column"),
        pytest.param("!/hung/", False, id="inverted"),
        pytest.param("/no answer|closed/", True, id="blanks and bars between slashes"),
        pytest.param("/barn/|/att/", True, id="alternatives of expressions"),
        pytest.param(r"/\S+-otter/", True, id="the case of the expression itself counts"),
        pytest.param("/dev/null", False, id="a path is a text"),
        pytest.param("tag:openwrt", True, id="a tag"),
        pytest.param("tag:open", False, id="a tag is a whole one"),
        pytest.param("!tag:openwrt", False, id="without a tag"),
        pytest.param("tag:site-*", True, id="tags with a wildcard"),
        pytest.param("tag:openwrt tag:site-a", True, id="both tags"),
        pytest.param("tag:site-b|site-a", True, id="one of the tags"),
        pytest.param("site-a", True, id="a word is searched in the tags"),
        pytest.param("note:bakery", True, id="in the note"),
        pytest.param('"key at"', True, id="a phrase is searched in the note"),
        pytest.param("note:*", True, id="with a note"),
        pytest.param("pub:443", True, id="a published port"),
        pytest.param("pub:44", False, id="a published port is a whole number"),
        pytest.param("pub:20010", True, id="a port open on all addresses"),
        pytest.param("pub:shop.example", True, id="a published name"),
        pytest.param("pub:shop", True, id="a part of a published name"),
        pytest.param("pub:*.example", True, id="published names with a wildcard"),
        pytest.param("banner:dropbear", True, id="the target's own answer"),
        pytest.param("banner:within", False, id="not what the probe found, if it answered"),
        pytest.param("client:reversi-client", True, id="the client"),
        pytest.param("is:hung", True, id="a state"),
        pytest.param("is:up", False, id="another state"),
        pytest.param("is:fault", True, id="a fault"),
        pytest.param("is:fau", True, id="a shortened state"),
        pytest.param("is:stale", False, id="not stale"),
        pytest.param("!is:unregistered", True, id="registered"),
        pytest.param("is:", True, id="a half-typed state"),
        pytest.param("is:mended", False, id="an unknown state"),
    ],
)
def test_a_filter_shows_the_row_or_not(text: str, *, shown: bool) -> None:
    assert parse_filter(text).shows(ROW, MOMENT) is shown


def test_what_is_not_known_is_on_neither_side_of_a_number() -> None:
    row = Row(forward=None, seen=replace(ROW.seen, session=None))

    assert not parse_filter("pid:>0").shows(row, MOMENT)
    assert not parse_filter("pid:<=0").shows(row, MOMENT)
    assert parse_filter("!pid:>0").shows(row, MOMENT)


def test_a_stale_row_is_found_by_that_word() -> None:
    for text in ("probe:stale", "is:stale", "is:st"):
        assert parse_filter(text).shows(ROW, LATER)
        assert not parse_filter(text).shows(ROW, MOMENT)
    assert parse_filter("is:fault").shows(OTHER, LATER)
    assert not parse_filter("is:fault").shows(OTHER, MOMENT)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        pytest.param("since:<1h", True, id="a number of an age"),
        pytest.param("!probe:stale", True, id="a word in an age"),
        pytest.param("is:stale", True, id="whether it is stale"),
        pytest.param("barn|!is:fault", True, id="in an inverted alternative"),
        pytest.param("is:muted probe|since|attic /^x/ tag:x*", False, id="none of it ages"),
        pytest.param("attic latency:>2 node:up", False, id="nothing that ages"),
        pytest.param("is:up", True, id="a status, which may be stale"),
        pytest.param("status:up", True, id="a status in its column"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_a_filter_says_whether_time_changes_what_it_shows(text: str, *, asks: bool) -> None:
    assert parse_filter(text).asks_time is asks


@pytest.mark.parametrize("text", ["is:up", "status:up", "status:u*", "status:/^up$/"])
def test_a_stale_row_is_not_up(text: str) -> None:
    up = replace(ROW, seen=replace(ROW.seen, status=Status.UP))

    assert parse_filter(text).shows(up, MOMENT)
    assert not parse_filter(text).shows(up, LATER)
    assert parse_filter(f"!{text}").shows(up, LATER)
    assert parse_filter("status:stale").shows(up, LATER)


def test_a_word_may_be_turned_round_behind_its_column_too() -> None:
    assert parse_filter("status:!up") == parse_filter("!status:up")
    assert parse_filter("latency:!>200") == parse_filter("!latency:>200")
    assert parse_filter("!status:!up") == parse_filter("status:up")


def test_an_empty_filter_is_false() -> None:
    assert not parse_filter("  ! status: status:! ")
    assert parse_filter("x")


def test_folded_rows_are_shown_with_any_of_their_forwards() -> None:
    other = replace(ROW, seen=replace(ROW.seen, status=Status.UP, port=Port(20011)))
    folded = Row(forward=ROW.forward, seen=replace(ROW.seen, port=Port(0)), members=(ROW, other))

    assert parse_filter("!status:up").shows(folded, MOMENT)
    assert parse_filter("status:up").shows(folded, MOMENT)
    assert not parse_filter("status:down").shows(folded, MOMENT)
    assert not parse_filter("status:up port:20010").shows(folded, MOMENT)


def test_a_row_that_changed_is_searched_as_it_is_now() -> None:
    changed = replace(ROW, seen=replace(ROW.seen, detail="closed at once"))

    assert not parse_filter("closed").shows(ROW, MOMENT)
    assert parse_filter("closed").shows(changed, MOMENT)
    assert not parse_filter("closed").shows(ROW, MOMENT)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        pytest.param(replace(ROW, barred="disabled"), "is:disabled", id="disabled"),
        pytest.param(replace(ROW, barred="expired"), "is:expired", id="expired"),
        pytest.param(replace(ROW, barred="disabled"), "!is:fault", id="disabled on purpose"),
        pytest.param(replace(ROW, unregistered=True), "is:unregistered", id="unregistered"),
        pytest.param(replace(ROW, mute=MUTE), "is:muted", id="muted"),
        pytest.param(replace(ROW, tags=()), "!tag:*", id="without tags"),
        pytest.param(replace(ROW, note=""), "!note:*", id="without a note"),
        pytest.param(
            replace(ROW, seen=replace(ROW.seen, answer="")), "banner:within", id="without an answer"
        ),
    ],
)
def test_a_state_shows_a_row_that_has_it_and_no_other(row: Row, text: str) -> None:
    assert parse_filter(text).shows(row, MOMENT)
    assert not parse_filter(text).shows(ROW, MOMENT)


@pytest.mark.parametrize(
    ("column", "typed"),
    [
        ("node:", "/^b.*(r|n)$/"),
        ("", "/bar[mn]/"),
        ("", "/ba\\w(n|x/"),
        ("status:", "/^up/|hung"),
        ("!", "/^attic$/"),
        ("node:!", "/^attic$/|/^b.n$/"),
        ("is:", "up"),
        ("tag:", "*"),
    ],
)
def test_no_letter_of_a_pattern_hides_everything_while_it_is_typed(column: str, typed: str) -> None:
    for length in range(len(typed) + 1):
        found = parse_filter(column + typed[:length])
        assert any(found.shows(row, MOMENT) for row in ROWS), typed[:length]


LIKELY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(field.id for field in FIELDS),
                *'!:"<>=.% |*/()[]\\^$+?{}',
                ">=",
                "is:",
                "1",
                "20",
                "h",
                "ms",
                "G",
                "att",
                "é",
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=12,
).map("".join)
ANYTHING = st.one_of(st.text(), LIKELY)


@given(ANYTHING)
def test_anything_that_can_be_typed_is_a_filter(text: str) -> None:
    found = parse_filter(text)

    assert found.shows(ROW, MOMENT) in (True, False)
    assert found.asks_time in (True, False)


@given(ANYTHING)
def test_an_inverted_word_shows_what_the_word_does_not(text: str) -> None:
    word = re.sub(r"^[!\s]+", "", text).rstrip()
    found, inverted = parse_filter(word), parse_filter(f"!{word}")
    if len(list(terms_in(word))) != 1 or not inverted:  # a half-typed pattern hides nothing
        return

    assert inverted.shows(ROW, MOMENT) is not found.shows(ROW, MOMENT)


@pytest.mark.parametrize("word", ["/b", "/b(/", "node:/b", "/(a+)+/"])
def test_an_inverted_pattern_that_is_half_typed_or_not_valid_hides_nothing(word: str) -> None:
    assert not parse_filter(f"!{word}")
    assert parse_filter(word)


WORD = st.sampled_from(
    [
        "attic",
        "barn",
        "hung",
        "tag:site-a",
        "is:up",
        "!barn",
        "latency:>200",
        "/^bar/",
        "*tic",
        "pub:1",
    ]
)


@given(st.lists(WORD, min_size=1, max_size=4))
def test_alternatives_show_what_any_of_them_shows(words: list[str]) -> None:
    words = [word.removeprefix("~") for word in sorted(words)]  # those with a column last
    together = parse_filter("|".join(["nothing", *words]))

    for row in ROWS:
        shown = [parse_filter(word).shows(row, MOMENT) for word in words]
        assert together.shows(row, MOMENT) is any(shown)


@given(st.lists(st.sampled_from(["attic", "barn", "up", "hung", "!up", "u*", "/^h/"]), min_size=1))
def test_a_column_is_that_of_all_its_alternatives(words: list[str]) -> None:
    once = parse_filter("status:" + "|".join(["nothing", *words]))
    each = parse_filter("|".join(["nothing", *(f"status:{word}" for word in words)]))

    for row in ROWS:
        assert once.shows(row, MOMENT) is each.shows(row, MOMENT)
