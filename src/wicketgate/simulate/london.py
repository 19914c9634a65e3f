"""The papers of an invented London: charter, authorities, and who holds which office."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.clock import DAY_US, rfc3339
from wicketgate.documents import sign_document
from wicketgate.sealing import new_identity
from wicketgate.signing import PrivateKey, dump_envelope, format_public
from wicketgate.simulate.places import BOUNDARY, BUS_LANES, MAIN_ROADS, ZONE, cameras, council_cameras
from wicketgate.simulate.wanted import KINDS

__all__ = ["BOUNDARY", "ZONE", "cameras", "council_cameras"]

OVERSEER: Final = "ico/commissioner"
ROAD_AUTHORITY: Final = "tfl"
COUNCILS: Final[Mapping[str, str]] = {
    "marshbridge": "Marshbridge Borough Council (invented)",
    "eastholm": "Eastholm Borough Council (invented)",
}
SOURCES: Final = (ROAD_AUTHORITY, *COUNCILS)
COUNCIL_CAMERAS: Final = 60

_HOLDERS: Final = {
    "tfl/commissioner": ("Commissioner of Transport", "Ada Ashworth"),
    "tfl/data-protection": ("Data Protection Officer", "Ben Brightwell"),
    "home-office/secretary-of-state": ("Secretary of State for the Home Department", "Clara Colborne"),
    "met/national-security": ("Commander, national security units", "Dev Dunmore"),
    "met/intelligence": ("Commander, intelligence", "Farah Fielding"),
    "marshbridge/chief-executive": ("Chief Executive", "George Garland"),
    "marshbridge/data-protection": ("Data Protection Officer", "Hana Holt"),
    "eastholm/chief-executive": ("Chief Executive", "Ivor Inglewood"),
    "eastholm/data-protection": ("Data Protection Officer", "Joy Jardine"),
    OVERSEER: ("Information Commissioner", "Edith Eastlake"),
}

CHARGING: Final = "tfl-charging"
COUNTER_TERRORISM: Final = "tfl-met-ct"
OF_INTEREST: Final = "tfl-met-voi"
DUTY_DESK: Final = "recipient:met/duty-desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One authority of the invented London.

    Attributes
    ----------
    mode : str
        `bulk` or `match`.
    reader : str
        The name of the token that reads its feed, and keeps its hotlist.
    signers : tuple of str
        The offices that must sign it, by the charter's rules.
    sources : tuple of str
        Whose cameras it is about.
    kinds : tuple of str
        What its hotlist may hold; empty in mode `bulk`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """The keys of every office, and the overseer's identity for openings."""

    keys: Mapping[str, PrivateKey]
    identity: str
    opening_key: str


def appoint() -> Offices:
    """Return fresh keys for every office."""
    identity, opening_key = new_identity()
    return Offices(
        keys={office: PrivateKey.generate() for office in _HOLDERS},
        identity=identity,
        opening_key=opening_key,
    )


# --- the charter ------------------------------------------------------------------------------------------


def charter_document(offices: Offices, at_us: int) -> dict[str, Any]:
    """Return the charter, valid from the day before `at_us`."""
    return {
        "charter": {
            "name": "london",
            "version": 1,
            "title": "Charter for the gateway of an invented London",
            "valid_from": rfc3339(at_us - DAY_US),
            "demonstration": True,
            "origin": "wicketgate.example/invented-london",
            "operator": "gatehouse",
        },
        "limits": {
            "clock_ahead": "PT60S",
            "too_old": "P7D",
            "late_after": "PT60S",
            "figures_every": "PT1M",
            "small_cells": 10,
            "longest_recipient_retention": "P90D",
            "feed_term": "P28D",
            "longest_validity": {
                "ministerial-certificate": "P1Y",
                "data-sharing-agreement": "P1Y",
                "own-purpose": "P5Y",
            },
        },
        "organisations": _organisations(),
        "offices": [_office(office, offices) for office in _HOLDERS],
        "purposes": [
            {"id": "road-charging", "title": "Charging for the use of roads"},
            {"id": "road-charging/congestion", "title": "The central London congestion charge"},
            {"id": "traffic", "title": "A council’s own traffic and parking"},
            {"id": "traffic/enforcement", "title": "Enforcing a council’s own traffic orders"},
            {"id": "policing", "title": "Policing"},
            {"id": "policing/vehicles-of-interest", "title": "Finding listed vehicles"},
            {"id": "national-security", "title": "National security"},
            {"id": "national-security/terrorism", "title": "Preventing and investigating terrorism"},
        ],
        "signatures": _rules(),
    }


def _organisations() -> list[dict[str, Any]]:
    councils = [
        {
            "id": council,
            "name": name,
            "roles": ["source", "recipient"],
            "retention": "P14D",
            "units": [{"id": "traffic", "name": "Traffic and parking"}],
        }
        for council, name in COUNCILS.items()
    ]
    return [
        {
            "id": "tfl",
            "name": "Transport for London",
            "roles": ["source", "recipient"],
            "retention": "P28D",
            "units": [{"id": "charging", "name": "Congestion charging"}],
        },
        *councils,
        {
            "id": "met",
            "name": "Metropolitan Police Service",
            "roles": ["recipient"],
            "units": [
                {"id": "national-security-units", "name": "National security units"},
                {"id": "duty-desk", "name": "Number-plate duty desk"},
            ],
        },
        {"id": "home-office", "name": "Home Office", "roles": ["government"]},
        {"id": "ico", "name": "Information Commissioner’s Office", "roles": ["overseer"]},
        {"id": "gatehouse", "name": "Gatehouse Operations", "roles": ["operator"]},
    ]


