"""Show of the state what anybody may see, as `/register.json`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import canonical, parse_json, signature_mappings
from wicketgate.commits.cameras import active, cameras_in_scope, in_scope
from wicketgate.commits.state import State
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.acts import ENDING, Act, Challenge, Review
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.authority_words import describe, is_in_custody
from wicketgate.regime.documents.consultations import Objection
from wicketgate.regime.documents.document import describe_document
from wicketgate.regime.figure_months import ClosedFigures, FiguresMonth
from wicketgate.regime.fold import (
    ActTaken,
    CharterTaken,
    ConsultationTaken,
    DecisionTaken,
    Named,
    Taken,
    Version,
)
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed, act_of
from wicketgate.regime.publishing import REGISTER_FORM, least_traffic, step_of
from wicketgate.regime.stance import stance_of
from wicketgate.regime.standing import consultation_status, in_force_from, review_due
from wicketgate.regime.witnessing import shown_witnesses, shown_witnessing


def build_register(moment: RegimeAt, state: State, *, checkpoint: bytes, log_key: str) -> dict[str, Any]:
    """Return the register at a moment.

    Parameters
    ----------
    state : State
        Where the moment's regime stands: its cameras, responses and figures are shown too.
    checkpoint : bytes
        The log's latest; it covers every entry named here (the caller sees to it).

    Notes
    -----
    O(authorities x cameras). Counts come from closed periods alone, so nothing here moves with the traffic.
    """
    parsed, charter = moment.parsed, moment.charter
    return {
        "form": REGISTER_FORM,
        "origin": charter.origin,
        "demonstration": charter.demonstration,
        "as_of": rfc3339(moment.at_us),
        "log_key": log_key,
        "checkpoint": checkpoint.decode(),
        "charter": _charter(state.regime.charters[-1], parsed),
        "charters": [_charter(taken, parsed) for taken in state.regime.charters],
        "authorities": [
            _version(moment, state, named, number)
            for _, named in sorted(state.authorities.items())
            for number in range(len(named.versions))
        ],
        "consultations": [
            _consultation(moment, state, id_, taken)
            for id_, taken in sorted(state.regime.consultations.items(), key=lambda item: item[1].entry)
        ],
        "people": [
            _people(moment, organisation, number)
            for organisation, taken in sorted(state.regime.people.items())
            for number in range(len(taken))
        ],
        "schemes": [
            _scheme(moment, name, number)
            for name, taken in sorted(state.regime.schemes.items())
            for number in range(len(taken))
        ],
        "waivers": [
            _waiver(moment, one) for _, taken in sorted(state.regime.waivers.items()) for one in taken
        ],
        "witnesses": shown_witnesses(charter),
        "witnessing": shown_witnessing(state.regime, charter),
        "figures": [{**period.figures, "entry": period.entry} for period in state.periods],
        "months": [month.shown() for month in state.months],
        "targeting": [{**period.figures, "entry": period.entry} for period in state.targeting_periods],
        "small_cells": charter.limits.small_cells,
        "least_traffic": least_traffic(charter),
        "step": step_of(charter),
    }


def _version(moment: RegimeAt, state: State, named: Named, number: int) -> dict[str, Any]:
    version = named.versions[number]
    parsed, authority = moment.parsed, moment.authority(version)
    listed = active(state.cameras)
    return {
        "name": authority.name,
        "version": authority.version,
        **shown_standing(moment, named, number),
        "mode": authority.mode,
        "document": _plain(authority.document),
        "signatures": _signatures(version.envelope, parsed),
        "entry": version.entry,
        "committed_at": rfc3339(version.committed_us),
        "cameras": int(np.count_nonzero(in_scope(state.cameras, authority, version.cap) & listed)),
        "cameras_withheld": (
            0 if version.cap is None else max(0, cameras_in_scope(state.cameras, authority) - version.cap)
        ),
        "camera_cap": version.cap,
        "redactions": len(authority.redactions),
        "custody": is_in_custody(authority),
        "standings": [
            {"status": told.status, "at": rfc3339(told.at_us), "entry": told.entry}
            for told in state.regime.told.get(authority.name, ())
            if told.version == authority.version
        ],
        "acts": [_act(taken, parsed) for taken in named.acts if _concerns(taken, version, authority, parsed)],
        "words": describe(authority, moment.charter),
    }


def shown_standing(moment: RegimeAt, named: Named, number: int) -> dict[str, Any]:
    """Return how a version stands, as the register shows it.

    Parameters
    ----------
    number : int
        Of the version, counted from 0.
    """
    version = named.versions[number]
    authority = moment.authority(version)
    due_us = review_due(version, authority)
    return {
        "status": moment.status(named, number),
        "in_force_from": rfc3339(in_force_from(version, authority)),
        "in_force_until": rfc3339(moment.in_force_until(named, number)),
        "review_due": None if due_us is None else rfc3339(due_us),
        "ended_by": version.ended_by or None,
        "consulted": _consulted_on(version),
        "stance": stance_of(moment, named, number).shown(),
    }


def _consulted_on(version: Version) -> dict[str, Any]:
    return {
        "need": version.need,
        "wider": version.wider,
        "by": version.by,
        "due": None if version.consult_due_us is None else rfc3339(version.consult_due_us),
        "since": None if version.consulted_us is None else rfc3339(version.consulted_us),
    }


def _concerns(taken: ActTaken, version: Version, authority: Authority, parsed: Parsed) -> bool:
    """Return whether an act is about this version.

    A review names one, a revocation ends those there were.
    """
    if taken.kind == "review":
        act = act_of(taken, parsed)
        return isinstance(act, Review) and act.version == authority.version
    return taken.kind not in ENDING or version.committed_us <= taken.at_us


def _act(taken: ActTaken, parsed: Parsed) -> dict[str, Any]:
    act = act_of(taken, parsed)
    shown = {
        "kind": taken.kind,
        "id": act.id,
        "at": rfc3339(taken.at_us),
        "entry": taken.entry,
        "reason": _reason(act),
        "document": _plain(parsed.open(taken.envelope).payload),
        "signatures": _signatures(taken.envelope, parsed),
    }
    return {**shown, "figures": taken.admitted.figures} if taken.kind == "review" else shown


def _reason(act: Act | Objection) -> str:
    match act:
        case Review():
            return act.findings
        case Challenge():
            return act.claim
        case _:
            return act.reason


def _charter(taken: CharterTaken, parsed: Parsed) -> dict[str, Any]:
    return {
        "document": _plain(parsed.open(taken.envelope).payload),
        "entry": taken.entry,
        "at": rfc3339(taken.at_us),
        "wider": list(taken.admitted.wider),
        "signatures": _signatures(taken.envelope, parsed),
    }


def _consultation(moment: RegimeAt, state: State, id_: str, taken: ConsultationTaken) -> dict[str, Any]:
    parsed, consultation = moment.parsed, moment.consultation(taken)
    closed = moment.at_us >= taken.closes_us
    return {
        "id": id_,
        "title": consultation.title,
        "kind": "charter" if isinstance(consultation.draft, Charter) else "authority",
        "status": consultation_status(taken, moment.at_us),
        "opens_at": rfc3339(taken.opens_us),
        "closes_at": rfc3339(taken.closes_us),
        "assessment": consultation.assessment,
        "cameras": taken.cameras,
        "camera_cap": taken.cap,
        "wider": taken.wider,
        "words": describe_document(consultation.draft, moment.charter),
        **_signed(taken, parsed),
        "committed_at": rfc3339(taken.at_us),
        "objections": [_objection(one, parsed) for one in taken.objections],
        "decision": None if taken.decision is None else _decision(taken.decision, parsed),
        "void_at": None if taken.void_us is None else rfc3339(taken.void_us),
        "quashed_at": None if taken.quashed_us is None else rfc3339(taken.quashed_us),
        "responses": state.responses.get(id_, 0) if closed else None,
        "responses_withheld": state.responses_withheld.get(id_, 0) if closed else None,
    }


def _signed(taken: Taken | ConsultationTaken | DecisionTaken, parsed: Parsed) -> dict[str, Any]:
    return {
        "entry": taken.entry,
        "at": rfc3339(taken.at_us),
        "document": _plain(parsed.open(taken.envelope).payload),
        "signatures": _signatures(taken.envelope, parsed),
    }


def _objection(taken: Taken, parsed: Parsed) -> dict[str, Any]:
    objection = parsed.objection(taken)
    return {
        "id": objection.id,
        "organisation": objection.organisation,
        "reason": objection.reason,
        **_signed(taken, parsed),
    }


def _decision(taken: DecisionTaken, parsed: Parsed) -> dict[str, Any]:
    decision = parsed.decision(taken)
    return {
        "id": decision.id,
        "outcome": decision.outcome,
        "reasons": decision.reasons,
        "answers": [{"objection": one, "answer": answer} for one, answer in decision.answers.items()],
        "covered_until": None if taken.until_us is None else rfc3339(taken.until_us),
        **_signed(taken, parsed),
    }


def _people(moment: RegimeAt, organisation: str, number: int) -> dict[str, Any]:
    taken = moment.regime.people[organisation][number]
    people = moment.parsed.people(taken)
    return {
        "organisation": organisation,
        "version": people.version,
        "status": moment.people_status(organisation, number),
        **_term(moment.people_term(organisation, number)),
        "words": describe_document(people, moment.charter),
        **_signed(taken, moment.parsed),
    }


def _scheme(moment: RegimeAt, name: str, number: int) -> dict[str, Any]:
    taken = moment.regime.schemes[name][number]
    scheme = moment.parsed.scheme(taken)
    return {
        "name": name,
        "version": scheme.version,
        "status": moment.scheme_status(name, number),
        **_term(moment.scheme_term(name, number)),
        "words": describe_document(scheme, moment.charter),
        **_signed(taken, moment.parsed),
    }


def _term(term: tuple[int, int]) -> dict[str, str]:
    """Return from when until when a version is in force; one that is replaced before it begins never is."""
    from_us, until_us = term
    return {"in_force_from": rfc3339(from_us), "in_force_until": rfc3339(max(from_us, until_us))}


def _waiver(moment: RegimeAt, taken: Taken) -> dict[str, Any]:
    waiver = moment.parsed.waiver(taken)
    return {
        "id": waiver.id,
        "scheme": waiver.scheme,
        "words": describe_document(waiver, moment.charter),
        **_signed(taken, moment.parsed),
    }


def _plain(document: Mapping[str, Any]) -> Any:
    # The values are read-only views, which neither JSON nor the pages' templates take everywhere.
    return parse_json(canonical(dict(document)))


def _signatures(envelope: bytes, parsed: Parsed) -> list[dict[str, str]]:
    return signature_mappings(parsed.open(envelope).envelope)


def dump_month(month: FiguresMonth, periods: Sequence[ClosedFigures], origin: str) -> bytes:
    """Return the figures of a closed month as JSON, the same bytes wherever they are made."""
    return msgspec.json.encode(
        {
            "origin": origin,
            "month": month.month,
            "root": month.root.hex(),
            "figures": [{**one.figures, "entry": one.entry} for one in periods],
        }
    )


def dump_register(register: Mapping[str, Any]) -> bytes:
    """Return the register as JSON."""
    return msgspec.json.encode(register)
