"""Who people are now: by the signed documents in force, the openings and the passkeys that were committed."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.base.signing import canonical
from wicketgate.commits.durable import Durable
from wicketgate.commits.people import CommitmentOpened, Passkey, code_spent
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.people import (
    Grant,
    People,
    Person,
    Workplace,
    commit_to,
    enrolled_by,
    misplaced,
)
from wicketgate.regime.moment import RegimeAt

MOST_VALUES = 1_000
"""Values of one claim that count."""
MOST_VALUE_BYTES = 4 * 1024
"""Bytes of one value, of a claim or in an opening, in its canonical form."""
_MOST_NAME, _MOST_SUBJECT = 200, 255
_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class RolesAt:
    """What somebody may do at one place."""

    place: Workplace
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person as the documents in force name them.

    Attributes
    ----------
    person : str
        What facts say: the commitment in the document, or, of whoever is known by claims alone, a hash of the
        provider's subject under the deployment's own secret.
    name : str
        For pages; never in a fact of the public, nor in a log line.
    standings : tuple of RolesAt
        By place, at least one.
    presence_us : int
        How old a proof of presence may be where a fresh one is needed.
    """

    person: str
    organisation: str
    name: str
    standings: tuple[RolesAt, ...]
    presence_us: int

    def places(self) -> tuple[Workplace, ...]:
        """Return where they work, each place once."""
        return tuple(dict.fromkeys(one.place for one in self.standings))

    def roles_at(self, place: Workplace) -> frozenset[str]:
        """Return the roles at a place."""
        return frozenset(role for one in self.standings if one.place == place for role in one.roles)


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """How somebody proved who they are: by a passkey, or by a provider's word.

    Attributes
    ----------
    passkey : str
        Its id; empty where a provider vouched.
    provider, issuer, client : str
        The provider's id in the document, and its issuer and client when it vouched: another issuer under that id
        vouches for nobody that this one did.
    claims : mapping
        What it said.
    code : str
        The hash of a code that did, in a demonstration, as it stands in the document.
    """

    organisation: str
    passkey: str = ""
    provider: str = ""
    issuer: str = ""
    client: str = ""
    claims: Mapping[str, Any] | None = None
    code: str = ""


