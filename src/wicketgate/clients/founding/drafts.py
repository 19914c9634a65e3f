"""The first authorities of a template, as drafts for their officers to read and sign. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wicketgate.base.clock import rfc3339
from wicketgate.base.periods import add, parse_period
from wicketgate.clients.founding.answers import FoundingAnswers, Party
from wicketgate.clients.founding.templates import MATCH_FIELDS, TRAFFIC, asks

_VALID_FOR = parse_period("P1Y")
_REVIEW = "P3M"


def first_authorities(answers: FoundingAnswers, at_us: int) -> dict[str, dict[str, Any]]:
    """Return the drafts by their names.

    Parameters
    ----------
    at_us : int
        From when they hold, microseconds.
    """
    return {draft["authority"]["name"]: draft for draft in _drafts(answers, at_us)}


def _drafts(answers: FoundingAnswers, at_us: int) -> Iterator[dict[str, Any]]:
    police = answers.police
    if answers.template == "police-region":
        yield _listed(answers, Party(id=police.id, name=police.name), at_us)
    for source in answers.sources:
        if answers.template != "police-region":
            yield _own_use(answers, source, at_us)
        yield _listed(answers, source, at_us)
    if asks(answers):
        yield _questions(answers, answers.sources[0], at_us)


def _own_use(answers: FoundingAnswers, source: Party, at_us: int) -> dict[str, Any]:
    """Return the draft by which a council uses its own reads."""
    return {
        "authority": {
            **_head(answers, source, f"{source.id}-{TRAFFIC}", at_us),
            "title": f"Reads for the traffic orders of {source.name}",
            "recipient": source.id,
            "unit": TRAFFIC,
            "purpose": "traffic/enforcement",
            "mode": "bulk",
            "instrument": {"kind": "own-purpose", "citation": "Traffic Management Act 2004, Part 6"},
            "recipient_retention": "P28D",
            "necessity": "A traffic order cannot be enforced without knowing which vehicles passed.",
            "proportionality": "Reads are kept no longer than a penalty and its appeal need.",
            "why_not_match": "Which vehicle will break the order is not known before it does.",
            "why_not_search": "Each passage must be held against the order on its day.",
        },
        "scope": _scope(answers, source, ["plate", "time", "place", "vehicle", "overview-image"]),
    }


def _listed(answers: FoundingAnswers, source: Party, at_us: int) -> dict[str, Any]:
    """Return the draft by which the unit gets the reads of vehicles that it lists, and no other."""
    police = answers.police
    own = source.id == police.id
    instrument = (
        {"kind": "own-purpose", "citation": "Police Act 1996"}
        if own
        else {"kind": "data-sharing-agreement", "citation": f"Agreement of {source.name} and {police.name}"}
    )
    return {
        "authority": {
            **_head(answers, source, f"{source.id}-{police.unit}"[:64], at_us),
            "title": f"Vehicles that {police.unit_name} lists, past the cameras of {source.name}",
            "recipient": police.id,
            "unit": police.unit,
            "purpose": "policing/vehicles-of-interest",
            "mode": "match",
            "instrument": instrument,
            "review_every": _REVIEW,
            "recipient_retention": "P28D",
            "necessity": "A listed vehicle is found while it moves, or not at all.",
            "proportionality": "Reads of vehicles that nobody listed never leave; each entry has a reason and an end.",
        },
        "scope": _scope(answers, source, list(MATCH_FIELDS)),
        "match": {"kinds": list(police.kinds), "max_entries": 5000, "entry_life": "P28D"},
    }


def _questions(answers: FoundingAnswers, source: Party, at_us: int) -> dict[str, Any]:
    """Return the draft by which the unit may ask about a plate in the past, one question at a time."""
    police = answers.police
    return {
        "authority": {
            **_head(answers, source, f"{source.id}-{police.unit}-questions"[:64], at_us),
            "title": f"Questions of {police.unit_name} about the cameras of {source.name}",
            "recipient": police.id,
            "unit": police.unit,
            "purpose": "policing/crime",
            "mode": "search",
            "instrument": {
                "kind": "data-sharing-agreement",
                "citation": f"Agreement of {source.name} and {police.name}",
            },
            "review_every": _REVIEW,
            "recipient_retention": "P28D",
            "necessity": "Which vehicle matters is often known only after it passed.",
            "proportionality": "Each question names its offence and case, and is answered for one plate.",
        },
        "scope": _scope(answers, source, ["plate", "time", "place", "vehicle"]),
        "search": {"max_age": answers.retention, "questions": ["plate"], "answer_retention": "P7D"},
    }


def _head(answers: FoundingAnswers, source: Party, name: str, at_us: int) -> dict[str, Any]:
    return {
        "log": answers.origin,
        "name": name,
        "version": 1,
        "controller": source.id,
        "valid_from": rfc3339(at_us),
        "valid_until": rfc3339(add(at_us, _VALID_FOR)),
    }


def _scope(answers: FoundingAnswers, source: Party, fields: list[str]) -> Mapping[str, Any]:
    return {"sources": [source.id], "groups": [], "fields": fields, "max_cameras": answers.cameras}
