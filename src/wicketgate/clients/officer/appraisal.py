"""The effect of a document on a register, in words before it is signed.

Pure. docs/officer.md shows the words.

The document is judged by the same function that the gateway asks (`admission.admit.judge_document`), against what a
register shows (`from_register`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import key_id
from wicketgate.clients.officer.from_register import ShownRegister, list_of, number_of
from wicketgate.clients.officer.priced import scheme_beside, scheme_words
from wicketgate.clients.officer.reviewing import review_words
from wicketgate.clients.officer.traps import traps
from wicketgate.regime.admission.admit import examine, judge_document, scope_of
from wicketgate.regime.admission.amending import successor_requirements
from wicketgate.regime.admission.comparing import Amended, compare
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admission.limits import faults, requirements
from wicketgate.regime.admission.widening import grown
from wicketgate.regime.charter import Charter, Office, Requirement, charter_requirements, require_distinct
from wicketgate.regime.documents.acts import Review
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.authority_words import NOT_IN_CUSTODY, is_in_custody
from wicketgate.regime.documents.binding import refuse_other_log
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import SignedDocument, describe_document
from wicketgate.regime.documents.fields import shows_position
from wicketgate.regime.documents.people import People, misplaced
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.signatures import good_keys, require_signed
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.fold import ConsultationTaken
from wicketgate.regime.parsed import proposed
from wicketgate.regime.powers import Powers, describe, of_authority
from wicketgate.regime.standing import consultation_status

_NEEDS = {
    "notice": "It takes effect all the same, and is published as a widening.",
    "marked": "It takes effect at once, and every page says that nobody was consulted on it.",
    "within": "It takes effect, and lapses unless a consultation covers it by {due}.",
    "urgent": "It takes effect as urgent, unconsulted; the same power is not urgent again soon, under whatever name.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """The effect of one document.

    Attributes
    ----------
    words : tuple of str
        Sentences, in the order in which they are to be read before signing.
    faults : tuple of DocumentRefused
        Why it would be refused, as it stands; the first is what the gateway would answer.
    needed : tuple of Office
        Those among whom all or any must sign it; empty where that cannot be told.
    warnings : tuple of str
        Of a charter: how it traps its own authors. It is not refused for that.
    """

    words: tuple[str, ...]
    faults: tuple[DocumentRefused, ...]
    needed: tuple[Office, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[DocumentRefused, ...]:
        """The faults that no further signature mends."""
        return tuple(fault for fault in self.faults if fault.code != "signature-missing")


def _warnings(value: object) -> tuple[str, ...]:
    charter = value.draft if isinstance(value, Consultation) else value
    return traps(charter) if isinstance(charter, Charter) else ()


_UNKNOWN = 1
"""The cameras as which an unknown number counts: an authority for none would have to name its most."""


def appraise(
    document: SignedDocument, known: ShownRegister, *, at_us: int, cameras: int | None = None
) -> Appraisal:
    """Return the effect of a document submitted now.

    Parameters
    ----------
    document : SignedDocument
        With the signatures that it has so far, or none.
    at_us : int
        Now, microseconds since the epoch.
    cameras : int or None
        Active cameras in its scope; None takes what the register shows of an authority with the same scope.

    Raises
    ------
    DocumentRefused, InputError
        If it is no document at all.
    """
    value = document.value
    counted, words = _count(document, known, cameras)
    found: list[DocumentRefused] = []
    judgement: Judgement | None = None
    try:
        refuse_other_log(document, known.charter.origin)
    except DocumentRefused as error:
        found.append(error)
    try:
        judgement = judge_document(known.at(at_us), document, cameras=counted, next_entry=known.entries)
    except DocumentRefused as error:
        found.append(error)
    if isinstance(value, People):
        found += [
            one for one in misplaced(value, known.charter) if one.detail not in {f.detail for f in found}
        ]
    if isinstance(value, Authority):
        others = faults(value, known.charter, at_us=at_us, previous=_previous(value, known))
        found += [one for one in others if (one.code, one.detail) not in {(f.code, f.detail) for f in found}]
    match value:
        case Authority():
            words += _authority(value, known, judgement, found, counted)
        case Charter():
            words += _charter(value, known)
        case Consultation():
            words += _consultation(value, known, judgement)
        case Objection():
            words += _objection(value, known, at_us)
        case ConsultationDecision():
            words += _decision(value, known, judgement)
        case People():
            words += _people(value, known, at_us)
        case Scheme():
            words += scheme_words(value, known, at_us)
        case Waiver():
            words += scheme_beside(value.scheme, known, at_us)[:1]
        case AdminReplaced():
            pass  # it is about no authority
        case _:
            words += _stands(value.authority, known, at_us)
            if isinstance(value, Review):
                words += review_words(value.authority, known, value.reviewed_us)
    needed: tuple[Office, ...] = ()
    if judgement is not None:
        wanted = _wanted(value, known.charter, judgement)
        signing, wrong = _signing(document, known, judgement, wanted, at_us, counted)
        words += signing
        found += wrong
        needed = _needed(wanted)
    elif isinstance(value, Authority):
        with contextlib.suppress(DocumentRefused):  # which is among the faults
            must = requirements(value, known.charter)
            words += must_sign(must, known.charter)
            needed = _needed([(must, known.charter)])
    return Appraisal(
        words=(*describe_document(value, known.charter), *words),
        faults=tuple(found),
        needed=needed,
        warnings=_warnings(value),
    )


def _count(document: SignedDocument, known: ShownRegister, cameras: int | None) -> tuple[int, list[str]]:
    """Return the number of cameras in a document's scope, as far as known, with words on it."""
    scope = scope_of(document)
    if scope is None or cameras is not None:
        return cameras or 0, []
    wanted = (scope.scope.sources, scope.scope.groups, scope.scope.area)
    for named in known.regime.authorities.values():
        for version in reversed(named.versions):
            other = known.parsed.authority(version).scope
            shown = [
                entry
                for entry in list_of(known.register, "authorities")
                if entry.get("entry") == version.entry
            ]
            used = number_of(shown[0], "cameras") if shown else None
            if (other.sources, other.groups, other.area) == wanted and used is not None:
                number = used + (number_of(shown[0], "cameras_withheld") or 0)
                return number, [f"Cameras in its scope, as the register shows them: {number}."]
    if scope.scope.max_cameras is not None:
        return 0, []
    return _UNKNOWN, [
        "How many cameras are in its scope is not known here; say it with `--cameras`. It is judged as if it were one."
    ]


