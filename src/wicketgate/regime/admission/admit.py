"""Whether a signed document may take effect, given all that took effect before it. Pure.

The gateway, `check`, `verify` and the vectors all ask here. docs/spec/documents.md has the rules and codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add
from wicketgate.base.signing import key_id
from wicketgate.regime.admission.amending import (
    amendment_requirements,
    judge_amendment,
    require_amendment_signed,
)
from wicketgate.regime.admission.comparing import Amended, compare
from wicketgate.regime.admission.limits import (
    act_requirements,
    applying_rules,
    faults,
    requirement_of,
    requirements,
)
from wicketgate.regime.admission.review_figures import since_review
from wicketgate.regime.admission.widening import (
    Compared,
    applying,
    compare_powers,
    coverage,
    fulfilled,
    grown,
    judge,
    resting,
)
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Charter, Requirement, charter_requirements
from wicketgate.regime.documents.acts import (
    Act,
    Challenge,
    Quashed,
    Resumption,
    Review,
    Revocation,
    Suspension,
)
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, Decision, Objection
from wicketgate.regime.documents.document import Document, SignedDocument
from wicketgate.regime.documents.signatures import good_keys, require_keys
from wicketgate.regime.fold import ConsultationTaken, Named, Regime
from wicketgate.regime.parsed import Parsed, proposed
from wicketgate.regime.powers import describe, of_authority
from wicketgate.regime.standing import in_force_from, reviewed_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What admission finds of a document.

    Attributes
    ----------
    admitted : Admitted
        What takes effect with it.
    requirements : tuple of Requirement
        Who must sign.
    amended : Amended or None
        Of a charter: what it changes.
    compared : tuple of Compared
        Of an authority: its powers beside all that took effect before.
    keys : frozenset of str or None
        The ids of the keys that signed it; None where nobody looked.
    """

    admitted: Admitted
    requirements: tuple[Requirement, ...]
    amended: Amended | None = None
    compared: tuple[Compared, ...] = ()
    keys: frozenset[str] | None = None


_STRUCK = ("quashed", "objection")


def admit(
    regime: Regime,
    parsed: Parsed,
    document: SignedDocument,
    *,
    at_us: int,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
) -> Admitted:
    """Return what takes effect with a document, or refuse it.

    Parameters
    ----------
    regime : Regime
        Everything that took effect before; it has a charter.
    document : SignedDocument
        The document, opened.
    at_us : int
        The time of the decision, microseconds since the epoch.
    cameras : int
        Of an authority, or of the draft of one: active cameras in its scope (`scope_of`). Anything else: 0.
    next_entry : int
        The entry of the ledger that it will be.
    figures : iterable of mapping
        Every period that was published before, in order: a review has them attached.

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
        regime,
        parsed,
        document,
        at_us=at_us,
        cameras=cameras,
        next_entry=next_entry,
        figures=figures,
    ).admitted


def examine(
    regime: Regime,
    parsed: Parsed,
    document: SignedDocument,
    *,
    at_us: int,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
    before: Judgement | None = None,
) -> Judgement:
    """Return what admission finds of a document that may take effect, or refuse it; as `admit`.

    Parameters
    ----------
    before : Judgement or None
        What was found of this document before, beside the same documents and cameras: whatever the time is now, its
        signatures are not verified again, nor its powers compared.
    """
    charter = parsed.charter(regime)
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
        regime,
        parsed,
        document,
        at_us=at_us,
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
    if isinstance(value, Decision):
        draft = parsed.consultation(regime.consultations[value.consultation]).draft
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
    """Return who must sign, as far as that is known without a comparison."""
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
    """Return the authority whose cameras `admit` wants counted; None where there is none.

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
    """Return what a document's entry in the ledger says besides its time and envelope, so that all can check it."""
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
    regime: Regime,
    parsed: Parsed,
    document: SignedDocument,
    *,
    at_us: int,
    cameras: int,
    next_entry: int,
    figures: Iterable[Mapping[str, Any]] = (),
    compared: tuple[Compared, ...] = (),
) -> Judgement:
    """Return what admission finds of a document, whoever signed it; as `admit`.

    Parameters
    ----------
    compared : tuple of Compared
        Of an authority: its powers as they were compared before; empty has them compared.
    """
    value = document.value
    match value:
        case Charter():
            amended, stops, voids = judge_amendment(regime, parsed, value, at_us=at_us, next_entry=next_entry)
            return Judgement(
                admitted=Admitted(wider=(*amended.wider, *amended.entrenched), stops=stops, voids=voids),
                requirements=amendment_requirements(parsed.charter(regime), value, amended),
                amended=amended,
            )
        case Authority():
            return _authority(regime, parsed, value, at_us, cameras, compared)
        case Consultation():
            return _consultation(regime, parsed, value, at_us, cameras)
        case Objection():
            return _objection(regime, parsed, value, at_us)
        case Decision():
            return _decision(regime, parsed, value, at_us)
        case _:
            return _act(regime, parsed, value, document.kind, at_us, figures)


