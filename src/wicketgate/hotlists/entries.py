"""One vehicle of interest, and one change of a list."""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_TEXT = 500
"""Characters of any text of an entry."""

TEXTS = (
    "make",
    "model",
    "colour",
    "action",
    "markers",
    "nim",
    "information",
    "force_area",
    "pnc_id",
    "marking",
    "cad",
    "instructions",
    "source_reference",
)
"""The texts that an entry may have besides `voi`, `kind` and `reason`; the rest of the UK 16 fields."""

Text = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=MAX_TEXT, pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"),
]
Time = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A vehicle of interest on one authority's list.

    Attributes
    ----------
    voi : str
        The entry's id, given by the unit or drawn when it was listed; the same as long as the plate stays listed.
    plate : str
        In normal form (`plates.read_plate`).
    kind : str
        One of those that the authority allows.
    priority : int
        1 (critical), 2 (high), 3 (medium) or 4 (low).
    reason : str
        Why the vehicle is listed.
    listed_us : int
        From when the entry counts, microseconds since the epoch.
    until_us : int
        Until when, exclusive: the earlier of `expires_us` and `review_us`.
    expires_us, review_us : int, int or None
        When it ends, and when it would have to be reviewed before.
    make, model, colour, action, markers, nim, information, force_area, pnc_id, marking, cad, instructions, \
source_reference : str or None
        What else the unit says.

    Notes
    -----
    Every text has 1 to `MAX_TEXT` characters and no control character; `load_entries` and the forms in which
    units send lists see to it.
    """

    voi: Text
    plate: Text
    kind: Text
    priority: Annotated[int, msgspec.Meta(ge=1, le=4)]
    reason: Text
    listed_us: Time
    until_us: Time
    expires_us: Time
    review_us: Time | None = None
    make: Text | None = None
    model: Text | None = None
    colour: Text | None = None
    action: Text | None = None
    markers: Text | None = None
    nim: Text | None = None
    information: Text | None = None
    force_area: Text | None = None
    pnc_id: Text | None = None
    marking: Text | None = None
    cad: Text | None = None
    instructions: Text | None = None
    source_reference: Text | None = None

    @property
    def precedence(self) -> tuple[int, str, str]:
        """Return the rank of an entry among equally good ones.

        The least goes first.
        """
        return self.priority, self.voi, self.plate


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One plate's change: its next entry, or None.

    With None it is on the list no longer.
    """

    plate: Text
    entry: Entry | None = None

    @classmethod
    def put(cls, entry: Entry) -> Change:
        """Return the change to an entry for its plate.

        It lists the entry instead of what was listed for the plate.
        """
        return cls(plate=entry.plate, entry=entry)