class PeopleInForce:
    """The people of every organisation, by the commits of one gateway and its clock.

    Parameters
    ----------
    secret : bytes
        The deployment's, for the hashes by which those are called whom no commitment names.
    """

    def __init__(self, commits: Durable, clock: Clock, secret: bytes) -> None:
        self._commits = commits
        self._clock = clock
        self._secret = secret
        self._wrong: dict[str, tuple[People, Charter, frozenset[str]]] = {}
        self._known: OrderedDict[int, _FoundByClaims] = OrderedDict()

    def identify(self, proved: SignedInAs) -> Identity | None:
        """Return who somebody is now, or None where the documents in force know them no more.

        Ask again at each request: whoever is withdrawn ends with the commit that says so.
        """
        people = self.in_force(proved.organisation)
        if people is None:
            return None
        if proved.code:
            return self._by_code(people, proved.code)
        return self._by_passkey(people, proved) if proved.passkey else self._by_claims(people, proved)

    def in_force(self, organisation: str) -> People | None:
        """Return the version of an organisation's people in force; None where nobody is named."""
        return self._moment().people_in_force(organisation)

    def are_named(self, organisation: str) -> bool:
        """Return whether an organisation's people were ever named: from then on its units' tokens are for machines."""
        return self._moment().has_named(organisation)

    def providers(self) -> list[tuple[str, str, str, str]]:
        """Return organisation, provider, issuer and client of each provider in force, in order."""
        moment = self._moment()
        found = []
        for organisation in sorted(moment.regime.people):
            people = moment.people_in_force(organisation)
            for provider in () if people is None else people.providers.values():
                found.append((organisation, provider.id, provider.issuer, provider.client))
        return found

    def awaited(self, code: str) -> tuple[People, Person, str]:
        """Return the document, the person and the name of whoever may enrol a passkey with a code.

        Raises
        ------
        NotEntitled
            `unknown-code` where no document in force has the code, where it is spent, or nobody opened who it is.
        """
        known = self._commits.committed.people
        found = []
        for people, person in self._coded(code):
            opening = known.openings.get(people.organisation, {}).get(person.commitment)
            spent = code_spent(people.organisation, person.commitment, person.enrol or "")
            if opening is not None and spent not in known.spent:
                found.append((people, person, name_in(opening)))
        if len(found) != 1:
            raise NotEntitled("this code enrols nobody, or it was used already", code="unknown-code")
        return found[0]

    def by_code(self, code: str) -> SignedInAs:
        """Return what a code proves in a demonstration, as often as it is shown.

        Raises
        ------
        NotEntitled
            `unknown-code` where no document in force has it.
        """
        found = [
            SignedInAs(people.organisation, code=person.enrol or "")
            for people, person in self._coded(code)
            if self._by_code(people, person.enrol or "") is not None
        ]
        if len(found) != 1:
            raise NotEntitled("this code is nobody's", code="unknown-code")
        return found[0]

    def _coded(self, code: str) -> Iterator[tuple[People, Person]]:
        """Yield who has a code, used or not, in the documents in force."""
        code = code.strip()
        for organisation in self._commits.committed.regime.people:
            people = self.in_force(organisation)
            for person in () if people is None else people.awaiting(code):
                assert people is not None
                if enrolled_by(organisation, person, code):
                    yield people, person

    def codes(self) -> Iterator[str]:
        """Yield the hash of each code in the documents in force."""
        for organisation in self._commits.committed.regime.people:
            people = self.in_force(organisation)
            for person in () if people is None else people.persons:
                if person.enrol is not None:
                    yield person.enrol

    def passkey(self, id_: str) -> Passkey | None:
        """Return a passkey that is enrolled."""
        return self._commits.committed.people.passkeys.get(id_)

    def called(self, organisation: str, by: str) -> str:
        """Return what colleagues call whoever a fact names, by the openings of their own organisation."""
        person = by.removeprefix("person:")
        if person == by:
            return by
        opening = self._commits.committed.people.openings.get(organisation, {}).get(person)
        return f"somebody with the number {person[:8]}" if opening is None else name_in(opening)[:80]

    def _moment(self) -> RegimeAt:
        return self._commits.committed_at(self._clock.now_us())

    def _by_passkey(self, people: People, proved: SignedInAs) -> Identity | None:
        passkey = self.passkey(proved.passkey)
        number = None if passkey is None else people.numbers.get(passkey.person)
        if passkey is None or passkey.organisation != people.organisation or number is None:
            return None
        return self._identity(people, [number], ())

    def _by_code(self, people: People, digest: str) -> Identity | None:
        if not self._moment().charter.demonstration:
            return None
        numbers = (n for n, person in enumerate(people.persons) if person.enrol == digest)
        number = next(numbers, None)
        return None if number is None else self._identity(people, [number], ())

    def _by_claims(self, people: People, proved: SignedInAs) -> Identity | None:
        """Return the identity of whoever has some claims, as it was found while nothing that it rests on changes.

        Each request asks, several times: 230 grants and 1,000 values would take 10 ms of the loop each time.
        """
        openings = self._commits.committed.people.openings.get(people.organisation, {})
        known, wrong = self._known.get(id(proved)), self._misplaced(people)
        if known is not None and known.rests_on(proved, people, wrong, openings):
            self._known.move_to_end(id(proved))
            return known.identity
        identity = self._claimed(people, proved, openings)
        self._known[id(proved)] = _FoundByClaims(proved, people, wrong, openings, len(openings), identity)
        self._known.move_to_end(id(proved))
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return identity

    def _claimed(
        self, people: People, proved: SignedInAs, known: Mapping[str, CommitmentOpened]
    ) -> Identity | None:
        claims = proved.claims or {}
        subject = claims.get("sub")
        provider = people.providers.get(proved.provider)
        if provider is None or (provider.issuer, provider.client) != (proved.issuer, proved.client):
            return None
        if not isinstance(subject, str):
            return None
        named = [
            people.numbers[commitment]
            for commitment, opening in known.items()
            if _subject_in(opening) == subject
            and commitment in people.numbers
            and people.persons[people.numbers[commitment]].provider == proved.provider
        ]
        said = _ClaimsSaid(claims)
        granted = [
            number
            for number, grant in enumerate(people.grants)
            if grant.provider == proved.provider and said.has(grant, known)
        ]
        called = claims.get("name")
        name = called if isinstance(called, str) and called.strip() else subject
        stranger = hmac.digest(
            self._secret, canonical([people.organisation, proved.issuer, subject]), "sha256"
        )
        return self._identity(
            people,
            named,
            granted,
            person=stranger.hex(),
            name=name,
        )

    def _identity(
        self,
        people: People,
        named: Sequence[int],
        granted: Sequence[int],
        *,
        person: str = "",
        name: str = "",
    ) -> Identity | None:
        """Return the identity of persons and grants, by their numbers; None where no place of theirs is left."""
        wrong = self._misplaced(people)
        entries: list[tuple[str, Person | Grant]] = [
            *((f"persons[{number}]", people.persons[number]) for number in named),
            *((f"grants[{number}]", people.grants[number]) for number in granted),
        ]
        standings = tuple(RolesAt(entry.place, entry.roles) for path, entry in entries if path not in wrong)
        if not standings:
            return None
        known = self._commits.committed.people.openings.get(people.organisation, {})
        if named:
            person = people.persons[named[0]].commitment
            name = name_in(known[person]) if person in known else "a person without a name"
        return Identity(
            person=person,
            organisation=people.organisation,
            name=name[:80],
            standings=standings,
            presence_us=people.presence.us,
        )

    def _misplaced(self, people: People) -> frozenset[str]:
        """Return what of a document a later charter has taken the place away from."""
        charter = self._moment().charter
        kept = self._wrong.get(people.organisation)
        if kept is None or kept[0] is not people or kept[1] is not charter:
            faults = (fault.detail for fault in misplaced(people, charter))
            found = frozenset(detail.partition(".")[0].lstrip("`") for detail in faults)
            kept = self._wrong[people.organisation] = (people, charter, found)
        return kept[2]


