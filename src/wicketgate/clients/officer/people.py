"""Draft who an organisation's people are: names and claims in clear become commitments, openings and codes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical
from wicketgate.regime.documents.people import code_of, commit_to, hash_code, parse_people

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
        By name: what each person makes their passkey with, of those who have none from before. For them alone.
    """

    document: Mapping[str, Any]
    openings: Sequence[Mapping[str, Any]]
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PeopleBefore:
    """The version before: its document, and the openings that were drafted with it."""

    document: Mapping[str, Any]
    openings: Sequence[Mapping[str, Any]]

    def salts(self) -> dict[bytes, bytes]:
        """Return the salt of each value, by its canonical form.

        Raises
        ------
        InputError
            If they are no openings.
        """
        try:
            return {canonical(one["value"]): bytes.fromhex(one["salt"]) for one in self.openings}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "the openings of the version before are none that `people draft` made"
            ) from error

    def codes(self) -> dict[str, str]:
        """Return the hash of each person's code, by commitment."""
        return {one.commitment: one.enrol for one in parse_people(self.document).persons if one.enrol}


def draft_people(clear: Mapping[str, Any], before: PeopleBefore | None = None) -> PeopleDraft:
    """Return the draft of a document of people that is written in clear.

    Parameters
    ----------
    clear : mapping
        As the document (docs/spec/people.md), but each person has `name`, and `subject` where they have a
        `provider`, in place of `person` and `enrol`; the claims of grants have their values themselves. Whoever has no
        provider gets a code.
    before : PeopleBefore, optional
        Whoever stands in it as they are in this one is the same person: commitment, passkey and code stay.

    Raises
    ------
    InputError
        If a person has no name, or two have one name; DocumentRefused if it is no document of people otherwise.
    """
    openings: list[dict[str, Any]] = []
    codes: dict[str, str] = {}
    names: set[str] = set()
    salts = {} if before is None else before.salts()
    known_codes = {} if before is None else before.codes()
    head = clear.get("people")
    organisation = str(head.get("organisation", "")) if isinstance(head, Mapping) else ""

    def committed(value: Any) -> str:
        salt = salts.get(canonical(value)) or os.urandom(32)
        commitment = commit_to(salt, value)
        openings.append({"commitment": commitment, "salt": salt.hex(), "value": value})
        return commitment

    persons = []
    for number, person in enumerate(clear.get("persons", ())):
        known = dict(person)
        name, subject = known.pop("name", None), known.pop("subject", None)
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"`persons[{number}]` has no `name`")
        if name in names and "provider" not in known:
            raise InputError(f"`persons[{number}]`: another person has that name; add what tells them apart")
        value = {"name": name} if subject is None else {"name": name, "subject": subject}
        known["person"] = committed(value)
        if "provider" not in known:
            names.add(name)
            if known["person"] not in known_codes:
                codes[name] = code_of(known["person"], _secret())
            known["enrol"] = known_codes.get(known["person"]) or hash_code(
                organisation, known["person"], codes[name]
            )
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


def _secret() -> str:
    """Return what nobody guesses and anybody can type: 69 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(_CODE_WORDS))