# --- authorities ------------------------------------------------------------------------------------------


def _authority(
    regime: Regime,
    parsed: Parsed,
    authority: Authority,
    at_us: int,
    cameras: int,
    compared: tuple[Compared, ...],
) -> Judgement:
    charter = parsed.charter(regime)
    named = regime.authorities.get(authority.name)
    last = named.versions[-1] if named is not None else None
    previous = parsed.authority(last) if last is not None else None
    for fault in faults(authority, charter, at_us=at_us, previous=previous):
        raise fault
    compared = compared or compare_powers(
        authority, regime, parsed, cameras=cameras, previous_cap=None if last is None else last.cap
    )
    judged = judge(compared, authority, regime, parsed, at_us=at_us)
    _require_most(authority, charter, cameras)
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


def _require_most(authority: Authority, charter: Charter, cameras: int) -> None:
    """Refuse an authority whose cameras nothing would bound: none is in its scope yet, and it names no most."""
    if charter.limits.camera_growth is not None and not cameras and authority.scope.max_cameras is None:
        raise DocumentRefused(
            "`scope.max_cameras` is missing: no camera is in its scope yet from which the charter's `camera_growth` "
            "could be counted"
        )


# --- consultations ----------------------------------------------------------------------------------------


def _consultation(
    regime: Regime, parsed: Parsed, consultation: Consultation, at_us: int, cameras: int
) -> Judgement:
    charter = parsed.charter(regime)
    if consultation.id in regime.consultations:
        raise DocumentRefused(f"`{consultation.id}` has been opened", code="already-taken")
    draft = consultation.draft
    opens_us = max(at_us, consultation.opens_us)
    if isinstance(draft, Charter):
        return _consultation_on_charter(charter, draft, consultation, opens_us)
    for fault in faults(draft, charter, at_us=at_us, previous=None):
        if fault.code != "version-not-next":
            raise DocumentRefused(f"in `draft`: {fault.detail}", code=fault.code)
    _require_most(draft, charter, cameras)
    cap = draft.scope.max_cameras if draft.scope.max_cameras is not None else grown(cameras, charter)
    powers = of_authority(draft, cap)
    shortest = [charter.consulting.shortest]
    shortest += [
        rule.shortest
        for rule, about in applying(charter, draft)
        if rule.shortest is not None and powers & about
    ]
    for period in shortest:
        _require_length(consultation, opens_us, period)
    wider = powers
    for some in coverage(regime, parsed, until_us=draft.valid_until_us).values():
        wider = wider - some
    return Judgement(
        admitted=Admitted(cameras=cameras, cap=cap, wider=tuple(describe(wider, charter))),
        requirements=act_requirements("consultation", draft, charter),
    )


def _consultation_on_charter(
    charter: Charter, draft: Charter, consultation: Consultation, opens_us: int
) -> Judgement:
    amended = compare(charter, draft)
    if charter.amendment is None:
        raise DocumentRefused("the charter has no `amendment`: it cannot be widened", code="not-entitled")
    _require_length(consultation, opens_us, charter.amendment.shortest)
    if amended.entrenched:
        half_us = add(opens_us, charter.amendment.shortest)
        if consultation.closes_us < add(half_us, charter.amendment.shortest):
            raise DocumentRefused(
                "entrenched clauses need twice the charter's `amendment.shortest`",
                code="consultation-too-short",
            )
    own = charter_requirements(charter)
    return Judgement(
        admitted=Admitted(wider=(*amended.wider, *amended.entrenched)),
        requirements=tuple(Requirement(offices=one.offices, need="any") for one in own),
        amended=amended,
    )


