"""The people of an invented London: one for every role, and who names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate_demo.world.charter import COUNCILS, ORIGIN, OVERSEER

_PRESENCE: Final = "PT12H"
"""As long as a session: whoever looks around here is not asked again and again. In earnest it is minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """An invented person.

    Attributes
    ----------
    short : str
        What they are called in `credentials.json`.
    unit, office : str
        Where they work within the organisation; both empty for the organisation at large.
    can : str
        What there is for them to see.
    """

    short: str
    name: str
    organisation: str
    unit: str = ""
    office: str = ""
    roles: tuple[str, ...]
    can: str

    @property
    def of(self) -> str:
        """Where they work, as the gateway calls it."""
        return "/".join(filter(None, (self.organisation, self.unit or self.office)))


def _people() -> tuple[Invented, ...]:
    desk = {"organisation": "met", "unit": "duty-desk"}
    councils = [
        Invented(
            short=f"{council}-officer",
            name=name,
            organisation=council,
            roles=("source-officer",),
            can="its cameras and quarantine",
        )
        for council, name in zip(COUNCILS, ("Mona Merrow", "Nico Nairn"), strict=True)
    ]
    return (
        Invented(short="viewer", name="Nia Norwood", **desk, roles=("viewer",), can="hits and images"),
        Invented(
            short="confirmer",
            name="Owen Oakley",
            **desk,
            roles=("viewer", "confirmer"),
            can="says what came of a hit",
        ),
        Invented(
            short="hotlist-keeper",
            name="Priya Penrose",
            **desk,
            roles=("viewer", "hotlist-keeper"),
            can="changes the hotlists",
        ),
        Invented(short="asker", name="Quinn Quayle", **desk, roles=("asker",), can="asks the past"),
        Invented(
            short="approver", name="Rosa Renwick", **desk, roles=("approver",), can="approves what others ask"
        ),
        Invented(
            short="source-officer",
            name="Sam Selby",
            organisation="tfl",
            roles=("source-officer",),
            can="cameras and quarantine",
        ),
        Invented(
            short="data-protection-officer",
            name="Tess Thornton",
            organisation="tfl",
            office="data-protection",
            roles=("data-protection-officer",),
            can="what is due",
        ),
        Invented(
            short="overseer",
            name="Uma Underhill",
            organisation="ico",
            office="commissioner",
            roles=("overseer",),
            can="why, openings, responses",
        ),
        *councils,
    )


PEOPLE: Final = _people()
"""Everybody, in the order in which they are shown."""

SIGNERS: Final[Mapping[str, str]] = {
    "met": "met/intelligence",
    "tfl": "tfl/data-protection",
    "ico": OVERSEER,
    **{council: f"{council}/data-protection" for council in COUNCILS},
}
"""Who signs whose people, by the charter's rules."""


def named(organisation: str, at_us: int) -> dict[str, Any]:
    """Return the document of an organisation's people in clear, as an officer writes it."""

    def place(one: Invented) -> dict[str, str]:
        found = {"unit": one.unit, "office": one.office}
        return {kind: name for kind, name in found.items() if name}

    return {
        "people": {
            "log": ORIGIN,
            "organisation": organisation,
            "version": 1,
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 360 * DAY_US),
            "presence": _PRESENCE,
        },
        "persons": [
            {"name": one.name, **place(one), "roles": list(one.roles)}
            for one in PEOPLE
            if one.organisation == organisation
        ],
    }
