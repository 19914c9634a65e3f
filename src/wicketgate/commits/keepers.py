"""Links to keepers, as the fold keeps them: which rows were linked for what, and how many of a day.

No name, no address and no plate is among it. Bounded: what could be linked no more is forgotten. Pure.
docs/spec/state.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.regime.keepers.rules import LINKABLE_US, MOST_ASKED, LinkBefore, day_of
from wicketgate.regime.keepers.values import Became, LinkAsked, LinkEnded, LinkEvent, LinkRefused

LINKS_FORM = 1
"""The form of this part of the state."""
LISTED_US = 31 * 86_400_000_000
"""How long sources and overseers are shown a link."""
MOST_LISTED = 5_000
_LINKED_DAYS = LINKABLE_US // 86_400_000_000 + 1


class HeldLink(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A link as it is listed.

    Attributes
    ----------
    asked : LinkAsked
        The last time that it was asked.
    asked_us : int
        When it was asked first.
    times : int
        How often it was asked.
    became : str
        What became of it; empty where nothing is known yet.
    """

    asked: LinkAsked
    asked_us: int
    times: int = 1
    became: Became | None = None


class DayOfLinks(msgspec.Struct, kw_only=True):
    """How often links of an authority were asked on its last day."""

    day: int = 0
    links: int = 0


class LinkMark(msgspec.Struct, kw_only=True, array_like=True):
    """What is known of a row that was linked for a cause, for as long as it could be linked again.

    Attributes
    ----------
    day : int
        When it was asked last.
    id : str
        Of the link; empty once it is done.
    times : int
        How often it was asked.
    differs : bool
        The register's vehicle was another than the camera's.
    """

    day: int
    id: str
    times: int = 1
    differs: bool = False


class LinkCount(NamedTuple):
    """One more link of an authority for a cause."""

    name: str
    cause: str


class KnownLinks(msgspec.Struct, kw_only=True):
    """The links of a deployment.

    Attributes
    ----------
    marks : dict
        By authority and cause (`name/cause`), and by row.
    days : dict of str to DayOfLinks
        By authority.
    listed : dict of str to HeldLink
        By id, the last ones, whichever was asked first at the front.
    counts : dict of str to dict of str to int
        By authority and cause, links ever since: each once, however often it was asked.
    """

    form: int = LINKS_FORM
    marks: dict[str, dict[int, LinkMark]] = {}
    days: dict[str, DayOfLinks] = {}
    listed: dict[str, HeldLink] = {}
    counts: dict[str, dict[str, int]] = {}

    # --- what is asked of it ------------------------------------------------------------------------------------

    def before(self, name: str, cause: str, seq: int) -> LinkBefore:
        """Return what became so far of a row of an authority linked for a cause."""
        mark = self._mark(name, cause, seq)
        if mark is None:
            return LinkBefore()
        return LinkBefore(asked=mark.times, is_done=not mark.id, differs=mark.differs)

    def id_of(self, name: str, cause: str, seq: int) -> str:
        """Return the id of a link that was asked and is not done; empty where there is none."""
        mark = self._mark(name, cause, seq)
        return "" if mark is None else mark.id

    def today(self, name: str, at_us: int) -> int:
        """Return how often links of an authority were asked on the day of a time."""
        known = self.days.get(name)
        return known.links if known is not None and known.day == day_of(at_us) else 0

    def _mark(self, name: str, cause: str, seq: int) -> LinkMark | None:
        return self.marks.get(f"{name}/{cause}", {}).get(seq)

    # --- the fold -----------------------------------------------------------------------------------------------

    def take(self, events: Iterable[LinkEvent], at_us: int) -> list[LinkCount]:
        """Take what became of links at a time; return those that are new.

        Raises
        ------
        InputError
            If one ends that was not asked, or one is asked that is done.
        """
        counted: list[LinkCount] = []
        for event in events:
            match event:
                case LinkAsked():
                    counted += self._ask(event, at_us)
                case LinkEnded():
                    self._end(event)
                case LinkRefused():
                    pass  # a fact, and nothing that is in force
        self._forget(at_us)
        return counted

    def _ask(self, asked: LinkAsked, at_us: int) -> list[LinkCount]:
        name, day = asked.authority.partition("@")[0], day_of(at_us)
        marks = self.marks.setdefault(f"{name}/{asked.cause}", {})
        known = marks.pop(asked.seq, None)
        if known is not None and (known.id != asked.id or known.times >= MOST_ASKED):
            raise InputError("a link is asked again that is done, or was asked too often")
        today = self.days.setdefault(name, DayOfLinks())
        if today.day != day:
            today.day, today.links = day, 0
        today.links += 1
        if known is None:
            marks[asked.seq] = LinkMark(day=day, id=asked.id)
            self.listed[asked.id] = HeldLink(asked=asked, asked_us=at_us)
            counts = self.counts.setdefault(name, {})
            counts[asked.cause] = counts.get(asked.cause, 0) + 1
            return [LinkCount(name, asked.cause)]
        marks[asked.seq] = LinkMark(day=day, id=asked.id, times=known.times + 1, differs=known.differs)
        held = self.listed.get(asked.id)
        if held is not None:
            held.asked, held.times, held.became = asked, held.times + 1, None
        return []

    def _end(self, ended: LinkEnded) -> None:
        mark = self._mark(ended.authority.partition("@")[0], ended.cause, ended.seq)
        if mark is None or mark.id != ended.id:
            raise InputError("a link ends that was not asked")
        held = self.listed.get(ended.id)
        if held is not None:
            held.became = ended.became
        mark.differs = ended.became == "vehicle-differs"
        if ended.became in ("answered", "unknown"):
            mark.id = ""

    def _forget(self, at_us: int) -> None:
        """Forget marks of rows that can be linked no more, and links that are listed no more."""
        before = day_of(at_us) - _LINKED_DAYS
        for key, marks in list(self.marks.items()):
            # They stand in the order in which they were asked last.
            while marks and marks[first := next(iter(marks))].day < before:
                del marks[first]
            if not marks:
                del self.marks[key]
        while self.listed:
            first_id, held = next(iter(self.listed.items()))
            if len(self.listed) <= MOST_LISTED and held.asked_us + LISTED_US > at_us:
                break
            del self.listed[first_id]
