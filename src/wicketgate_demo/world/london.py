"""The papers of an invented London.

They are its charter, its authorities, and its appointments to offices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.regime.documents.binding import bind
from wicketgate_demo.world.charter import (
    COUNCILS,
    ORIGIN,
    OVERSEER,
    SOURCES,
    Offices,
    appoint,
    charter_document,
    signed,
    signed_charter,
)
from wicketgate_demo.world.clean_air import STAYS
from wicketgate_demo.world.places import BOUNDARY, BUS_LANES, MAIN_ROADS, ZONE, cameras, council_cameras
from wicketgate_demo.world.wanted import KINDS

__all__ = [
    "BOUNDARY",
    "COUNCILS",
    "ORIGIN",
    "OVERSEER",
    "SOURCES",
    "ZONE",
    "Offices",
    "appoint",
    "cameras",
    "charter_document",
    "council_cameras",
    "signed",
    "signed_charter",
]

ROAD_AUTHORITY: Final = "tfl"
COUNCIL_CAMERAS: Final = 60

CHARGING: Final = "tfl-charging"
EMISSIONS: Final = "tfl-emissions"
COUNTER_TERRORISM: Final = "tfl-met-ct"
OF_INTEREST: Final = "tfl-met-voi"
DUTY_DESK: Final = "recipient:met/duty-desk"
LINKED: Final = "eastholm-met-voi"
"""The authority under which keepers are linked."""
LINK_CAUSES: Final = ("stolen-vehicle", "failed-to-stop")
LINKED_AFTER_S: Final = 5
"""How long after a read its keeper is linked first: in earnest it is days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One authority of the invented London.

    Attributes
    ----------
    mode : str
        `bulk`, `match` or `unlisted`.
    reader : str
        The name of the token that reads its feed, and keeps its hotlist.
    signers : tuple of str
        The offices that must sign it, by the charter's rules.
    sources : tuple of str
        Whose cameras it is about.
    kinds : tuple of str
        What its hotlist may hold, or its lists of what stays; empty in mode `bulk`.
    draft : callable
        Returns the document as of a time.
    """

    name: str
    mode: str
    reader: str
    signers: tuple[str, ...]
    sources: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    draft: Callable[[int], dict[str, Any]]


# --- authorities ------------------------------------------------------------------------------------------


def charging_authority(at_us: int) -> dict[str, Any]:
    """Return the authority of Transport for London's own charging unit."""
    return {
        "authority": {
            "log": ORIGIN,
            "name": CHARGING,
            "version": 1,
            "title": "Reads for the congestion charge",
            "controller": "tfl",
            "recipient": "tfl",
            "unit": "charging",
            "purpose": "road-charging/congestion",
            "mode": "bulk",
            "instrument": {
                "kind": "own-purpose",
                "citation": "Greater London Authority Act 1999 s.295 and Schedule 23",
            },
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 4 * 365 * DAY_US),
            "recipient_retention": "P28D",
            "necessity": "The charge cannot be collected without knowing which vehicles entered the zone.",
            "proportionality": "Reads are kept no longer than the time to pay and to appeal needs.",
            "why_not_match": "Every vehicle in the zone is chargeable unless it is exempt.",
            "why_not_search": "Every entry must be seen on its day.",
        },
        "scope": {
            "sources": ["tfl"],
            "groups": [BOUNDARY, ZONE],
            "fields": ["plate", "time", "place", "vehicle"],
        },
    }


def emissions_authority(at_us: int) -> dict[str, Any]:
    """Return the authority of the charging unit for the emissions charge: what is exempt or complies never leaves."""
    document = charging_authority(at_us)
    document["authority"] |= {
        "name": EMISSIONS,
        "title": "Vehicles that may owe the emissions charge",
        "purpose": "road-charging/emissions",
        "mode": "unlisted",
        "necessity": "The charge cannot be collected without knowing which vehicles may owe it.",
        "proportionality": "What is exempt or complies is on a list, and its reads stay at the gateway.",
        "why_not_match": "What owes the charge is not known before it is seen.",
    }
    document["scope"] |= {"groups": [ZONE], "fields": ["plate", "time", "place"]}
    document["unlisted"] = {
        "lists": list(STAYS),
        "min_entries": 1_000,
        "max_shrink": 0.05,
        "stale_after": "P7D",
        "max_entries": 50_000,
    }
    return document


