"""The devices of invented cameras, one small module a wire format.

Which camera speaks which format is fixed for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from wicketgate_demo.cameras.devices import (
    axis,
    frigate,
    hikvision,
    makers,
    native,
    platerecognizer,
    viewtron,
)
from wicketgate_demo.cameras.devices.base import Device, Format, Message, Site

__all__ = ["FORMATS", "Device", "Format", "Message", "Site", "format_of", "sends_images"]

FORMATS: Final[Mapping[str, Format]] = {
    one.name: one
    for one in (
        native.FORMAT,
        hikvision.FORMAT,
        axis.FORMAT,
        platerecognizer.FORMAT,
        viewtron.IPC,
        viewtron.NVR,
        frigate.FORMAT,
        *makers.FORMATS_OF_MAKERS,
    )
}

_TURN: Final = (
    # Of every twenty cameras, in the order of the list; those with `+` send pictures.
    *("native", "hikvision+", "axis", "native", "viewtron-ipc+", "hikvision", "frigate", "native"),
    *("platerecognizer+", "axis", "hikvision+", "native", "viewtron-nvr+", "frigate", "native", "axis"),
    *("hikvision", "viewtron-ipc", "native", "platerecognizer"),
)


_SELDOM: Final = {20 + n: one.name for n, one in enumerate(makers.FORMATS_OF_MAKERS)}
"""Of every hundred cameras those of the other makers, one each."""


def format_of(number: int, known: Collection[str] = FORMATS) -> str:
    """Return the format of the camera of a number.

    Parameters
    ----------
    known : collection of str
        The formats that may be spoken; a camera of another one speaks the next of them, always the same.
    """
    name = _SELDOM.get(number % 100) or _TURN[number % len(_TURN)].rstrip("+")
    if name in known:
        return name
    allowed = [one for one in FORMATS if one in known]
    return allowed[number % len(allowed)]


def sends_images(number: int) -> bool:
    """Say whether the camera of a number sends pictures.

    Five in twenty do, if their format has any.
    """
    return _TURN[number % len(_TURN)].endswith("+")
