"""The charter of an invented London, and its offices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.signing import PrivateKey, dump_envelope, format_public
from wicketgate.ledger.sealing import new_identity
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.world.places import BOUNDARY

ORIGIN: Final = "wicketgate.example/invented-london"
"""The origin of its log, for which its documents are signed."""

OVERSEER: Final = "ico/commissioner"
COUNCILS: Final[Mapping[str, str]] = {
    "marshbridge": "Marshbridge Borough Council (invented)",
    "eastholm": "Eastholm Borough Council (invented)",
}
SOURCES: Final = ("tfl", *COUNCILS)
SHORTEST: Final = "PT10S"
"""How long a consultation is open at least: weeks in earnest, seconds where somebody may want to see one close."""

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
    "dft/minister": ("Minister of State for Transport", "Kit Kingsley"),
    "parliament/clerk": ("Clerk of the Parliaments", "Lena Langford"),
    "high-court/judge": ("Judge in the Administrative Court", "Mira Marlow"),
    OVERSEER: ("Information Commissioner", "Edith Eastlake"),
}
TFL_KEEPS = 28
"""Days for which Transport for London keeps reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """The keys of every office, with the overseer's for openings.

    The latter is the overseer's identity.
    """

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
            "log": ORIGIN,
            "origin": ORIGIN,
            "operator": "gatehouse",
        },
        "limits": {
            "clock_ahead": "PT60S",
            "too_old": "P31D",  # a demonstration posts its own past: docs/demo.md
            "late_after": "PT60S",
            "figures_every": "PT1M",
            "small_cells": 10,
            "longest_recipient_retention": "P90D",
            "feed_term": "P28D",
            "camera_growth": 10,
            "longest_review": {"ministerial-certificate": "P3M", "data-sharing-agreement": "P6M"},
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
            {"id": "road-charging/emissions", "title": "The charge on vehicles that pollute"},
            {"id": "traffic", "title": "A council’s own traffic and parking"},
            {"id": "traffic/enforcement", "title": "Enforcing a council’s own traffic orders"},
            {"id": "policing", "title": "Policing"},
            {"id": "policing/vehicles-of-interest", "title": "Finding listed vehicles"},
            {"id": "policing/crime", "title": "Preventing and investigating crime of any kind"},
            {"id": "national-security", "title": "National security"},
            {"id": "national-security/terrorism", "title": "Preventing and investigating terrorism"},
        ],
        "causes": [
            {"id": "stolen-vehicle", "title": "A stolen vehicle that was found, to reach its keeper"},
            {"id": "failed-to-stop", "title": "A vehicle whose driver did not stop after a collision"},
        ],
        "signatures": _rules(),
        "consultations": _consultations(),
        "urgency": {"longest": "P14D", "again_after": "P1Y", "offices": ["home-office/secretary-of-state"]},
        "consulting": {"shortest": SHORTEST, "covers_for": "P3Y"},
        "amendment": {"shortest": SHORTEST, "covers_for": "P1Y"},
        "redaction": {"members": ["authority.necessity"], "longest": "P1Y"},
        "searching": {
            "second": ["{controller}/data-protection"],
            "emergency": {"within": "P1D", "overseer": OVERSEER},
        },
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
            "retention": f"P{TFL_KEEPS}D",
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
                {"id": "events", "name": "Public events"},
            ],
        },
        {"id": "home-office", "name": "Home Office", "roles": ["government"]},
        {"id": "dvla", "name": "Driver and Vehicle Licensing Agency", "roles": ["government"]},
        {"id": "dft", "name": "Department for Transport", "roles": ["government"]},
        {"id": "parliament", "name": "Parliament", "roles": ["parliament"]},
        {"id": "high-court", "name": "High Court", "roles": ["court"]},
        {"id": "ico", "name": "Information Commissioner’s Office", "roles": ["overseer"]},
        {"id": "gatehouse", "name": "Gatehouse Operations", "roles": ["operator"]},
    ]


