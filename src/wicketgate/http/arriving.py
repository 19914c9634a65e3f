"""Bodies of strangers on their way: whoever says that one comes, and sends none, has no place of whoever does.

A place among the requests under way is taken once the body is there. Until then it is one of many that are waited for,
for a short time.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from wicketgate.base.budget import Budget
from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.peers import neighbourhood
from wicketgate.http.peers import peer_of
from wicketgate.http.problems import problem

MOST_BYTES: Final = 16 * 1024
"""Of a body that is waited for here."""
ARRIVES_S: Final = 5.0
"""How long one may take."""
_OF_STRANGERS: Final = 4


class Arriving:
    """The bodies of strangers that are waited for, within the shares of each address and of its neighbourhood.

    Parameters
    ----------
    limits : ConnectionLimits
        Four times as many are waited for as strangers may have requests under way.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._bodies = Budget(_OF_STRANGERS * limits.requests_of_strangers)

    async def whole(self, scope: Scope, receive: Receive) -> Receive | Response:
        """Wait for a body; return how it is received then, or the refusal.

        Raises
        ------
        ClientDisconnect
            Where the client went.
        """
        shares = shares_of(peer_of(scope), self._limits)
        full = self._bodies.take(1, *shares)
        if full is not None:
            return (
                problem("busy", "too many requests wait for their bodies")
                if full == "all"
                else problem("too-much-at-once", "too many requests of this address wait for their bodies")
            )
        try:
            async with asyncio.timeout(ARRIVES_S):
                body = await _read(receive)
        except TimeoutError:
            refused = problem("too-slow", "the body did not come in time")
            refused.headers["Connection"] = "close"
            return refused
        finally:
            self._bodies.give(1, *shares)
        return problem("too-large", "the body is too large") if body is None else _again(body, receive)


def shares_of(peer: str, limits: ConnectionLimits) -> tuple[tuple[str, int], ...]:
    """Return what a stranger's address, and its neighbourhood, may have at once."""
    return (
        (peer, limits.requests_of_peer),
        (neighbourhood(peer), limits.requests_of_network),
    )


async def _read(receive: Receive) -> bytes | None:
    """Return a whole body, or None for one that is too large."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that brings a body that was read, and then what else comes."""
    held: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return held.pop() if held else await receive()

    return again
