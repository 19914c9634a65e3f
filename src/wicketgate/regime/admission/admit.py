"""Admission: the judgement whether a signed document may take effect.

It is given all that took effect before the document. Pure.

The gateway, `check`, `verify` and the vectors all ask here. docs/spec/documents.md has the rules and codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, assert_never

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import key_id
from wicketgate.regime.admission.amending import (
    amendment_requirements,
    judge_amendment,
    require_amendment_signed,
)
from wicketgate.regime.admission.consulting import judge_consultation, judge_decision, judge_objection
from wicketgate.regime.admission.judgement import (
    STRUCK,
    Judgement,
    known_consultation,
    known_name,
    require_new,
)
from wicketgate.regime.admission.limits import (
    act_requirements,
    faults,
    require_most_cameras,
    requirements,
)
from wicketgate.regime.admission.naming import judge_people
from wicketgate.regime.admission.pricing import judge_scheme, judge_waiver
from wicketgate.regime.admission.replacing import judge_admin
from wicketgate.regime.admission.review_figures import since_review
from wicketgate.regime.admission.widening import (
    Compared,
    compare_powers,
    judge,
    resting,
)
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import AS_BULK, Charter, charter_requirements
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
from wicketgate.regime.documents.binding import refuse_other_log
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.documents.document import Document, SignedDocument
from wicketgate.regime.documents.people import People
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.signatures import good_keys, require_keys
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.powers import describe
from wicketgate.regime.standing import reviewed_from


def admit(
    moment: RegimeAt,
    document: SignedDocument,
    *,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
    log_needed: bool = True,
) -> Admitted:
    """Return the effect of a document, or refuse it.

    Parameters
    ----------
    moment : RegimeAt
        Everything that took effect before, at the time of the decision; it has a charter.
    document : SignedDocument
        The document, opened.
    cameras : int
        Of an authority, or of the draft of one: active cameras in its scope (`scope_of`). Anything else: 0.
    next_entry : int
        The entry of the ledger that it will be.
    figures : iterable of mapping
        Every period that was published before, in order: a review has them attached.
    log_needed : bool
        Whether it must name its log; false only of what a log of version 0.3 took.

    Raises
    ------
    DocumentRefused
        With a code of docs/spec/documents.md; the first that is found.

    Notes
    -----
    Nothing can be replayed: an id counts once, and a resumption names the suspension that it lifts. An act's own `at`
    is a statement of its signers and is not compared with the clock: no office's wrong watch delays a revocation.
    """
    return examine(
        moment,
        document,
        cameras=cameras,
        next_entry=next_entry,
        figures=figures,
        log_needed=log_needed,
    ).admitted


def examine(
    moment: RegimeAt,
    document: SignedDocument,
    *,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
    before: Judgement | None = None,
    log_needed: bool = True,
) -> Judgement:
    """Return admission's findings on a document, or refuse it, as `admit` does.

    The document may take effect.

    Parameters
    ----------
    before : Judgement or None
        What was found of this document before, beside the same documents and cameras: whatever the time is now, its
        signatures are not verified again, nor its powers compared.
    """
    charter = moment.charter
    refuse_other_log(document, charter.origin, needed=log_needed)
    value = document.value
    # Comparing powers can be costly: only who signs with the key of an office is heard. Who must sign comes last.
    beside = (value,) if isinstance(value, Charter) else ()
    keys = None if before is None else before.keys
    if keys is None:
        keys = good_keys(document.envelope, (charter, *beside))
    if keys.isdisjoint(key_id(office.public) for office in charter.offices.values()):
        raise DocumentRefused(
            f"no office of the charter signed it{_who(value, charter)}", code="signature-missing"
        )
    judgement = judge_document(
        moment,
        document,
        cameras=cameras,
        next_entry=next_entry,
        figures=figures,
        compared=() if before is None else before.compared,
    )
    judgement = replace(judgement, keys=keys)
    if isinstance(value, Charter):
        assert judgement.amended is not None
        require_amendment_signed(charter, value, judgement.amended, keys)
        return judgement
    signed = require_keys(judgement.requirements, keys, charter)
    if isinstance(value, ConsultationDecision):
        draft = moment.consultation(moment.regime.consultations[value.consultation]).draft
        beneficiary = draft.recipient if isinstance(draft, Authority) else None
        deciding = {office for one in judgement.requirements for office in one.offices}
        if all(office.organisation == beneficiary for office in signed if office.id in deciding):
            raise DocumentRefused(
                f"only offices of `{beneficiary}` signed: the beneficiary never decides alone",
                code="not-entitled",
            )
    if isinstance(value, Objection) and all(office.organisation != value.organisation for office in signed):
        raise DocumentRefused(
            f"no office of `{value.organisation}` signed the objection", code="signature-missing"
        )
    return judgement


def _who(value: Document, charter: Charter) -> str:
    """Return the required signers, as far as known without a comparison."""
    if isinstance(value, Charter):
        wanted = charter_requirements(charter)
    elif isinstance(value, Authority):
        try:
            wanted = requirements(value, charter)
        except DocumentRefused:
            return ""
    else:
        return ""
    return f"; it wants {', '.join(dict.fromkeys(office for one in wanted for office in one.offices))}"


def scope_of(document: SignedDocument) -> Authority | None:
    """Return the authority whose cameras `admit` wants counted, or None where there is none.

    Raises
    ------
    DocumentRefused
        As `SignedDocument.value`.
    """
    if document.kind not in ("authority", "consultation"):
        return None
    value = document.value
    if isinstance(value, Consultation):
        return value.draft if isinstance(value.draft, Authority) else None
    return value if isinstance(value, Authority) else None


def entry_members(kind: str, admitted: Admitted) -> dict[str, Any]:
    """Return the members of a document's entry in the ledger besides its time and envelope.

    They are there so that all can check it.
    """
    match kind:
        case "authority":
            return {"cameras": admitted.cameras, "consulted": admitted.need, "wider": list(admitted.wider)}
        case "consultation":
            return {"cameras": admitted.cameras, "wider": list(admitted.wider)}
        case "charter":
            return {"wider": list(admitted.wider)}
        case "review":
            return {"figures": admitted.figures}
        case _:
            return {}


def judge_document(
    moment: RegimeAt,
    document: SignedDocument,
    *,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
    compared: tuple[Compared, ...] = (),
) -> Judgement:
    """Judge a document whoever signed it, as `admit` does, and return the findings.

    Parameters
    ----------
    compared : tuple of Compared
        Of an authority: its powers as they were compared before; empty has them compared.
    """
    value = document.value
    match value:
        case Charter():
            amended, stops, voids = judge_amendment(moment, value, next_entry=next_entry)
            return Judgement(
                admitted=Admitted(wider=(*amended.wider, *amended.entrenched), stops=stops, voids=voids),
                requirements=amendment_requirements(moment.charter, value, amended),
                amended=amended,
            )
        case Authority():
            return _authority(moment, value, cameras, compared)
        case Consultation():
            return judge_consultation(moment, value, cameras)
        case Objection():
            return judge_objection(moment, value)
        case ConsultationDecision():
            return judge_decision(moment, value)
        case People():
            return judge_people(moment, value)
        case Scheme():
            return judge_scheme(moment, value)
        case Waiver():
            return judge_waiver(moment, value)
        case AdminReplaced():
            return judge_admin(moment, value)
        case _:
            return _act(moment, value, document.kind, figures)


# --- authorities ------------------------------------------------------------------------------------------


def _authority(
    moment: RegimeAt,
    authority: Authority,
    cameras: int,
    compared: tuple[Compared, ...],
) -> Judgement:
    charter = moment.charter
    named = moment.regime.authorities.get(authority.name)
    last = named.versions[-1] if named is not None else None
    previous = moment.authority(last) if last is not None else None
    for fault in faults(authority, charter, at_us=moment.at_us, previous=previous):
        raise fault
    compared = compared or compare_powers(
        authority, moment, cameras=cameras, previous_cap=None if last is None else last.cap
    )
    judged = judge(compared, authority, moment)
    require_most_cameras(authority, charter, cameras)
    return Judgement(
        admitted=Admitted(
            cameras=cameras,
            cap=judged.cap,
            need=judged.need,
            wider=tuple(describe(judged.wider, charter)),
            by=judged.by,
            due_us=judged.due_us,
        ),
        requirements=requirements(authority, charter),
        compared=compared,
    )


# --- acts -------------------------------------------------------------------------------------------------


def _refuse_reserved_id(id_: str, kind: str) -> None:
    if id_.startswith("charter-"):
        raise DocumentRefused(f"`{kind}.id` begins as the suspensions do that come of a new charter")


def _act(
    moment: RegimeAt,
    act: Act,
    kind: str,
    figures: Iterable[Mapping[str, Any]],
) -> Judgement:
    charter = moment.charter
    named = known_name(moment.regime, act.authority)
    authority = moment.authority(named.versions[-1])
    wanted = act_requirements(kind, authority, charter)
    attached: dict[str, Any] = {}
    stops: tuple[str, ...] = ()
    require_new(named, act.id, act.authority)
    match act:
        case Revocation():
            if named.versions[-1].revoked_us is not None:
                raise DocumentRefused(f"`{authority.reference}` is revoked already", code="already-taken")
        case Suspension() | Challenge():
            _refuse_reserved_id(act.id, kind)
        case Quashed():
            if named.versions[-1].ended_by in STRUCK and act.consultation is None:
                raise DocumentRefused(f"`{authority.reference}` has ended already", code="already-taken")
            if act.consultation is not None:
                taken = known_consultation(moment.regime, act.consultation)
                if taken.quashed_us is not None or taken.decision is None or not taken.decision.approved:
                    raise DocumentRefused(f"`{act.consultation}` covers nothing that could be quashed")
                _refuse_reserved_id(act.id, kind)
                stops = tuple(resting(moment, act.consultation, but=act.authority))
                for name in stops:
                    require_new(moment.regime.authorities[name], act.id, name)
        case Resumption():
            if act.suspension not in named.suspensions:
                raise DocumentRefused(
                    f"`{act.authority}` has no suspension `{act.suspension}` to lift",
                    code="unknown-suspension",
                )
            if act.suspension in named.stays:
                wanted = act_requirements(
                    "challenge", authority, charter
                )  # what a court stopped a court resumes
        case Review():
            if act.version != authority.version:
                raise DocumentRefused(
                    f"`review.version`: the latest is {authority.reference}", code="version-not-next"
                )
            if act.reviewed_us > moment.at_us + charter.limits.clock_ahead_us:
                raise DocumentRefused("`review.reviewed_at` lies ahead of the clock")
            if authority.mode in AS_BULK and (act.why_not_match is None or act.why_not_search is None):
                raise DocumentRefused(
                    "a review of bulk says why not match and why not search: `review.why_not_match`, "
                    "`review.why_not_search`"
                )
            version = named.versions[-1]
            since_us = reviewed_from(version, authority)
            attached = since_review(figures, act.authority, since_us)
        case _:
            assert_never(act)
    return Judgement(admitted=Admitted(figures=attached, stops=stops), requirements=wanted)