def _previous(authority: Authority, known: ShownRegister) -> Authority | None:
    named = known.regime.authorities.get(authority.name)
    return None if named is None else known.parsed.authority(named.versions[-1])


def _authority(
    authority: Authority,
    known: ShownRegister,
    judgement: Judgement | None,
    found: list[DocumentRefused],
    cameras: int,
) -> list[str]:
    charter = known.charter
    named = known.regime.authorities.get(authority.name)
    # What it says of custody where it names questions stands in its own words.
    lines = [NOT_IN_CUSTODY] if is_in_custody(authority) is False else []
    if judgement is not None:
        cap = judgement.admitted.cap
    else:
        cap = authority.scope.max_cameras
        cap = grown(cameras, charter) if cap is None else cap
    if named is None:
        lines.append(f"It replaces nothing: no authority `{authority.name}` has taken effect.")
    else:
        last = named.versions[-1]
        old, new = known.parsed.powers(last), of_authority(authority, cap)
        lines.append(f"It replaces `{known.parsed.authority(last).reference}`.")
        lines += _listed("It adds to that:", new - old, charter, none="It adds no power to that.")
        lines += _listed("It takes away:", old - new, charter, none="It takes no power away.")
        lines += _placing(authority, known.parsed.authority(last))
    if judgement is not None:
        admitted = judgement.admitted
        if admitted.need == "covered":
            by = ", ".join(f"`{id_}`" for id_ in admitted.by) or "none was needed"
            lines.append(f"It widens nothing: consultations cover all of it ({by}).")
        else:
            due = "" if admitted.due_us is None else rfc3339(admitted.due_us)
            lines.append("It allows what no consultation has covered:")
            lines += [f"- {words}" for words in admitted.wider]
            lines.append(_NEEDS[admitted.need].format(due=due))
        if admitted.cap is not None and (cameras != _UNKNOWN or authority.scope.max_cameras is not None):
            lines.append(f"It can use at most {admitted.cap} cameras at a time.")
    lines += [
        line
        for fault in found
        if fault.powers
        for line in ("It would allow, and may not:", *(f"- {words}" for words in fault.powers))
    ]
    return lines


