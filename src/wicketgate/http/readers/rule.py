"""What readers serve: what is public, and the feeds of recipients. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from wicketgate.http.behind import HEALTH_PATHS
from wicketgate.http.gatekeeper import PUBLIC_PATHS, PUBLIC_PREFIXES, SIGN_IN
from wicketgate.http.handing import FRAMING, begins_with, fields_in

_STARTS: Final = (b"GET /", b"HEAD /")
_BODY: Final = FRAMING | {b"content-length"}
_PLAIN: Final = re.compile(r"/[A-Za-z0-9._~/-]*", re.ASCII)
_PATHS: Final = PUBLIC_PATHS - {SIGN_IN, *HEALTH_PATHS}
_FEEDS_BELOW: Final = "/v1/"
_FEEDS: Final = re.compile(r"/v1/feeds(?:/[^/]+(?:/(?:proofs|events))?)?")


def is_served(path: str) -> bool:
    """Return whether a reader serves a path, to whoever may have it."""
    if _PLAIN.fullmatch(path) is None:
        return False
    return path in _PATHS or path.startswith(PUBLIC_PREFIXES) or _FEEDS.fullmatch(path) is not None


class ReaderRule:
    """Which requests a reader keeps: plain ones without a body.

    Parameters
    ----------
    health : bool
        Whether those for its own health too: on another host nobody else has them.
    shows_feeds : callable
        Whether feeds can be shown just now: else the gateway is asked for them.
    """

    lasts: Final = False

    def __init__(self, *, health: bool = False, shows_feeds: Callable[[], bool] = lambda: True) -> None:
        self._health = HEALTH_PATHS if health else ()
        self._shows_feeds = shows_feeds

    def length(self, head: bytes) -> int | None:
        """Return 0, the bytes of the body, for a request that is kept; None for any other."""
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        target, _, version = rest.partition(b" ")
        if method not in {b"GET", b"HEAD"} or version != b"HTTP/1.1":
            return None
        path = target.partition(b"?")[0].decode("latin-1")
        if not is_served(path) and path not in self._health:
            return None
        if path.startswith(_FEEDS_BELOW) and not self._shows_feeds():
            return None
        found = fields_in(head)
        if found is None:
            return None
        fields = dict(found)
        return 0 if len(fields) == len(found) and _BODY.isdisjoint(fields) else None

    def may_begin(self, beginning: bytearray) -> bool:
        """Return whether a request that is kept may begin so."""
        return begins_with(beginning, _STARTS)
