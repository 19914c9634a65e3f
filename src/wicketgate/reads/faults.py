"""The words on what is wrong with a read, free of what was posted, and the part of it that is kept.

Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import msgspec

_MAX_KEPT: Final = 16 * 1024
_PLAIN_FAULT: Final = re.compile(
    r"(Expected `[a-z0-9 |]+`, got `[a-z]+`|Object missing required field `[a-z_]+`|Invalid RFC3339 encoded datetime)"
    r"( - at `\$(\.[a-z_]+)*`)?"
)
_encode = msgspec.json.Encoder().encode


class PlainWords:
    """The parser's words on a fault, free of posted names and values: a plate may be among them.

    Parameters
    ----------
    names : iterable of str
        The members of a read, which may be named.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._place = re.compile(rf" - at `\$(\.vehicle|\.image)?(\.({'|'.join(names)}))?`\Z")

    def of(self, message: str) -> str:
        """Return what may be said of the library's message."""
        if _PLAIN_FAULT.fullmatch(message):
            return message
        where = self._place.search(message)
        if message.startswith("Object contains unknown field"):
            return "Object contains unknown member" + (f" - at `${where[1]}`" if where and where[1] else "")
        return "Invalid value" + (where[0] if where else "")


def bounded(read: bytes) -> bytes:
    """Return the kept part of a quarantined read: all of it, or the beginning of one too large."""
    if len(read) <= _MAX_KEPT:
        return read
    digest = hashlib.sha256(read).hexdigest()
    return _encode(
        {"bytes": len(read), "sha256": digest, "begins": read[:_MAX_KEPT].decode(errors="replace")}
    )