def _require_length(consultation: Consultation, opens_us: int, shortest: Period) -> None:
    if consultation.closes_us < add(opens_us, shortest):
        raise DocumentRefused(
            f"it is open from {rfc3339(opens_us)} until {rfc3339(consultation.closes_us)}; the charter wants at "
            f"least {shortest}",
            code="consultation-too-short",
        )


def _known(regime: Regime, name: str) -> ConsultationTaken:
    taken = regime.consultations.get(name)
    if taken is None:
        raise DocumentRefused(f"no consultation `{name}` was ever opened", code="unknown-consultation")
    return taken


def _objection(regime: Regime, parsed: Parsed, objection: Objection, at_us: int) -> Judgement:
    charter = parsed.charter(regime)
    if objection.organisation not in charter.organisations:
        raise DocumentRefused(
            f"`objection.organisation`: the charter has no `{objection.organisation}`",
            code="unknown-organisation",
        )
    if objection.authority is not None:
        named = _named(regime, objection.authority)
        _require_new(named, objection.id, objection.authority)
        version = named.versions[-1]
        about: Authority | Charter = parsed.authority(version)
        if objection.annul and version.ended_by in _STRUCK:
            raise DocumentRefused(f"`{objection.authority}` has ended already", code="already-taken")
    else:
        assert objection.consultation is not None
        taken = _known(regime, objection.consultation)
        if objection.id in taken.objection_ids:
            raise DocumentRefused(f"`{objection.id}` has been published", code="already-taken")
        if at_us >= taken.closes_us:
            raise DocumentRefused(
                f"`{objection.consultation}` closed at {rfc3339(taken.closes_us)}", code="consultation-closed"
            )
        about = parsed.consultation(taken).draft
    rules = [
        rule
        for rule in (
            applying_rules("objection", about, charter, about.controller)
            if isinstance(about, Authority)
            else [rule for rule in charter.rules if rule.kind == "objection"]
        )
        if rule.annuls == objection.annul
    ]
    if not rules:
        raise DocumentRefused("the charter lets nobody object to that with such effect", code="not-entitled")
    if objection.annul:
        assert isinstance(about, Authority)
        since_us = in_force_from(regime.authorities[about.name].versions[-1], about)
        for rule in rules:
            if rule.within is not None and at_us >= add(since_us, rule.within):
                raise DocumentRefused(
                    f"`{about.reference}` could be annulled until {rfc3339(add(since_us, rule.within))}",
                    code="not-entitled",
                )
    wanted = tuple(
        requirement_of(rule, about, about.controller)
        if isinstance(about, Authority)
        else Requirement(
            offices=tuple(one for one in rule.offices if not one.startswith("{")), need=rule.need
        )
        for rule in rules
    )
    return Judgement(admitted=Admitted(), requirements=wanted)


