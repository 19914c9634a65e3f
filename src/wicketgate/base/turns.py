"""The turns of large work on the event loop: one piece at a time, whosever it is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque

SEATS = 2
"""Large pieces of work of one name that are under way at once."""


class PieceTurns:
    """Turns for pieces of work that each hold the loop for some milliseconds.

    One piece is done in one round of the loop, of each name in turn, so that twelve large posts hold it no longer than
    one. Where several are under way, the loop has as long for everything else as each piece took.

    Parameters
    ----------
    seats : int
        How much large work of one name may be under way; the rest of it waits.
    """

    def __init__(self, *, seats: int = SEATS) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._seats: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(seats))
        self._seated = 0
        self._is_due = False
        self._since_s = 0.0

    async def sit(self, name: str) -> None:
        """Wait for a seat for large work of a name; whoever has one gives it back by `leave`."""
        await self._seats[name].acquire()
        self._seated += 1

    def leave(self, name: str) -> None:
        """Give a seat back."""
        self._seated -= 1
        self._seats[name].release()

    def turn(self, name: str) -> asyncio.Future[None]:
        """Return the turn of a name, to be awaited at once: what follows, up to the next wait, is one piece."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(name, deque()).append(turn)
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._next, loop)
        return turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            name, mine = self._waiting.popitem(last=False)
            turn = mine.popleft()
            if mine:
                self._waiting[name] = mine  # behind the others
            if not turn.done():  # whoever waited may have gone
                turn.set_result(None)
                self._since_s = loop.time()
                loop.call_soon(self._rest, loop)  # behind the piece, which goes on before
                return
        self._is_due = False

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._seated > 1:
            loop.call_later(loop.time() - self._since_s, self._next, loop)
        else:
            loop.call_soon(self._next, loop)
