"""The forms of what is stored: each kind has a number, and what carries none is of form 1.

Pure. docs/spec/directory.md, section 4, lists them.
"""

from __future__ import annotations

from typing import Final, TypeGuard

FIRST: Final = 1
"""The form of whatever says none: what version 0.3 and those before it wrote."""
_LEAD: Final = 0xC1  # no MessagePack begins with it, so an older version refuses what follows


def newer_form(what: str, found: object, known: int) -> str:
    """Return in words that something is of a later form than this version reads.

    Parameters
    ----------
    what : str
        Its name, as the subject of the sentence.
    """
    return (
        f"{what} is of form {str(found)[:20]}, which a later version wrote; this one reads up to form {known}: "
        "use that version"
    )


def with_form(form: int, packed: bytes) -> bytes:
    """Return MessagePack behind two bytes that say its form, 2 to 255."""
    return bytes((_LEAD, form)) + packed


def split_form(data: bytes) -> tuple[int, memoryview]:
    """Return the form of what `with_form` returned, and the MessagePack in it.

    What does not say its form is of the first. Nothing is copied.
    """
    view = memoryview(data)
    if len(view) > 1 and view[0] == _LEAD:
        return view[1], view[2:]
    return FIRST, view


def is_form(value: object) -> TypeGuard[int]:
    """Return whether a value of JSON can be a form."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= FIRST