def _rules() -> list[dict[str, Any]]:
    return [
        {"kind": "charter", "offices": ["tfl/commissioner", "home-office/secretary-of-state", OVERSEER]},
        {
            "kind": "authority",
            "instruments": ["ministerial-certificate"],
            "purposes": ["national-security"],
            "modes": ["bulk"],
            "controllers": ["tfl"],
            "offices": ["home-office/secretary-of-state", "tfl/data-protection", "met/national-security"],
        },
        {
            "kind": "authority",
            "instruments": ["own-purpose"],
            "purposes": ["road-charging"],
            "modes": ["bulk"],
            "offices": ["{controller}/commissioner", "{controller}/data-protection"],
        },
        {
            "kind": "authority",
            "instruments": ["own-purpose"],
            "purposes": ["traffic"],
            "modes": ["bulk"],
            "controllers": list(COUNCILS),
            "offices": ["{controller}/chief-executive", "{controller}/data-protection"],
        },
        {
            "kind": "authority",
            "instruments": ["data-sharing-agreement"],
            "purposes": ["policing"],
            "modes": ["match"],
            "controllers": ["tfl"],
            "offices": ["tfl/commissioner", "tfl/data-protection", "met/intelligence"],
        },
        {
            "kind": "authority",
            "instruments": ["data-sharing-agreement"],
            "purposes": ["policing"],
            "modes": ["match"],
            "controllers": list(COUNCILS),
            "offices": ["{controller}/chief-executive", "{controller}/data-protection", "met/intelligence"],
        },
        {
            "kind": "revocation",
            "offices": [
                "{controller}/data-protection",
                "{controller}/commissioner",
                "home-office/secretary-of-state",
            ],
            "need": "any",
        },
        {"kind": "suspension", "offices": ["{controller}/data-protection", OVERSEER], "need": "any"},
        {"kind": "resumption", "offices": ["{controller}/data-protection", OVERSEER]},
        {"kind": "review", "purposes": ["national-security"], "offices": ["home-office/secretary-of-state"]},
        {"kind": "review", "purposes": ["road-charging"], "offices": ["{controller}/commissioner"]},
        {"kind": "review", "purposes": ["policing", "traffic"], "offices": ["{controller}/data-protection"]},
    ]


def _office(office: str, offices: Offices) -> dict[str, Any]:
    title, holder = _HOLDERS[office]
    members = {
        "id": office,
        "title": title,
        "holder": holder,
        "key": format_public(offices.keys[office].public),
    }
    return {**members, "opening_key": offices.opening_key} if office == OVERSEER else members


def signed_charter(offices: Offices, at_us: int) -> bytes:
    """Return the charter in its envelope, signed by those whom it names."""
    document = charter_document(offices, at_us)
    return signed(document, offices, document["signatures"][0]["offices"])


def signed(document: Mapping[str, Any], offices: Offices, by: Sequence[str]) -> bytes:
    """Return a document in an envelope with the signatures of the offices named."""
    return dump_envelope(sign_document(document, [offices.keys[office] for office in by]))


# --- authorities ------------------------------------------------------------------------------------------


def charging_authority(at_us: int) -> dict[str, Any]:
    """Return the authority of Transport for London's own charging unit."""
    return {
        "authority": {
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


def counter_terrorism_authority(at_us: int) -> dict[str, Any]:
    """Return the authority modelled on the ministerial certificate of 2007 (boundary cameras, three fields)."""
    return {
        "authority": {
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
                "citation": "Data Protection Act 1998 s.28",
                "exempts": ["DPA 1998 principle 2 (tfl, met)"],
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
        "scope": {"sources": ["tfl"], "groups": [BOUNDARY], "fields": ["plate", "time", "place"]},
    }


def _match_authority(
    name: str, controller: str, kinds: Sequence[str], fields: Sequence[str], most: int, at_us: int
) -> dict[str, Any]:
    owner = "Transport for London" if controller == "tfl" else COUNCILS[controller]
    return {
        "authority": {
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
            "necessity": "A listed vehicle must be found while it is moving, or the person in it may come to harm.",
            "proportionality": "Nothing leaves but reads of listed vehicles; each entry has a reason and an end.",
        },
        "scope": {
            "sources": [controller],
            "groups": [BOUNDARY, ZONE] if controller == "tfl" else [MAIN_ROADS],
            "fields": list(fields),
        },
        "match": {"kinds": list(kinds), "max_entries": most, "entry_life": "P28D"},
    }


def _council_authority(council: str, at_us: int) -> dict[str, Any]:
    return {
        "authority": {
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
    return {"revocation": {"id": act_id, "authority": name, "at": rfc3339(at_us), "reason": reason}}
