"""The papers of a replay of London, 2007 and after: charter, certificates, drafts, acts. docs/london-2007.md tells it.

What they are modelled on is history; their words, people, numbers and most of their dates are invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate_demo.world import charter as invented
from wicketgate_demo.world import london
from wicketgate_demo.world.charter import COUNCILS, Offices
from wicketgate_demo.world.places import MAIN_ROADS, cameras, council_cameras

ORIGIN: Final = "wicketgate.example/replay-of-london-2007"
"""The origin of the log: it stands in every checkpoint and on every page, so that nobody takes a replay for the day."""
BEGINS: Final = "2007-07-17T09:00:00Z"
"""When the deployment of the replay is made."""
CONGESTION: Final = "congestion-charge"
"""The group of the road authority's cameras, as the certificate means them."""
CAMERAS_2007, CAMERAS_2022, PLANNED_2022 = 1500, 1544, 2750
"""About 1,500 cameras in 2007; 1,544 in January 2023 and 2,750 more planned: docs/sources.md."""

CHARGING: Final = "tfl-charging"
CERTIFICATE: Final = "tfl-met-national-security"
ALL_CRIME: Final = "tfl-met-crime"
THIRD_PARTY: Final = "marshbridge-met-national-security"
LISTED: Final = "eastholm-met-stolen"
STOLEN: Final = "stolen"
NEIGHBOUR: Final = "neighbour-force"

SECRETARY: Final = "home-office/secretary-of-state"
CERTIFIERS: Final = (SECRETARY, "tfl/data-protection", "met/national-security")
ON_CRIME: Final = (SECRETARY, "tfl/commissioner", "tfl/data-protection", "met/intelligence")
OWN_USE: Final = ("tfl/commissioner", "tfl/data-protection")
OF_THIRD_PARTY: Final = (
    SECRETARY,
    "marshbridge/chief-executive",
    "marshbridge/data-protection",
    "met/national-security",
)
OF_LISTED: Final = ("eastholm/chief-executive", "eastholm/data-protection", "met/intelligence")
TRANSPORT: Final = "dft/minister"

UNITS: Final[Mapping[str, str]] = {
    "national-security-units": "National security units",
    "crime-units": "Crime units",
    "duty-desk": "Number-plate duty desk",
}
THREE_FIELDS: Final = ("plate", "time", "place")
CERTIFIED: Final = (*THREE_FIELDS, "patch-image", "overview-image")
"""What the certificate of 2007 covered: images too, and registration mark, date, time and place."""


# --- the charter ------------------------------------------------------------------------------------------


def charter_document(offices: Offices) -> dict[str, Any]:
    """Return the charter of the replay: offices and who signs what as in the demonstration, terms of real length.

    The certificate's powers as they were in 2007, and they alone, may take effect `marked`: these cameras, their reads
    and images, one purpose. For anything else that the police are to get, the charter wants a consultation before.
    """
    document = invented.charter_document(offices, parse_rfc3339(BEGINS))
    document["charter"] |= {
        "name": "london-2007",
        "title": "Charter of a replay of London, 2007 and after: invented people under a moved clock",
        "log": ORIGIN,
        "origin": ORIGIN,
    }
    document["limits"] |= {
        "figures_every": "P1D",
        "longest_recipient_retention": "P28D",
        "longest_review": {"ministerial-certificate": "P3M", "data-sharing-agreement": "P6M"},
        "longest_validity": {
            "ministerial-certificate": "P1Y",
            "data-sharing-agreement": "P1Y",
            "own-purpose": "P5Y",
        },
        "laid": ["ministerial-certificate"],
    }
    document["consultations"] = [
        {"instruments": ["own-purpose"], "purposes": ["road-charging", "traffic"], "need": "notice"},
        {
            "instruments": ["ministerial-certificate"],
            "controllers": ["tfl"],
            "purposes": ["national-security"],
            "sources": ["tfl"],
            "groups": [CONGESTION],
            "fields": list(CERTIFIED),
            "units": ["met/national-security-units"],
            "longest_retention": "P28D",
            "max_cameras": CAMERAS_2007,
            "need": "marked",
        },
    ]
    document["consulting"] = {"shortest": "P84D", "covers_for": "P3Y"}
    document["amendment"] = {"shortest": "P84D", "covers_for": "P1Y"}
    for organisation in document["organisations"]:
        if organisation["id"] == "met":
            organisation["units"] = [{"id": id_, "name": name} for id_, name in UNITS.items()]
    document["organisations"].append(
        {"id": NEIGHBOUR, "name": "A neighbouring police force (invented)", "roles": ["recipient"]}
    )
    return document


