"""The fields of a read that an authority can release, in words."""

from __future__ import annotations

from collections.abc import Iterable

FIELDS = {
    "plate": "the plate",
    "time": "the time of capture",
    "place": "the camera, with its name and position",
    "vehicle": "what the camera says of the vehicle",
    "patch-image": "the image of the plate",
    "overview-image": "the image of the scene",
}
"""The fields that this version can release, in words."""

IMAGES = frozenset({"patch-image", "overview-image"})
"""The fields that show an image."""

_PLACE_BY_ID = "the camera, by its id alone"
_PLACE_OF_03 = "the camera and its place"


def shows_position(log: str | None) -> bool:
    """Return whether the field `place` of an authority for a log shows a camera's name and position.

    An authority that names no log was signed under version 0.3, whose rows had the camera's id alone: what it lets go
    stays that, until its next version.
    """
    return log is not None


def fields_in_words(fields: Iterable[str], log: str | None) -> list[str]:
    """Return what an authority releases of each read, in words."""
    by_id = {} if shows_position(log) else {"place": _PLACE_BY_ID}
    return [by_id.get(field, FIELDS[field]) for field in fields]


LOOKALIKES = ", and of plates that look like a listed one, as possible hits"
"""What leaves besides where a list decides: docs/spec/hotlist.md, section 4."""


def as_03_worded(line: str) -> str:
    """Return a sentence on what is released as the register of version 0.3 has it.

    It said that the camera's place was released, of rows with the camera's id alone, and of a list nothing of plates
    that look like a listed one, which left as well.
    """
    return line.replace(_PLACE_BY_ID, _PLACE_OF_03).replace(f"{LOOKALIKES} (mode match).", " (mode match).")
