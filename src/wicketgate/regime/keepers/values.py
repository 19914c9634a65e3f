"""What becomes of a link, as transactions hold it. Pure.

No event has a plate, a name or an address: a link is known by the row that was shown. docs/spec/keepers.md.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Became = Literal["answered", "unknown", "vehicle-differs", "unanswered", "stopped"]
"""What became of a link: a name was answered; the register knows none; its vehicle is another; it did not answer; the
authority was stopped meanwhile."""
ENDINGS: tuple[Became, ...] = ("answered", "stopped", "unanswered", "unknown", "vehicle-differs")


class LinkAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="asked"):
    """A link that is committed before the register is asked.

    Attributes
    ----------
    id : str
        Random; the same where the same link is asked again.
    authority : str
        `name@version`: the version that let it be.
    by : str
        Who asks, as facts name them.
    seq : int
        The row of the feed, shown or that of the hit.
    hit : str
        The confirmed hit; empty where a row was shown.
    source : str
        Whose camera read it.
    event_us : int
        The date of the event: the row's own.
    image : str
        The reference of the image that was shown; empty where none had to be.
    decided : str
        Why a person lets the name be asked for although make or colour differ; empty elsewhere.
    """

    id: str
    authority: str
    unit: str
    by: str
    cause: str
    case: str
    register: str
    seq: int
    source: str
    event_us: int
    hit: str = ""
    image: str = ""
    decided: str = ""


class LinkEnded(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """What became of a link that was asked."""

    id: str
    authority: str
    cause: str
    seq: int
    became: Became


class LinkRefused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """A link that the law refused: no register heard of it.

    Attributes
    ----------
    authority : str
        `name@version`; empty where the unit has none of the name.
    """

    authority: str
    unit: str
    by: str
    cause: str
    case: str
    code: str


LinkEvent = LinkAsked | LinkEnded | LinkRefused
