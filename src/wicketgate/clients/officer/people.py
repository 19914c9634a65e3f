"""Draft who an organisation's people are: names and claims in clear become commitments, openings and codes."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.errors import InputError
from wicketgate.regime.documents.people import commit_to, parse_people

_CODE_WORDS = 4
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True)
class PeopleDraft:
    """A document of people, and what goes beside it.

    Attributes
    ----------
    document : mapping
        To be signed: it names nobody.
    openings : sequence of mapping
        For the gateway, as `PUT /v1/people/{organisation}/openings` takes them.
    codes : mapping of str to str
        By name: what each person makes their passkey with. For them alone.
    """

    document: Mapping[str, Any]
    openings: Sequence[Mapping[str, Any]]
    codes: Mapping[str, str]


def draft_people(clear: Mapping[str, Any]) -> PeopleDraft:
    """Return the draft of a document of people that is written in clear.

    Parameters
    ----------
    clear : mapping
        As the document (docs/spec/people.md), but each person has `name`, and `subject` where they have a
        `provider`, in place of `person` and `enrol`; the claims of grants have their values themselves. Whoever has no
        provider gets a code.

    Raises
    ------
    InputError
        If a person has no name, or two have one name; DocumentRefused if it is no document of people otherwise.
    """
    openings: list[dict[str, Any]] = []
    codes: dict[str, str] = {}

    def committed(value: Any) -> str:
        salt = os.urandom(32)
        commitment = commit_to(salt, value)
        openings.append({"commitment": commitment, "salt": salt.hex(), "value": value})
        return commitment

    persons = []
    for number, person in enumerate(clear.get("persons", ())):
        known = dict(person)
        name, subject = known.pop("name", None), known.pop("subject", None)
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"`persons[{number}]` has no `name`")
        if name in codes:
            raise InputError(f"`persons[{number}]`: another person has that name; add what tells them apart")
        value = {"name": name} if subject is None else {"name": name, "subject": subject}
        known["person"] = committed(value)
        if "provider" not in known:
            codes[name] = _code()
            known["enrol"] = hashlib.sha256(codes[name].encode()).hexdigest()
        persons.append(known)
    grants = [
        {
            **grant,
            "claims": [{**one, "value": committed(one.get("value"))} for one in grant.get("claims", ())],
        }
        for grant in clear.get("grants", ())
    ]
    document = {**clear, "grants": grants, "persons": persons}
    parse_people(document)
    return PeopleDraft(document, openings, codes)


def _code() -> str:
    """Return a code that nobody guesses and anybody can type: 69 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_CODE_WORDS))
