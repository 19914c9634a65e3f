"""A turnstile for whoever has no credential, so that strangers never have the whole loop.

Each answer costs the loop some time, however little, and the loop is also the way of reads, commits and seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from wicketgate.base.budget import Budget
from wicketgate.base.peers import neighbourhood

EVERY_S = 0.002
"""How often one passes, once `BURST` have passed at once."""
BURST = 32
MOST_OF_A_PEER = 64
"""Turns of one peer that are waited for at once."""
MOST_OF_A_NETWORK = 512
"""Turns of one neighbourhood: an IPv4 /24 or an IPv6 /48."""
MOST = 4096
"""Turns of all: some eight seconds."""


@dataclass(slots=True, eq=False)
class _AtTheTurnstile:
    passed: asyncio.Future[None]
    turns: int


class Turnstile:
    """Lets requests pass one after another, of each peer in turn; what costs more takes several turns.

    Parameters
    ----------
    every_s, burst : float, int
        How often one passes; so many pass at once after a quiet while.
    most_of_a_peer, most_of_a_network, most : int
        Turns that may be waited for, of one peer, of its neighbourhood and of all. One request that takes more than
        its peer may have is let wait where nothing else of that peer waits.

    Notes
    -----
    A peer with many connections has one place in the turn, so that it makes itself wait, and nobody else. Wherever the
    gateway stands behind a proxy, the peers are those that the proxy names. Whoever is cancelled waits no longer.
    """

    def __init__(
        self,
        *,
        every_s: float = EVERY_S,
        burst: int = BURST,
        most_of_a_peer: int = MOST_OF_A_PEER,
        most_of_a_network: int = MOST_OF_A_NETWORK,
        most: int = MOST,
    ) -> None:
        self._every_s = every_s
        self._burst = burst
        self._most_of_a_peer = most_of_a_peer
        self._bounds = Budget(most)
        self._most_of_a_network = most_of_a_network
        # A time: each that passes moves it `every_s` ahead, and it never lies behind now.
        self._passed_s = 0.0
        self._waiting: OrderedDict[str, deque[_AtTheTurnstile]] = OrderedDict()
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    async def passed(self, peer: str, turns: int = 1) -> bool:
        """Wait for a peer's turn, or as many of them as are needed; False, at once, where too many wait already."""
        loop = asyncio.get_running_loop()
        if not self._count and self._ahead_s(loop.time(), turns) <= 0:
            self._take(loop.time(), turns)
            return True
        mine = self._waiting.get(peer)
        most = max(turns, self._most_of_a_peer)
        shares = ((peer, most), (neighbourhood(peer), max(turns, self._most_of_a_network)))
        if self._bounds.take(turns, *shares) is not None:
            return False
        waiting = _AtTheTurnstile(loop.create_future(), turns)
        if mine is None:
            mine = self._waiting[peer] = deque()
        mine.append(waiting)
        self._count += 1
        self._wind(loop)
        try:
            await waiting.passed
        except asyncio.CancelledError:
            self._leave(peer, waiting)
            raise
        finally:
            self._bounds.give(turns, *shares)
        return True

    def _leave(self, peer: str, waiting: _AtTheTurnstile) -> None:
        """Let nobody wait in the place of who has gone."""
        mine = self._waiting.get(peer)
        if mine is None or waiting not in mine:
            return  # it had passed just now
        mine.remove(waiting)
        self._count -= 1
        if not mine:
            del self._waiting[peer]

    def _ahead_s(self, now_s: float, turns: int = 1) -> float:
        """Return how long until there are so many turns."""
        return max(self._passed_s, now_s) - now_s + (turns - self._burst) * self._every_s

    def _take(self, now_s: float, turns: int = 1) -> None:
        self._passed_s = max(self._passed_s, now_s) + turns * self._every_s

    def _wind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is None and self._count:
            self._timer = loop.call_later(max(0.0, self._ahead_s(loop.time())), self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        # One at a time, so that what else waits for the loop comes between; those who went away take no turn.
        while self._count:
            peer, mine = self._waiting.popitem(last=False)
            first = mine[0]
            taken = not first.passed.done()
            if taken:
                self._take(loop.time())
                first.turns -= 1
                if not first.turns:
                    first.passed.set_result(None)
            if first.passed.done():
                mine.popleft()
                self._count -= 1
            if mine:
                self._waiting[peer] = mine  # behind the others, also with turns that it still needs
            if taken:
                break
        self._wind(loop)
