"""The rows of a list in any form, and their faults."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import HotlistRefused, InputError
from wicketgate.hotlists import MAX_TEXT
from wicketgate.reads.plates import PlateFault, read_plate

MOST_FAULTS: Final = 100
"""Faulty lines that are named; the rest of the body is not looked at."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class FormRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The content of a line, whatever the form.

    `kind` is empty for a line that removes a plate.
    """

    line: int
    plate: str
    kind: str
    priority: int
    reason: str
    expires_us: int | None
    review_us: int | None
    voi: str | None
    texts: dict[str, str]


@dataclass(slots=True)
class Faults:
    """The faulty lines so far."""

    found: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, line: int, code: str, detail: str) -> None:
        """Note a fault.

        Raises if there are too many to go on.
        """
        self.found.append((line, code, detail))
        if len(self.found) >= MOST_FAULTS:
            raise self.refusal()

    def refusal(self) -> HotlistRefused:
        """Return the refusal of the body.

        It has the code of the first faulty line.
        """
        found = sorted(self.found)
        _, code, detail = found[0]
        lines = tuple(line for line, other, _ in found if other == code)
        shown = ", ".join(map(str, lines[:10])) + (" …" if len(lines) > 10 else "")
        return HotlistRefused(
            f"line{'s' * (len(lines) > 1)} {shown}: {detail}; nothing of the list was taken",
            code=code,
            lines=lines,
            faults=tuple(found),
        )


def whole_seconds(at_us: int) -> int:
    """Return a time without its part of a second.

    Ends are whole seconds, which the index keeps in four bytes.
    """
    return at_us - at_us % SECOND_US


def plate_of(text: str) -> str:
    plate = read_plate(text)
    if isinstance(plate, PlateFault):
        raise InputError("no plate that can be read", code="plate-unreadable")
    return plate


def texts_of(pairs: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return the non-empty ones of some texts, by name."""
    texts = {name: text_of(name, text) for name, text in pairs if text}
    return {name: text for name, text in texts.items() if text is not None}


def text_of(name: str, text: str | None) -> str | None:
    """Return a text without the space around it.

    None if nothing is left.
    """
    if text is None:
        return None
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise InputError(f"`{name}` has more than {MAX_TEXT} characters")
    if _CONTROL.search(text):
        raise InputError(f"`{name}` has a control character or a line break")
    return text or None


def needed(name: str, text: str | None) -> str:
    found = text_of(name, text)
    if found is None:
        raise InputError(f"`{name}` is missing")
    return found
