"""Signing in a program or a command line: OAuth 2.0 device authorization grant (RFC 8628).

Nothing is kept of a request until a person approves it, so that strangers cannot fill anything up.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from wicketgate.base.clock import MINUTE_US, SECOND_US
from wicketgate.base.errors import InputError

LIFE_US: Final = 10 * MINUTE_US
"""How long a request waits for a person."""
INTERVAL_S: Final = 2
"""How often a program may ask."""
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8
_MAC = 16
_MOST_APPROVED = 1_000
_MOST_OF_A_SESSION = 8

Pending = Literal["authorization_pending", "expired_token", "access_denied"]


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a program is told: its own code, and the one for the person."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """A person's answer to a program's request.

    `session` is the key of the session in which they answered, `lets` whether they said yes.
    """

    session: str
    lets: bool
    until_us: int


class Devices:
    """The requests of programs to act for a person."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._secret = secrets.token_bytes(32)
        self._answered: dict[str, DeviceAnswer] = {}

    def begin(self) -> DeviceRequest:
        """Return a fresh request."""
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        body = user_code.encode() + (self._now_us() + LIFE_US).to_bytes(8, "big")
        code = base64.urlsafe_b64encode(body + self._mac(body)).decode()
        return DeviceRequest(code, f"{user_code[:4]}-{user_code[4:]}")

    def answer(self, user_code: str, session: str, *, lets: bool) -> None:
        """Keep what a person said of a program's request.

        Parameters
        ----------
        user_code : str
            As they typed it.
        session : str
            The key of their session.
        lets : bool
            Whether they let it act for them.

        Raises
        ------
        InputError
            Where it has not the form of a code, or too many programs wait to be told, of this session or of all.
        """
        code = plain_code(user_code)
        now_us = self._now_us()
        self._answered = {name: one for name, one in self._answered.items() if one.until_us > now_us}
        own = sum(one.session == session for one in self._answered.values())
        if len(self._answered) >= _MOST_APPROVED or own >= _MOST_OF_A_SESSION:
            raise InputError("too many programs wait to be told: try again in a moment", code="busy")
        self._answered[code] = DeviceAnswer(session, lets, now_us + LIFE_US)

    def redeem(self, device_code: str) -> str | Pending:
        """Return the key of the session in which a request was approved, once; or why not (RFC 8628, 3.5)."""
        try:
            raw = base64.b64decode(device_code.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, ValueError):
            return "expired_token"
        body, mac = raw[:-_MAC], raw[-_MAC:]
        if len(body) != _LENGTH + 8 or not hmac.compare_digest(mac, self._mac(body)):
            return "expired_token"
        if self._now_us() >= int.from_bytes(body[_LENGTH:], "big"):
            return "expired_token"
        answered = self._answered.get(body[:_LENGTH].decode("ascii"))
        if answered is None:
            return "authorization_pending"
        del self._answered[body[:_LENGTH].decode("ascii")]
        return answered.session if answered.lets else "access_denied"

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")[:_MAC]


def plain_code(user_code: str) -> str:
    """Return the code of a program's request as it was made, however it was typed.

    InputError for anything else.

    >>> plain_code(" bcdf ghjk ")
    'BCDFGHJK'
    """
    code = "".join(character for character in user_code.upper() if character not in " -\t")
    if len(code) != _LENGTH or any(character not in _LETTERS for character in code):
        raise InputError(f"the code has {_LENGTH} letters, as the program shows it")
    return code


EXPIRES_S: Final = LIFE_US // SECOND_US
