"""The entries of an invented register: who kept which vehicle under a plate, and from which day on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from wicketgate.base.errors import InputError

Manner = Literal["", "busy", "down", "slow", "torn"]
"""How the register behaves for one plate: as it should; 429; 503; later than anybody waits; an answer that is none."""


class RegisterHolding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A vehicle under a plate with its keeper, from a day on.

    Attributes
    ----------
    since : str
        `YYYY-MM-DD`; it lasts until the next holding of the plate begins.
    """

    since: str
    make: str
    model: str
    colour: str
    keeper: str
    address: tuple[str, ...]
    fuel: str = "PETROL"
    euro_status: str = "EURO 6"


class RegisterEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plate: its holdings, the first one first. A plate that was reassigned has another vehicle from a day on."""

    plate: str
    holdings: tuple[RegisterHolding, ...]
    manner: Manner = ""

    def now(self) -> RegisterHolding:
        """Return the vehicle that bears the plate now."""
        return self.holdings[-1]

    def on(self, day: str) -> RegisterHolding | None:
        """Return who kept the vehicle under the plate on a day; None before the first of them."""
        found = [one for one in self.holdings if one.since <= day]
        return found[-1] if found else None


_lines = msgspec.json.Decoder(RegisterEntry)


def read_entries(data: bytes) -> Mapping[str, RegisterEntry]:
    """Return entries by plate, of NDJSON; InputError for anything else."""
    try:
        entries = [_lines.decode(line) for line in data.splitlines() if line]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("not the entries of an invented register") from error
    return {one.plate: one for one in entries}


def write_entries(entries: Iterable[RegisterEntry]) -> bytes:
    """Return entries as NDJSON."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in entries)
