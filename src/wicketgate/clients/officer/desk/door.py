"""The door of an officer's page: who may ask for what, before anything is looked at. Pure.

Any page that the officer's browser has open can send requests to this machine, and so can whoever else works on it. So
everything lies below a path that nobody can guess, and a cookie that is sent below that path alone must come with it:
the one stands in the history of the browser, the other does not. The way in is good once. `Host` must be the address
itself, as a name that somebody points here is another's; a form must come from our own page.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

HOST = "127.0.0.1"
COOKIE = "wicketgate-officer"
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes
    ----------
    headers : mapping of str to str
        By name in lower case; one that came more than once is not in it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A request turned away, with a status and a sentence."""

    status: int
    words: str


def _unguessable() -> str:
    return secrets.token_urlsafe(_BYTES)


@dataclass(slots=True, kw_only=True)
class PageDoor:
    """The secrets of one run, and what they let in.

    Attributes
    ----------
    port : int
        Where it listens.
    entrance : str
        The path that is good once: it hands out the cookie.
    base : str
        The path below which everything lies; it ends with a slash.
    form_key : str
        What each form carries.
    """

    port: int
    entrance: str = field(default_factory=lambda: f"/{_unguessable()}")
    base: str = field(default_factory=lambda: f"/{_unguessable()}/")
    form_key: str = field(default_factory=_unguessable)
    _cookie: str = field(default_factory=_unguessable)
    _entered: bool = False

    @property
    def origin(self) -> str:
        """The one origin that this site has."""
        return f"http://{HOST}:{self.port}"

    @property
    def cookie(self) -> str:
        """The header that hands out the cookie, for this site's own pages and below its path alone.

        Cookies know no ports: without the path, any other program that listens on this machine would be sent it.
        """
        return f"{COOKIE}={self._cookie}; Path={self.base}; HttpOnly; SameSite=Strict"

    def enter(self, path: str) -> bool:
        """Say whether a path is the way in, which is good once."""
        if self._entered or not _same(path, self.entrance):
            return False
        self._entered = True
        return True

    def misled(self, request: Request) -> Turned | None:
        """Return why a request is not for this site, or None."""
        if request.headers.get("host") != f"{HOST}:{self.port}":
            return Turned(status=421, words="This page is asked for by its own address alone.")
        return None

    def turn(self, request: Request) -> Turned | None:
        """Return why a request is turned away, or None where it comes from the officer."""
        if not _same(request.path[: len(self.base)], self.base) or not self._knows(request):
            return Turned(
                status=403,
                words="This address opens nothing. The way in is good once: run the command again for another.",
            )
        site = request.headers.get("sec-fetch-site")
        if request.method != "POST":
            return None if site in (None, "same-origin", "none") else _ELSEWHERE
        if request.headers.get("origin") != self.origin or site not in (None, "same-origin"):
            return _ELSEWHERE
        return None

    def knows_form(self, form_key: str) -> bool:
        """Say whether a form is ours."""
        return _same(form_key, self.form_key)

    def _knows(self, request: Request) -> bool:
        try:
            found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and _same(found.value, self._cookie)


_ELSEWHERE = Turned(status=403, words="Another site asked for this, so nothing was done.")


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())