def road_cameras(count: int = CAMERAS_2007) -> list[dict[str, Any]]:
    """Return the road authority's cameras, all of one group; a longer list begins with the shorter one."""
    return [{**camera, "groups": [CONGESTION]} for camera in cameras(count)]


def third_party_cameras(council: str, count: int = 40) -> list[dict[str, Any]]:
    """Return a council's cameras."""
    return council_cameras(council, count)


# --- authorities ------------------------------------------------------------------------------------------


def charging_authority() -> dict[str, Any]:
    """Return the authority of the road authority's own charging unit."""
    document = london.charging_authority(DAY_US)
    document["authority"] |= {"valid_from": "2007-07-01T00:00:00Z", "valid_until": "2012-07-01T00:00:00Z"}
    document["scope"] |= {"groups": [CONGESTION], "fields": [*THREE_FIELDS]}
    return document


def certificate(version: int, begins: str, ends: str, /, **scope: Any) -> dict[str, Any]:
    """Return a version of the certificate: TfL's cameras, in bulk, to the national security units.

    Parameters
    ----------
    begins, ends : str
        Its validity, RFC 3339.
    **scope
        Members of the scope that differ from those of 2007.
    """
    new_law = begins >= "2018-05-25"  # when the Act of 2018 took the place of that of 1998
    return {
        "authority": {
            "name": CERTIFICATE,
            "version": version,
            "title": "Congestion-charge cameras for national security",
            "controller": "tfl",
            "recipient": "met",
            "unit": "national-security-units",
            "purpose": "national-security",
            "mode": "bulk",
            "instrument": {
                "kind": "ministerial-certificate",
                "citation": f"Data Protection Act {'2018 s.79' if new_law else '1998 s.28'}",
                "exempts": [
                    "Data Protection Act 2018, the first and second data protection principles (tfl, met)"
                    if new_law
                    else "Data Protection Act 1998, second data protection principle (tfl, met)"
                ],
                "laid": f"House of Commons, {begins[:10]}{'' if begins < '2007-07-18' else ' (invented)'}",
            },
            "valid_from": begins,
            "valid_until": ends,
            "review_every": "P3M",
            "recipient_retention": "P28D",
            "necessity": "Attacks on London were prepared and carried out with vehicles (as the replay has it).",
            "proportionality": "One unit, one purpose, reads and images, for one year at most.",
            "why_not_match": "The vehicles of interest are not known before the event.",
            "why_not_search": "Answers are needed while the vehicle is moving.",
            "onward": [],
        },
        "scope": {"sources": ["tfl"], "groups": [CONGESTION], "fields": [*CERTIFIED], **scope},
    }


def wider_certificate(version: int, begins: str, ends: str) -> dict[str, Any]:
    """Return the certificate as the replay widens it in 2022: what a camera says of a vehicle, and more cameras."""
    return certificate(
        version,
        begins,
        ends,
        fields=[*CERTIFIED, "vehicle"],
        max_cameras=CAMERAS_2022 + PLANNED_2022,
    )


def all_crime(begins: str, ends: str) -> dict[str, Any]:
    """Return what a chief officer's decision amounted to by 2012: the same cameras, in bulk, for crime of any kind."""
    document = certificate(1, begins, ends, fields=[*THREE_FIELDS])
    document["authority"] |= {
        "name": ALL_CRIME,
        "title": "Congestion-charge cameras for crime of any kind",
        "unit": "crime-units",
        "purpose": "policing/crime",
        "necessity": "The reads would help in investigations.",
        "proportionality": "They are there already.",
    }
    return document


def third_party_certificate(begins: str, ends: str) -> dict[str, Any]:
    """Return the authority of a council that joins: its own controller, cameras and signers."""
    document = certificate(
        1, begins, ends, sources=["marshbridge"], groups=[MAIN_ROADS], fields=[*THREE_FIELDS]
    )
    document["authority"] |= {
        "name": THIRD_PARTY,
        "title": "Cameras of a council for national security",
        "controller": "marshbridge",
        "recipient_retention": "P14D",
    }
    document["authority"]["instrument"] = {
        **document["authority"]["instrument"],
        "exempts": ["Data Protection Act 1998, second data protection principle (marshbridge, met)"],
    }
    return document


