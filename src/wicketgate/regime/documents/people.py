"""Who of an organisation may do what: the document `people`, its shape and words.

Pure. docs/spec/people.md.

Names and claims stand in it as salted commitments, so that its publication tells of nobody. Whoever must know who is
meant (the gateway where people sign in, an overseer) has the openings, and they are worth nothing unless they fit.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period, parse_period
from wicketgate.base.signing import canonical
from wicketgate.regime.charter import NAME, OFFICE, Charter
from wicketgate.regime.members import Members

UNIT_ROLES: Final = frozenset({"viewer", "confirmer", "asker", "approver", "hotlist-keeper"})
"""What people of a recipient's unit may be."""
SOURCE_ROLES: Final = frozenset({"source-officer"})
"""What people of a source may be."""
OFFICE_ROLES: Final = frozenset({"approver", "data-protection-officer", "overseer"})
"""What people of an office may be; an overseer only in an office of an overseer."""
PEOPLE_ROLES: Final = UNIT_ROLES | SOURCE_ROLES | OFFICE_ROLES

COMMITMENT = re.compile(r"[0-9a-f]{64}", re.ASCII)
"""The form of a commitment, and of the hash of a code: SHA-256 in hexadecimal."""

_CLAIM = re.compile(r"[A-Za-z0-9_.:/-]{1,100}", re.ASCII)
_ISSUER = re.compile(r"https?://[A-Za-z0-9.:_~/\[\]-]{1,300}", re.ASCII)
_MOST_PEOPLE = 400
"""More do not fit into the 64 KiB of an envelope: larger organisations say by claims who is what."""
_MOST_GRANTS = 500
_COMMITTED: Final = b"wicketgate people v1\0"
_CODE: Final = b"wicketgate code v2\0"
_PREFIX: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where people of an organisation work: in a unit, in an office, or in the organisation at large."""

    organisation: str
    unit: str | None = None
    office: str | None = None

    def __str__(self) -> str:
        post = self.unit or self.office
        return self.organisation if post is None else f"{self.organisation}/{post}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where an organisation's people sign in elsewhere: a provider of OpenID Connect.

    Attributes
    ----------
    issuer : str
        Its issuer, as its tokens say it.
    client : str
        The gateway's client id there. The secret is the operator's, and no part of the document.
    """

    id: str
    issuer: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimWanted:
    """A claim that a provider must have made, and the commitment to its value."""

    claim: str
    commitment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What whoever has some claims of a provider is: all of the claims are needed."""

    provider: str
    claims: tuple[ClaimWanted, ...]
    place: Workplace
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person, by a commitment to who it is.

    Attributes
    ----------
    provider : str or None
        The provider whose subject the person is; the subject is in the commitment.
    enrol : str or None
        The hash of the code by which the person enrols a passkey, once (`enrolled_by`).
    """

    commitment: str
    place: Workplace
    roles: frozenset[str]
    provider: str | None
    enrol: str | None


