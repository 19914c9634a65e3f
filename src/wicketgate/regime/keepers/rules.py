"""The law of links: who may have a keeper's name for a row, for what, when and how often. Pure.

Default deny: whatever is not said to be so is refused. docs/spec/keepers.md, section 3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from wicketgate.base.clock import DAY_US
from wicketgate.regime.documents.authority import Authority

LinkCode = Literal[
    "no-authority",
    "not-in-force-yet",
    "expired",
    "revoked",
    "suspended",
    "review-overdue",
    "consultation-overdue",
    "unwitnessed",
    "reason-missing",
    "cause-not-allowed",
    "row-unknown",
    "erased",
    "not-confirmed",
    "image-needed",
    "not-before",
    "limit-reached",
    "person-needed",
]
"""Why the law refuses a link, before any register is asked."""
MOST_ASKED: Final = 3
"""How often a register is asked for one link at most: again where it gave no answer, or a person decided."""
LINKABLE_US: Final = 92 * DAY_US
"""How long after its release a row can be linked at most, however long its feed keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShown:
    """A row or a confirmed hit as the gateway found it to be, held against what was shown.

    Attributes
    ----------
    released_by : Authority
        The version that released it.
    released_us, captured_us : int
        When it was released, and read: the date of the event.
    source : str
        Whose camera read it.
    images : collection of str
        The references of images that stand in it.
    """

    released_by: Authority
    released_us: int
    captured_us: int
    source: str
    images: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBefore:
    """What became of the same link so far: of the same row, for the same cause, under the same authority.

    Attributes
    ----------
    asked : int
        How often it was asked.
    is_done : bool
        A name was answered, or the register knew none: it is asked no more.
    differs : bool
        The register's vehicle is another than the camera's: a person decides.
    """

    asked: int = 0
    is_done: bool = False
    differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkQuestion:
    """A link as it is asked for, with all that the law looks at.

    Attributes
    ----------
    authority : Authority or None
        The version that counts now; None where the unit has none of that name.
    stopped : str or None
        Why it lets nothing be done now.
    shown : RowShown or str
        The row, or the code that it is refused by.
    image : str
        The reference that was shown beside it; empty for none.
    causes : collection of str
        Those that the charter in force lists.
    today : int
        Links of this authority asked on this day.
    decided : str
        Why whoever asks lets it go on although the vehicles differ.
    is_person : bool
        Whether a person asks who is signed in.
    """

    unit: str
    authority: Authority | None
    stopped: LinkCode | None
    cause: str
    case: str
    shown: RowShown | LinkCode
    image: str
    causes: Collection[str]
    today: int
    before: LinkBefore
    at_us: int
    decided: str = ""
    is_person: bool = False


def refusal_of(asked: LinkQuestion) -> LinkCode | None:
    """Return why the law refuses a link now, or None where its fact may be committed and the register asked."""
    authority = asked.authority
    if authority is None or authority.whose != asked.unit:
        return "no-authority"
    if asked.stopped is not None:
        return asked.stopped
    if not asked.case.strip():
        return "reason-missing"
    terms, shown = authority.keeper, asked.shown
    if terms is None or asked.cause not in terms.causes or asked.cause not in asked.causes:
        return "cause-not-allowed"
    if not isinstance(shown, RowShown):
        return shown
    return _refusal_of_row(asked, authority, shown) or _refusal_by_number(asked, terms.per_day)


def _refusal_of_row(asked: LinkQuestion, authority: Authority, shown: RowShown) -> LinkCode | None:
    let = shown.released_by.keeper
    if shown.released_by.name != authority.name or asked.at_us >= shown.released_us + LINKABLE_US:
        return "row-unknown"
    if let is None or asked.cause not in let.causes:
        # What was released under no such power does not come under it later.
        return "cause-not-allowed"
    if needs_image(authority, shown.source) and asked.image not in shown.images:
        return "image-needed"
    if asked.image and asked.image not in shown.images:
        return "image-needed"
    assert authority.keeper is not None
    wait_us = max(authority.keeper.not_before.us, let.not_before.us)
    return "not-before" if asked.at_us < shown.captured_us + wait_us else None


def _refusal_by_number(asked: LinkQuestion, per_day: int) -> LinkCode | None:
    before = asked.before
    if before.is_done or before.asked >= MOST_ASKED or asked.today >= per_day:
        return "limit-reached"
    if asked.decided and not asked.is_person:
        return "person-needed"
    return None


def needs_image(authority: Authority, source: str) -> bool:
    """Return whether a link of a source's row must show an image: where that source is the recipient itself.

    A source can make up a read of its own; whoever links it shows that there was a picture.
    """
    return authority.recipient == source


def day_of(at_us: int) -> int:
    """Return the day of a time, by UTC: links are counted by it."""
    return at_us // DAY_US
