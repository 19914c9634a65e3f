"""What a front keeps: sources' posts whose bodies simply follow plain heads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from wicketgate.http.forms import FORM
from wicketgate.http.handing import FRAMING, begins_with, fields_in
from wicketgate.http.hot import PUSH, READS, media_type_in
from wicketgate.reads.parse import ARROW, JSON, MAX_ID, NDJSON

_TYPES: Final = frozenset({JSON.encode(), NDJSON.encode(), ARROW.encode()})
_FORM: Final = FORM.encode()
_IMAGE: Final = re.compile(re.escape(READS) + rb"/[A-Za-z0-9._~-]{1,%d}/images/(?:patch|overview)" % MAX_ID)
_MOST_WITH_IMAGES: Final = 2 << 20
"""Bytes of a form or an image that a front takes: a longer one would hold up what others post on the link."""
_STARTS: Final = (b"POST " + READS, b"POST " + PUSH, b"PUT " + READS + b"/")
_METHODS: Final = frozenset({b"POST", b"PUT"})
_DIGITS: Final = 8
_FRAMING: Final = FRAMING | {b"content-encoding"}


@dataclass(frozen=True, slots=True)
class FrontHead:
    """The head of a request that a front may take.

    Attributes
    ----------
    length : int
        Bytes of its body.
    scope : mapping
        Its fields and its query, as `gatekeeper.source_in` takes them.
    """

    length: int
    scope: Scope
    is_push: bool


def front_head(head: bytes) -> FrontHead | None:
    """Return a head that a front may take, or None where the gateway itself must see the request.

    A front takes posts of reads, forms, images put behind their reads and pushes for known adapters, whose bodies
    simply follow their heads, and whose heads are as plain as most devices write them.
    """
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if method not in _METHODS or version != b"HTTP/1.1" or b"#" in target:
        return None
    found = fields_in(head)
    if found is None:
        return None
    fields = dict(found)
    if len(fields) < len(found) or not _FRAMING.isdisjoint(fields):
        return None
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _DIGITS:
        return None
    path, _, query = target.partition(b"?")
    size, is_push = int(length), path.startswith(PUSH)
    if method == b"PUT":
        is_ours = size <= _MOST_WITH_IMAGES and _IMAGE.fullmatch(target) is not None
    elif is_push:
        is_ours = bool(path.removeprefix(PUSH))
    else:
        media_type = media_type_in(fields)
        is_ours = target == READS and (
            media_type in _TYPES or (media_type == _FORM and size <= _MOST_WITH_IMAGES)
        )
    return FrontHead(size, {"headers": found, "query_string": query}, is_push) if is_ours else None


class FrontRule:
    """Which requests a front keeps.

    Parameters
    ----------
    is_ours : callable
        Whether a head shows the token of a source.
    """

    lasts: Final = True  # connections of a token that is withdrawn are closed

    def __init__(self, is_ours: Callable[[FrontHead], bool]) -> None:
        self._is_ours = is_ours

    def length(self, head: bytes) -> int | None:
        """Return the bytes of the body of a source's post; None for any other request."""
        found = front_head(head)
        return None if found is None or not self._is_ours(found) else found.length

    def may_begin(self, beginning: bytearray) -> bool:
        """Return whether a source's post may begin so."""
        return begins_with(beginning, _STARTS)
