"""What a gateway does about a letter: it carries it out once, or says why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checker.model import InvalidValue, Outcome, Verb
from checker.model.letter import Letter
from checker.model.letter_book import (
    KEPT_S,
    MOST_KEPT,
    WINDOW_S,
    Book,
    GoAhead,
    Judgement,
    Noted,
    Refused,
    Repeated,
    book_in,
    book_text,
    judge,
    with_begun,
    with_outcomes,
)
from tests.letters import AIM, GW1, GW2, letter

NOW = 1_795_700_000.0
ASKED = letter(at=int(NOW), nonce="0" * 32)
DONE = (Outcome(node=AIM.node, port=AIM.port, done=True, sentence="sshd 4242 ended"),)
EMPTY = Book()
BEGUN = with_begun(Book(), ASKED, NOW)
ENDED = with_outcomes(BEGUN, ASKED, DONE)


def judged(
    wanted: Letter = ASKED, book: Book = EMPTY, *, now: float = NOW, is_signed: bool = True
) -> Judgement:
    return judge(wanted, book, here=GW1, now=now, is_signed=is_signed)


def test_a_letter_that_somebody_signed_who_may_is_carried_out() -> None:
    assert judged() == GoAhead()


@pytest.mark.parametrize("age_s", [-WINDOW_S, 0, WINDOW_S])
def test_clocks_may_differ_by_a_minute(age_s: int) -> None:
    assert judged(now=NOW + age_s) == GoAhead()


@pytest.mark.parametrize(
    ("wanted", "book", "now", "is_signed", "why"),
    [
        pytest.param(ASKED, Book(), NOW, False, "no signature of anna counts", id="unsigned"),
        pytest.param(
            replace(ASKED, gateway=GW2), Book(), NOW, True, "it is for gateway gw2", id="elsewhere"
        ),
        pytest.param(ASKED, Book(), NOW + 61, True, "written 61 s ago", id="old"),
        pytest.param(ASKED, Book(), NOW - 61, True, "written in 61 s", id="of the future"),
        pytest.param(
            ASKED,
            Book(forgotten_to=int(NOW)),
            NOW,
            True,
            "no longer knows which letters of that time it carried out; ask again in 1 s",
            id="forgotten",
        ),
        pytest.param(
            replace(ASKED, verb=Verb.RESET), ENDED, NOW, True, "same nonce", id="nonce of another"
        ),
        pytest.param(ASKED, ENDED, NOW, False, "no signature", id="a repeat without signature"),
        pytest.param(
            replace(ASKED, gateway=GW2), ENDED, NOW, True, "gateway gw2", id="a repeat elsewhere"
        ),
    ],
)
def test_nothing_is_done_about_any_other(
    wanted: Letter, book: Book, now: float, is_signed: bool, why: str
) -> None:
    found = judged(wanted, book, now=now, is_signed=is_signed)

    assert isinstance(found, Refused)
    assert why in found.why


@pytest.mark.parametrize("later_s", [0, 30, 61, 3600])
def test_a_repeat_gets_the_first_outcome_however_late(later_s: int) -> None:
    assert judged(book=ENDED, now=NOW + later_s) == Repeated(DONE)
    assert judged(book=BEGUN, now=NOW + later_s) == Repeated(None)


def test_the_book_outlives_the_daemon() -> None:
    for book in (Book(forgotten_to=7), BEGUN, ENDED):
        assert book_in(book_text(book)) == book


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"letters": [{}], "forgotten_to": 0}', "[" * 5000, '{"letters": 5}']
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not as the daemon writes it"):
        book_in(text)


def noted(number: int, at: float) -> Noted:
    return Noted(nonce=f"{number:032x}", digest="", at=int(at), outcomes=DONE)


def test_old_letters_are_forgotten_and_none_as_old_counts_any_more() -> None:
    old, newer = noted(1, NOW - KEPT_S - 1), noted(2, NOW - WINDOW_S)

    book = with_begun(Book(notes=(old, newer)), ASKED, NOW)

    assert [one.nonce for one in book.notes] == [newer.nonce, ASKED.nonce]
    assert book.forgotten_to == old.at


def test_of_many_those_that_no_longer_count_are_forgotten_first() -> None:
    many = tuple(noted(number, NOW - WINDOW_S - 1) for number in range(1, MOST_KEPT + 1))

    book = with_begun(Book(notes=many), ASKED, NOW)

    assert len(book.notes) == MOST_KEPT
    assert book.notes[-1].nonce == ASKED.nonce
    assert book.forgotten_to == many[0].at


def test_a_book_full_of_letters_that_count_refuses_another() -> None:
    many = tuple(noted(number, NOW) for number in range(1, MOST_KEPT + 1))

    with pytest.raises(InvalidValue, match="more than 1024 letters"):
        with_begun(Book(notes=many), ASKED, NOW)


moments = st.tuples(st.integers(0, 3), st.sampled_from([-4000, -700, -70, -5, 0, 5, 70, 700, 4000]))


@settings(max_examples=50, deadline=None)
@example([(0, 0), (0, 700), (0, -700)])  # forgotten, and the clock set back
@given(st.lists(moments, max_size=40))
def test_no_letter_is_carried_out_twice_whatever_the_clock_does(
    moments: list[tuple[int, int]],
) -> None:
    book, now = Book(), NOW
    written: list[Letter] = []
    done: list[str] = []

    for which, step_s in moments:
        now += step_s
        if which == 0 or not written:
            written.append(letter(at=int(now), nonce=f"{len(written):032x}"))
        for wanted in written[-which - 1 :: -1]:
            if judged(wanted, book, now=now) == GoAhead():
                book = book_in(book_text(with_begun(book, wanted, now)))
                done.append(wanted.nonce)

    assert len(done) == len(set(done))