@dataclass(frozen=True, kw_only=True)  # without slots, so that what is looked up is kept
class People:
    """One version of an organisation's people.

    It ends the version before it. Half-open, microseconds since the epoch.

    Attributes
    ----------
    presence : Period
        How old a proof of presence may be where a fresh one is needed.
    """

    organisation: str
    version: int
    valid_from_us: int
    valid_until_us: int
    presence: Period
    providers: Mapping[str, Provider]
    grants: tuple[Grant, ...]
    persons: tuple[Person, ...]
    document: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """The organisation and the version."""
        return f"{self.organisation}@{self.version}"

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each person in `persons`, by commitment."""
        return {person.commitment: number for number, person in enumerate(self.persons)}

    @cached_property
    def _enrolling(self) -> Mapping[str, tuple[Person, ...]]:
        """Who has a code: by its hash, and by the beginning of the commitment."""
        found: dict[str, list[Person]] = {}
        for person in self.persons:
            if person.enrol is not None:
                found.setdefault(person.enrol, []).append(person)
                found.setdefault(person.commitment[:_PREFIX], []).append(person)
        return {name: tuple(persons) for name, persons in found.items()}

    def awaiting(self, code: str) -> Iterator[Person]:
        """Yield who may be meant by a code that somebody typed: `enrolled_by` of each says whether it is theirs."""
        if not code.isascii():
            return
        digest = hashlib.sha256(code.encode()).hexdigest()
        yield from self._enrolling.get(digest, ())
        yield from self._enrolling.get(code[:_PREFIX].lower(), ())

    def commitments(self) -> set[str]:
        """Return every commitment in it: to persons, and to the values of claims."""
        values = {claim.commitment for grant in self.grants for claim in grant.claims}
        return values | {person.commitment for person in self.persons}

    def places(self) -> Iterator[tuple[str, Workplace, frozenset[str]]]:
        """Yield where each grant and person stands in the document, the place and the roles."""
        for number, grant in enumerate(self.grants):
            yield f"grants[{number}]", grant.place, grant.roles
        for number, person in enumerate(self.persons):
            yield f"persons[{number}]", person.place, person.roles


def commit_to(salt: bytes, value: object) -> str:
    """Return the commitment to a value: a name, a claim's value.

    Parameters
    ----------
    salt : bytes
        32 random bytes, used for this value alone.
    value : object
        What has a canonical JSON form (RFC 8785).

    Raises
    ------
    ValueError
        If the salt is of another length.

    >>> commit_to(bytes(32), "duty-desk")[:16]
    '366c44872fb71337'
    """
    if len(salt) != 32:
        raise ValueError("a salt has 32 bytes")
    return hashlib.sha256(_COMMITTED + salt + canonical(value)).hexdigest()


def code_of(commitment: str, secret: str) -> str:
    """Return the code of a person: what only they are told, behind the beginning of their commitment.

    >>> code_of("ab" * 32, "BCDF-GHJK")
    'abababab-BCDF-GHJK'
    """
    return f"{commitment[:_PREFIX]}-{secret}"


def hash_code(organisation: str, commitment: str, code: str) -> str:
    """Return the hash of a code, for one person of one organisation: nobody else's document can use it.

    >>> hash_code("met", "ab" * 32, "abababab-BCDF-GHJK")[:16]
    '38b3a220c14124a9'
    """
    return hashlib.sha256(_CODE + canonical([organisation, commitment, code])).hexdigest()


def enrolled_by(organisation: str, person: Person, code: str) -> bool:
    """Return whether a code is a person's.

    `enrol` is `hash_code`; or, in documents that were made before it, SHA-256 of the code alone, which admission takes
    of one organisation only.
    """
    if person.enrol is None:
        return False
    plain = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    bound = hash_code(organisation, person.commitment, code)
    return hmac.compare_digest(person.enrol, plain) | hmac.compare_digest(person.enrol, bound)


def parse_people(document: Mapping[str, Any]) -> People:
    """Return the people in a document.

    Neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    root = Members(document)
    members = root.table("people")
    members.log()
    organisation = members.text("organisation", pattern=NAME)
    providers = {one.id: one for one in map(_provider, root.tables("providers", most=20))}
    people = People(
        organisation=organisation,
        version=members.integer("version", least=1, most=1_000_000),
        valid_from_us=members.time_us("valid_from"),
        valid_until_us=members.time_us("valid_until"),
        presence=members.parsed("presence", parse_period),
        providers=providers,
        grants=tuple(
            _grant(one, organisation, providers) for one in root.tables("grants", most=_MOST_GRANTS)
        ),
        persons=tuple(
            _person(one, organisation, providers) for one in root.tables("persons", most=_MOST_PEOPLE)
        ),
        document=document,
    )
    members.end()
    root.end()
    if people.valid_until_us <= people.valid_from_us:
        raise DocumentRefused("`people.valid_until` is not after `people.valid_from`")
    if len(providers) < len(document.get("providers", ())):
        raise DocumentRefused("`providers`: one id stands twice")
    _refuse_twice("persons", "person", [one.commitment for one in people.persons])
    _refuse_twice("persons", "enrol", [one.enrol for one in people.persons if one.enrol is not None])
    return people


def _provider(members: Members) -> Provider:
    provider = Provider(
        id=members.text("id", pattern=NAME),
        issuer=members.text("issuer", most=400, pattern=_ISSUER),
        client=members.text("client"),
    )
    members.end()
    return provider


def _grant(members: Members, organisation: str, providers: Mapping[str, Provider]) -> Grant:
    claims = []
    for one in members.tables("claims", least=1, most=20):
        claims.append(
            ClaimWanted(
                claim=one.text("claim", pattern=_CLAIM), commitment=one.text("value", pattern=COMMITMENT)
            )
        )
        one.end()
    grant = Grant(
        provider=members.one_of("provider", providers),
        claims=tuple(claims),
        place=_place(members, organisation),
        roles=frozenset(_roles(members)),
    )
    members.end()
    return grant


