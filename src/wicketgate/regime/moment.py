"""A regime at a moment: how its authorities and consultations stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from wicketgate.regime.admitted import Stood
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation
from wicketgate.regime.documents.people import People
from wicketgate.regime.fold import ConsultationTaken, Named, Regime, Version
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.powers import Powers
from wicketgate.regime.standing import Status, consultation_status, ends, in_force_from, is_told


@dataclass(frozen=True, slots=True)
class RegimeAt:
    """A regime, its opened documents and the moment of asking both.

    The documents are as they were opened.

    The regime is the fold itself, not a copy: ask before another document takes effect, or mean that one too.

    Attributes
    ----------
    regime : Regime
        All that has taken effect.
    parsed : Parsed
        Where its documents are kept opened.
    at_us : int
        The moment, microseconds since the epoch. Versions of an authority are counted from 0.
    """

    regime: Regime
    parsed: Parsed
    at_us: int

    def at(self, at_us: int) -> RegimeAt:
        """Return the same regime at another moment."""
        return replace(self, at_us=at_us)

    # --- documents, opened --------------------------------------------------------------------------------

    @property
    def charter(self) -> Charter:
        """The charter last to take effect."""
        return self.parsed.charter(self.regime)

    def authority(self, version: Version) -> Authority:
        """Return the authority of a committed version."""
        return self.parsed.authority(version)

    def consultation(self, taken: ConsultationTaken) -> Consultation:
        """Return a consultation."""
        return self.parsed.consultation(taken)

    def powers(self, version: Version) -> Powers:
        """Return the powers of a committed version."""
        return self.parsed.powers(version)

    # --- one authority ------------------------------------------------------------------------------------

    def in_force_until(self, named: Named, number: int) -> int:
        """Return when a version ends as things stand.

        It ends by the clock, by an act or by a later version.
        """
        version = named.versions[number]
        found = [ends(version, self.authority(version))[0]]
        found.extend(in_force_from(later, self.authority(later)) for later in named.versions[number + 1 :])
        if version.revoked_us is not None:
            found.append(version.revoked_us)
        return min(found)

    def status(self, named: Named, number: int) -> Status:
        """Return how a version stands.

        Notes
        -----
        The gate decides by the same dates (`gate.tables`); a property test holds the two together.
        """
        version = named.versions[number]
        authority = self.authority(version)
        if version.revoked_us is not None:
            return "revoked"
        for later in named.versions[number + 1 :]:
            if in_force_from(later, self.authority(later)) <= self.at_us:
                return "superseded"
        if named.suspensions:
            return "suspended"
        if self.at_us < in_force_from(version, authority) < authority.valid_until_us:
            return "pending"
        end_us, reason = ends(version, authority)
        if self.at_us >= end_us:
            return reason
        return "unwitnessed" if self.regime.is_unwitnessed(authority.mode) else "in-force"

    def current(self, named: Named) -> int:
        """Return the number of the version that counts.

        It is the last in effect, or the first to come.
        """
        for number in range(len(named.versions) - 1, -1, -1):
            version = named.versions[number]
            if in_force_from(version, self.authority(version)) <= self.at_us:
                return number
        return 0

    def current_status(self, named: Named) -> tuple[int, Status]:
        """Return the number and status of the version that counts."""
        number = self.current(named)
        return number, self.status(named, number)

    def to_come(self, named: Named) -> Iterator[Version]:
        """Yield the versions in use or still able to be.

        They let something go or still can. A review or a resumption may revive them.
        """
        for version in named.versions[self.current(named) :]:
            if version.revoked_us is None and self.authority(version).valid_until_us > self.at_us:
                yield version

    # --- people -------------------------------------------------------------------------------------------

    def people_status(
        self, organisation: str, number: int
    ) -> Literal["pending", "in-force", "superseded", "expired"]:
        """Return how a version of an organisation's people stands.

        Parameters
        ----------
        number : int
            Of the version, counted from 0.
        """
        from_us, until_us = self.people_term(organisation, number)
        if until_us <= from_us:
            return "superseded"  # a later version holds before it does
        if self.at_us < from_us:
            return "pending"
        if self.at_us < until_us:
            return "in-force"
        people = self.parsed.people(self.regime.people[organisation][number])
        return "expired" if until_us == people.valid_until_us else "superseded"

    def people_term(self, organisation: str, number: int) -> tuple[int, int]:
        """Return from when and until when a version of an organisation's people holds, as things stand.

        It holds from when it was taken at the earliest, and until the next one holds at the latest.
        """
        versions = self.regime.people[organisation]
        starts = [max(one.at_us, self.parsed.people(one).valid_from_us) for one in versions[number:]]
        return starts[0], min([self.parsed.people(versions[number]).valid_until_us, *starts[1:]])

    def people_in_force(self, organisation: str) -> People | None:
        """Return the version of an organisation's people in force; None where there is none."""
        for number, taken in reversed(list(enumerate(self.regime.people.get(organisation, ())))):
            if self.people_status(organisation, number) == "in-force":
                return self.parsed.people(taken)
        return None

    def people_standing(self, organisation: str) -> Iterator[People]:
        """Yield the versions of an organisation's people that are in force, or still to come."""
        for number, taken in enumerate(self.regime.people.get(organisation, ())):
            if self.people_status(organisation, number) in ("pending", "in-force"):
                yield self.parsed.people(taken)

    def has_named(self, organisation: str) -> bool:
        """Return whether any version of an organisation's people has begun to hold, over or not."""
        return any(
            self.people_status(organisation, number) != "pending"
            for number in range(len(self.regime.people.get(organisation, ())))
        )

    # --- charging schemes ---------------------------------------------------------------------------------

    def scheme_term(self, name: str, number: int) -> tuple[int, int]:
        """Return from when and until when a version of a scheme holds, as things stand.

        It holds until the next one does at the latest. A version that one to come overtakes never holds.

        Parameters
        ----------
        number : int
            Of the version, counted from 0.
        """
        versions = [self.parsed.scheme(one) for one in self.regime.schemes[name][number:]]
        until_us = min([versions[0].valid_until_us, *(one.valid_from_us for one in versions[1:])])
        return versions[0].valid_from_us, until_us

    def scheme_status(
        self, name: str, number: int
    ) -> Literal["pending", "in-force", "superseded", "expired"]:
        """Return how a version of a scheme stands."""
        from_us, until_us = self.scheme_term(name, number)
        if until_us <= from_us:
            return "superseded"
        if self.at_us < from_us:
            return "pending"
        if self.at_us < until_us:
            return "in-force"
        ended = self.parsed.scheme(self.regime.schemes[name][number]).valid_until_us
        return "expired" if until_us == ended else "superseded"

    # --- all of them --------------------------------------------------------------------------------------

    def standings(self) -> list[Stood]:
        """Return the standings of every authority and consultation, by name."""
        found = []
        for name, named in sorted(self.regime.authorities.items()):
            number, stands = self.current_status(named)
            found.append(Stood(about=name, version=number + 1, status=stands))
        for id_, taken in sorted(self.regime.consultations.items()):
            stands_now = consultation_status(taken, self.at_us)
            found.append(Stood(about=f"consultation/{id_}", version=0, status=stands_now))
        return found

    def untold(self) -> list[Stood]:
        """Return the standings not yet told in the ledger.

        Something stands otherwise than the ledger tells.
        """
        return [stood for stood in self.standings() if not is_told(self.regime, stood)]
