"""The progress of long work, at a terminal alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

_EVERY_S: Final = 0.5
_PART: Final = 64 * 1024


class ProgressLine:
    """How much of something is done, on one line of standard error that is written over.

    Nothing is printed where that is no terminal, and nothing for what takes less than half a second.

    Parameters
    ----------
    what : str
        What is counted, in the plural.
    whole : int
        How many there are at most; 0 where that is not known.
    """

    def __init__(self, what: str, whole: int = 0) -> None:
        self._what = what
        self._whole = whole
        self._done = 0
        self._shown = False
        self._told_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def more(self, number: int) -> None:
        """Count more that is done."""
        self._done += number
        now_s = time.monotonic()
        if now_s - self._told_s < _EVERY_S or not sys.stderr.isatty():
            return
        self._told_s, self._shown = now_s, True
        of = f" of {self._whole:,}" if self._whole else ""
        print(f"\r\x1b[K{self._done:,}{of} {self._what}", end="", file=sys.stderr, flush=True)

    def parts(self, body: bytes) -> Iterator[bytes]:
        """Yield a body in parts, each counted once it was taken."""
        for start in range(0, len(body), _PART):
            part = body[start : start + _PART]
            yield part
            self.more(len(part))
