"""Links as they are asked for, answered and listed. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from wicketgate.base.shapes import Hash, Time, about
from wicketgate.regime.documents.keeper_terms import KEEPER_IS_NOT_DRIVER

MOST_CASE: Final = 100
MOST_DECIDED: Final = 1000
MOST_REF: Final = 200
"""Characters of the reference of an image."""


class LinkSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row or a confirmed hit, and what its keeper is asked for. There is no plate in it."""

    authority: Annotated[str, about("Its name, without a version.", maxLength=64)]
    cause: Annotated[str, about("One of those that the authority names.", maxLength=64)]
    case: Annotated[str, about("The number of the case, never empty.", maxLength=MOST_CASE)]
    header: (
        Annotated[
            dict[str, Any],
            about("The header of the row's batch, with its promise; `sha256` may be left out."),
        ]
        | UnsetType
    ) = UNSET
    row: Annotated[str, about("The line as it was delivered, without LF.")] | UnsetType = UNSET
    path: (
        Annotated[list[Hash], about("RFC 6962 audit path from the row to the batch's `root`, lowest first.")]
        | UnsetType
    ) = UNSET
    hit: (
        Annotated[str, about("A confirmed hit, in place of header, row and path.", maxLength=64)] | UnsetType
    ) = UNSET
    image: Annotated[
        str,
        about(
            "The `ref` of an image in the row or hit: needed where source and recipient are one organisation.",
            maxLength=MOST_REF,
        ),
    ] = ""
    decided: Annotated[
        str,
        about(
            "Of a person, after `vehicle-differs`: why the name is asked for all the same.",
            maxLength=MOST_DECIDED,
        ),
    ] = ""


class KeeperShown(msgspec.Struct, frozen=True, kw_only=True):
    """Who kept the vehicle on the day of the event, as the register says."""

    name: str
    address: list[str]
    date: Annotated[str, about("The day of the event, in the register's zone.")]


class RegisteredVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """What the register says of the vehicle."""

    make: str
    model: str
    colour: str
    fuel: str
    euro_status: str


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One keeper's name for one row and one cause. The gateway keeps none of it."""

    id: Annotated[str, about("Of the link, as its facts have it.")]
    keeper: KeeperShown
    vehicle: RegisteredVehicle
    note: Annotated[str, about("What a name says, and what it does not.")] = KEEPER_IS_NOT_DRIVER


class ListedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link as sources and overseers are shown it: never the plate, the name or the address."""

    id: str
    asked_at: Time
    authority: str
    unit: str
    by: str
    cause: str
    register: str
    source: str
    times: Annotated[int, about("How often the register was asked.")]
    became: Annotated[str, about("What became of it; empty where nothing is known.")]
    case: Annotated[str, about("For the overseer alone.")] | UnsetType = UNSET
    seq: Annotated[int, about("The row of the feed; for the overseer alone.")] | UnsetType = UNSET
    hit: Annotated[str, about("For the overseer alone.")] | UnsetType = UNSET
    image: Annotated[str, about("The image that was shown; for the overseer alone.")] | UnsetType = UNSET
    decided: (
        Annotated[str, about("Why a person went on although the vehicles differ; for the overseer alone.")]
        | UnsetType
    ) = UNSET


class ListedLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Links of the last 31 days, the newest first."""

    links: list[ListedLink]
