"""Public bodies: rendered once a revision, kept as bytes, served from memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import Response

from wicketgate.http.underway import share_answer
from wicketgate.pages.orders import SLOT, Body

FRESH_S = 5.0
"""How old a page may be whose revision still holds: its words on the time and the checkpoint are then that old."""
STALE_S = 30.0
"""How old it may be while a fresh one is rendered."""
FORGOTTEN_S = 3600.0
"""How long a body is kept that nobody asks for: what it shows may have ended since."""
MOST_BYTES = 64 << 20
MOST_BODIES = 2048

_SLOT = re.compile(SLOT.format("([a-z]+)").encode())


@dataclass(frozen=True, slots=True)
class Tagged:
    """A body with its strong tags.

    `is_shared` is false where it was filled for one caller: its bytes are held for nobody else.
    """

    body: Body
    etag: str
    is_shared: bool = True

    @classmethod
    def of(cls, body: Body) -> Tagged:
        """Return a body with its tag, a hash of its content."""
        return cls(body, hashlib.sha256(body.content).hexdigest()[:32])


@dataclass(slots=True)
class _Spot:
    revision: Hashable = None
    made_s: float = 0.0
    served: Tagged | None = None
    making: asyncio.Task[Tagged | None] | None = None
    wanted: Hashable = None
    asked_s: float = 0.0


class Shelf:
    """The bodies of one site, by what they are.

    What nobody asked for longest goes first. Whatever the number of callers, a body is made by one rendering at a time.

    Parameters
    ----------
    most_bytes, most_bodies : int
        How much is kept at most.
    now_s : callable, optional
        Returns the seconds of a clock that only goes on; else the loop's.
    """

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        most_bodies: int = MOST_BODIES,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_bodies = most_bodies
        self._now_s = now_s or (lambda: asyncio.get_running_loop().time())
        self._spots: OrderedDict[Hashable, _Spot] = OrderedDict()
        self._bytes = 0

    async def get(
        self,
        key: Hashable,
        revision: Hashable,
        make: Callable[[], Awaitable[Body | None]],
        *,
        lasts: bool = False,
    ) -> Tagged | None:
        """Return a body of a revision; None where there is none.

        Parameters
        ----------
        revision : hashable
            What the body shows: a body of another one is never served.
        make : callable
            Renders it; called for the first who asks, and all others wait for the same.
        lasts : bool
            It is the same whenever it is made.
        """
        place = self._spots.get(key)
        if place is None:
            place = self._spots[key] = _Spot()
        self._spots.move_to_end(key)
        asked_s = place.asked_s = self._now_s()
        self._forget(asked_s)
        while True:
            if place.served is not None and place.revision == revision:
                age_s = asked_s - place.made_s
                if lasts or age_s < FRESH_S:
                    return place.served
                if age_s < STALE_S:
                    self._begin(key, place, revision, make)
                    return place.served
            making = self._begin(key, place, revision, make)
            mine = place.wanted == revision
            # Whoever goes away does not take the page from the others.
            served = await asyncio.shield(making)
            if mine:
                return served

    def _forget(self, now_s: float) -> None:
        """Let go of what nobody asked for; what was asked for last stands last."""
        while (first := next(iter(self._spots.items())))[1].asked_s < now_s - FORGOTTEN_S:
            del self._spots[first[0]]
            self._bytes -= _size(first[1].served)

    def _begin(
        self, key: Hashable, place: _Spot, revision: Hashable, make: Callable[[], Awaitable[Body | None]]
    ) -> asyncio.Task[Tagged | None]:
        if place.making is None or place.making.done():
            place.wanted = revision
            place.making = asyncio.create_task(self._made(key, place, revision, make))
            place.making.add_done_callback(_looked_at)
        return place.making

    async def _made(
        self, key: Hashable, place: _Spot, revision: Hashable, make: Callable[[], Awaitable[Body | None]]
    ) -> Tagged | None:
        at_s = self._now_s()
        try:
            body = await make()
        except BaseException:
            if place.served is None and self._spots.get(key) is place:
                del self._spots[key]
            raise
        served = None if body is None else Tagged.of(body)
        if self._spots.get(key) is not place:
            return served  # it went while it was made
        self._bytes += _size(served) - _size(place.served)
        place.revision, place.made_s, place.served = revision, at_s, served
        if served is None:
            del self._spots[key]
        while self._bytes > self._most_bytes or len(self._spots) > self._most_bodies:
            _, gone = self._spots.popitem(last=False)
            self._bytes -= _size(gone.served)
        return served


def _size(served: Tagged | None) -> int:
    return 0 if served is None else len(served.body)


def _looked_at(task: asyncio.Task[Tagged | None]) -> None:
    """Take note of a rendering's error, also where nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


def answer(
    request: Request,
    served: Tagged,
    media_type: str,
    headers: Mapping[str, str],
    *,
    status: int = 200,
    cache_control: str = "no-cache",
) -> Response:
    """Return the answer with a body: 304 where the caller has it, gzip where it is asked for."""
    if served.is_shared:
        share_answer(request)
    content, etag = served.body.content, f'"{served.etag}"'
    sent = {"Cache-Control": cache_control, "Vary": "Accept-Encoding", **headers}
    if served.body.compressed is not None and accepts_gzip(request):
        # A representation of its own, so a tag of its own.
        content, etag = served.body.compressed, f'"{served.etag}-gzip"'
        sent["Content-Encoding"] = "gzip"
    if status == 200:
        sent["ETag"] = etag
        if _has(request, etag):
            sent.pop("Content-Encoding", None)
            return Response(status_code=304, headers=sent)
    return Response(content, status_code=status, media_type=media_type, headers=sent)


def filled(served: Tagged, **texts: str) -> Tagged:
    """Return a body with texts put into its slots, escaped; a slot without a text stays.

    It has no gzip: it is made for one caller, and compressing costs more than sending.

    Notes
    -----
    Texts may hold the marks of slots, which then stay text: the body is split at its own slots once, and no text is
    looked at for any. So it grows by no more than the texts, each as often as the body has its slot.
    """
    puts = {name.encode(): str(escape(text)).encode("utf-8", "replace") for name, text in texts.items()}
    pieces = _SLOT.split(served.body.content)  # every other one is a slot's name
    if puts.keys().isdisjoint(pieces[1::2]):
        return served
    pieces[1::2] = [puts.get(name, SLOT.format(name.decode()).encode()) for name in pieces[1::2]]
    whole = Tagged.of(Body(content=b"".join(pieces)))
    return replace(whole, is_shared=False)


def accepts_gzip(request: Request) -> bool:
    """Return whether a caller takes gzip (RFC 9110, 12.5.3)."""
    for one in request.headers.get("accept-encoding", "").split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _has(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or any(one.strip().removeprefix("W/") == etag for one in given.split(","))
