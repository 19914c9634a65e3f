"""Orders to the process that sends alerts, and its answers."""

from __future__ import annotations

from typing import Final

import msgspec

from wicketgate.alerts.messages import AlertText

MOST_ORDER: Final = 256 * 1024
PATIENCE_S: Final = 15.0
"""Within which one attempt must end, from the look-up of the host to the last byte of the answer."""


class ByWebhook(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """Send it to a URL, signed; `private` are networks that are allowed besides the public net."""

    url: str
    secret: str
    private: tuple[str, ...]


class ByMail(msgspec.Struct, frozen=True, kw_only=True, tag="mail"):
    """Send it as mail, by a server."""

    to: tuple[str, ...]
    host: str
    port: int
    tls: str
    sender: str
    user: str
    password: str


class ByApprise(msgspec.Struct, frozen=True, kw_only=True, tag="apprise"):
    """Send it by what a URL of `apprise` says."""

    url: str


Way = ByWebhook | ByMail | ByApprise


class SendOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Send one message one way, once."""

    number: int
    told: AlertText
    way: Way
    patience_s: float = PATIENCE_S


class SendResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an order came to.

    Attributes
    ----------
    fault : str
        Why it did not arrive; empty where it did. It names no URL, no plate and nothing that the other side said.
    gone : bool
        Whether the other side said that nothing is taken there any more.
    """

    number: int
    fault: str = ""
    gone: bool = False


def frame(data: bytes) -> bytes:
    """Return data behind its length."""
    return len(data).to_bytes(4, "big") + data
