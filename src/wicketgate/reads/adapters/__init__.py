"""The adapters of vendors' devices: one file a vendor.

They are pure: each makes observations of the bytes of one payload. docs/adapters.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import axis, bof2, frigate, hikvision, platerecognizer, viewtron
from wicketgate.reads.observations import Parsed, Payload

MAX_PAYLOAD: Final = 8 * 1024 * 1024

ADAPTERS: Final[Mapping[str, Callable[[Payload], Parsed]]] = {
    "axis": axis.read,
    "bof2": bof2.read,
    "frigate": frigate.read,
    "hikvision": hikvision.read,
    "platerecognizer": platerecognizer.read,
    "viewtron": viewtron.read,
}
"""The name in `POST /v1/push/{adapter}` to what reads it."""

Outcome = Literal["taken", "quarantined", "refused"]
"""All is durable and nothing was wrong; all is durable, some of it in the quarantine; nothing is durable."""


def parse(name: str, payload: Payload) -> Parsed:
    """Return the meaning of a vendor's payload.

    It has at least one observation, unreadable one, or sign of life.

    Parameters
    ----------
    name : str
        One of `ADAPTERS`.

    Raises
    ------
    InputError
        If the payload as a whole cannot be read, is larger than `MAX_PAYLOAD`, or there is no such adapter. Nothing of
        it was taken then.

    Notes
    -----
    Pure; O(bytes). Times are in docs/adapters.md.
    """
    read = ADAPTERS.get(name)
    if read is None:
        raise InputError("no adapter has this name")
    if len(payload.body) > MAX_PAYLOAD:
        raise InputError(f"a payload of more than {MAX_PAYLOAD} bytes")
    return read(payload)


def answer(name: str, parsed: Parsed, outcome: Outcome) -> tuple[int, str, bytes] | None:
    """Return the status, media type and body for a device.

    None if it takes any answer. Where nothing is durable there is none: the gateway's own answer, whose status is
    no 2xx, has the device send again.
    """
    if outcome == "refused":
        return None
    if name == "viewtron":
        return 200, "application/xml; charset=utf-8", viewtron.ANSWER
    if name == "bof2":
        return 200, "text/xml; charset=utf-8", bof2.answer(outcome)
    return None