def listed_vehicles(begins: str, ends: str) -> dict[str, Any]:
    """Return the authority of another council, which lets reads of listed vehicles go and no others."""
    return {
        "authority": {
            "name": LISTED,
            "version": 1,
            "title": f"Stolen vehicles at the cameras of {COUNCILS['eastholm']}",
            "controller": "eastholm",
            "recipient": "met",
            "unit": "duty-desk",
            "purpose": "policing/vehicles-of-interest",
            "mode": "match",
            "instrument": {
                "kind": "data-sharing-agreement",
                "citation": "Agreement of Eastholm and the Metropolitan Police Service (invented)",
            },
            "valid_from": begins,
            "valid_until": ends,
            "review_every": "P6M",
            "recipient_retention": "P14D",
            "necessity": "A stolen vehicle is found while it is moving, or not at all.",
            "proportionality": "Nothing leaves but reads of listed vehicles; each entry has a reason and an end.",
            "onward": [NEIGHBOUR],
        },
        "scope": {"sources": ["eastholm"], "groups": [MAIN_ROADS], "fields": [*THREE_FIELDS]},
        "match": {"kinds": [STOLEN], "max_entries": 1000, "entry_life": "P28D"},
    }


# --- acts and consultations -------------------------------------------------------------------------------


def review(act_id: str, at_us: int, findings: str, *, version: int = 1) -> dict[str, Any]:
    """Return a review of the certificate, held at a time; bulk says again why less would not do."""
    return {
        "review": {
            "id": act_id,
            "authority": CERTIFICATE,
            "version": version,
            "at": rfc3339(at_us),
            "reviewed_at": rfc3339(at_us),
            "findings": findings,
            "why_not_match": "The vehicles of interest are still not known before the event.",
            "why_not_search": "Answers are still needed while the vehicle is moving.",
            "continue": True,
        }
    }


def consultation(
    consultation_id: str, at_us: int, draft: Mapping[str, Any], *, title: str, assessment: str, days: int = 84
) -> dict[str, Any]:
    """Return a consultation on a draft, open from now on for so many days."""
    return {
        "consultation": {
            "id": consultation_id,
            "title": title,
            "at": rfc3339(at_us),
            "opens_at": rfc3339(at_us),
            # From its publication, which comes after its signature.
            "closes_at": rfc3339(at_us + days * DAY_US + 3600 * 1_000_000),
            "assessment": assessment,
        },
        "draft": dict(draft),
    }


def objection(objection_id: str, consultation_id: str, at_us: int) -> dict[str, Any]:
    """Return the objection of the Department for Transport; its reasons are those that the press of 2007 reported."""
    return {
        "objection": {
            "id": objection_id,
            "consultation": consultation_id,
            "at": rfc3339(at_us),
            "organisation": "dft",
            "reason": "Bulk transfer is out of proportion to the problem. What is collected for traffic would serve "
            "other ends, and that would colour the debate on road charging.",
        }
    }


def decision(
    decision_id: str,
    consultation_id: str,
    at_us: int,
    reasons: str,
    *,
    covered_until: str | None = None,
    answers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a decision: an approval where it says until when it covers, a rejection where it does not."""
    said: dict[str, Any] = {
        "id": decision_id,
        "consultation": consultation_id,
        "at": rfc3339(at_us),
        "outcome": "rejected" if covered_until is None else "approved",
        "reasons": reasons,
        "answers": [{"objection": one, "answer": answer} for one, answer in (answers or {}).items()],
    }
    return {"decision": said if covered_until is None else {**said, "covered_until": covered_until}}


def pulled_in(document: Mapping[str, Any], version: int, sources: Sequence[str]) -> dict[str, Any]:
    """Return the certificate with others' cameras pulled into it, as another version."""
    return {
        "authority": {**document["authority"], "version": version},
        "scope": {
            **document["scope"],
            "sources": [*document["scope"]["sources"], *sources],
            "groups": [*document["scope"]["groups"], MAIN_ROADS],
        },
    }
