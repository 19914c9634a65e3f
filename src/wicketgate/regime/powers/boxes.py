"""One power, and the box of powers.

A box is all powers whose every member is in some set. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from wicketgate.regime.powers.sides import Names, Side, Spans, Tree, Week


class Power(NamedTuple):
    """One power: an atom of an authority.

    Members as in `Box`.
    """

    unit: str
    purpose: str
    mode: str
    source: str
    group: str
    latitude: int
    longitude: int
    cameras: int
    field: str
    hours: tuple[str, int]
    age: int
    approval: str
    retention: int
    onward: str
    kind: str
    entries: int
    entry_life: int
    list_age: int
    shrink: int
    doer: str
    question: str
    camera_days: int
    plates: int
    answer_retention: int
    cause: str
    register: str
    links: int
    linked_after: int


class Box(NamedTuple):
    """All powers whose every member is in the set of its dimension.

    Attributes
    ----------
    unit : Tree
        Units of recipients as `recipient/unit`.
    purpose : Tree
        Purposes of the charter.
    mode : Names
        `match`, `search`, `unlisted`, `bulk`.
    source, group : Names
        Whose camera, and in which of its groups; the group `""` is that of a camera which is in none.
    latitude, longitude : Spans
        Where the camera stands, microdegrees; `NOWHERE` is the latitude of a camera without a position.
    cameras : Spans
        How many cameras are used.
    field : Names
        What is released of a read.
    hours : Week
        Minutes of the week, by zone.
    age : Spans
        How far back a read may lie when it is had, microseconds; 0 is live.
    approval : Names
        Whose approval is there when it is had.
    retention : Spans
        How long it is kept, microseconds.
    onward : Names
        Who gets it: `""` is the unit itself, other names are organisations to which it is passed on.
    kind : Names
        Why the vehicle is listed.
    entries, entry_life : Spans
        How many entries the hotlist has, and how long the entry lives, microseconds.
    list_age, shrink : Spans
        How long ago the list was put, microseconds, and how much it shrank since, millionths: of `unlisted` alone.
    doer : Names
        Who does it: `""` is a named person; the name of a role a machine, in place of people of that role.
    question : Names
        By which kind of question it is had; `""` is by none, as what a list hits.
    camera_days, plates : Spans
        How broad a question is that nobody approves a second time: cameras times days, and plates.
    answer_retention : Spans
        How long the answer is kept, microseconds.
    cause : Names
        What the keeper is linked for; `""` is that nobody's keeper is.
    register : Names
        Which register of keepers is asked.
    links : Spans
        How many keepers are linked on one day.
    linked_after : Spans
        How long after the capture of a read, microseconds.
    """

    unit: Tree
    purpose: Tree
    mode: Names
    source: Names
    group: Names
    latitude: Spans
    longitude: Spans
    cameras: Spans
    field: Names
    hours: Week
    age: Spans
    approval: Names
    retention: Spans
    onward: Names
    kind: Names
    entries: Spans
    entry_life: Spans
    list_age: Spans
    shrink: Spans
    doer: Names
    question: Names
    camera_days: Spans
    plates: Spans
    answer_retention: Spans
    cause: Names
    register: Names
    links: Spans
    linked_after: Spans

    def holds(self, power: Power) -> bool:
        """Return whether a power is in this box."""
        return all(value in side for side, value in zip(sides(self), power, strict=True))

    def within(self, other: Box) -> bool:
        """Return whether all of this box is in another."""
        return all(mine <= theirs for mine, theirs in zip(sides(self), sides(other), strict=True))

    def meets(self, other: Box) -> bool:
        """Return whether some power is in both boxes."""
        return all(mine.meets(theirs) for mine, theirs in zip(sides(self), sides(other), strict=True))

    def common(self, other: Box) -> Box:
        """Return the box common to both, perhaps empty."""
        return Box._make(mine & theirs for mine, theirs in zip(sides(self), sides(other), strict=True))


def sides(box: Box) -> tuple[Side, ...]:
    """Return the sides of a box, in the order of its dimensions."""
    return box


def sort_key(box: Box) -> tuple[tuple[object, ...], ...]:
    """Return the sort key of a box.

    The order is always the same, and means nothing.
    """
    return tuple(side.key for side in sides(box))
