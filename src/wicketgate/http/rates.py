"""Limits on how often something may be done, by one caller and by all.

They are kept in memory, and nowhere else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from wicketgate.base.clock import SECOND_US
from wicketgate.http.peers import network_of

_CALLERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate: so many at once, and then one more every so often."""

    burst: int
    every_us: int


class Allowance:
    """The allowances of callers.

    Parameters
    ----------
    now_us : callable
        Returns the time by the gateway's clock.
    each, together : Rate
        For one address (of IPv6 a /64), and for all.

    Notes
    -----
    The loopback counts with all alone: whoever comes from there comes through a proxy on this machine, which has to
    slow down by address itself. At most 10,000 callers are remembered; the one that did nothing for longest goes first.
    """

    def __init__(self, now_us: Callable[[], int], *, each: Rate, together: Rate) -> None:
        self._now_us = now_us
        self._each = each
        self._together = together
        # A time for each: what was done moves it ahead by `every_us`, and it never lies behind now.
        self._used: dict[str, int] = {}
        self._used_together = 0

    def take(self, address: str) -> int:
        """Take one for an address.

        Return 0, or the seconds after which to try again. Then nothing was taken.
        """
        now_us = self._now_us()
        caller = "" if _is_loopback(address) else network_of(address)
        together = max(self._used_together, now_us) + self._together.every_us
        mine = max(self._used.get(caller, 0), now_us) + self._each.every_us
        over_us = together - now_us - self._together.burst * self._together.every_us
        if caller:
            over_us = max(over_us, mine - now_us - self._each.burst * self._each.every_us)
        if over_us > 0:
            return -(-over_us // SECOND_US)
        self._used_together = together
        if caller:
            self._used.pop(caller, None)
            self._used[caller] = mine
            while len(self._used) > _CALLERS:
                del self._used[next(iter(self._used))]
        return 0


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