def counter_terrorism_authority(at_us: int) -> dict[str, Any]:
    """Return the authority modelled on the certificate of 2007, under the law of today.

    Ministerial, boundary cameras, reads and images: the certificate was for "images taken by the cameras". The road
    authority's processing is general processing: its exemption for national security is s.26 of the Act of 2018, and
    the certificate s.27 (docs/sources.md#dpa-2018).
    """
    return {
        "authority": {
            "log": ORIGIN,
            "name": COUNTER_TERRORISM,
            "version": 1,
            "title": "Congestion-charge cameras for counter-terrorism",
            "controller": "tfl",
            "recipient": "met",
            "unit": "national-security-units",
            "purpose": "national-security/terrorism",
            "mode": "bulk",
            "instrument": {
                "kind": "ministerial-certificate",
                "citation": "Data Protection Act 2018 s.27",
                "url": "https://www.legislation.gov.uk/ukpga/2018/12/section/27",
                "exempts": ["UK GDPR Article 5(1)(b), under DPA 2018 s.26 (tfl)"],
                "laid": "An invented paper, laid before an invented House",
            },
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 360 * DAY_US),
            "review_every": "P3M",
            "recipient_retention": "P28D",
            "necessity": "Attacks on London have been prepared and carried out with vehicles.",
            "proportionality": "Only named units receive the reads, for one purpose, for one year.",
            "why_not_match": "The vehicles of interest are not known before the event.",
            "why_not_search": "Answers are needed while the vehicle is moving.",
        },
        "scope": {
            "sources": ["tfl"],
            "groups": [BOUNDARY],
            "fields": ["plate", "time", "place", "patch-image", "overview-image"],
        },
    }


_KEEPER: Final = {
    "causes": list(LINK_CAUSES),
    "registers": ["dvla"],
    "per_day": 200,
    "not_before": f"PT{LINKED_AFTER_S}S",
}


def _match_authority(
    name: str, controller: str, kinds: Sequence[str], fields: Sequence[str], most: int, at_us: int
) -> dict[str, Any]:
    owner = "Transport for London" if controller == "tfl" else COUNCILS[controller]
    return {
        "authority": {
            "log": ORIGIN,
            "name": name,
            "version": 1,
            "title": f"Listed vehicles at the cameras of {owner}",
            "controller": controller,
            "recipient": "met",
            "unit": "duty-desk",
            "purpose": "policing/vehicles-of-interest",
            "mode": "match",
            "instrument": {
                "kind": "data-sharing-agreement",
                "citation": f"Agreement of {owner} and the Metropolitan Police Service",
            },
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 360 * DAY_US),
            "review_every": "P6M",
            "recipient_retention": "P28D",
            "onward": ["dvla"] if controller == "tfl" else [],
            "necessity": "A listed vehicle must be found while it is moving, or the person in it may come to harm.",
            "proportionality": "Nothing leaves but reads of listed vehicles, and of plates like theirs; each entry "
            "has a reason and an end.",
        },
        "scope": {
            "sources": [controller],
            "groups": [BOUNDARY, ZONE] if controller == "tfl" else [MAIN_ROADS],
            "fields": list(fields),
        },
        "match": {"kinds": list(kinds), "max_entries": most, "entry_life": "P28D"},
        **({"keeper": _KEEPER} if name == LINKED else {}),
    }


