"""The charter of each template: a council, a city, a police region. Pure.

Each is small and whole: `check` finds no trap in it, and a test says so. What a template leaves out cannot be done
under it until the charter is amended (docs/spec/charter.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wicketgate.base.clock import rfc3339
from wicketgate.clients.founding.answers import FoundingAnswers, Party, Rhythm, is_overseers, offices_of

FIGURES: Final[Mapping[Rhythm, str]] = {"hour": "PT1H", "day": "P1D", "month": "P1M"}
"""The charter's `limits.figures_every` by the word that was answered."""
TRAFFIC: Final = "traffic"
"""The unit of a source that uses its own reads."""
MATCH_FIELDS: Final = ("plate", "time", "place", "vehicle", "patch-image", "overview-image")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeKeys:
    """The public halves of an office's keys; `opening` is empty for all but an overseer's."""

    public: str
    opening: str = ""


def charter_document(answers: FoundingAnswers, keys: Mapping[str, OfficeKeys], at_us: int) -> dict[str, Any]:
    """Return the charter that the answers come to.

    Parameters
    ----------
    keys : mapping
        Of each office that the template needs.
    at_us : int
        From when it holds, microseconds.
    """
    home = answers.home
    return {
        "charter": {
            "log": answers.origin,
            "name": home.id,
            "version": 1,
            "title": f"Charter for the number-plate gateway of {home.name}",
            "valid_from": rfc3339(at_us),
            "demonstration": False,
            "origin": answers.origin,
            "operator": _operator(answers).id,
        },
        "limits": _limits(answers),
        "organisations": _organisations(answers),
        "offices": [_office(answers, id_, title, keys[id_]) for id_, title in offices_of(answers)],
        "purposes": _purposes(answers),
        "signatures": [*_rules_of_authorities(answers), *_rules_of_acts(answers)],
        "consulting": {"shortest": "P28D", "covers_for": "P3Y"},
        "consultations": _consultations(answers),
        "amendment": {"shortest": "P42D", "covers_for": "P1Y"},
        **({"searching": _searching(answers)} if asks(answers) else {}),
    }


def asks(answers: FoundingAnswers) -> bool:
    """Return whether the template has questions to the past: a city's, where its reads are kept."""
    return answers.template == "city" and answers.retention != "PT0S"


def _operator(answers: FoundingAnswers) -> Party:
    if answers.operator is not None:
        return answers.operator
    return Party(id=answers.home.id, name=answers.home.name)


def _limits(answers: FoundingAnswers) -> dict[str, Any]:
    return {
        "clock_ahead": "PT60S",
        "too_old": "P7D",
        "late_after": "PT60S",
        "figures_every": FIGURES[answers.figures],
        "small_cells": 10,
        "longest_recipient_retention": "P28D",
        "feed_term": "P14D",
        "camera_growth": 10,
        "longest_review": {"data-sharing-agreement": "P6M"},
        "longest_validity": {"data-sharing-agreement": "P1Y", "own-purpose": "P1Y"},
    }


def _organisations(answers: FoundingAnswers) -> list[dict[str, Any]]:
    region = answers.template == "police-region"
    found: list[dict[str, Any]] = []
    for source in answers.sources:
        units = [] if region else [{"id": TRAFFIC, "name": "Traffic and parking"}]
        roles = ["source"] if region else ["source", "recipient"]
        found.append({"id": source.id, "name": source.name, "roles": roles, "retention": answers.retention})
        if units:
            found[-1]["units"] = units
    police = answers.police
    found.append(
        {
            "id": police.id,
            "name": police.name,
            "roles": ["source", "recipient"] if region else ["recipient"],
            **({"retention": answers.retention} if region else {}),
            "units": [{"id": police.unit, "name": police.unit_name}],
        }
    )
    found.append({"id": answers.overseer.id, "name": answers.overseer.name, "roles": ["overseer"]})
    operator = _operator(answers)
    if answers.operator is not None:
        found.append({"id": operator.id, "name": operator.name, "roles": ["operator"]})
    else:
        next(one for one in found if one["id"] == operator.id)["roles"].append("operator")
    return found


def _office(answers: FoundingAnswers, office: str, title: str, keys: OfficeKeys) -> dict[str, Any]:
    post = answers.post(office)
    members = {"id": office, "title": post.title or title, "holder": post.holder, "key": keys.public}
    return {**members, "opening_key": keys.opening} if is_overseers(answers, office) else members