def _rules() -> list[dict[str, Any]]:
    """Return the rules of signature."""
    return [
        {"kind": "charter", "offices": ["tfl/commissioner", "home-office/secretary-of-state", OVERSEER]},
        *_rules_of_authorities(),
        *_rules_of_acts(),
    ]


def _rules_of_authorities() -> list[dict[str, Any]]:
    """Return the rules of signature for authorities.

    They go by instrument, purpose, mode and controller.
    """
    return [
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
            "kind": "authority",
            "instruments": ["ministerial-certificate", "data-sharing-agreement"],
            "purposes": ["policing"],
            "modes": ["bulk", "search"],
            "controllers": ["tfl"],
            "offices": [
                "home-office/secretary-of-state",
                "tfl/commissioner",
                "tfl/data-protection",
                "met/intelligence",
            ],
        },
        {
            "kind": "authority",
            "instruments": ["ministerial-certificate"],
            "purposes": ["national-security"],
            "modes": ["bulk"],
            "controllers": list(COUNCILS),
            "offices": [
                "home-office/secretary-of-state",
                "{controller}/chief-executive",
                "{controller}/data-protection",
                "met/national-security",
            ],
        },
    ]


def _rules_of_acts() -> list[dict[str, Any]]:
    """Return the rules of signature for acts.

    Acts come after an authority, or before it.
    """
    return [
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
        {
            "kind": "consultation",
            "offices": ["{controller}/data-protection", "home-office/secretary-of-state"],
            "need": "any",
        },
        {
            "kind": "objection",
            "offices": ["dft/minister", "home-office/secretary-of-state", OVERSEER],
            "need": "any",
        },
        {"kind": "objection", "annuls": True, "within": "P40D", "offices": ["parliament/clerk"]},
        {"kind": "decision", "offices": ["{controller}/data-protection", "dft/minister"]},
        {"kind": "challenge", "offices": ["high-court/judge"]},
        {"kind": "quashed", "offices": ["high-court/judge"]},
        *_rules_of_people(),
    ]


def _rules_of_people() -> list[dict[str, Any]]:
    """Return the rules on who names people."""
    return [
        {"kind": "people", "organisations": ["met"], "offices": ["met/intelligence"]},
        {"kind": "people", "organisations": list(SOURCES), "offices": ["{organisation}/data-protection"]},
        {"kind": "people", "organisations": ["ico"], "offices": [OVERSEER]},
    ]


def _consultations() -> list[dict[str, Any]]:
    """Return the needs of powers outside any consultation.

    Those that are not named here need one before.
    """
    return [
        {"instruments": ["own-purpose"], "purposes": ["road-charging", "traffic"], "need": "notice"},
        {
            # The certificate of 2007 took effect at once: these cameras, their reads and images, this purpose.
            "instruments": ["ministerial-certificate"],
            "purposes": ["national-security"],
            "sources": ["tfl"],
            "groups": [BOUNDARY],
            "fields": ["plate", "time", "place", "patch-image", "overview-image"],
            "units": ["met/national-security-units"],
            "longest_retention": "P28D",
            "need": "marked",
        },
        {
            "instruments": ["data-sharing-agreement"],
            "modes": ["match"],
            "purposes": ["policing/vehicles-of-interest"],
            "fields": ["plate", "time", "place", "vehicle", "patch-image"],
            "onward": ["dvla"],
            "need": "within",
            "within": "P90D",
        },
        {
            "instruments": ["data-sharing-agreement"],
            "modes": ["search"],
            "purposes": ["policing/crime"],
            "sources": ["tfl"],
            "fields": ["plate", "time", "place", "vehicle"],
            "need": "notice",
        },
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
    """Return the charter in its envelope, signed by its offices."""
    document = charter_document(offices, at_us)
    return signed(document, offices, document["signatures"][0]["offices"])


def signed(document: Mapping[str, Any], offices: Offices, by: Sequence[str]) -> bytes:
    """Return a document in an envelope with the named offices' signatures."""
    return dump_envelope(sign_document(document, [offices.keys[office] for office in by]))
