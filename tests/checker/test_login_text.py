"""Answers are told from whatever a login prints before the forced command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.wire import Answers, LoginText, Malformed, last_answer

NOTHING = LoginText()


@pytest.mark.parametrize(
    ("output", "answer", "text"),
    [
        pytest.param("0\n", 0, NOTHING, id="no text"),
        pytest.param("20", 20, NOTHING, id="no newline"),
        pytest.param("Welcome\r\n0\r\n", 0, NOTHING, id="a line"),
        pytest.param("Welcome\n\n3 users\n7\n0\n\n", 0, LoginText(numbers=1), id="a number"),
        pytest.param("1\n2\n3\n", 3, LoginText(numbers=2), id="numbers only"),
        pytest.param(
            "4\nhello: 0\n",
            0,
            LoginText(numbers=1, tail="hello: "),
            id="no newline before the answer",
        ),
        pytest.param(
            "\x1b]0;gateway\x0760\n",
            60,
            LoginText(tail="\x1b]0;gateway\x07"),
            id="the title of a terminal",
        ),
    ],
)
def test_the_last_line_is_the_answer(output: str, answer: int, text: LoginText) -> None:
    assert last_answer(output) == (answer, text)


@pytest.mark.parametrize("output", ["", "\n", "hello\n", "0\nhello\n", "1234567\n"])
def test_without_a_number_at_the_end_there_is_no_answer(output: str) -> None:
    with pytest.raises(Malformed, match="not a number of seconds"):
        last_answer(output)


lines = st.text(st.characters(min_codepoint=32, max_codepoint=126)) | st.integers(0, 999_999).map(
    str
)
tails = st.just("") | st.text(
    st.characters(min_codepoint=33, max_codepoint=126), max_size=9
).filter(lambda text: not text[-1:].isdigit())


@given(
    st.lists(lines, max_size=5),
    tails,
    st.integers(0, 999_999),
    st.lists(st.integers(0, 999_999), min_size=1, max_size=4),
)
def test_what_a_claim_showed_is_left_out_of_a_hold(
    before: list[str], tail: str, claimed: int, answers: list[int]
) -> None:
    printed = "".join(f"{line}\n" for line in before) + tail

    answer, text = last_answer(f"{printed}{claimed}\n")
    found = Answers(text)
    heard = [found.take(line) for line in (printed + "\n".join(map(str, answers))).split("\n")]

    assert answer == claimed
    assert [number for number in heard if number is not None] == answers


def test_lines_that_differ_from_one_login_to_the_next_do_no_harm() -> None:
    found = Answers(last_answer("load 0.3\n1201\n0\n")[1])

    assert [found.take(line) for line in ("load 0.4", "1202", "0", "60", "rubbish", "0")] == [
        None,
        None,
        0,
        60,
        None,
        0,
    ]