def _placing(authority: Authority, before: Authority) -> list[str]:
    """Say where a version shows more of `place` than the one before it, which was signed under version 0.3."""
    if "place" not in authority.scope.fields or "place" not in before.scope.fields:
        return []
    if shows_position(before.log) or not shows_position(authority.log):
        return []
    return [
        f"Rows under `{before.reference}` show the camera by its id alone. From this version on they show its name and "
        "its position too: that is what `place` means now."
    ]


def _listed(title: str, powers: Powers, charter: Charter, *, none: str) -> list[str]:
    return [title, *(f"- {words}" for words in describe(powers, charter))] if powers else [none]


def _charter(new: Charter, known: ShownRegister) -> list[str]:
    try:
        return [f"It replaces version {known.charter.version}.", *_amended(compare(known.charter, new))]
    except DocumentRefused:
        return []  # which is told as the reason for which it would be refused


def _amended(amended: Amended) -> list[str]:
    lines = []
    for title, words in (
        ("It widens:", amended.wider),
        ("It touches entrenched clauses:", amended.entrenched),
        ("Offices that are new, gone, or have another title, holder or key:", amended.offices),
    ):
        lines += [title, *(f"- {one}" for one in words)] if words else []
    return lines or ["It widens nothing, touches no entrenched clause and changes no office."]


def _consultation(consultation: Consultation, known: ShownRegister, judgement: Judgement | None) -> list[str]:
    if judgement is None:
        return []
    if judgement.amended is not None:
        return _amended(judgement.amended)
    if not judgement.admitted.wider:
        return ["What it proposes is covered already."]
    return [
        "It proposes what no consultation has covered:",
        *(f"- {one}" for one in judgement.admitted.wider),
    ]


def _objection(objection: Objection, known: ShownRegister, at_us: int) -> list[str]:
    if objection.authority is not None:
        return _stands(objection.authority, known, at_us)
    taken = known.regime.consultations.get(objection.consultation or "")
    return [] if taken is None else [_consulted(taken, known, at_us)]


def _consulted(taken: ConsultationTaken, known: ShownRegister, at_us: int) -> str:
    consultation = known.parsed.consultation(taken)
    return f"The consultation `{consultation.id}` ({consultation.title}) is {consultation_status(taken, at_us)} now."


def _decision(decision: ConsultationDecision, known: ShownRegister, judgement: Judgement | None) -> list[str]:
    taken = known.regime.consultations.get(decision.consultation)
    if taken is None:
        return []
    consultation = known.parsed.consultation(taken)
    lines = [
        f"The consultation is on: {consultation.title}. It closes at {rfc3339(taken.closes_us)}, and "
        f"{len(taken.objections)} objections were published."
    ]
    draft = consultation.draft
    if decision.outcome == "approved" and isinstance(draft, Authority):
        whole = proposed(draft, taken)
        covered = whole if decision.covered is None else proposed(decision.covered, taken)
        lines += _listed("It covers:", covered, known.charter, none="It covers nothing.")
        left = whole - covered
        if left:
            lines += _listed("It leaves out of what was proposed:", left, known.charter, none="")
    if judgement is not None:
        lines += [f"`{reference}` waits for it, and goes on." for reference in judgement.admitted.fulfils]
    return lines


def _people(people: People, known: ShownRegister, at_us: int) -> list[str]:
    """Return how many lose and gain each role by a version of an organisation's people."""
    before = known.at(at_us).people_in_force(people.organisation)
    if before is None:
        return ["Nobody of this organisation is named until then."]
    held = {(one.commitment, role) for one in before.persons for role in one.roles}
    holding = {(one.commitment, role) for one in people.persons for role in one.roles}
    lines = []
    for words, changed in (("lose", held - holding), ("gain", holding - held)):
        for role in sorted({role for _, role in changed}):
            count = sum(one == role for _, one in changed)
            lines.append(
                f"{count} {'person' if count == 1 else 'persons'} {words}{'s' if count == 1 else ''} {role}."
            )
    if before.grants != people.grants:
        lines.append("What claims of providers give changes.")
    return lines