def _council_authority(council: str, at_us: int) -> dict[str, Any]:
    return {
        "authority": {
            "log": ORIGIN,
            "name": f"{council}-traffic",
            "version": 1,
            "title": f"Traffic orders of {COUNCILS[council]}",
            "controller": council,
            "recipient": council,
            "unit": "traffic",
            "purpose": "traffic/enforcement",
            "mode": "bulk",
            "instrument": {"kind": "own-purpose", "citation": "Traffic Management Act 2004 Part 6"},
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 3 * 365 * DAY_US),
            "recipient_retention": "P14D",
            "necessity": "A contravention cannot be noticed without seeing which vehicles passed.",
            "proportionality": "Reads are kept for two weeks, or as long as a notice is open.",
            "why_not_match": "Any vehicle may contravene an order.",
            "why_not_search": "A notice must be served within days.",
        },
        "scope": {
            "sources": [council],
            "groups": [MAIN_ROADS, BUS_LANES],
            "fields": ["plate", "time", "place", "vehicle"],
        },
    }


def _papers() -> dict[str, Paper]:
    def of_council(council: str, kinds: tuple[str, ...], fields: tuple[str, ...]) -> tuple[Paper, Paper]:
        name = f"{council}-met-voi"
        own = (f"{council}/chief-executive", f"{council}/data-protection")
        return (
            Paper(
                name=f"{council}-traffic",
                mode="bulk",
                reader=f"recipient:{council}/traffic",
                signers=own,
                sources=(council,),
                draft=lambda at_us: _council_authority(council, at_us),
            ),
            Paper(
                name=name,
                mode="match",
                reader=DUTY_DESK,
                signers=(*own, "met/intelligence"),
                sources=(council,),
                kinds=kinds,
                draft=lambda at_us: _match_authority(name, council, kinds, fields, 1000, at_us),
            ),
        )

    all_fields = ("plate", "time", "place", "vehicle", "patch-image")
    papers = (
        Paper(
            name=CHARGING,
            mode="bulk",
            reader="recipient:tfl/charging",
            signers=("tfl/commissioner", "tfl/data-protection"),
            sources=("tfl",),
            draft=charging_authority,
        ),
        Paper(
            name=EMISSIONS,
            mode="unlisted",
            reader="recipient:tfl/charging",
            signers=("tfl/commissioner", "tfl/data-protection"),
            sources=("tfl",),
            kinds=STAYS,
            draft=emissions_authority,
        ),
        Paper(
            name=COUNTER_TERRORISM,
            mode="bulk",
            reader="recipient:met/national-security-units",
            signers=("home-office/secretary-of-state", "tfl/data-protection", "met/national-security"),
            sources=("tfl",),
            draft=counter_terrorism_authority,
        ),
        Paper(
            name=OF_INTEREST,
            mode="match",
            reader=DUTY_DESK,
            signers=("tfl/commissioner", "tfl/data-protection", "met/intelligence"),
            sources=("tfl",),
            kinds=KINDS,
            draft=lambda at_us: _match_authority(OF_INTEREST, "tfl", KINDS, all_fields, 5000, at_us),
        ),
        # One council shows pictures of plates, the other does not.
        *of_council("marshbridge", ("stolen", "missing-person"), ("plate", "time", "place", "vehicle")),
        *of_council("eastholm", ("stolen", "wanted", "missing-person"), all_fields),
    )
    return {paper.name: paper for paper in papers}


PAPERS: Final[Mapping[str, Paper]] = _papers()
"""Every authority by its name, in the order in which they are submitted."""

SIGNERS: Final[Mapping[str, tuple[str, ...]]] = {name: paper.signers for name, paper in PAPERS.items()}
"""Who must sign which authority, by the charter's rules."""

READERS: Final[Mapping[str, str]] = {name: PAPERS[name].reader for name in (CHARGING, COUNTER_TERRORISM)}
"""The tokens that read the two bulk feeds of the road authority, which many tests and benchmarks are about."""

TOKENS: Final = (
    *(f"source:{source}" for source in SOURCES),
    *dict.fromkeys(paper.reader for paper in PAPERS.values()),
    f"overseer:{OVERSEER}",
)


def revocation(name: str, act_id: str, reason: str, at_us: int) -> dict[str, Any]:
    """Return a revocation of an authority."""
    members = {"id": act_id, "authority": name, "at": rfc3339(at_us), "reason": reason}
    return bind({"revocation": members}, ORIGIN)
