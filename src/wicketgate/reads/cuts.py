"""The cutting of posted JSON into pieces of bounded size.

Pure. A parser that is given a whole body holds whatever runs beside it for as long as it takes: a gateway has one event
loop, and many cameras wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from wicketgate.base.errors import InputError

PIECE: Final = 128 * 1024
"""Bytes of a piece, and so of one read."""

_CLOSED: Final = re.compile(rb"[ \t\r\n]*+(?:\]|\Z)")
_OPENED: Final = re.compile(rb"[ \t\r\n]*+\[")


def line_pieces(body: bytes) -> Iterator[bytes]:
    """Yield pieces of whole lines.

    Raises
    ------
    InputError
        `too-large` for a line longer than a piece.
    """
    start = 0
    while len(body) - start > PIECE:
        cut = body.rfind(b"\n", start, start + PIECE)
        if cut < 0:
            raise _too_large()
        yield body[start:cut]
        start = cut + 1
    yield body[start:] if start else body


def array_pieces(body: bytes) -> Iterator[bytes]:
    """Yield pieces of a JSON array, each an array of some of its elements, in order.

    A body that is no array comes back as it is, if it is no longer than a piece. Nothing but the cuts is looked at: the
    pieces are JSON if the body is.

    Raises
    ------
    InputError
        `too-large` for an element longer than a piece; where the body is found to be no JSON.
    """
    if len(body) <= PIECE:
        yield body
        return
    opened = _OPENED.match(body)
    if opened is None:
        raise _too_large()
    start = opened.end()
    while len(body) - start > PIECE:
        cut = _cut(body, start)
        if not body[start:cut].strip() or _CLOSED.match(body, cut + 1):
            raise InputError("the body is not JSON")
        yield b"[" + body[start:cut] + b"]"
        start = cut + 1
    yield b"[" + body[start:]


def _cut(body: bytes, start: int) -> int:
    """Return the place of the last comma between two elements in the next piece."""
    # Behind this every quotation mark opens or closes a text. The replacements are as long as what they replace.
    plain = body[start : start + PIECE].replace(rb"\\", b"__").replace(rb"\"", b"__")
    text = np.frombuffer(plain, np.uint8)
    within = np.cumsum(text == 0x22, dtype=np.int32) & 1
    outside = within == 0
    opening = ((text == 0x5B) | (text == 0x7B)) & outside
    closing = ((text == 0x5D) | (text == 0x7D)) & outside
    depth = np.cumsum(opening, dtype=np.int32) - np.cumsum(closing, dtype=np.int32)
    if depth.min() < 0:
        raise InputError("the body is not JSON")  # much stands behind its end
    commas = np.flatnonzero((text == 0x2C) & outside & (depth == 0))
    if not len(commas):
        raise _too_large()
    return start + int(commas[-1])


def _too_large() -> InputError:
    return InputError(
        f"one read takes more than {PIECE >> 10} KiB; nothing of the post was taken", code="too-large"
    )
