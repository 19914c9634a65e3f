"""The regime: what the signed documents that took effect come to. A fold, and nothing else; pure.

The gateway's state holds one, and so does whoever checks from outside, from the public log alone. Whether a document
may take effect is judged before (`admission`); what that found comes with it (`transactions.Admitted`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol, assert_never

import msgspec

from wicketgate.acts import Act, Challenge, Quashed, Resumption, Review, Revocation, Suspension, parse_act
from wicketgate.authority import Authority, parse_authority, review_due_us
from wicketgate.base.clock import rfc3339
from wicketgate.charter import Charter, parse_charter
from wicketgate.consultations import Consultation, Decision, Objection, parse_consultation, parse_decision
from wicketgate.documents import SignedDocument, open_document, parse_payload
from wicketgate.powers import Powers, of_authority
from wicketgate.transactions import Admitted, Stood

Status = Literal[
    "in-force",
    "pending",
    "expired",
    "revoked",
    "suspended",
    "review-overdue",
    "consultation-overdue",
    "superseded",
]
STOPPED: frozenset[Status] = frozenset({"revoked", "suspended", "review-overdue", "consultation-overdue"})
"""How an authority stands when even what it released before is closed."""
ConsultationStatus = Literal[
    "announced", "open", "closed", "approved", "rejected", "coverage-ended", "quashed", "void"
]
EndReason = Literal["expired", "review-overdue", "consultation-overdue"]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A document that took effect, and where it stands in the ledger."""

    envelope: bytes
    entry: int
    at_us: int


class CharterTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A charter that took effect, where it stands in the ledger, and what its admission found."""

    envelope: bytes
    entry: int
    at_us: int
    admitted: Admitted = Admitted()


class ActTaken(msgspec.Struct, frozen=True, kw_only=True):
    """An act on an authority, or an objection to one, that has taken effect: where it stands, what was found."""

    kind: str
    at_us: int
    entry: int
    envelope: bytes
    admitted: Admitted = Admitted()


class Version(msgspec.Struct, kw_only=True):
    """One version of an authority, as committed.

    Attributes
    ----------
    ended_by : str
        What `revoked_us` came from: `revocation`, `quashed` or `objection`.
    cameras : int
        Active cameras in its scope when it was committed.
    cap : int or None
        The most cameras that it may use at a time; None is any number.
    need : str
        `covered`, or what stands in for a consultation: `notice`, `marked`, `within`, `urgent`.
    wider : list of str
        The powers that no consultation covered, in words.
    by : list of str
        The consultations that cover the rest.
    consult_due_us, consulted_us : int or None
        With the need `within`: by when, and since when it is covered.
    consulted_by : str
        By which consultation.
    """

    envelope: bytes
    entry: int
    committed_us: int
    revoked_us: int | None = None
    reviewed_us: int | None = None
    ended_by: str = ""
    cameras: int = 0
    cap: int | None = None
    need: str = "covered"
    wider: list[str] = []
    by: list[str] = []
    consult_due_us: int | None = None
    consulted_us: int | None = None
    consulted_by: str = ""


class Named(msgspec.Struct, kw_only=True):
    """All that was ever signed under one authority name.

    `suspensions` are those not lifted, with their times; `stays` are those of them that a court ordered.
    """

    versions: list[Version] = []
    acts: list[ActTaken] = []
    act_ids: list[str] = []
    suspensions: dict[str, int] = {}
    stays: list[str] = []


class DecisionTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on a consultation; `until_us` is the end of what it covers."""

    envelope: bytes
    entry: int
    at_us: int
    approved: bool
    until_us: int | None
    admitted: Admitted = Admitted()


