"""What an adapter is: one that reads a payload, and what its device waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wicketgate.reads.observations import Parsed, Payload

Outcome = Literal["taken", "quarantined", "refused"]
"""All is durable and nothing was wrong; all is durable, some of it in the quarantine; nothing is durable."""


@dataclass(frozen=True, slots=True)
class DeviceAdapter:
    """One maker's payloads.

    Attributes
    ----------
    read : callable
        Returns the meaning of a payload, or raises `InputError` where that is not one of its maker's. It is pure.
    answer : callable or None
        Returns the media type and the body that the device waits for once a payload is durable; None where the device
        takes any answer.
    takes_query : bool
        Whether its values may stand in the address or in a picture's name alone, with nothing in the body.
    """

    read: Callable[[Payload], Parsed]
    answer: Callable[[Payload, Outcome], tuple[str, bytes]] | None = None
    takes_query: bool = False
