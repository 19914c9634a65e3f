"""Hotlists in force, open hits and journeys, as the fold keeps them. Pure."""

from __future__ import annotations

import msgspec

LOOKERS_KEPT = 64


class ListStood(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one list of an authority of mode `unlisted` stands since its last change.

    Attributes
    ----------
    entries : int
        On it, ended ones too.
    against : int
        The entries from which it is counted how much it shrank.
    confirmed_us : int
        When its unit last put it, or changed something of it.
    """

    entries: int = 0
    against: int = 0
    confirmed_us: int = 0


class HotlistState(msgspec.Struct, kw_only=True):
    """A hotlist in force: its last whole change, and those since.

    Each names a blob of the vault. `changed_us` is the time of the last change: what the list held before is not
    kept. `lists` says how each list of an authority that withholds what is listed stands, by its name.
    """

    revision: int = 0
    entries: int = 0
    changed_us: int = 0
    blobs: list[tuple[str, bool]] = []
    lists: dict[str, ListStood] = {}


class OpenHit(msgspec.Struct, kw_only=True):
    """An open hit, as far as outcomes are judged by it.

    `lookers` are those who opened an image of it, at most `LOOKERS_KEPT`.
    """

    authority: str
    voi: str
    quality: str
    place: str
    due_us: int
    taken_us: int
    clone: bool = False
    imaged: bool = False
    confirmed: bool = False
    lookers: list[str] = []


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """The last read of a vehicle of interest: its place and time.

    It is known from one authority's hits.
    """

    hit: str
    place: str
    taken_us: int
    exact: bool