@dataclass(frozen=True, slots=True)
class _FoundByClaims:
    """An identity by claims, and what it rests on: the proof is held, so that its `id` stays its own."""

    proved: SignedInAs
    people: People
    wrong: frozenset[str]
    openings: Mapping[str, CommitmentOpened]
    opened: int
    identity: Identity | None

    def rests_on(
        self,
        proved: SignedInAs,
        people: People,
        wrong: frozenset[str],
        openings: Mapping[str, CommitmentOpened],
    ) -> bool:
        # Openings are added to in place, or put in place of others: what a commitment is to never changes.
        same = self.proved is proved and self.people is people and self.wrong is wrong
        return same and self.openings is openings and self.opened == len(openings)


class _ClaimsSaid:
    """The values of claims, each once, to be looked up."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self._claims = claims
        self._values: dict[str, frozenset[str | bytes]] = {}

    def has(self, grant: Grant, known: Mapping[str, CommitmentOpened]) -> bool:
        """Return whether they are all that a grant wants; a claim that is a list has each of its items."""
        for wanted in grant.claims:
            opening = known.get(wanted.commitment)
            if opening is None or _comparable(opening.value) not in self._of(wanted.claim):
                return False
        return True

    def _of(self, claim: str) -> frozenset[str | bytes]:
        values = self._values.get(claim)
        if values is None:
            said = self._claims.get(claim)
            given = said[:MOST_VALUES] if isinstance(said, list) else [said]
            found = {_comparable(one) for one in given if one is not None}
            values = self._values[claim] = frozenset(one for one in found if one is not None)
        return values


def kept_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a provider's claims what is kept while somebody is signed in.

    Of a list the first `MOST_VALUES`; no value of more than `MOST_VALUE_BYTES`.
    """
    kept = {}
    for name, value in claims.items():
        if isinstance(value, list):
            kept[name] = [one for one in value[:MOST_VALUES] if _comparable(one) is not None]
        elif _comparable(value) is not None:
            kept[name] = value
    return kept


def _comparable(value: object) -> str | bytes | None:
    """Return a value as what only the same is equal to (in Python 1 is true); None where it is too large for any."""
    if isinstance(value, str):
        return value if len(value) <= MOST_VALUE_BYTES else None
    try:
        written = canonical(value)
    except (ValueError, TypeError, RecursionError):
        return None
    return written if len(written) <= MOST_VALUE_BYTES else None


def require_true(openings: Sequence[CommitmentOpened]) -> None:
    """Refuse openings that are not of the commitments which they name; hashes each. Runs in any thread.

    Raises
    ------
    InputError
        `not-committed`, naming the first by its number, never by what it says; `malformed` for a value that is too
        large.
    """
    for number, opening in enumerate(openings):
        if _comparable(opening.value) is None:
            raise InputError(f"opening {number}: its value takes more than {MOST_VALUE_BYTES >> 10} KiB")
        if len(opening.salt) != 32 or commit_to(opening.salt, opening.value) != opening.commitment:
            raise InputError(f"opening {number} is not of its commitment", code="not-committed")


def require_fitting(people: Sequence[People], openings: Sequence[CommitmentOpened]) -> None:
    """Refuse openings that are of no commitment in some versions of an organisation's people.

    Raises
    ------
    InputError
        `not-committed`, naming the first by its number, never by what it says; `malformed` for a person who has no
        name, or more than a name and a subject.
    """
    claims = {claim.commitment for one in people for grant in one.grants for claim in grant.claims}
    persons = {person.commitment for one in people for person in one.persons}
    for number, opening in enumerate(openings):
        if opening.commitment in persons:
            _require_person(number, opening)
        elif opening.commitment not in claims:
            raise InputError(f"opening {number}: no document has its commitment", code="not-committed")


def _require_person(number: int, opening: CommitmentOpened) -> None:
    """Refuse a person who is more than a name and a subject: each sign-in's fact has all of it."""
    name = name_in(opening)
    if not name.strip():
        raise InputError(f"opening {number} of a person has no `name`")
    if len(name) > _MOST_NAME or not opening.value.keys() <= {"name", "subject"}:
        raise InputError(
            f"opening {number} of a person has more than `name`, of at most {_MOST_NAME} characters, and `subject`"
        )
    subject = opening.value.get("subject", "")
    if not isinstance(subject, str) or len(subject) > _MOST_SUBJECT:
        raise InputError(f"opening {number}: `subject` has at most {_MOST_SUBJECT} characters")


def name_in(opening: CommitmentOpened) -> str:
    """Return the name in the opening of a person; empty where it has none."""
    value = opening.value.get("name") if isinstance(opening.value, dict) else None
    return value if isinstance(value, str) else ""


def _subject_in(opening: CommitmentOpened) -> str | None:
    value = opening.value.get("subject") if isinstance(opening.value, dict) else None
    return value if isinstance(value, str) else None