class ConsultationTaken(msgspec.Struct, kw_only=True):
    """A consultation and what came of it.

    Attributes
    ----------
    opens_us : int
        Never before it was published.
    cameras : int
        Active cameras in the draft's scope when it was published.
    cap : int or None
        The most cameras that its decision can cover; None is any number.
    wider : list of str
        What it would widen, in words, as of its publication.
    quashed_us, void_us : int or None
        When a court, or a charter that ended a key, ended what its decision covers.
    """

    envelope: bytes
    entry: int
    at_us: int
    opens_us: int
    closes_us: int
    cameras: int = 0
    cap: int | None = None
    wider: list[str] = []
    objections: list[Taken] = []
    objection_ids: list[str] = []
    decision: DecisionTaken | None = None
    quashed_us: int | None = None
    void_us: int | None = None

    @property
    def covers(self) -> bool:
        """Whether neither a court nor a charter has ended what its decision covers."""
        return self.quashed_us is None and self.void_us is None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How something stood from an entry of the ledger on."""

    version: int
    status: str
    at_us: int
    entry: int


class Regime(msgspec.Struct, kw_only=True):
    """Charters, authorities and consultations, each with all that happened to it.

    `told` has, by `Stood.about`, how each stood, as the ledger tells it.
    """

    charters: list[CharterTaken] = []
    authorities: dict[str, Named] = {}
    consultations: dict[str, ConsultationTaken] = {}
    told: dict[str, list[Told]] = {}

    @property
    def charter_envelope(self) -> bytes:
        """The envelope of the charter in force; empty before there is one."""
        return self.charters[-1].envelope if self.charters else b""

    @property
    def charter_entry(self) -> int:
        """Where the charter in force stands in the ledger."""
        return self.charters[-1].entry if self.charters else 0

    def apply(
        self, document: SignedDocument, envelope: bytes, *, entry: int, at_us: int, admitted: Admitted
    ) -> None:
        """Let a document take effect.

        Parameters
        ----------
        document : SignedDocument
            What `envelope` holds.
        admitted : Admitted
            What its admission found.
        """
        taken = Taken(envelope=envelope, entry=entry, at_us=at_us)
        value = parse_payload(document.kind, document.payload)
        match value:
            case Charter():
                self.charters.append(
                    CharterTaken(envelope=envelope, entry=entry, at_us=at_us, admitted=admitted)
                )
                for id_ in admitted.voids:
                    self.consultations[id_].void_us = at_us
                    self._uncover(id_)
                for name in admitted.stops:
                    self.authorities[name].suspensions.setdefault(f"charter-{value.version}", at_us)
            case Authority():
                self.authorities.setdefault(value.name, Named()).versions.append(
                    Version(
                        envelope=envelope,
                        entry=entry,
                        committed_us=at_us,
                        cameras=admitted.cameras,
                        cap=admitted.cap,
                        need=admitted.need,
                        wider=list(admitted.wider),
                        by=list(admitted.by),
                        consult_due_us=admitted.due_us,
                    )
                )
            case Consultation():
                self.consultations[value.id] = ConsultationTaken(
                    envelope=envelope,
                    entry=entry,
                    at_us=at_us,
                    opens_us=max(at_us, value.opens_us),
                    closes_us=value.closes_us,
                    cameras=admitted.cameras,
                    cap=admitted.cap,
                    wider=list(admitted.wider),
                )
            case Objection():
                self._take_objection(value, taken)
            case Decision():
                self._take_decision(value, taken, admitted)
            case _:
                self._take_act(value, document.kind, taken, admitted)

    def tell(self, stood: Stood, *, at_us: int, entry: int) -> None:
        """Keep that something stands otherwise, as the entry `entry` of the ledger says."""
        self.told.setdefault(stood.about, []).append(
            Told(version=stood.version, status=stood.status, at_us=at_us, entry=entry)
        )

    def _uncover(self, consultation: str) -> None:
        """Let the time run again for what a consultation had covered in time, and covers no more."""
        for named in self.authorities.values():
            for version in named.versions:
                if version.consulted_by == consultation:
                    version.consulted_us, version.consulted_by = None, ""

    def _take_objection(self, objection: Objection, taken: Taken) -> None:
        if objection.consultation is not None:
            consultation = self.consultations[objection.consultation]
            consultation.objections.append(taken)
            consultation.objection_ids.append(objection.id)
            return
        assert objection.authority is not None
        named = self.authorities[objection.authority]
        _keep(named, objection.id, "objection", taken, Admitted())
        if objection.annul:
            _end(named, taken.at_us, "objection")

    def _take_decision(self, decision: Decision, taken: Taken, admitted: Admitted) -> None:
        self.consultations[decision.consultation].decision = DecisionTaken(
            envelope=taken.envelope,
            entry=taken.entry,
            at_us=taken.at_us,
            approved=decision.outcome == "approved",
            until_us=decision.covered_until_us,
            admitted=admitted,
        )
        for reference in admitted.fulfils:
            name, _, number = reference.partition("@")
            version = self.authorities[name].versions[int(number) - 1]
            version.consulted_us, version.consulted_by = taken.at_us, decision.consultation

    def _take_act(self, act: Act, kind: str, taken: Taken, admitted: Admitted) -> None:
        named = self.authorities[act.authority]
        _keep(named, act.id, kind, taken, admitted)
        match act:
            case Revocation():
                _end(named, taken.at_us, "revocation")
            case Quashed():
                _end(named, taken.at_us, "quashed")
                if act.consultation is not None:
                    self.consultations[act.consultation].quashed_us = taken.at_us
                    self._uncover(act.consultation)
                for name in admitted.stops:
                    other = self.authorities[name]
                    other.act_ids.append(act.id)
                    other.suspensions[act.id] = taken.at_us
                    other.stays.append(act.id)
            case Suspension():
                named.suspensions[act.id] = taken.at_us
            case Challenge():
                if act.stay:
                    named.suspensions[act.id] = taken.at_us
                    named.stays.append(act.id)
            case Resumption():
                del named.suspensions[act.suspension]
                if act.suspension in named.stays:
                    named.stays.remove(act.suspension)
            case Review():
                version = named.versions[act.version - 1]
                version.reviewed_us = max(version.reviewed_us or act.reviewed_us, act.reviewed_us)
            case _:
                assert_never(act)


def _keep(named: Named, id_: str, kind: str, taken: Taken, admitted: Admitted) -> None:
    named.act_ids.append(id_)
    named.acts.append(
        ActTaken(kind=kind, at_us=taken.at_us, entry=taken.entry, envelope=taken.envelope, admitted=admitted)
    )


def _end(named: Named, at_us: int, by: str) -> None:
    for version in named.versions:
        if version.revoked_us is None:
            version.revoked_us = at_us
            version.ended_by = by
        elif version.ended_by == "revocation":
            version.ended_by = by  # a court's or Parliament's word on what its officers had ended already


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


# --- how things stand -------------------------------------------------------------------------------------


def in_force_from(version: Version, authority: Authority) -> int:
    """Return when a version takes effect, microseconds: not before its commit, not before its validity."""
    return max(version.committed_us, authority.valid_from_us)


def review_due(version: Version, authority: Authority) -> int | None:
    """Return when the next review must have been recorded, microseconds; None where none is demanded."""
    return review_due_us(authority, reviewed_from(version, authority))


def reviewed_from(version: Version, authority: Authority) -> int:
    """Return since when the next review is counted, microseconds: the last review, or when the version took effect.

    A review kept back and submitted late never moves it back.
    """
    return max(in_force_from(version, authority), version.reviewed_us or 0)


def consultation_due(version: Version) -> int | None:
    """Return when a consultation must have covered a version; None where none must, or one has."""
    return None if version.consulted_us is not None else version.consult_due_us


def ends(version: Version, authority: Authority) -> tuple[int, EndReason]:
    """Return when a version ends by the clock, microseconds, and what ends it first; acts on it come besides."""
    end: tuple[int, EndReason] = (authority.valid_until_us, "expired")
    due_us = review_due(version, authority)
    if due_us is not None and due_us < end[0]:
        end = due_us, "review-overdue"
    consult_us = consultation_due(version)
    if consult_us is not None and consult_us < end[0]:
        end = consult_us, "consultation-overdue"
    return end


def in_force_until(named: Named, number: int, parsed: Parsed) -> int:
    """Return when version `number` (from 0) of a name ends as things stand: by clock, act or a later version."""
    version = named.versions[number]
    found = [ends(version, parsed.authority(version))[0]]
    found.extend(in_force_from(later, parsed.authority(later)) for later in named.versions[number + 1 :])
    if version.revoked_us is not None:
        found.append(version.revoked_us)
    return min(found)


def status(named: Named, number: int, parsed: Parsed, at_us: int) -> Status:
    """Return how version `number` (from 0) of a name stands at `at_us`.

    Notes
    -----
    The gate decides by the same dates (`standing`); a property test holds the two together.
    """
    version = named.versions[number]
    authority = parsed.authority(version)
    if version.revoked_us is not None:
        return "revoked"
    for later in named.versions[number + 1 :]:
        if in_force_from(later, parsed.authority(later)) <= at_us:
            return "superseded"
    if named.suspensions:
        return "suspended"
    if at_us < in_force_from(version, authority) < authority.valid_until_us:
        return "pending"
    end_us, reason = ends(version, authority)
    return reason if at_us >= end_us else "in-force"


def current(named: Named, parsed: Parsed, at_us: int) -> int:
    """Return the number (from 0) of the version that counts at `at_us`: the last in effect, or the first to come."""
    for number in range(len(named.versions) - 1, -1, -1):
        if in_force_from(named.versions[number], parsed.authority(named.versions[number])) <= at_us:
            return number
    return 0


def to_come(named: Named, parsed: Parsed, at_us: int) -> Iterator[Version]:
    """Yield the versions of a name that let something go, or still can: a review or a resumption may revive them."""
    for version in named.versions[current(named, parsed, at_us) :]:
        if version.revoked_us is None and parsed.authority(version).valid_until_us > at_us:
            yield version


def consultation_status(taken: ConsultationTaken, at_us: int) -> ConsultationStatus:
    """Return how a consultation stands at `at_us`."""
    if taken.quashed_us is not None:
        return "quashed"
    if taken.void_us is not None:
        return "void"
    decision = taken.decision
    if decision is not None:
        if not decision.approved:
            return "rejected"
        assert decision.until_us is not None
        return "approved" if at_us < decision.until_us else "coverage-ended"
    if at_us < taken.opens_us:
        return "announced"
    return "open" if at_us < taken.closes_us else "closed"


def standings(regime: Regime, parsed: Parsed, at_us: int) -> list[Stood]:
    """Return how every authority and consultation stands at `at_us`, by name."""
    found = []
    for name, named in sorted(regime.authorities.items()):
        number = current(named, parsed, at_us)
        found.append(Stood(about=name, version=number + 1, status=status(named, number, parsed, at_us)))
    for id_, taken in sorted(regime.consultations.items()):
        found.append(Stood(about=f"consultation/{id_}", version=0, status=consultation_status(taken, at_us)))
    return found


def untold(regime: Regime, parsed: Parsed, at_us: int) -> list[Stood]:
    """Return what stands at `at_us` otherwise than the ledger tells."""
    return [stood for stood in standings(regime, parsed, at_us) if not is_told(regime, stood)]


def is_told(regime: Regime, stood: Stood) -> bool:
    """Say whether the ledger's last word on something is that it stands so."""
    told = regime.told.get(stood.about)
    return told is not None and (told[-1].version, told[-1].status) == (stood.version, stood.status)


def standing_entry(changes: Iterable[Stood], at_us: int) -> dict[str, Any]:
    """Return the entry of the ledger that tells how things stand from `at_us` on."""
    return {
        "kind": "standing",
        "at": rfc3339(at_us),
        "changes": described(changes),
    }


def described(changes: Iterable[Stood]) -> list[dict[str, str]]:
    """Return each change of standing as an entry of the ledger has it."""
    return [
        {"authority": f"{one.about}@{one.version}", "status": one.status}
        if one.version
        else {"consultation": one.about.partition("/")[2], "status": one.status}
        for one in changes
    ]
