"""Keep the value of each document in a regime, parsed once."""

from __future__ import annotations

from typing import Protocol

from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.documents.acts import Act, parse_act
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.documents.consultations import (
    Consultation,
    Objection,
    parse_consultation,
    parse_decision,
)
from wicketgate.regime.documents.document import open_document, parse_payload
from wicketgate.regime.fold import ActTaken, ConsultationTaken, Version
from wicketgate.regime.powers import Powers, of_authority


class HasCharter(Protocol):
    """A regime, or a state that holds one."""

    @property
    def charter_envelope(self) -> bytes:
        """The envelope of the charter in force."""
        ...


class Parsed:
    """The values of the documents in a regime, each parsed once."""

    def __init__(self) -> None:
        self._authorities: dict[bytes, Authority] = {}
        self._charters: dict[bytes, Charter] = {}
        self._consultations: dict[bytes, Consultation] = {}
        self._powers: dict[tuple[bytes, int | None], Powers] = {}

    def authority(self, version: Version) -> Authority:
        """Return the authority of a committed version."""
        found = self._authorities.get(version.envelope)
        if found is None:
            found = parse_authority(open_document(version.envelope).payload)
            self._authorities[version.envelope] = found
        return found

    def charter(self, state: HasCharter) -> Charter:
        """Return the charter in force."""
        return self.charter_of(state.charter_envelope)

    def charter_of(self, envelope: bytes) -> Charter:
        """Return the charter in an envelope."""
        found = self._charters.get(envelope)
        if found is None:
            found = parse_charter(open_document(envelope).payload)
            self._charters[envelope] = found
        return found

    def consultation(self, taken: ConsultationTaken) -> Consultation:
        """Return a consultation."""
        found = self._consultations.get(taken.envelope)
        if found is None:
            found = parse_consultation(open_document(taken.envelope).payload)
            self._consultations[taken.envelope] = found
        return found

    def powers(self, version: Version) -> Powers:
        """Return the powers of a committed version."""
        key = (version.envelope, version.cap)
        found = self._powers.get(key)
        if found is None:
            found = self._powers[key] = of_authority(self.authority(version), version.cap)
        return found

    def covered(self, taken: ConsultationTaken) -> Powers:
        """Return the powers that the decision on a consultation covers; it was approved, on an authority."""
        assert taken.decision is not None
        key = (taken.envelope + taken.decision.envelope, taken.cap)
        found = self._powers.get(key)
        if found is None:
            covered = parse_decision(open_document(taken.decision.envelope).payload).covered
            authority = self.consultation(taken).draft if covered is None else covered
            assert isinstance(authority, Authority)
            found = self._powers[key] = proposed(authority, taken)
        return found


def proposed(authority: Authority, taken: ConsultationTaken) -> Powers:
    """Return the powers of a draft, or of what is covered of it, with the cap of its consultation."""
    most = authority.scope.max_cameras
    return of_authority(authority, taken.cap if most is None else most)


def act_of(taken: ActTaken) -> Act | Objection:
    """Return the value of an act, or of an objection, on an authority."""
    document = open_document(taken.envelope)
    if document.kind == "objection":
        value = parse_payload(document.kind, document.payload)
        assert isinstance(value, Objection)
        return value
    return parse_act(document.kind, document.payload)
