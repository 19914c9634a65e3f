"""Challenges that need no memory until they are answered: a stranger can ask for as many as they like."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import NotEntitled

LIFE_US = 5 * MINUTE_US
"""How long a challenge can be answered."""
MOST_ANSWERED = 20_000
"""Challenges that are kept after they were answered, so that none is answered twice."""
_NONCE = 16
_TIME = 8
_MAC = 16
_LENGTH = _NONCE + _TIME + _MAC


class Challenges:
    """The challenges of one process.

    Parameters
    ----------
    now_us : callable
        Returns the time by the gateway's clock.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._secret = secrets.token_bytes(32)
        self._answered: dict[bytes, int] = {}

    def make(self, about: str) -> bytes:
        """Return a fresh challenge for one purpose: 40 bytes."""
        body = secrets.token_bytes(_NONCE) + (self._now_us() + LIFE_US).to_bytes(_TIME, "big")
        return body + self._mac(body, about)

    def check(self, challenge: bytes, about: str) -> int:
        """Return when a challenge was made that can be answered now; nothing is kept of it.

        Raises
        ------
        NotEntitled
            `sign-in-refused` where it is none of ours, for another purpose, too old, or answered before.
        """
        body, mac = challenge[:-_MAC], challenge[-_MAC:]
        now_us = self._now_us()
        good = (
            len(challenge) == _LENGTH
            and hmac.compare_digest(mac, self._mac(body, about))
            and now_us < int.from_bytes(body[_NONCE:], "big") <= now_us + LIFE_US
            and challenge not in self._answered
        )
        if not good:
            raise NotEntitled(
                "this took too long, or was answered before: begin again", code="sign-in-refused"
            )
        return int.from_bytes(body[_NONCE:], "big") - LIFE_US

    def spend(self, challenge: bytes, about: str) -> int:
        """Take a challenge whose answer is known to be good, once; return when it was made.

        Raises
        ------
        NotEntitled
            As `check`; or where more were answered lately than are kept.
        """
        made_us, now_us = self.check(challenge, about), self._now_us()
        self._forget(now_us)
        if len(self._answered) >= MOST_ANSWERED:
            raise NotEntitled("too many sign in at once: try again in a moment", code="sign-in-refused")
        self._answered[challenge] = now_us + LIFE_US
        return made_us

    def _forget(self, now_us: int) -> None:
        """Forget what can be answered no more: the oldest stand first, and the others are not looked at."""
        while self._answered:
            first = next(iter(self._answered))
            if self._answered[first] > now_us:
                return
            del self._answered[first]

    def _mac(self, body: bytes, about: str) -> bytes:
        return hmac.digest(self._secret, body + about.encode(), "sha256")[:_MAC]
