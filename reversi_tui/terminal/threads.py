"""Runs blocking work in threads that neither keep the process alive nor delay a key."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
SLICE = 100
"""A thread looks at so many rows in less than a millisecond."""
MANY = 1000
"""Fewer rows delay no key that anybody would notice."""


def giving_way(found: Collection[T]) -> Iterable[T]:
    """The same; of many, other threads run after each slice: Python itself would let one that
    answers a key wait for 5 ms each time.
    """
    return found if len(found) < MANY else sliced(found)


def sliced(found: Iterable[T]) -> Iterator[T]:
    for number, each in enumerate(found, 1):
        yield each
        if number % SLICE == 0:
            time.sleep(0)


def detached(work: Callable[[], T], *, name: str) -> asyncio.Future[T]:
    """What the work returns or raises. Unlike with to_thread, the exit does not wait for it: a kill
    may take a minute to answer.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type] # a T if there is no error
        else:
            future.set_exception(error)

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again by the await
            failure = error
        # the loop may be closed by now, and nobody waits
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
