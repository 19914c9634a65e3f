"""The papers of an invented London: charter, authorities, cameras, and who holds which office."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.clock import DAY_US, rfc3339
from wicketgate.documents import sign_document
from wicketgate.sealing import new_identity
from wicketgate.signing import PrivateKey, dump_envelope, format_public

_HOLDERS = {
    "tfl/commissioner": ("Commissioner of Transport", "Ada Ashworth"),
    "tfl/data-protection": ("Data Protection Officer", "Ben Brightwell"),
    "home-office/secretary-of-state": ("Secretary of State for the Home Department", "Clara Colborne"),
    "met/national-security": ("Commander, national security units", "Dev Dunmore"),
    "ico/commissioner": ("Information Commissioner", "Edith Eastlake"),
}
OVERSEER = "ico/commissioner"

CHARGING = "tfl-charging"
COUNTER_TERRORISM = "tfl-met-ct"
SIGNERS: Mapping[str, tuple[str, ...]] = {
    CHARGING: ("tfl/commissioner", "tfl/data-protection"),
    COUNTER_TERRORISM: (
        "home-office/secretary-of-state",
        "tfl/data-protection",
        "met/national-security",
    ),
}
"""Who must sign which authority, by the charter's rules."""
READERS: Mapping[str, str] = {
    CHARGING: "recipient:tfl/charging",
    COUNTER_TERRORISM: "recipient:met/national-security-units",
}
"""The token that reads each authority's feed."""
TOKENS = ("source:tfl", *READERS.values(), f"overseer:{OVERSEER}")

BOUNDARY, ZONE = "ccz-boundary", "ccz"
_CENTRE = (51.5094, -0.1183)


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
            "longest_validity": {"ministerial-certificate": "P1Y", "own-purpose": "P5Y"},
        },
        "organisations": [
            {
                "id": "tfl",
                "name": "Transport for London",
                "roles": ["source", "recipient"],
                "retention": "P28D",
                "units": [{"id": "charging", "name": "Congestion charging"}],
            },
            {
                "id": "met",
                "name": "Metropolitan Police Service",
                "roles": ["recipient"],
                "units": [{"id": "national-security-units", "name": "National security units"}],
            },
            {"id": "home-office", "name": "Home Office", "roles": ["government"]},
            {"id": "ico", "name": "Information Commissioner’s Office", "roles": ["overseer"]},
            {"id": "gatehouse", "name": "Gatehouse Operations", "roles": ["operator"]},
        ],
        "offices": [_office(office, offices) for office in _HOLDERS],
        "purposes": [
            {"id": "road-charging", "title": "Charging for the use of roads"},
            {"id": "road-charging/congestion", "title": "The central London congestion charge"},
            {"id": "national-security", "title": "National security"},
            {"id": "national-security/terrorism", "title": "Preventing and investigating terrorism"},
        ],
        "signatures": [
            {"kind": "charter", "offices": ["tfl/commissioner", "home-office/secretary-of-state", OVERSEER]},
            {
                "kind": "authority",
                "instruments": ["ministerial-certificate"],
                "purposes": ["national-security"],
                "modes": ["bulk"],
                "controllers": ["tfl"],
                "offices": list(SIGNERS[COUNTER_TERRORISM]),
            },
            {
                "kind": "authority",
                "instruments": ["own-purpose"],
                "purposes": ["road-charging"],
                "modes": ["bulk"],
                "offices": ["{controller}/commissioner", "{controller}/data-protection"],
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
            {
                "kind": "review",
                "purposes": ["national-security"],
                "offices": ["home-office/secretary-of-state"],
            },
            {"kind": "review", "purposes": ["road-charging"], "offices": ["{controller}/commissioner"]},
        ],
    }


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


def signed(document: Mapping[str, Any], offices: Offices, by: tuple[str, ...] | list[str]) -> bytes:
    """Return a document in an envelope with the signatures of the offices named."""
    return dump_envelope(sign_document(document, [offices.keys[office] for office in by]))


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


def revocation(name: str, act_id: str, reason: str, at_us: int) -> dict[str, Any]:
    """Return a revocation of an authority."""
    return {"revocation": {"id": act_id, "authority": name, "at": rfc3339(at_us), "reason": reason}}


def cameras(count: int, seed: int = 2007) -> list[dict[str, Any]]:
    """Return cameras of an invented zone: two in three on its boundary, facing in or out, the rest inside.

    Positions lie on and within an oval about the size of the congestion charging zone.
    """
    chance = random.Random(seed)
    placed = []
    for number in range(count):
        on_boundary = number % 3 != 2
        angle = 2 * math.pi * chance.random()
        reach = 1.0 if on_boundary else math.sqrt(chance.random()) * 0.95
        placed.append(
            {
                "id": f"ccz-{number + 1:04d}",
                "groups": [BOUNDARY] if on_boundary else [ZONE],
                "latitude": round(_CENTRE[0] + 0.0165 * reach * math.sin(angle), 5),
                "longitude": round(_CENTRE[1] + 0.0380 * reach * math.cos(angle), 5),
                "heading": round(math.degrees(math.pi / 2 - angle) % 360, 1),
            }
        )
    return placed
