"""The pages of a unit's shift: the hand-over, its lists, and the change of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wicketgate.base.clock import DAY_US
from wicketgate.commits.handovers import HandedOver
from wicketgate.hotlists.entries import Entry
from wicketgate.hotlists.hits import Hit
from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.duty import Session, summary, view

SOON_US = 7 * DAY_US
"""How soon an entry must end, or be reviewed, to be shown among those that do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShown:
    """A list of a unit.

    Attributes
    ----------
    stopped : str
        How its authority stands where it is stopped; empty where it is not.
    most : int
        Entries that the authority allows.
    changed_us : int
        When it was changed last; 0 where it never was.
    soon : int
        Entries that end, or must be reviewed, within a week.
    kinds : tuple of str
        Those that the authority allows.
    """

    name: str
    title: str
    stopped: str = ""
    revision: int = 0
    entries: int = 0
    most: int = 0
    changed_us: int = 0
    soon: int = 0
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeShown:
    """What an upload would change, the first rows of it, and how many there are.

    Attributes
    ----------
    id : str
        Of the upload, for its form.
    revision : int
        Of the list that it would change.
    same : int
        Entries that stay as they are.
    taken : int
        The revision that it became; 0 before it was confirmed.
    again : bool
        Whether the list changed since this was shown last.
    """

    id: str
    revision: int
    whole: bool
    added: int
    removed: int
    changed: int
    same: int
    entries: int
    added_rows: Sequence[Entry]
    removed_rows: Sequence[Entry]
    changed_rows: Sequence[tuple[Entry, Entry]]
    taken: int = 0
    again: bool = False


class ShiftPages(AtWorkPages):
    """The pages of the hand-over and of lists."""

    def handover(
        self,
        session: Session,
        now_us: int,
        *,
        hits: Sequence[Hit],
        more: int,
        notes: Sequence[HandedOver],
        names: Mapping[str, str],
        most: int,
        done: bool = False,
        fault: str = "",
        written: str = "",
    ) -> str:
        """Return the page `/duty/handover`.

        Parameters
        ----------
        hits : sequence of Hit
            Those that wait, the most urgent first; `more` wait besides.
        notes : sequence of HandedOver
            The newest first.
        names : mapping
            What people are called, by what facts say.
        most : int
            Characters of a note.
        fault, written : str
            Why a note was not taken, and the note.
        """
        views = [view(hit, now_us, None, zone=session.zone, names=names) for hit in hits]
        return self._render(
            "handover.html",
            session,
            now_us,
            hits=views,
            more=more,
            summary=summary(views, more),
            notes=[
                {
                    "by": names.get(note.by, note.by),
                    "at_us": note.at_us,
                    "lines": note.text.split("\n") if note.text else [],
                    "open": len(note.open),
                }
                for note in notes
            ],
            most=most,
            done=done,
            fault=fault,
            written=written,
        )

    def lists(self, session: Session, now_us: int, lists: Sequence[ListShown]) -> str:
        """Return the page `/duty/lists`."""
        return self._render("lists.html", session, now_us, lists=lists)

    def one_list(
        self,
        session: Session,
        now_us: int,
        shown: ListShown,
        *,
        soon: Sequence[Entry],
        taken: ChangeShown | None = None,
        fault: str = "",
    ) -> str:
        """Return the page of one list.

        Parameters
        ----------
        soon : sequence of Entry
            The first entries that end or must be reviewed within a week.
        taken : ChangeShown, optional
            A change that was confirmed just now.
        fault : str
            Why an upload was refused.
        """
        return self._render("list.html", session, now_us, one=shown, soon=soon, taken=taken, fault=fault)

    def change(self, session: Session, now_us: int, shown: ListShown, change: ChangeShown) -> str:
        """Return the page that shows what an upload would change."""
        return self._render("list-change.html", session, now_us, one=shown, change=change)
