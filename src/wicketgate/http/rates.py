"""Limits on how often something may be done to one thing, by peer and by all.

They are kept in memory, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wicketgate.base.clock import SECOND_US
from wicketgate.base.peers import neighbourhood

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate: so many at once, and then one more every so often."""

    burst: int
    every_us: int

    def half(self) -> Rate:
        """Return half of it."""
        return Rate(burst=max(1, self.burst // 2), every_us=2 * self.every_us)


class Allowance:
    """The allowances of peers at each thing that is limited.

    Parameters
    ----------
    now_us : callable
        Returns the time by the gateway's clock.
    each, near, together : Rate
        At one thing: for a peer (`peers.peer_of`), for all peers of its neighbourhood, and for all.

    Notes
    -----
    One peer never uses up what is for all: those that have had something lately share one half of it, and the other
    half is for those that have not. A neighbourhood is an IPv4 /24 or an IPv6 /48, which one customer may have. At most
    20,000 peers and neighbourhoods are remembered; the one that did nothing for longest goes first.
    """

    def __init__(self, now_us: Callable[[], int], *, each: Rate, near: Rate, together: Rate) -> None:
        self._now_us = now_us
        self._each = each
        self._near = near
        self._together = together
        self._used: dict[tuple[str, str], int] = {}
        self._shared: dict[tuple[str, bool], int] = {}

    def take(self, thing: str, peer: str) -> int:
        """Take one for a peer at a thing, which the caller knows to exist.

        Return 0, or the seconds after which to try again. Then nothing was taken.
        """
        now_us = self._now_us()
        mine, ours = (thing, peer), (thing, neighbourhood(peer))
        returning = self._used.get(mine, 0) > now_us
        wanted = [
            RateUse(self._used.get(mine, 0), now_us, self._each),
            RateUse(self._used.get(ours, 0), now_us, self._near),
            RateUse(self._shared.get((thing, False), 0), now_us, self._together),
        ]
        if returning:
            wanted.append(RateUse(self._shared.get((thing, True), 0), now_us, self._together.half()))
        wait_s = max(one.wait_s for one in wanted)
        if wait_s:
            return wait_s
        for key, taking in zip((mine, ours), wanted, strict=False):
            self._used.pop(key, None)
            self._used[key] = taking.after_us
        self._shared[thing, False] = wanted[2].after_us
        if returning:
            self._shared[thing, True] = wanted[3].after_us
        while len(self._used) > _REMEMBERED:
            del self._used[next(iter(self._used))]
        return 0


class TokenAllowance:
    """The allowances of tokens or of people, each by itself; at most 20,000 are remembered.

    Parameters
    ----------
    now_us : callable
        Returns the time by the gateway's clock.
    each : Rate
        For one of them.
    """

    def __init__(self, now_us: Callable[[], int], each: Rate) -> None:
        self._now_us = now_us
        self._each = each
        self._used: dict[str, int] = {}

    def take(self, token: str) -> int:
        """Take one for a known token, by its name.

        Return 0, or the seconds after which to try again. Then nothing was taken.
        """
        taking = RateUse(self._used.get(token, 0), self._now_us(), self._each)
        if not taking.wait_s:
            self._used.pop(token, None)
            self._used[token] = taking.after_us
            while len(self._used) > _REMEMBERED:
                del self._used[next(iter(self._used))]
        return taking.wait_s


class RateUse:
    """One more at a rate.

    What was taken is a time: each moves it `every_us` ahead, and it never lies behind now.

    Attributes
    ----------
    after_us : int
        That time, once one more is taken.
    wait_s : int
        Seconds until there is one more to take; 0 where there is.
    """

    def __init__(self, used_us: int, now_us: int, rate: Rate) -> None:
        self.after_us = max(used_us, now_us) + rate.every_us
        over_us = self.after_us - now_us - rate.burst * rate.every_us
        self.wait_s = max(0, -(-over_us // SECOND_US))
