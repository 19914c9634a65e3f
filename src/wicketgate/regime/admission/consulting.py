"""Judge consultations, objections and decisions. Pure.

docs/spec/documents.md has the rules and codes.
"""

from __future__ import annotations

from collections.abc import Iterable

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add
from wicketgate.regime.admission.comparing import compare
from wicketgate.regime.admission.judgement import (
    STRUCK,
    Judgement,
    known_consultation,
    known_name,
    require_new,
)
from wicketgate.regime.admission.limits import (
    act_requirements,
    applying_rules,
    faults,
    require_most_cameras,
    requirement_of,
)
from wicketgate.regime.admission.widening import applying, coverage, fulfilled, grown
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Charter, Requirement, charter_requirements
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import Consultation, ConsultationDecision, Objection
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import proposed
from wicketgate.regime.powers import describe, of_authority
from wicketgate.regime.standing import in_force_from


def judge_consultation(moment: RegimeAt, consultation: Consultation, cameras: int) -> Judgement:
    """Judge a consultation: its draft, its length and its widening."""
    charter = moment.charter
    if consultation.id in moment.regime.consultations:
        raise DocumentRefused(f"`{consultation.id}` has been opened", code="already-taken")
    draft = consultation.draft
    opens_us = max(moment.at_us, consultation.opens_us)
    if isinstance(draft, Charter):
        return _consultation_on_charter(charter, draft, consultation, opens_us)
    for fault in faults(draft, charter, at_us=moment.at_us, previous=None):
        if fault.code != "version-not-next":
            raise DocumentRefused(f"in `draft`: {fault.detail}", code=fault.code)
    require_most_cameras(draft, charter, cameras)
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
    for some in coverage(moment, until_us=draft.valid_until_us).values():
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


def judge_objection(moment: RegimeAt, objection: Objection) -> Judgement:
    """Judge an objection to a consultation or an authority."""
    charter = moment.charter
    if objection.organisation not in charter.organisations:
        raise DocumentRefused(
            f"`objection.organisation`: the charter has no `{objection.organisation}`",
            code="unknown-organisation",
        )
    if objection.authority is not None:
        named = known_name(moment.regime, objection.authority)
        require_new(named, objection.id, objection.authority)
        version = named.versions[-1]
        about: Authority | Charter = moment.authority(version)
        if objection.annul and version.ended_by in STRUCK:
            raise DocumentRefused(f"`{objection.authority}` has ended already", code="already-taken")
    else:
        assert objection.consultation is not None
        taken = known_consultation(moment.regime, objection.consultation)
        if objection.id in taken.objection_ids:
            raise DocumentRefused(f"`{objection.id}` has been published", code="already-taken")
        if moment.at_us >= taken.closes_us:
            raise DocumentRefused(
                f"`{objection.consultation}` closed at {rfc3339(taken.closes_us)}", code="consultation-closed"
            )
        about = moment.consultation(taken).draft
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
        since_us = in_force_from(moment.regime.authorities[about.name].versions[-1], about)
        for rule in rules:
            if rule.within is not None and moment.at_us >= add(since_us, rule.within):
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


def judge_decision(moment: RegimeAt, decision: ConsultationDecision) -> Judgement:
    """Judge a decision: its answers, its term and its coverage."""
    charter = moment.charter
    taken = known_consultation(moment.regime, decision.consultation)
    draft = moment.consultation(taken).draft
    if taken.decision is not None:
        raise DocumentRefused(f"`{decision.consultation}` is decided", code="already-taken")
    if moment.at_us < taken.closes_us:
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
        _require_term(decision, moment.at_us, [charter.amendment.covers_for])
        return Judgement(admitted=Admitted(), requirements=charter_requirements(charter))
    powers = proposed(draft, taken)
    rules = [rule for rule, about in applying(charter, draft) if powers & about]
    terms = [rule.covers_for for rule in rules if rule.covers_for is not None]
    _require_term(decision, moment.at_us, [charter.consulting.covers_for, *terms])
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
        fulfils = fulfilled(moment, covered, decision.covered_until_us)
    return Judgement(
        admitted=Admitted(fulfils=tuple(fulfils)),
        requirements=act_requirements("decision", draft, charter),
    )


def _require_term(decision: ConsultationDecision, at_us: int, terms: Iterable[Period]) -> None:
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
