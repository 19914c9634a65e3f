"""What providers of OpenID Connect publish of themselves, kept for ten minutes; each is asked by one at a time.

A provider that is slow holds up its own people alone, and whoever comes again and again makes the gateway ask it no
oftener than this says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from wicketgate.base.errors import Unreachable
from wicketgate.http.people.fetching import Fetching, silent

KNOWN_S: Final = 600.0
"""How long what a provider published is believed."""
ANEW_S: Final = 30.0
"""How often at most its keys are fetched again for a key that nobody knows."""
FAILED_S: Final = 5.0
"""How soon one that failed is asked again."""
_MOST = 200
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ProviderPublished:
    """What a provider publishes of itself, its keys, and when they were fetched, by the monotonic clock."""

    metadata: Mapping[str, Any]
    keys: Mapping[str, Any]
    at_s: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a provider was no use, and when."""

    error: Unreachable
    at_s: float


class Publications:
    """What the providers of one gateway publish.

    Parameters
    ----------
    fetching : Fetching
        How they are asked.
    seconds : callable
        Returns the time by a monotonic clock.
    """

    def __init__(self, fetching: Fetching, seconds: Callable[[], float] = time.monotonic) -> None:
        self._fetching = fetching
        self._seconds = seconds
        self._known: dict[str, ProviderPublished] = {}
        self._failed: dict[str, _Failure] = {}
        self._anew: dict[str, float] = {}
        self._asked: dict[str, asyncio.Task[ProviderPublished]] = {}

    async def of(self, issuer: str) -> ProviderPublished:
        """Return what a provider publishes, at most ten minutes old.

        Raises
        ------
        Unreachable
            Where it does not say who it is.
        """
        known = self._known.get(issuer)
        if known is not None and self._seconds() - known.at_s < KNOWN_S:
            return known
        return await self._ask(issuer)

    async def anew(self, issuer: str, known: ProviderPublished) -> ProviderPublished:
        """Return what a provider publishes now, for a key that is not in `known`; as it is where that was lately."""
        newest, now_s = self._known.get(issuer, known), self._seconds()
        if newest.at_s > known.at_s or now_s - self._anew.get(issuer, -ANEW_S) < ANEW_S:
            return newest
        self._anew[issuer] = now_s
        return await self._ask(issuer)

    async def _ask(self, issuer: str) -> ProviderPublished:
        failed = self._failed.get(issuer)
        if failed is not None and self._seconds() - failed.at_s < FAILED_S:
            raise failed.error
        asked = self._asked.get(issuer)
        if asked is None:
            asked = self._asked[issuer] = asyncio.create_task(self._fetch(issuer))
            asked.add_done_callback(lambda _: self._asked.pop(issuer, None))
        return await asyncio.shield(asked)  # whoever goes away takes it from nobody else

    async def _fetch(self, issuer: str) -> ProviderPublished:
        try:
            metadata = await self._fetching.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != issuer:
                raise silent("says that it is another one than the document names")
            for name in _ENDPOINTS:
                require_safe(metadata.get(name), name)
            keys = await self._fetching.get(metadata["jwks_uri"])
        except Unreachable as error:
            self._failed[issuer] = _Failure(error, self._seconds())
            raise
        finally:
            self._bound()
        self._failed.pop(issuer, None)
        known = self._known[issuer] = ProviderPublished(metadata, keys, self._seconds())
        return known

    def _bound(self) -> None:
        """Forget the oldest of those that no document may name any more."""
        while len(self._known) > _MOST:
            oldest = min(self._known, key=lambda one: self._known[one].at_s)
            del self._known[oldest]
            self._anew.pop(oldest, None)
        while len(self._failed) > _MOST:
            del self._failed[min(self._failed, key=lambda one: self._failed[one].at_s)]


def require_safe(url: object, name: str) -> None:
    """Refuse an address of a provider that anybody on the way could answer for.

    Raises
    ------
    Unreachable
        Where it is neither https nor on this machine.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = None if parts is None else parts.hostname
    except ValueError:
        parts, host = None, None
    safe = parts is not None and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
    if not safe or not host or parts is None or parts.fragment or parts.username is not None:
        raise silent(f"publishes no `{name}` that is https")
