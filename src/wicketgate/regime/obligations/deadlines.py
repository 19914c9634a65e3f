"""Deadlines to come: of authorities, consultations, receipts and the people of an organisation. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Named
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, owed_at
from wicketgate.regime.standing import consultation_due, in_force_from, review_due

What = Literal[
    "begins",
    "ends",
    "review",
    "consultation",
    "opens",
    "closes",
    "decision",
    "cover-ends",
    "receipt",
    "people-end",
    "list",
]
"""What falls due: an authority's beginning, end, review and consultation; a consultation's opening, closing, decision
and the end of what it covers; a receipt of deletion; the end of a document of people; entries of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Something that falls due.

    Attributes
    ----------
    about : str
        The authority as `name@version`, the consultation's id, or the organisation.
    title : str
        What it is called; empty where `about` says it.
    at_us : int
        When; what is past is overdue.
    count : int
        Entries of a list; 0 of anything else.
    """

    what: What
    about: str
    title: str
    at_us: int
    count: int = 0


def concerns(authority: Authority, organisation: str) -> bool:
    """Return whether an organisation is a party of an authority: its controller, its recipient, or a source."""
    return organisation in {authority.controller, authority.recipient, *authority.scope.sources}


def deadlines_of(moment: RegimeAt, held: Mapping[str, Held], organisation: str) -> list[Deadline]:
    """Return what falls due for an organisation, and what is overdue; for an overseer's, of everybody.

    The soonest first, the overdue before it. What an authority that is over did not meet is no deadline any more.
    """
    overseer = "overseer" in moment.charter.organisations[organisation].roles
    found: list[Deadline] = []
    for name, named in moment.regime.authorities.items():
        current = moment.authority(named.versions[moment.current(named)])
        if not overseer and not concerns(current, organisation):
            continue
        found += _of_authority(moment, named)
        if name in held:
            found += _receipts(moment, current, held[name])
    found += _of_consultations(moment)
    for owner in moment.regime.people if overseer else {organisation} & moment.regime.people.keys():
        people = moment.people_in_force(owner)
        if people is not None:
            found.append(
                Deadline(what="people-end", about=people.reference, title=owner, at_us=people.valid_until_us)
            )
    return sorted(found, key=lambda one: (one.at_us, one.what, one.about))


def _of_authority(moment: RegimeAt, named: Named) -> Iterator[Deadline]:
    for version in moment.to_come(named):
        authority = moment.authority(version)
        reference = f"{authority.name}@{authority.version}"
        begins_us = in_force_from(version, authority)
        dates: list[tuple[What, int | None]] = [
            ("begins", begins_us if begins_us > moment.at_us else None),
            ("ends", authority.valid_until_us),
            ("review", review_due(version, authority)),
            ("consultation", consultation_due(version)),
        ]
        for what, at_us in dates:
            if at_us is not None:
                yield Deadline(what=what, about=reference, title=authority.title, at_us=at_us)


def _receipts(moment: RegimeAt, authority: Authority, held: Held) -> Iterator[Deadline]:
    owed = owed_at(held, moment.at_us)
    reference = f"{authority.name}@{authority.version}"
    if owed.missing_us is not None:
        yield Deadline(what="receipt", about=reference, title=authority.title, at_us=owed.missing_us)
    elif owed.next is not None:
        yield Deadline(what="receipt", about=reference, title=authority.title, at_us=owed.next.due_us)


def _of_consultations(moment: RegimeAt) -> Iterator[Deadline]:
    for id_, taken in moment.regime.consultations.items():
        decision = taken.decision
        dates: list[tuple[What, int | None]] = []
        if not taken.covers:
            continue
        if decision is not None:
            ends_us = decision.until_us
            dates.append(("cover-ends", ends_us if ends_us is not None and ends_us > moment.at_us else None))
        elif moment.at_us < taken.opens_us:
            dates += [("opens", taken.opens_us), ("closes", taken.closes_us)]
        else:
            dates.append(("closes" if moment.at_us < taken.closes_us else "decision", taken.closes_us))
        for what, at_us in dates:
            if at_us is not None:
                yield Deadline(what=what, about=id_, title=id_, at_us=at_us)