def _decision(regime: Regime, parsed: Parsed, decision: Decision, at_us: int) -> Judgement:
    charter = parsed.charter(regime)
    taken = _known(regime, decision.consultation)
    draft = parsed.consultation(taken).draft
    if taken.decision is not None:
        raise DocumentRefused(f"`{decision.consultation}` is decided", code="already-taken")
    if at_us < taken.closes_us:
        raise DocumentRefused(
            f"`{decision.consultation}` is open until {rfc3339(taken.closes_us)}", code="consultation-open"
        )
    unanswered = [one for one in taken.objection_ids if one not in decision.answers]
    if unanswered:
        raise DocumentRefused(
            f"`decision.answers` has none for the objection `{unanswered[0]}`", code="objection-unanswered"
        )
    unknown = sorted(set(decision.answers) - set(taken.objection_ids))
    if unknown:
        raise DocumentRefused(f"`decision.answers`: no objection `{unknown[0]}` was published")
    if isinstance(draft, Charter):
        if decision.covered is not None:
            raise DocumentRefused("`covered`: a charter is decided on as a whole")
        if charter.amendment is None:
            raise DocumentRefused("the charter has no `amendment`: it cannot be widened", code="not-entitled")
        _require_term(decision, at_us, [charter.amendment.covers_for])
        return Judgement(admitted=Admitted(), requirements=charter_requirements(charter))
    powers = proposed(draft, taken)
    rules = [rule for rule, about in applying(charter, draft) if powers & about]
    terms = [rule.covers_for for rule in rules if rule.covers_for is not None]
    _require_term(decision, at_us, [charter.consulting.covers_for, *terms])
    fulfils: list[str] = []
    if decision.covered_until_us is not None:
        covered = powers if decision.covered is None else proposed(decision.covered, taken)
        beyond = covered - powers
        if beyond:
            raise DocumentRefused.naming(
                "`covered` is more than was consulted on",
                describe(beyond, charter),
                code="consultation-does-not-cover",
            )
        fulfils = fulfilled(regime, parsed, covered, decision.covered_until_us)
    return Judgement(
        admitted=Admitted(fulfils=tuple(fulfils)),
        requirements=act_requirements("decision", draft, charter),
    )


def _require_term(decision: Decision, at_us: int, terms: Iterable[Period]) -> None:
    until_us = decision.covered_until_us
    if until_us is None:
        return
    if until_us <= at_us:
        raise DocumentRefused("`decision.covered_until` is past", code="already-expired")
    for term in terms:
        if until_us > add(at_us, term):
            raise DocumentRefused(
                f"`decision.covered_until`: at most {term} from now by the charter", code="term-too-long"
            )


# --- acts -------------------------------------------------------------------------------------------------


def _named(regime: Regime, name: str) -> Named:
    named = regime.authorities.get(name)
    if named is None:
        raise DocumentRefused(f"no authority `{name}` has taken effect", code="unknown-authority")
    return named


def _require_new(named: Named, id_: str, name: str) -> None:
    if id_ in named.act_ids:
        raise DocumentRefused(f"`{id_}` has taken effect on `{name}`", code="already-taken")


def _refuse_charter_s(id_: str, kind: str) -> None:
    if id_.startswith("charter-"):
        raise DocumentRefused(f"`{kind}.id` begins as the suspensions do that come of a new charter")


def _act(
    regime: Regime,
    parsed: Parsed,
    act: Act,
    kind: str,
    at_us: int,
    figures: Iterable[Mapping[str, Any]],
) -> Judgement:
    charter = parsed.charter(regime)
    named = _named(regime, act.authority)
    authority = parsed.authority(named.versions[-1])
    wanted = act_requirements(kind, authority, charter)
    attached: dict[str, Any] = {}
    stops: tuple[str, ...] = ()
    _require_new(named, act.id, act.authority)
    match act:
        case Revocation():
            if named.versions[-1].revoked_us is not None:
                raise DocumentRefused(f"`{authority.reference}` is revoked already", code="already-taken")
        case Suspension() | Challenge():
            _refuse_charter_s(act.id, kind)
        case Quashed():
            if named.versions[-1].ended_by in _STRUCK and act.consultation is None:
                raise DocumentRefused(f"`{authority.reference}` has ended already", code="already-taken")
            if act.consultation is not None:
                taken = _known(regime, act.consultation)
                if taken.quashed_us is not None or taken.decision is None or not taken.decision.approved:
                    raise DocumentRefused(f"`{act.consultation}` covers nothing that could be quashed")
                _refuse_charter_s(act.id, kind)
                stops = tuple(resting(regime, parsed, act.consultation, at_us=at_us, but=act.authority))
                for name in stops:
                    _require_new(regime.authorities[name], act.id, name)
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
            if act.reviewed_us > at_us + charter.limits.clock_ahead_us:
                raise DocumentRefused("`review.reviewed_at` lies ahead of the clock")
            if authority.mode == "bulk" and (act.why_not_match is None or act.why_not_search is None):
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
