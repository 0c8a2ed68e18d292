"""The thread that takes in keys: it sleeps while nobody types, and ends at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from queue import Queue
from selectors import PollSelector

import pytest
from textual import events
from textual.message import Message

from reversi_tui.terminal import driver
from reversi_tui.terminal.driver import Bell, Driver

WITHIN_S = 30


class Listening(Driver):
    """Reads from a pipe, and keeps the keys."""

    def __init__(self, handle: int) -> None:
        self.fileno, self.exit_event, self._debug = handle, Bell(), False
        self._writer_thread = None
        self.keys: Queue[str] = Queue()

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Key):
            self.keys.put(message.key)

    def key(self) -> str:
        return self.keys.get(timeout=WITHIN_S)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Queue[float | None]:
    """How long each look may last."""
    found: Queue[float | None] = Queue()
    plain = PollSelector.select

    def noted(self: PollSelector, timeout: float | None = None) -> object:
        found.put(timeout)
        return plain(self, timeout)

    monkeypatch.setattr(PollSelector, "select", noted)
    return found


def test_keys_come_in_and_between_them_the_thread_sleeps(
    pipe: tuple[int, int], pauses: Queue[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "BEGUN_S", 0.2)
    listening = Listening(pipe[0])
    thread = threading.Thread(target=listening.run_input_thread)

    thread.start()
    try:
        os.write(pipe[1], b"a\x1b[A\xff")
        assert [listening.key() for _ in range(2)] == ["a", "up"]
        assert listening.key()  # the invalid byte
        os.write(pipe[1], b"\x1b")
        assert listening.key() == "escape"
        deadline = time.monotonic() + WITHIN_S
        while pauses.get(timeout=WITHIN_S) is not None:
            assert time.monotonic() < deadline, "it goes on looking"
        os.write(pipe[1], b"z")
        assert listening.key() == "z"
    finally:
        listening.exit_event.set()
        thread.join(WITHIN_S)
        listening.close()

    assert not thread.is_alive()


def test_an_input_that_ended_can_begin_again(pipe: tuple[int, int]) -> None:
    listening = Listening(pipe[0])
    for key in ("a", "b"):
        thread = threading.Thread(target=listening.run_input_thread)
        thread.start()
        os.write(pipe[1], key.encode())
        assert listening.key() == key
        listening.exit_event.set()
        thread.join(WITHIN_S)
        listening.exit_event.clear()
    listening.close()

    assert not thread.is_alive()
