"""Find under which names anything could leave in a period: nothing does while no version is in force.

The gate decides by the regime and the time of its transaction, and a period counts the transactions in it: nothing
lags. So a number of what left needs a moment of the period at which a version was in force, however short.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from wicketgate.clients.verify.reasons import Refusals, possible_refusals
from wicketgate.regime.fold import Named
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import ends, in_force_from

Range = tuple[int, int]


class Standing(NamedTuple):
    """The names under which something could leave in a period, whose images could be fetched, and what can have been
    refused for which reason."""

    live: Set[str]
    fetchable: Set[str]
    refusals: Set[tuple[str, str]]


class InForce:
    """The names with a version in force at some moment of a period, period by period.

    Parameters
    ----------
    from_us : int
        When the first period begins, microseconds.
    """

    def __init__(self, from_us: int) -> None:
        self._from_us = from_us
        self._live: set[str] = set()
        self._open: set[str] = set()
        self._open_before: set[str] = set()
        self._refusals: Refusals = set()
        self.ever: set[str] = set()
        """The names under which something could leave in any period so far."""

    def look(self, moment: RegimeAt) -> None:
        """Look at what stood until a document takes effect at a moment; its regime is without the document.

        What was decided at that very microsecond may have come before the document.
        """
        self._look(moment, moment.at_us + 1)
        self._from_us = max(self._from_us, moment.at_us)

    def close(self, moment: RegimeAt, until_us: int) -> Standing:
        """End a period; return the names under which something could leave in it.

        Notes
        -----
        O(versions). Whether an image may be fetched is asked before the fetch is committed: what a stop cuts off may
        be counted in the period behind it.
        """
        self._look(moment, until_us)
        found = Standing(
            frozenset(self._live), frozenset(self._open | self._open_before), frozenset(self._refusals)
        )
        self.ever |= self._live
        # Otherwise documents of the next period are in the regime already, which is a fault of its own.
        if self._from_us <= until_us:
            self._from_us = until_us
            self._open_before = self._open
            self._live, self._open, self._refusals = set(), set(), set()
        return found

    def _look(self, moment: RegimeAt, until_us: int) -> None:
        self._refusals |= possible_refusals(moment, self._from_us, until_us)
        for name, named in moment.regime.authorities.items():
            if named.suspensions or (name in self._live and name in self._open):
                continue
            mode = moment.authority(named.versions[-1]).mode
            if not moment.regime.is_unwitnessed(mode) and _in_force(moment, named, self._from_us, until_us):
                self._live.add(name)
            if _fetchable(moment, named, self._from_us, until_us):
                self._open.add(name)


def _in_force(moment: RegimeAt, named: Named, from_us: int, until_us: int) -> bool:
    """Return whether a version of a name, which nothing suspends, is in force at some moment from one to another."""
    return any(
        max(from_us, in_force_from(version, moment.authority(version)))
        < min(until_us, moment.in_force_until(named, number))
        for number, version in enumerate(named.versions)
    )


def _fetchable(moment: RegimeAt, named: Named, from_us: int, until_us: int) -> bool:
    """Return whether images of a name, which nothing suspends, may be fetched at some moment from one to another.

    They may be from when a version took effect, and behind its expiry: not while the version that counts is revoked,
    or its review or consultation overdue.
    """
    later_us = until_us
    for version in reversed(named.versions):
        authority = moment.authority(version)
        begins_us = in_force_from(version, authority)
        end_us, reason = ends(version, authority)
        stops_us = later_us if reason == "expired" else min(end_us, later_us)
        if version.revoked_us is None and max(from_us, begins_us) < stops_us:
            return True
        later_us = min(later_us, begins_us)
    return False


def left_by_nobody(member: str, table: Mapping[str, Range], names: Set[str]) -> list[str]:
    """Return the numbers of a table that are shown, and of whose names nothing could leave.

    Parameters
    ----------
    names : set of str
        Those under which something could.
    """
    why = (
        "it was stopped, or had not begun, in all of this period and of the one before"
        if member == "fetched"
        else "no version of it was in force at any moment of the period"
    )
    return [
        f"`{member}` of `{name}` is {least} or more, and {why}"
        for name, (least, _) in table.items()
        if least and name not in names
    ]
