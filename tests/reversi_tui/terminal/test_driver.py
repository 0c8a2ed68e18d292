"""The thread that takes in keys: it sleeps while nobody types, and ends at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from selectors import PollSelector

import pytest
from textual import events
from textual.message import Message

from reversi_tui.terminal import driver
from reversi_tui.terminal.driver import Bell, Driver

WITHIN_S = 150


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
def listening(pipe: tuple[int, int]) -> Iterator[Listening]:
    made = Listening(pipe[0])
    yield made
    os.close(made.exit_event.handle)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Queue[float | None]:
    """How long each look may last."""
    found: Queue[float | None] = Queue()
    plain = PollSelector.select

    def noted(self: PollSelector, timeout: float | None = None) -> object:
        found.put(timeout)
        return plain(self, timeout)

    monkeypatch.setattr(driver, "BEGUN_S", 0.2)
    monkeypatch.setattr(PollSelector, "select", noted)
    return found


@contextmanager
def reading(listening: Listening) -> Iterator[None]:
    """Let it read during the block, and end it as Textual does."""
    thread = threading.Thread(target=listening.run_input_thread)
    thread.start()
    try:
        yield
    finally:
        listening.exit_event.set()
        thread.join(WITHIN_S)
        is_over = not thread.is_alive()
        listening.exit_event.clear()
        listening.close()
    assert is_over


def sleeps(pauses: Queue[float | None]) -> bool:
    """Whether it waits without end, and does so once it began."""
    deadline = time.monotonic() + WITHIN_S
    while pauses.get(timeout=WITHIN_S) is not None:
        assert time.monotonic() < deadline, "it goes on looking"
    try:
        pauses.get(timeout=0.3)
    except Empty:
        return True
    return False


def test_keys_come_in_and_between_them_the_thread_sleeps(
    pipe: tuple[int, int], listening: Listening, pauses: Queue[float | None]
) -> None:
    with reading(listening):
        os.write(pipe[1], b"a\x1b[A\xff")
        assert [listening.key() for _ in range(2)] == ["a", "up"]
        assert listening.key()  # the invalid byte
        os.write(pipe[1], b"\x1b")
        assert listening.key() == "escape"
        assert sleeps(pauses)
        os.write(pipe[1], b"z")
        assert listening.key() == "z"


def test_after_the_terminal_was_lent_keys_come_in_and_the_thread_sleeps_again(
    pipe: tuple[int, int], listening: Listening, pauses: Queue[float | None]
) -> None:
    for key in ("a", "b"):
        with reading(listening):
            os.write(pipe[1], key.encode())
            assert listening.key() == key
            assert sleeps(pauses)
        while not pauses.empty():
            pauses.get()
