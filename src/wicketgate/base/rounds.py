"""Work by turns: at most so much of it in one round of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class Rounds:
    """The turns of many tasks that wake together: each round of the loop lets some of them work, in their order.

    A thousand messages that were held up by the streams go on at the same moment; each is little work, and all of
    them at once would hold the loop.

    Parameters
    ----------
    most : int
        Work in one round, in whatever unit `turn` is asked by.
    """

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._is_due = False

    async def turn(self, work: int = 1) -> None:
        """Wait for the turn of a piece of work; what is more than all has a round for itself."""
        if self._left > 0 and not self._waiting:
            self._left -= work
            self._call()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, work))
        self._call()
        await turn

    def _call(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_due = False
        self._left = self._most
        while self._waiting and self._left > 0:
            turn, work = self._waiting.popleft()
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)
                self._left -= work
        if self._left < self._most:
            self._call()
