"""Hand-overs: the notes of a unit's shifts to the next, as the fold keeps them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

NOTES_KEPT = 20
"""Notes of a unit that are kept."""
NOTES_US = 7 * 86_400_000_000
"""How long a note is kept: seven days."""


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A note of one shift of a unit to the next.

    Attributes
    ----------
    by : str
        Who wrote it, as facts say it.
    text : str
        What they wrote; it may be empty.
    open : tuple of str
        The hits that waited then, the most urgent first.
    """

    unit: str
    by: str
    at_us: int
    text: str
    open: tuple[str, ...]


def with_note(notes: Sequence[HandedOver], note: HandedOver | None, now_us: int) -> list[HandedOver]:
    """Return a unit's notes after a time, with one more; those past their term are gone."""
    kept = [one for one in notes if one.at_us > now_us - NOTES_US]
    return ([*kept, note] if note is not None else kept)[-NOTES_KEPT:]


def kept_notes(
    notes: dict[str, list[HandedOver]], note: HandedOver | None, now_us: int
) -> dict[str, list[HandedOver]]:
    """Return all units' notes after a time, with one more."""
    units = {*notes, *([] if note is None else [note.unit])}
    after = {
        unit: with_note(notes.get(unit, ()), note if note and note.unit == unit else None, now_us)
        for unit in sorted(units)
    }
    return {unit: found for unit, found in after.items() if found}
