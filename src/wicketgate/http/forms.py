"""Multipart forms within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wicketgate.base.multipart import FORM, FormPart, FormReader

MAX_FORM = 32 * 1024 * 1024
MAX_PARTS = 2_000
_PIECE = 1024 * 1024

__all__ = ["FORM", "MAX_FORM", "MAX_PARTS", "FormPart", "parts_of"]


async def parts_of(body: bytes, content_type: str, turn: Callable[[], Awaitable[None]]) -> list[FormPart]:
    """Return the parts of a form, in order.

    It is read in pieces between which others have their turn.

    Parameters
    ----------
    turn : callable
        Awaited between pieces.

    Raises
    ------
    InputError
        If the body is no whole form, a part has no name, or there are more than `MAX_PARTS`.
    """
    form = FormReader(content_type, most=MAX_PARTS)
    for start in range(0, len(body), _PIECE):
        if start:
            await turn()
        form.feed(body[start : start + _PIECE])
    return form.end()
