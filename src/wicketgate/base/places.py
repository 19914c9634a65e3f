"""The places for connections: how many, of whom, and which one goes first."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Literal, Protocol

from wicketgate.base.limits import PlaceLimits
from wicketgate.base.peers import network_of

log = logging.getLogger(__name__)

Why = Literal["name", "peer", "all"]
"""Whose share is taken up: the name's, the peer's, or all of it."""

_QUIET_S: Final = 10.0
_ALARM_S: Final = 60.0
_SHORTAGES: Final = frozenset({"strangers", "all", "descriptors"})


class Guest(Protocol):
    """Whoever holds a place: a connection."""

    def drop(self) -> None:
        """Close at once, because the place is needed."""


class Place:
    """One connection's place, from `Places.enter` to `Places.leave`."""

    __slots__ = ("guest", "is_busy", "is_gone", "is_proxied", "name", "peer")

    def __init__(self, guest: Guest, peer: str, *, is_proxied: bool) -> None:
        self.guest: Guest | None = guest  # None once it is gone: a place must not keep its guest alive
        self.peer = peer
        self.is_proxied = is_proxied
        self.name = ""  # of the token that it has shown
        self.is_busy = False
        self.is_gone = False


class Places:
    """The places of one kind of connections.

    A newcomer is a stranger, and always finds a place: where strangers have no more, the one that has waited for
    longest is dropped, of the same peer first, and one that is being answered last. Whoever shows a credential is
    known from then on, and is never dropped for another. So whoever opens sockets and says nothing drops its own.

    Parameters
    ----------
    over : str
        What is spoken, for the log.
    is_proxy : callable
        Whether many come from one address, which then has no share of its own.
    is_short : callable
        Whether descriptors run out: then nobody enters.
    now_s : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        over: str,
        limits: PlaceLimits,
        *,
        is_proxy: Callable[[str], bool] = lambda address: False,
        is_short: Callable[[], bool] = lambda: False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.over = over
        self.limits = limits
        self.refused: Counter[str] = Counter()
        self._is_proxy = is_proxy
        self._is_short = is_short
        self._now_s = now_s
        self._waiting: OrderedDict[Place, None] = OrderedDict()
        self._answered: OrderedDict[Place, None] = OrderedDict()
        self._strangers_of: dict[str, OrderedDict[Place, None]] = {}
        self._known = 0
        self._known_of_peer: Counter[str] = Counter()
        self._known_of_name: Counter[str] = Counter()
        self._short_at = self._told_at = float("-inf")

    @property
    def strangers(self) -> int:
        """The number of connections that have shown no credential."""
        return len(self._waiting) + len(self._answered)

    @property
    def known(self) -> int:
        """The number of connections that have shown one."""
        return self._known

    @property
    def is_short(self) -> bool:
        """Whether somebody was turned away in the last minute for want of places or descriptors."""
        return self._now_s() - self._short_at < _ALARM_S

    def enter(self, guest: Guest, address: str) -> Place | None:
        """Return a stranger's place, or None where descriptors run out."""
        if self._is_short():
            self.note("descriptors")
            return None
        place = Place(guest, network_of(address), is_proxied=self._is_proxy(address))
        self._add_stranger(place)
        return place

    def work(self, place: Place) -> None:
        """Take note that a stranger is being answered."""
        if not (place.name or place.is_busy or place.is_gone):
            place.is_busy = True
            del self._waiting[place]
            self._answered[place] = None

    def rest(self, place: Place) -> None:
        """Take note that a stranger has its answer."""
        if not place.name and place.is_busy and not place.is_gone:
            place.is_busy = False
            del self._answered[place]
            self._waiting[place] = None

    def know(self, place: Place, name: str) -> Why | None:
        """Give the place to a name, or return whose share is taken up.

        Then it is a stranger's.
        """
        if place.is_gone or place.name == name:
            return None
        self.forget(place)
        limits = self.limits
        most = limits.of_source if name.startswith("source:") else limits.of_name
        why: Why | None = None
        if self._known >= limits.known:
            why = "all"
        elif self._known_of_name[name] >= most:
            why = "name"
        elif self._known_of_peer[place.peer] >= limits.of_peer and not place.is_proxied:
            why = "peer"
        if why is not None:
            self.note(why if why == "all" else f"known-{why}")
            return why
        self._remove_stranger(place)
        place.name = name
        self._known += 1
        self._known_of_peer[place.peer] += 1
        self._known_of_name[name] += 1
        return None

    def forget(self, place: Place) -> None:
        """Make the place a stranger's again: its credential is good no longer."""
        if place.is_gone or not place.name:
            return
        self._remove_known(place)
        self._add_stranger(place)

    def leave(self, place: Place) -> None:
        """Give the place back; once is enough."""
        if place.is_gone:
            return
        if place.name:
            self._remove_known(place)
        else:
            self._remove_stranger(place)
        place.is_gone = True
        place.guest = None

    def note(self, why: str) -> None:
        """Count one that was turned away or dropped; a shortage is an alarm, and told at a bounded rate."""
        self.refused[why] += 1
        if why not in _SHORTAGES:
            return
        now_s = self._short_at = self._now_s()
        if now_s - self._told_at >= _QUIET_S:
            self._told_at = now_s
            log.warning(
                "connections over %s are short (%s): %d known, %d strangers; %d were turned away since the start",
                self.over,
                why,
                self._known,
                self.strangers,
                sum(self.refused[one] for one in _SHORTAGES),
            )

    def drop_waiting(self, count: int) -> None:
        """Drop the strangers that have waited for longest, because descriptors run out."""
        for _ in range(min(count, len(self._waiting))):
            self._drop(next(iter(self._waiting)), "descriptors")

    def _drop(self, place: Place, why: str) -> None:
        guest = place.guest
        self.leave(place)
        self.note(why)
        if guest is not None:
            guest.drop()

    def _add_stranger(self, place: Place) -> None:
        of_peer = self._strangers_of.get(place.peer)
        limits = self.limits
        if of_peer is not None and len(of_peer) >= limits.strangers_of_peer and not place.is_proxied:
            self._drop(next((one for one in of_peer if not one.is_busy), next(iter(of_peer))), "peer")
        elif self.strangers >= limits.strangers:
            self._drop(next(iter(self._waiting or self._answered)), "strangers")
        (self._answered if place.is_busy else self._waiting)[place] = None
        self._strangers_of.setdefault(place.peer, OrderedDict())[place] = None

    def _remove_stranger(self, place: Place) -> None:
        del (self._answered if place.is_busy else self._waiting)[place]
        of_peer = self._strangers_of[place.peer]
        del of_peer[place]
        if not of_peer:
            del self._strangers_of[place.peer]

    def _remove_known(self, place: Place) -> None:
        self._known -= 1
        for counter, key in ((self._known_of_peer, place.peer), (self._known_of_name, place.name)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        place.name = ""
