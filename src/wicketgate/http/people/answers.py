"""The shapes of what is sent and answered about people."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from wicketgate.base.shapes import about, shape
from wicketgate.gateway.filing.people import MOST_OPENINGS


class OpeningGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a commitment is to, as it is handed in."""

    commitment: Annotated[str, shape(pattern="^[0-9a-f]{64}$")]
    salt: Annotated[str, shape(pattern="^[0-9a-f]{64}$")]
    value: Any


class OpeningsGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The openings of an organisation's people."""

    openings: Annotated[tuple[OpeningGiven, ...], shape(minItems=1, maxItems=MOST_OPENINGS)]


class OpeningsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """How many were taken."""

    opened: int


class PasskeyListed(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that is enrolled."""

    id: str
    person: Annotated[str, about("The commitment in the document of people.")]


class PasskeysShown(msgspec.Struct, frozen=True, kw_only=True):
    """Those of an organisation."""

    passkeys: list[PasskeyListed]