def _person(members: Members, organisation: str, providers: Mapping[str, Provider]) -> Person:
    person = Person(
        commitment=members.text("person", pattern=COMMITMENT),
        place=_place(members, organisation),
        roles=frozenset(_roles(members)),
        provider=members.one_of("provider", providers) if members.has("provider") else None,
        enrol=members.text("enrol", pattern=COMMITMENT) if members.has("enrol") else None,
    )
    if person.provider is None and person.enrol is None:
        raise DocumentRefused(
            f"`{members.path}` can sign in by nothing: it has neither `provider` nor `enrol`"
        )
    members.end()
    return person


def _place(members: Members, organisation: str) -> Workplace:
    if members.has("unit") and members.has("office"):
        raise DocumentRefused(f"`{members.path}` has `unit` and `office`: people work in one of them")
    return Workplace(
        organisation=organisation,
        unit=members.text("unit", pattern=NAME) if members.has("unit") else None,
        office=members.text("office", pattern=NAME) if members.has("office") else None,
    )


def _roles(members: Members) -> tuple[str, ...]:
    roles = members.texts("roles", most=len(PEOPLE_ROLES))
    for role in roles:
        if role not in PEOPLE_ROLES:
            raise DocumentRefused(
                f"`{members.at('roles')}`: `{role[:40]}` is not one of {', '.join(sorted(PEOPLE_ROLES))}"
            )
    return roles


def _refuse_twice(table: str, member: str, values: list[str]) -> None:
    if len(set(values)) < len(values):
        raise DocumentRefused(f"`{table}`: one `{member}` stands twice")


def describe_people(people: People, charter: Charter | None = None) -> list[str]:
    """Describe in sentences who may do what by a document; names come from the charter."""
    known = None if charter is None else charter.organisations.get(people.organisation)
    name = people.organisation if known is None else known.name
    lines = [
        f"People of {name}, version {people.version}: it holds from {rfc3339(people.valid_from_us)} until "
        f"{rfc3339(people.valid_until_us)}, and ends the version before it.",
        f"Where a fresh proof of presence is needed, it is at most {describe_period(people.presence)} old.",
    ]
    counted: dict[tuple[str, str], int] = {}
    for person in people.persons:
        for role in sorted(person.roles):
            counted[str(person.place), role] = counted.get((str(person.place), role), 0) + 1
    for (place, role), count in sorted(counted.items()):
        lines.append(f"{count} {'person' if count == 1 else 'persons'} named of `{place}`: {role}.")
    for grant in people.grants:
        claims = " and ".join(f"`{one.claim}`" for one in grant.claims)
        lines.append(
            f"Whoever {people.providers[grant.provider].issuer} says has {claims} of a committed value, of "
            f"`{grant.place}`: {', '.join(sorted(grant.roles))}."
        )
    return lines


def misplaced(people: People, charter: Charter) -> Iterator[DocumentRefused]:
    """Yield what a charter does not know of the places, and roles that a place cannot give."""
    organisation = charter.organisations.get(people.organisation)
    if organisation is None:
        yield DocumentRefused(
            f"`people.organisation`: the charter has no `{people.organisation}`", code="unknown-organisation"
        )
        return
    for path, place, roles in people.places():
        if place.unit is not None:
            if place.unit not in organisation.units:
                yield DocumentRefused(
                    f"`{path}.unit`: `{organisation.id}` has no unit `{place.unit}`",
                    code="unknown-organisation",
                )
            possible = UNIT_ROLES
        elif place.office is not None:
            if not OFFICE.fullmatch(str(place)) or str(place) not in charter.offices:
                yield DocumentRefused(
                    f"`{path}.office`: the charter has no office `{place}`", code="unknown-organisation"
                )
            oversees = "overseer" in organisation.roles
            possible = OFFICE_ROLES if oversees else OFFICE_ROLES - {"overseer"}
        else:
            possible = SOURCE_ROLES if "source" in organisation.roles else frozenset()
        for role in sorted(roles - possible):
            yield DocumentRefused(f"`{path}.roles`: nobody of `{place}` can be {role}", code="not-entitled")
