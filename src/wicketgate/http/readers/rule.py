"""What readers serve: what is public, and the feeds of recipients. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from wicketgate.http.behind import HEALTH_PATHS
from wicketgate.http.gatekeeper import bearer_in
from wicketgate.http.handing import FRAMING, begins_with, fields_in
from wicketgate.http.open_paths import PEOPLE_PATHS, PEOPLE_PREFIXES, PUBLIC_PATHS, PUBLIC_PREFIXES

_STARTS: Final = (b"GET /", b"HEAD /")
_BODY: Final = FRAMING | {b"content-length"}
_PLAIN: Final = re.compile(r"/[A-Za-z0-9._~/-]*", re.ASCII)
_PATHS: Final = PUBLIC_PATHS - PEOPLE_PATHS - set(HEALTH_PATHS)
_PREFIXES: Final = tuple(one for one in PUBLIC_PREFIXES if one not in PEOPLE_PREFIXES)
_OF_UNITS: Final = "/v1/feeds"
_FEEDS_BELOW: Final = "/v1/"
_FEEDS: Final = re.compile(r"/v1/feeds(?:/[^/]+(?:/(?:proofs|events))?)?")


def is_served(path: str) -> bool:
    """Return whether a reader serves a path, to whoever may have it."""
    if _PLAIN.fullmatch(path) is None:
        return False
    return path in _PATHS or path.startswith(_PREFIXES) or _FEEDS.fullmatch(path) is not None


class ReaderRule:
    """Which requests a reader keeps: plain ones without a body.

    A token that is not known may be a person's session, which the gateway alone knows: its feeds are asked for there.

    Parameters
    ----------
    knows : callable, optional
        Returns whether the hash of a token is known; without it a reader keeps them all, because nobody else is there.
    health : bool
        Whether those for its own health too: on another host nobody else has them.
    shows_feeds : callable
        Whether feeds can be shown just now: else the gateway is asked for them.
    """

    lasts: Final = False

    def __init__(
        self,
        knows: Callable[[str], bool] | None = None,
        *,
        health: bool = False,
        shows_feeds: Callable[[], bool] = lambda: True,
    ) -> None:
        self._knows = knows
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
        if len(fields) != len(found) or not _BODY.isdisjoint(fields):
            return None
        if self._knows is not None and path.startswith(_OF_UNITS):
            shown = bearer_in(found)
            if shown and not self._knows(shown):
                return None
        return 0

    def may_begin(self, beginning: bytearray) -> bool:
        """Return whether a request that is kept may begin so."""
        return begins_with(beginning, _STARTS)
