"""Whether the people of an organisation may be named as a document names them. Pure. docs/spec/people.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add, describe_period, never_longer
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admission.limits import people_requirements
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.people import People, misplaced
from wicketgate.regime.moment import RegimeAt

LONGEST_PEOPLE: Final = Period(months=12)
"""How long one version may last: whoever is named has been looked at within a year."""
MOST_TO_COME: Final = 4
"""How many versions of one organisation's people may be to come at once."""
LONGEST_PRESENCE: Final = Period(us=15 * 60 * 1_000_000)
"""How old a proof of presence may be at most, where vehicles are real."""


def judge_people(moment: RegimeAt, people: People) -> Judgement:
    """Judge a document of people: names, roles, version and term.

    Raises
    ------
    DocumentRefused
        `unknown-organisation`, `not-entitled`, `version-not-next`, `named-elsewhere`, `too-many-to-come`,
        `already-expired` or `term-too-long`; the first.
    """
    charter = moment.charter
    for fault in _faults(moment, people):
        raise fault
    return Judgement(admitted=Admitted(), requirements=people_requirements(people.organisation, charter))


def _faults(moment: RegimeAt, people: People) -> Iterator[DocumentRefused]:
    charter = moment.charter
    yield from misplaced(people, charter)
    taken = moment.regime.people.get(people.organisation, ())
    if people.version != len(taken) + 1:
        yield DocumentRefused(
            f"`people.version`: the next of `{people.organisation}` is {len(taken) + 1}",
            code="version-not-next",
        )
    yield from _named_elsewhere(moment, people)
    to_come = sum(one.valid_from_us > moment.at_us for one in moment.people_standing(people.organisation))
    if people.valid_from_us > moment.at_us and to_come >= MOST_TO_COME:
        yield DocumentRefused(
            f"{to_come} versions of the people of `{people.organisation}` are to come already",
            code="too-many-to-come",
        )
    if people.valid_until_us <= moment.at_us:
        yield DocumentRefused(
            f"`people.valid_until` is past: {rfc3339(people.valid_until_us)}", code="already-expired"
        )
    if people.valid_until_us > add(max(people.valid_from_us, 0), LONGEST_PEOPLE):
        yield DocumentRefused(
            f"`people.valid_until`: at most {describe_period(LONGEST_PEOPLE)}", code="term-too-long"
        )
    if not charter.demonstration and not never_longer(people.presence, LONGEST_PRESENCE):
        yield DocumentRefused(
            f"`people.presence`: at most {describe_period(LONGEST_PRESENCE)}", code="term-too-long"
        )


def _named_elsewhere(moment: RegimeAt, people: People) -> Iterator[DocumentRefused]:
    """Yield whom another organisation names: documents are public, and their commitments and hashes can be copied."""
    others = [
        person
        for organisation, versions in moment.regime.people.items()
        if organisation != people.organisation
        for taken in versions
        for person in moment.parsed.people(taken).persons
    ]
    persons, codes = {one.commitment for one in others}, {one.enrol for one in others} - {None}
    for number, person in enumerate(people.persons):
        for member, value, known in (("person", person.commitment, persons), ("enrol", person.enrol, codes)):
            if value in known:
                yield DocumentRefused(
                    f"`persons[{number}].{member}` stands in a document of another organisation",
                    code="named-elsewhere",
                )
