"""The file of the letters that were carried out."""

from __future__ import annotations

from pathlib import Path

from checker.model.letter_book import GoAhead, Refused, judge, with_begun
from checker.state.letter_file import read_book, write_book
from tests.letters import GW1, letter

NOW = 1_795_700_000.0


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "letters.json"
    assert read_book(path, NOW).notes == ()
    book = with_begun(read_book(path, NOW), letter(at=int(NOW)), NOW)

    write_book(path, book)

    assert read_book(path, NOW) == book
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_damage_no_letter_counts_that_may_have_been_carried_out(tmp_path: Path) -> None:
    path = tmp_path / "letters.json"
    path.write_bytes(b'{"letters": [{"nonce": "\xff')

    book = read_book(path, NOW)

    for written_s in (-60, 0, 60):
        found = judge(letter(at=int(NOW) + written_s), book, here=GW1, now=NOW, is_signed=True)
        assert isinstance(found, Refused)
    later = NOW + 61
    assert judge(letter(at=int(later)), book, here=GW1, now=later, is_signed=True) == GoAhead()