def _purposes(answers: FoundingAnswers) -> list[dict[str, str]]:
    own = [
        {"id": "traffic", "title": "A council’s own traffic and parking"},
        {"id": "traffic/enforcement", "title": "Enforcing a council’s own traffic orders"},
    ]
    charging = [{"id": "road-charging", "title": "Charging for the use of roads"}]
    return [
        *([] if answers.template == "police-region" else own),
        *(charging if answers.template == "city" else []),
        {"id": "policing", "title": "Policing"},
        {"id": "policing/vehicles-of-interest", "title": "Symptom listed vehicles"},
        *([{"id": "policing/crime", "title": "Investigating crime"}] if asks(answers) else []),
    ]


def _own_purposes(answers: FoundingAnswers) -> list[str]:
    return ["traffic", "road-charging"] if answers.template == "city" else ["traffic"]


def _rules_of_authorities(answers: FoundingAnswers) -> list[dict[str, Any]]:
    """Return who signs the charter, and what may be allowed and who signs that."""
    police, chair = answers.police.id, f"{answers.overseer.id}/chair"
    sources = [one.id for one in answers.sources]
    sharing = ["{controller}/chief-executive", "{controller}/data-protection", f"{police}/superintendent"]
    shared = {
        "kind": "authority",
        "instruments": ["data-sharing-agreement"],
        "purposes": ["policing"],
        "modes": ["match", "search"] if asks(answers) else ["match"],
        "controllers": sources,
        "offices": sharing,
    }
    own: dict[str, Any] = {"kind": "authority", "instruments": ["own-purpose"]}
    if answers.template == "police-region":
        heads = [f"{police}/chief-constable", f"{police}/data-protection"]
        own |= {"purposes": ["policing"], "modes": ["match"], "controllers": [police], "offices": heads}
    else:
        heads = [f"{sources[0]}/chief-executive", f"{sources[0]}/data-protection"]
        own |= {
            "purposes": _own_purposes(answers),
            "modes": ["bulk"],
            "controllers": sources,
            "offices": ["{controller}/chief-executive", "{controller}/data-protection"],
        }
    return [{"kind": "charter", "offices": [*heads, chair]}, own, shared]


def _rules_of_acts(answers: FoundingAnswers) -> list[dict[str, Any]]:
    """Return who signs what comes after an authority, or before it.

    Stopping is easy, by any one; going on is harder.
    """
    chair, deputy = f"{answers.overseer.id}/chair", f"{answers.overseer.id}/deputy"
    guardian = "{controller}/data-protection"
    people = [answers.police.id, *(one.id for one in answers.sources)]
    named = [
        {
            "kind": "people",
            "organisations": [one],
            "offices": [
                f"{one}/superintendent" if one == answers.police.id else f"{one}/data-protection",
            ],
        }
        for one in people
    ]
    return [
        {"kind": "revocation", "offices": [guardian, chair, deputy], "need": "any"},
        {"kind": "suspension", "offices": [guardian, chair, deputy], "need": "any"},
        {"kind": "resumption", "offices": [guardian, chair]},
        {"kind": "review", "offices": [guardian]},
        {"kind": "consultation", "offices": [guardian]},
        {"kind": "objection", "offices": [chair, deputy], "need": "any"},
        {"kind": "decision", "offices": [guardian, chair]},
        *named,
        {"kind": "people", "organisations": [answers.overseer.id], "offices": [chair]},
    ]


def _consultations(answers: FoundingAnswers) -> list[dict[str, Any]]:
    """Return what powers need that nobody was consulted on; those that are not named need a consultation before."""
    sources = [one.id for one in answers.sources]
    wanted = {"purposes": ["policing/vehicles-of-interest"], "modes": ["match"], "fields": list(MATCH_FIELDS)}
    shared = {"instruments": ["data-sharing-agreement"], **wanted, "sources": sources}
    if answers.template == "police-region":
        own = {"instruments": ["own-purpose"], **wanted, "sources": [answers.police.id]}
    else:
        own = {"instruments": ["own-purpose"], "purposes": _own_purposes(answers)}
    soon = {"longest_retention": "P28D", "need": "within", "within": "P90D"}
    questions = {
        "instruments": ["data-sharing-agreement"],
        "purposes": ["policing/crime"],
        "modes": ["search"],
        "fields": ["plate", "time", "place", "vehicle"],
        "sources": sources,
    }
    return [
        {**own, "need": "notice"},
        {**shared, **soon},
        *([{**questions, **soon}] if asks(answers) else []),
    ]


def _searching(answers: FoundingAnswers) -> dict[str, Any]:
    chair = f"{answers.overseer.id}/chair"
    return {"second": ["{controller}/data-protection"], "emergency": {"within": "P1D", "overseer": chair}}
