"""Errata as transactions hold them and the fold keeps them: what was said of wrong reads, and who was told of it.

A correction never overwrites: it stands beside the read, and follows it to everyone who got it. Bounded: what is past
its term is forgotten. Pure. docs/spec/errata.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from wicketgate.commits.transactions import Transaction

Ground = Literal["misread", "no-plate", "wrong-time", "wrong-place"]
"""What was wrong with a read, in the one word that recipients are told."""

MOST_OF_READ: Final = 4
"""Errata of one read. What says nothing new is none."""
MOST_OF_SOURCE: Final = 10_000
"""Errata of one source within its term."""
MOST_DUE: Final = 10_000
"""Errata of which it is still to be found who got the read."""
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US


class ErratumSaid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A read was said to be wrong. Who got it is found behind this.

    Attributes
    ----------
    id : str
        The erratum's own.
    read : str
        A keyed hash that stands for the read as it was named: by its source's id, or by a hit.
    number, row : int
        Where the read stood last: its transaction, and its row in what that took; 0 where a hit names it.
    hit, feed, seq, raised_us
        The hit that was judged, its authority, its row, and when it was raised.
    plate : str
        The right plate in normal form; empty where nobody says it.
    said : str
        A keyed hash of it.
    by, token : str
        Who says so, and whose token it was where no person signed in.
    ends_us : int
        When this is forgotten.
    """

    id: str
    read: str
    ground: Ground
    by: str
    ends_us: int
    source: str = ""
    number: int = 0
    row: int = 0
    hit: str = ""
    feed: str = ""
    seq: int = 0
    raised_us: int = 0
    plate: str = ""
    said: str = ""
    reason: str = ""
    token: str = ""


class ErratumRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row that showed the read, and what its unit gets of the erratum.

    Attributes
    ----------
    corrects : int
        The row's number in the feed.
    version : int
        Of the authority that lets the erratum's own row go; 0 where there is a notice alone.
    seq : int
        The number of that row; 0 likewise.
    read : bool
        Whether the corrected read stands in it.
    until_us : int
        When the row that it corrects is past its term.
    search : str
        The question whose answer has the row that it corrects; empty of a row of the feed.
    """

    feed: str
    corrects: int
    until_us: int
    version: int = 0
    seq: int = 0
    read: bool = False
    search: str = ""


class ErratumSent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an erratum: it went to everyone who got the read, or there was nobody, or nothing new to tell.

    Attributes
    ----------
    number, row : int
        Where the read stood first; 0 where it could not be found any more, or there was nothing new to tell.
    vehicle : str
        A keyed hash of the plate as it was read, by which figures count.
    """

    id: str
    number: int = 0
    row: int = 0
    vehicle: str = ""
    rows: tuple[ErratumRow, ...] = ()


class HitCorrected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hit whose read was wrong; `plate` is the right one, where its authority in force would release that."""

    hit: str
    ground: Ground
    at_us: int
    plate: str | None = None


class ErrataTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A unit took the errata of an authority up to the notice of this number."""

    authority: str
    through: int
    by: str


