"""The values of a regime's documents, each parsed once."""

from __future__ import annotations

from typing import Protocol, TypeVar

from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.acts import Act
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import SignedDocument, open_document
from wicketgate.regime.documents.people import People
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.fold import ActTaken, ConsultationTaken, DecisionTaken, Taken, Version
from wicketgate.regime.powers import Powers, of_authority

_Value = TypeVar(
    "_Value",
    AdminReplaced,
    Authority,
    Charter,
    Consultation,
    ConsultationDecision,
    Objection,
    People,
    Scheme,
    Waiver,
)


class HasCharter(Protocol):
    """A regime, or a state with one."""

    @property
    def charter_envelope(self) -> bytes:
        """The envelope of the charter in force."""
        ...


class Parsed:
    """The documents in a regime, each opened once.

    Each is opened once, wherever it is read, and its powers are worked out once.

    The fold that is staged, the committed one and the projections share one of these.
    """

    def __init__(self) -> None:
        self._opened: dict[bytes, SignedDocument] = {}
        self._powers: dict[tuple[bytes, int | None], Powers] = {}

    def keep(self, envelope: bytes, document: SignedDocument) -> None:
        """Keep a document in effect, as opened where it came in.

        What is refused is never kept: anybody with a token can hand in as much as they like.
        """
        self._opened[envelope] = document

    def open(self, envelope: bytes) -> SignedDocument:
        """Open the envelope of a document in effect."""
        found = self._opened.get(envelope)
        if found is None:
            found = self._opened[envelope] = open_document(envelope)
        return found

    def authority(self, version: Version) -> Authority:
        """Return the authority of a committed version."""
        return self._value(version.envelope, Authority)

    def charter(self, state: HasCharter) -> Charter:
        """Return the charter in force."""
        return self.charter_of(state.charter_envelope)

    def charter_of(self, envelope: bytes) -> Charter:
        """Return the charter in an envelope."""
        return self._value(envelope, Charter)

    def consultation(self, taken: ConsultationTaken) -> Consultation:
        """Return a consultation."""
        return self._value(taken.envelope, Consultation)

    def decision(self, taken: DecisionTaken) -> ConsultationDecision:
        """Return the decision on a consultation."""
        return self._value(taken.envelope, ConsultationDecision)

    def objection(self, taken: Taken) -> Objection:
        """Return an objection to a proposal."""
        return self._value(taken.envelope, Objection)

    def people(self, taken: Taken) -> People:
        """Return a version of an organisation's people."""
        return self._value(taken.envelope, People)

    def scheme(self, taken: Taken) -> Scheme:
        """Return a version of a charging scheme."""
        return self._value(taken.envelope, Scheme)

    def admin(self, taken: Taken) -> AdminReplaced:
        """Return the act in effect that replaced the admin's token."""
        return self._value(taken.envelope, AdminReplaced)

    def waiver(self, taken: Taken) -> Waiver:
        """Return a waiver of what a scheme charges."""
        return self._value(taken.envelope, Waiver)

    def _value(self, envelope: bytes, kind: type[_Value]) -> _Value:
        value = self.open(envelope).value
        assert isinstance(value, kind)
        return value

    def powers(self, version: Version) -> Powers:
        """Return the powers of a committed version."""
        key = (version.envelope, version.cap)
        found = self._powers.get(key)
        if found is None:
            found = self._powers[key] = of_authority(self.authority(version), version.cap)
        return found

    def covered(self, taken: ConsultationTaken) -> Powers:
        """Return the powers covered by the decision on a consultation.

        The consultation was on an authority, and its decision approved it.
        """
        assert taken.decision is not None
        key = (taken.envelope + taken.decision.envelope, taken.cap)
        found = self._powers.get(key)
        if found is None:
            covered = self.decision(taken.decision).covered
            authority = self.consultation(taken).draft if covered is None else covered
            assert isinstance(authority, Authority)
            found = self._powers[key] = proposed(authority, taken)
        return found


def proposed(authority: Authority, taken: ConsultationTaken) -> Powers:
    """Return the powers of a draft with the cap of its consultation.

    Where less than the draft is covered, they are those of what is covered of it.
    """
    most = authority.scope.max_cameras
    return of_authority(authority, taken.cap if most is None else most)


def act_of(taken: ActTaken, parsed: Parsed) -> Act | Objection:
    """Return the value of an act, or of an objection, on an authority."""
    value = parsed.open(taken.envelope).value
    assert isinstance(value, Act | Objection)
    return value
