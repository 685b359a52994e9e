"""SIGINT and SIGTERM end a stream between two messages, never in the middle of a learning step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Stopped(BaseException):
    """A signal came while waiting for a message."""


class Stopper:
    """While entered, the first signal is kept in `signal` and ends `until_stopped` when nothing is half done."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._waiting = False

    def __enter__(self) -> Stopper:
        numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
        self._old = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def until_stopped(self, messages: Iterator[T]) -> Iterator[T]:
        """The messages up to the first signal."""
        try:
            while True:
                self._waiting = True
                message = next(messages, None) if self.signal is None else None
                self._waiting = False
                if message is None:
                    return
                yield message
        except Stopped:
            return
        finally:
            self._waiting = False

    def _handle(self, number: int, _: FrameType | None) -> None:
        first = self.signal is None
        self.signal = self.signal or number
        if first and self._waiting:
            raise Stopped