class SaidErratum(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of an erratum: that the same said again is none, and what stands beside rows shown later.

    Attributes
    ----------
    plate : str
        The right one, of an erratum that was sent; empty where nobody said it.
    """

    id: str
    ground: str
    said: str
    source: str
    at_us: int
    ends_us: int
    plate: str = ""


class Notice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one unit is told of one erratum, whether or not its authority still stands.

    Attributes
    ----------
    number : int
        Of the authority's notices, from 1.
    corrects, seq : int
        The row that was wrong, and the erratum's own row in the feed; 0 where there is none.
    commit : int
        The transaction of that row.
    place : (int, int)
        Where the read stood first.
    taken_us : int
        When the unit said that it has it; 0 before.
    search : str
        As in `ErratumRow`.
    """

    number: int
    id: str
    corrects: int
    ground: Ground
    at_us: int
    until_us: int
    commit: int
    place: tuple[int, int]
    vehicle: str
    seq: int = 0
    read: bool = False
    taken_us: int = 0
    search: str = ""


class KnownErrata(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The errata of a deployment.

    Attributes
    ----------
    said : dict
        By the read as it was named, what was said of it.
    due : dict
        By id, those of which it is still to be found who got the read.
    sent : dict
        By the first place of a read (`place_of`), what was sent of it.
    notices : dict
        By authority, what its unit was told, in order.
    numbers : dict
        By authority, the number of its last notice.
    erasing : list of (int, str, int)
        Rows of errata that are to be erased with the row that they correct: transaction, feed, number in the feed.
    """

    said: dict[str, list[SaidErratum]] = {}
    due: dict[str, ErratumSaid] = {}
    sent: dict[str, list[SaidErratum]] = {}
    notices: dict[str, list[Notice]] = {}
    numbers: dict[str, int] = {}
    erasing: list[tuple[int, str, int]] = []
    next_end_us: int = 0

    # --- what is asked of it ------------------------------------------------------------------------------------

    def same(self, read: str, ground: str, said: str) -> SaidErratum | None:
        """Return what was said before of a read as it is named, where this says nothing new."""
        return known_among(self.said.get(read, ()), ground, said)

    def of_place(self, number: int, row: int) -> list[SaidErratum]:
        """Return what was sent of a read, by the first place where it stood, in order."""
        return self.sent.get(place_of(number, row), [])

    def of_source(self, source: str) -> int:
        """Return how many errata a source has said that are not forgotten."""
        return sum(one.source == source for several in self.said.values() for one in several)

    def of_answer(self, authority: str, search: str) -> int:
        """Return of how many rows of an answer its unit was told that they were wrong, once it had been made."""
        return len({one.corrects for one in self.notices.get(authority, ()) if one.search == search})

    def behind(self, names: Iterable[str], after: int = 0) -> Iterator[tuple[str, Notice]]:
        """Yield the notices of some authorities behind a number, the oldest first."""
        for name in names:
            for notice in self.notices.get(name, ()):
                if notice.number > after:
                    yield name, notice

    # --- the fold -----------------------------------------------------------------------------------------------

    def follow(self, transaction: Transaction, sequence: int) -> list[tuple[str, str, str]]:
        """Take what a transaction says of errata; return authority, kind and vehicle of what is counted.

        The kinds are those of `regime.publishing.ERRATA_KINDS`.
        """
        at_us, counted = transaction.at_us, []
        for row in transaction.erased:
            self._erase(row.number, row.feed, row.row)
        for one in transaction.errata_said:
            self._say(one, at_us)
        for sent in transaction.errata:
            counted += self._send(sent, at_us, sequence)
        if transaction.errata_taken is not None:
            counted += self._take(transaction.errata_taken, at_us)
        self._end(at_us)
        return counted

    def _say(self, one: ErratumSaid, at_us: int) -> None:
        kept = SaidErratum(one.id, one.ground, one.said, one.source, at_us, one.ends_us)
        self.said.setdefault(one.read, []).append(kept)
        self.due[one.id] = one
        self._ends(one.ends_us)

    def _send(self, sent: ErratumSent, at_us: int, commit: int) -> list[tuple[str, str, str]]:
        one = self.due.pop(sent.id)
        told = []
        if sent.number:
            kept = SaidErratum(one.id, one.ground, one.said, one.source, at_us, one.ends_us, one.plate)
            self.sent.setdefault(place_of(sent.number, sent.row), []).append(kept)
        for row in sent.rows:
            number = self.numbers[row.feed] = self.numbers.get(row.feed, 0) + 1
            self.notices.setdefault(row.feed, []).append(
                Notice(
                    number=number,
                    id=sent.id,
                    corrects=row.corrects,
                    ground=one.ground,
                    at_us=at_us,
                    until_us=row.until_us,
                    commit=commit,
                    place=(sent.number, sent.row),
                    vehicle=sent.vehicle,
                    seq=row.seq,
                    read=row.read,
                    search=row.search,
                )
            )
            self._ends(row.until_us)
            told += [
                (row.feed, kind, sent.vehicle)
                for kind in (("vehicles", "corrected") if row.read else ("vehicles",))
            ]
        return told

    def _take(self, taken: ErrataTaken, at_us: int) -> list[tuple[str, str, str]]:
        found = []
        for notice in self.notices.get(taken.authority, ()):
            if notice.number <= taken.through and not notice.taken_us:
                notice.taken_us = at_us
                found.append((taken.authority, how_soon(at_us - notice.at_us), notice.vehicle))
        return found

    def not_taken(self, authority: str, through: int) -> list[Notice]:
        """Return the notices up to a number that their unit did not say it has."""
        return [one for one in self.notices.get(authority, ()) if one.number <= through and not one.taken_us]

    def _erase(self, number: int, feed: str, row: int) -> None:
        """Let the errata of an erased row, or of an erased read, be erased with it."""
        self.erasing = [one for one in self.erasing if one != (number, feed, row)]
        for name in [feed] if feed else list(self.notices):
            held = self.notices.get(name, [])
            gone = [
                one
                for one in held
                if (one.corrects == row and not one.search if feed else one.place == (number, row))
            ]
            if gone:
                self._forget(name, gone)
        if not feed:
            self.sent.pop(place_of(number, row), None)

    def _end(self, at_us: int) -> None:
        """Forget what is past its term; the rows of errata whose row is go with it."""
        if not self.next_end_us or at_us < self.next_end_us:
            return
        for name, held in list(self.notices.items()):
            if gone := [one for one in held if one.until_us <= at_us]:
                self._forget(name, gone)
        for kept in (self.said, self.sent):
            for read, several in list(kept.items()):
                if any(one.ends_us <= at_us for one in several):
                    kept[read] = [one for one in several if one.ends_us > at_us]
                    if not kept[read]:
                        del kept[read]
        ends = [one.until_us for held in self.notices.values() for one in held]
        ends += [
            one.ends_us for kept in (self.said, self.sent) for several in kept.values() for one in several
        ]
        self.next_end_us = min(ends, default=0)

    def _forget(self, name: str, gone: list[Notice]) -> None:
        numbers = {one.number for one in gone}
        self.erasing += [(one.commit, name, one.seq) for one in gone if one.seq]
        self.notices[name] = [one for one in self.notices[name] if one.number not in numbers]
        if not self.notices[name]:
            del self.notices[name]

    def _ends(self, at_us: int) -> None:
        self.next_end_us = min(self.next_end_us or at_us, at_us)


def known_among(several: Iterable[SaidErratum], ground: str, said: str) -> SaidErratum | None:
    """Return the erratum beside which another would tell nothing new: of the same ground, and of no other plate."""
    return next((one for one in several if one.ground == ground and said in ("", one.said)), None)


def place_of(number: int, row: int) -> str:
    """Return the name of a read by where it stood first.

    >>> place_of(7, 12)
    '7-12'
    """
    return f"{number}-{row}"


def how_soon(delay_us: int) -> str:
    """Return how soon an erratum was taken, as figures say it.

    >>> how_soon(5), how_soon(7_200_000_000), how_soon(90_000_000_000)
    ('hour', 'day', 'later')
    """
    return "hour" if delay_us <= _HOUR_US else "day" if delay_us <= _DAY_US else "later"
