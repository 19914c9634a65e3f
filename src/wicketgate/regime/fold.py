"""The regime: the fold of the signed documents in effect.

It is what the signed documents that took effect come to: a fold, and nothing else. Pure.

The gateway's state holds one, and so does whoever checks from outside, from the public log alone. Whether a document
may take effect is judged before (`admission`); what that found comes with it (`admitted.Admitted`).
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from wicketgate.regime.admitted import Admitted, Stood, WitnessingStood
from wicketgate.regime.charter import Charter
from wicketgate.regime.charter.witnesses import counts_as
from wicketgate.regime.documents.acts import (
    Act,
    Challenge,
    Quashed,
    Resumption,
    Review,
    Revocation,
    Suspension,
)
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import SignedDocument
from wicketgate.regime.documents.people import People
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A document in effect, and its place in the ledger."""

    envelope: bytes
    entry: int
    at_us: int


class CharterTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A charter in effect, its place in the ledger and its admission's findings."""

    envelope: bytes
    entry: int
    at_us: int
    admitted: Admitted = Admitted()


class ActTaken(msgspec.Struct, frozen=True, kw_only=True):
    """An act or objection in effect, its place in the ledger and its findings.

    It is an act on an authority, or an objection to one.
    """

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
    """Everything ever signed under one authority name.

    `suspensions` are those not lifted, with their times; `stays` are those of them that a court ordered.
    """

    versions: list[Version] = []
    acts: list[ActTaken] = []
    act_ids: list[str] = []
    suspensions: dict[str, int] = {}
    stays: list[str] = []


class DecisionTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on a consultation.

    `until_us` is the end of what it covers.
    """

    envelope: bytes
    entry: int
    at_us: int
    approved: bool
    until_us: int | None
    admitted: Admitted = Admitted()


class ConsultationTaken(msgspec.Struct, kw_only=True):
    """A consultation and its results.

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
        """Whether neither a court nor a charter has ended the decision's coverage."""
        return self.quashed_us is None and self.void_us is None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A standing from an entry of the ledger on."""

    version: int
    status: str
    at_us: int
    entry: int


class WitnessingTold(msgspec.Struct, frozen=True, kw_only=True):
    """What stops from an entry of the ledger on since too few cosign it: some of `STOP_ORDER`, or none any more.

    Attributes
    ----------
    cosigned : int
        Of how many entries the log was cosigned by as many as the charter demands.
    """

    stopped: tuple[str, ...]
    cosigned: int
    at_us: int
    entry: int


class Regime(msgspec.Struct, kw_only=True):
    """Charters, authorities, consultations, people and schemes, each with all that happened to it.

    `told` has, by `Stood.about`, how each stood, as the ledger tells it; `people` the versions, by organisation;
    `schemes` the versions by name, and `waivers` those of each scheme, by its name. `witnessing` has what stopped and
    went on for want of cosignatures, the last of it in force.
    """

    charters: list[CharterTaken] = []
    authorities: dict[str, Named] = {}
    consultations: dict[str, ConsultationTaken] = {}
    told: dict[str, list[Told]] = {}
    people: dict[str, list[Taken]] = {}
    schemes: dict[str, list[Taken]] = {}
    waivers: dict[str, list[Taken]] = {}
    admins: list[Taken] = []
    witnessing: list[WitnessingTold] = []

    @property
    def unwitnessed(self) -> tuple[str, ...]:
        """What is stopped since too few cosign the log: some of `STOP_ORDER`."""
        return self.witnessing[-1].stopped if self.witnessing else ()

    def is_unwitnessed(self, mode: str) -> bool:
        """Return whether an authority of a mode lets nothing go since too few cosign the log."""
        return bool(self.witnessing) and counts_as(mode) in self.unwitnessed

    @property
    def charter_envelope(self) -> bytes:
        """The envelope of the charter in force, empty before there is one."""
        return self.charters[-1].envelope if self.charters else b""

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
        value = document.value
        match value:
            case Charter():
                self.charters.append(
                    CharterTaken(envelope=envelope, entry=entry, at_us=at_us, admitted=admitted)
                )
                if value.witnesses is None and self.unwitnessed:
                    # A charter that demands no cosignatures any more misses none.
                    cosigned = self.witnessing[-1].cosigned
                    self.witness(WitnessingStood(stopped=(), cosigned=cosigned, entry=entry), at_us=at_us)
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
            case ConsultationDecision():
                self._take_decision(value, taken, admitted)
            case People():
                self.people.setdefault(value.organisation, []).append(taken)
            case Scheme():
                self.schemes.setdefault(value.name, []).append(taken)
            case Waiver():
                self.waivers.setdefault(value.scheme, []).append(taken)
            case AdminReplaced():
                self.admins.append(taken)
            case _:
                self._take_act(value, document.kind, taken, admitted)

    def tell(self, stood: Stood, *, at_us: int, entry: int) -> None:
        """Keep a changed standing, as told by the ledger's entry `entry`.

        Something stands otherwise, as that entry says.
        """
        self.told.setdefault(stood.about, []).append(
            Told(version=stood.version, status=stood.status, at_us=at_us, entry=entry)
        )

    def witness(self, stood: WitnessingStood, *, at_us: int) -> None:
        """Let things stop, or go on, as an entry of the ledger says of cosignatures."""
        self.witnessing.append(
            WitnessingTold(stopped=stood.stopped, cosigned=stood.cosigned, at_us=at_us, entry=stood.entry)
        )

    def _uncover(self, consultation: str) -> None:
        """Let the time run again where a consultation's coverage ended.

        It runs for what the consultation had covered in time, and covers no more.
        """
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

    def _take_decision(self, decision: ConsultationDecision, taken: Taken, admitted: Admitted) -> None:
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
