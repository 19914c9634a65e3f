"""The adapters of vendors' devices: one file a vendor, or a table in TOML (`forms`).

They are pure: each makes observations of the bytes of one payload. docs/adapters.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import (
    axis,
    bof2,
    dahua,
    frigate,
    hikvision,
    platerecognizer,
    viewtron,
    zhenshi,
)
from wicketgate.reads.adapters.adapter import DeviceAdapter, Outcome
from wicketgate.reads.adapters.by_form import FormAdapter
from wicketgate.reads.adapters.forms import read_form
from wicketgate.reads.adapters.made import MADE
from wicketgate.reads.adapters.net import MAX_PAYLOAD, holds_plate, unpacked, whole
from wicketgate.reads.observations import Keepalive, Parsed, Payload

__all__ = ["ADAPTERS", "MAX_PAYLOAD", "Adapters", "Outcome", "answer", "parse"]

BY_FILE: Final[Mapping[str, DeviceAdapter]] = {
    "axis": DeviceAdapter(axis.read),
    "bof2": DeviceAdapter(bof2.read, bof2.answer),
    "dahua": DeviceAdapter(dahua.read, dahua.answer),
    "frigate": DeviceAdapter(frigate.read),
    "hikvision": DeviceAdapter(hikvision.read),
    "platerecognizer": DeviceAdapter(platerecognizer.read),
    "viewtron": DeviceAdapter(viewtron.read, viewtron.answer),
    "zhenshi": DeviceAdapter(zhenshi.read, zhenshi.answer),
}


def _of_forms(texts: Mapping[str, str]) -> dict[str, DeviceAdapter]:
    return {name: FormAdapter(name, read_form(text)).adapter() for name, text in texts.items()}


ADAPTERS: Final[Mapping[str, DeviceAdapter]] = dict(sorted({**BY_FILE, **_of_forms(MADE)}.items()))
"""The name in `POST /v1/push/{adapter}` to what reads it, in every gateway."""


class Adapters:
    """The adapters of one gateway: those that every gateway has, and its operator's own.

    Parameters
    ----------
    own : mapping of str to str
        The text of each form (`forms.read_form`) by its name.

    Raises
    ------
    InputError
        If a form cannot be read, or has the name of an adapter that there is.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        own = own or {}
        if not ADAPTERS.keys().isdisjoint(own):
            raise InputError("an adapter of this name is built in: give the form another one")
        self._by_name = {**ADAPTERS, **_of_forms(own)}

    @property
    def names(self) -> list[str]:
        """All their names, in alphabetical order."""
        return sorted(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def parse(self, name: str, payload: Payload) -> Parsed:
        """Return the meaning of a vendor's payload.

        It has at least one observation, unreadable one, or sign of life. A payload that its adapter cannot read is an
        unreadable one with its beginning; so is one that is nothing but a sign of life although a member that makers
        call a plate has what could be one. A body with nothing in it is a sign of life.

        Raises
        ------
        InputError
            If the payload is larger than `MAX_PAYLOAD`, or there is no such adapter. Nothing of it was taken then.

        Notes
        -----
        Pure; O(bytes). Times are in docs/adapters.md.
        """
        adapter = self._by_name.get(name)
        if adapter is None:
            raise InputError("no adapter has this name")
        if len(payload.body) > MAX_PAYLOAD:
            raise InputError(f"a payload of more than {MAX_PAYLOAD} bytes")
        if not payload.body.strip() and not adapter.takes_query and not holds_plate(payload):
            return (Keepalive(),)
        try:
            body = unpacked(payload.body)
            payload = payload if body is payload.body else replace(payload, body=body)
            parsed = adapter.read(payload)
        except InputError as fault:
            return (whole(payload, fault),)
        if all(isinstance(one, Keepalive) and not one.is_whole for one in parsed) and holds_plate(payload):
            hidden = InputError("a plate where this adapter does not look for one")
            return (whole(payload, hidden),)
        return parsed

    def answer(self, name: str, payload: Payload, outcome: Outcome) -> tuple[int, str, bytes] | None:
        """Return the status, media type and body for a device.

        None if it takes any answer. Where nothing is durable there is none: the gateway's own answer, whose status is
        no 2xx, has the device send again.
        """
        adapter = self._by_name[name]
        return (
            None
            if outcome == "refused" or adapter.answer is None
            else (200, *adapter.answer(payload, outcome))
        )


_BUILT_IN: Final = Adapters()
parse = _BUILT_IN.parse
answer = _BUILT_IN.answer
