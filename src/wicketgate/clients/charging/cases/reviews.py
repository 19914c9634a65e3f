"""What people find when they look at reads, before anybody is held to them. Pure. docs/spec/cases.md, section 1.

Whoever reviews sees the image and types what it shows; what the machine read appears only then. Where the two differ,
somebody else looks, who knows of neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wicketgate.clients.charging.cases.life import ActRefused
from wicketgate.reads.plates import PlateFault, read_plate

ReviewReason = Literal[
    "penalty", "not-proved", "look-alike", "fragment", "clone", "through", "diversion", "misread-before"
]
REASONS: Final = {
    "penalty": "every penalty is looked at",
    "not-proved": "no two cameras saw it surely enough",
    "look-alike": "a plate that looks like it was paid for",
    "fragment": "a plate of which it is a part, or that is a part of it, was paid for",
    "clone": "one vehicle cannot have been at both places",
    "through": "it may have been on the road through the zone",
    "diversion": "it may have been sent another way",
    "misread-before": "this camera has read this plate wrongly before",
}
Found = Literal["waiting", "second", "decide", "confirmed", "rejected"]
UNREADABLE: Final = ""
"""What is typed where an image shows no plate that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What one person typed from the image: a plate in normal form, or `UNREADABLE`."""

    by: str
    text: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What one person decided of a review, after the machine's reading had appeared to them."""

    by: str
    confirms: bool
    at_us: int
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFile:
    """A review as it stands.

    Attributes
    ----------
    reading : str
        The plate that the machine read.
    reasons : tuple of ReviewReason
        Why somebody looks.
    """

    reading: str
    reasons: tuple[ReviewReason, ...]
    typed: tuple[Typed, ...] = ()
    decision: ReviewDecision | None = None


def found(review: ReviewFile) -> Found:
    """Return what became of a review.

    Of two people the second decides by what they type: the machine's reading again, and it may be decided; anything
    else, and it is rejected. So nobody is held to a reading that no person read.
    """
    if review.decision is not None:
        return "confirmed" if review.decision.confirms else "rejected"
    if not review.typed:
        return "waiting"
    if review.typed[0].text == review.reading:
        return "decide"
    if len(review.typed) == 1:
        return "second"
    return "decide" if review.typed[1].text == review.reading else "rejected"


def may_see_reading(review: ReviewFile, person: str) -> bool:
    """Return whether the machine's reading may be shown to somebody: never before they typed, or need not any more."""
    standing = found(review)
    if standing in ("confirmed", "rejected"):
        return True
    return standing == "decide" and any(one.by == person for one in review.typed)


def typing_refused(review: ReviewFile, person: str) -> ActRefused | None:
    """Return why somebody may not type now, or None."""
    if not person:
        return ActRefused(code="person-needed", words="a person looks, by name")
    if found(review) not in ("waiting", "second"):
        return ActRefused(code="wrong-state", words="nobody need look any more")
    if any(one.by == person for one in review.typed):
        return ActRefused(code="other-person-needed", words="somebody else looks at it now")
    return None


def decision_refused(review: ReviewFile, decision: ReviewDecision) -> ActRefused | None:
    """Return why a decision may not be taken now, or None."""
    if found(review) != "decide":
        return ActRefused(code="wrong-state", words="there is nothing to decide yet, or not any more")
    matching = [one.by for one in review.typed if one.text == review.reading]
    if decision.by not in matching:
        return ActRefused(code="other-person-needed", words="whoever read the same as the machine decides")
    return None


def typed_plate(text: str) -> str | None:
    """Return what was typed in normal form; None where it can be no plate.

    >>> typed_plate("ab12 cde"), typed_plate(""), typed_plate("??")
    ('AB12CDE', '', None)
    """
    plate = read_plate(text)
    if isinstance(plate, PlateFault):
        return UNREADABLE if plate is PlateFault.EMPTY else None
    return plate


def was_misread(review: ReviewFile) -> bool:
    """Return whether two people agree that the machine was wrong: its camera is then not believed of this plate."""
    texts: Sequence[str] = [one.text for one in review.typed]
    return found(review) == "rejected" and len(texts) > 1 and texts[0] == texts[1] != review.reading