def _stands(name: str, known: ShownRegister, at_us: int) -> list[str]:
    """Return the standing of the authority under an act."""
    named = known.regime.authorities.get(name)
    if named is None:
        return []
    number, stands = known.at(at_us).current_status(named)
    authority = known.parsed.authority(named.versions[number])
    lines = [f"`{authority.reference}` ({authority.title}) is {stands} now."]
    lines += [f"It has the open suspension `{id_}`." for id_ in named.suspensions]
    return lines


# --- who signs --------------------------------------------------------------------------------------------


_Wanted = list[tuple[tuple[Requirement, ...], Charter]]
"""Who must sign, by which charter: of an amendment also those of the new one."""


def _wanted(value: object, charter: Charter, judgement: Judgement) -> _Wanted:
    wanted = [(judgement.requirements, charter)]
    if isinstance(value, Charter) and judgement.amended is not None:
        wanted.append((successor_requirements(charter, value, judgement.amended), value))
    return wanted


def _needed(wanted: _Wanted) -> tuple[Office, ...]:
    """Return the offices of some requirements, each once for each of its keys."""
    found = {
        (name, by.offices[name].public): by.offices[name]
        for requirements, by in wanted
        for one in requirements
        for name in one.offices
        if name in by.offices
    }
    return tuple(found.values())


def _signing(
    document: SignedDocument,
    known: ShownRegister,
    judgement: Judgement,
    wanted: _Wanted,
    at_us: int,
    cameras: int,
) -> tuple[list[str], list[DocumentRefused]]:
    """Return required and given signatures, and the faults in them."""
    lines = [line for requirements, by in wanted for line in must_sign(requirements, by)]
    try:
        if document.envelope.signatures:
            lines += _signed(document, [by for _, by in wanted])
            examine(
                known.at(at_us),
                document,
                cameras=cameras,
                next_entry=known.entries,
                before=judgement,
            )
        else:
            for requirements, by in wanted:
                named = {name for one in requirements if one.need == "all" for name in one.offices}
                require_distinct(named.intersection(by.offices), by)
    except DocumentRefused as error:
        return lines, [error]
    return lines, []


def must_sign(requirements: tuple[Requirement, ...], charter: Charter) -> list[str]:
    """Return a sentence for each requirement, with the holders of the offices."""
    return [
        f"Must sign, {one.need} of: {', '.join(_titled(charter, office) for office in one.offices)}"
        for one in requirements
    ]


def _titled(charter: Charter, name: str) -> str:
    office = charter.offices.get(name)
    return f"{name} ({office.holder}, {office.title})" if office else f"{name} (not in the charter)"


def _signed(document: SignedDocument, charters: list[Charter]) -> list[str]:
    """Return the signers of a document.

    A signature that is not good is refused, as by `signatures.good_keys`.
    """
    keys = good_keys(document.envelope, charters)
    offices = {
        office.id: _titled(charter, office.id)
        for charter in charters
        for office in charter.offices.values()
        if key_id(office.public) in keys
    }
    return [f"Has signed: {words}" for _, words in sorted(offices.items())]


def founding(document: SignedDocument, charter: Charter) -> Appraisal:
    """Return the effect of a charter as the first of a deployment."""
    requirements = charter_requirements(charter)
    words = [*describe_document(charter), *must_sign(requirements, charter)]
    needed = _needed([(requirements, charter)])
    try:
        refuse_other_log(document, charter.origin)
        if document.envelope.signatures:
            words += _signed(document, [charter])
            require_signed(requirements, document.envelope, charter)
        else:
            require_distinct({name for one in requirements for name in one.offices}, charter)
    except DocumentRefused as error:
        return Appraisal(words=tuple(words), faults=(error,), needed=needed, warnings=traps(charter))
    return Appraisal(words=tuple(words), faults=(), needed=needed, warnings=traps(charter))
