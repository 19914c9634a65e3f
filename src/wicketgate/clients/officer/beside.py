"""What is in force now, beside a document that is to be signed: in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wicketgate.base.errors import DocumentRefused
from wicketgate.clients.officer.from_register import ShownRegister
from wicketgate.clients.officer.priced import scheme_beside
from wicketgate.regime.admission.limits import act_requirements
from wicketgate.regime.charter import Charter, Requirement
from wicketgate.regime.documents.acts import Act
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import Document, describe_document
from wicketgate.regime.documents.people import People
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.standing import Status, consultation_status

STANDS: dict[Status, str] = {
    "in-force": "in force",
    "pending": "not yet in force",
    "expired": "expired",
    "revoked": "revoked",
    "suspended": "suspended",
    "review-overdue": "stopped, as its review is overdue",
    "consultation-overdue": "stopped, as its consultation is overdue",
    "unwitnessed": "stopped, as too few witnesses cosign the log",
    "superseded": "superseded",
}
_ENDED: frozenset[Status] = frozenset({"expired", "revoked", "superseded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stoppable:
    """An authority that has not ended, and who may suspend it.

    Attributes
    ----------
    required : tuple of Requirement
        Who must sign a suspension; empty where nobody may.
    """

    authority: Authority
    status: Status
    required: tuple[Requirement, ...]

    def open_to(self, office: str) -> bool:
        """Say whether this office is among those who sign a suspension."""
        return any(office in one.offices for one in self.required)

    @property
    def who(self) -> str:
        """Who may suspend it, as a sentence."""
        if not self.required:
            return "The charter lets nobody suspend it."
        parts = [f"{one.need} of {', '.join(one.offices)}" for one in self.required]
        return f"It is suspended by {' and '.join(parts)}."


def stoppable(known: ShownRegister, at_us: int) -> Iterator[Stoppable]:
    """Yield every authority that has not ended, by name."""
    moment = known.at(at_us)
    for _, named in sorted(known.regime.authorities.items()):
        number, status = moment.current_status(named)
        if status in _ENDED:
            continue
        authority = known.parsed.authority(named.versions[number])
        try:
            required = act_requirements("suspension", authority, known.charter)
        except DocumentRefused:
            required = ()
        yield Stoppable(authority=authority, status=status, required=required)


def beside(value: Document, known: ShownRegister, at_us: int) -> list[str]:
    """Return what is in force now of what a document is about."""
    match value:
        case Authority():
            return _authority(value.name, known, at_us)
        case Charter():
            return describe_document(known.charter)
        case Consultation():
            draft = value.draft
            if isinstance(draft, Charter):
                return describe_document(known.charter)
            return _authority(draft.name, known, at_us)
        case Objection():
            if value.authority is not None:
                return _authority(value.authority, known, at_us)
            return _consultation(value.consultation or "", known, at_us)
        case ConsultationDecision():
            return _consultation(value.consultation, known, at_us)
        case People():
            people = known.at(at_us).people_in_force(value.organisation)
            if people is None:
                return ["Nobody of this organisation is named."]
            return describe_document(people, known.charter)
        case Scheme():
            return scheme_beside(value.name, known, at_us)
        case Waiver():
            return scheme_beside(value.scheme, known, at_us)
        case AdminReplaced():
            return []
        case _:
            return _acted_on(value, known, at_us)


def standing(value: Document, known: ShownRegister, at_us: int) -> list[str]:
    """Return how what a document is about stands now, in few words."""
    name = value.name if isinstance(value, Authority) else getattr(value, "authority", None)
    return _authority(name, known, at_us)[:1] if isinstance(name, str) else []


def _acted_on(act: Act, known: ShownRegister, at_us: int) -> list[str]:
    return _authority(act.authority, known, at_us)


def _authority(name: str, known: ShownRegister, at_us: int) -> list[str]:
    named = known.regime.authorities.get(name)
    if named is None:
        return [f"Nothing: no authority `{name}` has taken effect."]
    number, status = known.at(at_us).current_status(named)
    authority = known.parsed.authority(named.versions[number])
    return [
        f"`{authority.reference}` is {STANDS[status]} now.",
        *describe_document(authority, known.charter),
    ]


def _consultation(id_: str, known: ShownRegister, at_us: int) -> list[str]:
    taken = known.regime.consultations.get(id_)
    if taken is None:
        return [f"Nothing: no consultation `{id_}` was ever opened."]
    consultation = known.parsed.consultation(taken)
    return [
        f"The consultation `{id_}` is {consultation_status(taken, at_us).replace('-', ' ')} now.",
        *describe_document(consultation, known.charter),
    ]
