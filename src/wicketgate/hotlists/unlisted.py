"""Lists of which nothing leaves: whether they may be relied on, and which reads stay. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import InputError
from wicketgate.base.periods import add
from wicketgate.commits.hits import ListStood
from wicketgate.hotlists import Hotlist
from wicketgate.regime.documents.unlisted_terms import MILLION, UnlistedTerms

Unfit = Literal["missing", "too-many", "stale", "too-few", "shrunk"]
"""Why a list of an authority of mode `unlisted` may not be relied on."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Reads that stay: those of listed plates.

    Attributes
    ----------
    rows : (h,) intp
        Reads, ascending.
    """

    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The lists of an authority that releases what is on none of them, as they stand.

    Whatever kinds a list holds, all of it is withheld: a later version may name fewer lists, and then less is withheld
    only once the list has been put without them.
    """

    hotlist: Hotlist
    terms: UnlistedTerms
    stood: Mapping[str, ListStood]

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> Withheld:
        """Return the reads that are listed exactly, at the capture or at the decision (`Hotlist.listed_rows`).

        Raises
        ------
        InputError
            If a list is missing, stale, has too few entries, or shrank by too much.
        """
        if self.unfit(at_us):
            raise InputError("a list is not fit to be relied on")
        return Withheld(self.hotlist.listed_rows(plate_key, plate, captured_us, at_us))

    def unfit(self, at_us: int) -> dict[str, Unfit]:
        """Return which lists may not be relied on at a moment, and why: then everything is refused."""
        found = {name: self._unfit(name, at_us) for name in self.terms.lists}
        return {name: why for name, why in found.items() if why is not None}

    def _unfit(self, name: str, at_us: int) -> Unfit | None:
        known, terms = self.stood.get(name), self.terms
        if known is None or not known.entries or not known.confirmed_us:
            return "missing"
        if len(self.hotlist) > terms.max_entries:
            return "too-many"
        if add(known.confirmed_us, terms.stale_after) <= at_us:
            return "stale"
        if at_us >= self.hotlist.fewer_from(name, terms.min_entries):
            return "too-few"
        # Rounded up: of a share the list may keep no less than it says.
        kept = -(-known.against * (MILLION - terms.max_shrink_ppm) // MILLION)
        if kept > terms.min_entries and at_us >= self.hotlist.fewer_from(name, kept):
            return "shrunk"
        return None


def stand_after(
    before: Mapping[str, ListStood],
    counts: Mapping[str, int],
    terms: UnlistedTerms,
    at_us: int,
    *,
    whole: bool,
    touched: Collection[str],
) -> dict[str, ListStood]:
    """Return how lists stand after a change.

    Parameters
    ----------
    before : mapping
        By list, as they stood.
    counts : mapping
        Entries of each list from now on.
    whole : bool
        The unit put all lists whole.
    touched : collection of str
        The lists of which the unit changed something; empty where the gateway ends entries.

    Notes
    -----
    How much a list shrank is counted from what it had when it was last put whole, or from more that it had since. A
    list that shrank by too much is counted from what it had before that: putting the same again makes it no better.
    """
    found = {}
    for name in sorted({*before, *counts, *terms.lists}):
        known, entries = before.get(name, ListStood()), counts.get(name, 0)
        shrank = entries * MILLION < known.against * (MILLION - terms.max_shrink_ppm)
        most = entries if whole else max(known.against, entries)
        against = known.against if shrank else most
        confirmed_us = at_us if whole or name in touched else known.confirmed_us
        found[name] = ListStood(entries=entries, against=against, confirmed_us=confirmed_us)
    return found
