"""Consultations: the proposal, the objections and the decision.

Here are their values, shapes and words; the objections are those of departments. Pure.

Whether one may take effect, and what a decision covers, is judged in `admission`. docs/spec/consultations.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.charter import DOCUMENT_ID, NAME, Charter, parse_charter
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.members import Members

_PROSE = 20_000
_MOST_ANSWERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """A published proposal, open to responses until it closes.

    Attributes
    ----------
    opens_us, closes_us : int
        Half-open, microseconds since the epoch; it never opens before it is published.
    assessment : str
        What it would mean for people, as its proposer sees it.
    draft : Authority or Charter
        What is proposed, whole.
    """

    id: str
    title: str
    at_us: int
    opens_us: int
    closes_us: int
    assessment: str
    draft: Authority | Charter
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """An organisation's objection to a proposal or to an authority in force.

    Attributes
    ----------
    consultation, authority : str or None
        One of them: what it is about.
    annul : bool
        It ends the authority, where the charter lets the office that signs it.
    """

    id: str
    consultation: str | None
    authority: str | None
    at_us: int
    organisation: str
    reason: str
    annul: bool
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultationDecision:
    """The decision on a consultation.

    Attributes
    ----------
    answers : mapping of str to str
        By the id of the objection; each one must be answered.
    covered_until_us : int or None
        Until when the powers are covered; None if it was rejected.
    covered : Authority or None
        What is covered, where that is less than the draft.
    """

    id: str
    consultation: str
    at_us: int
    outcome: Literal["approved", "rejected"]
    reasons: str
    answers: Mapping[str, str]
    covered_until_us: int | None
    covered: Authority | None
    document: Mapping[str, Any]


def parse_consultation(document: Mapping[str, Any]) -> Consultation:
    """Return the consultation in a document.

    Neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member; for the draft as `parse_authority` or `parse_charter`.
    """
    root = Members(document)
    members = root.table("consultation")
    log = members.log()
    consultation = Consultation(
        id=members.text("id", pattern=DOCUMENT_ID),
        title=members.text("title"),
        at_us=members.time_us("at"),
        opens_us=members.time_us("opens_at"),
        closes_us=members.time_us("closes_at"),
        assessment=members.text("assessment", most=_PROSE),
        draft=_draft(root.get("draft"), log),
        document=document,
    )
    members.end()
    root.end()
    if consultation.closes_us <= consultation.opens_us:
        raise DocumentRefused("`consultation.closes_at` is not after `consultation.opens_at`")
    return consultation


def _draft(value: object, log: str | None) -> Authority | Charter:
    if not isinstance(value, Mapping) or ("authority" in value) == ("charter" in value):
        raise DocumentRefused("`draft` is not a whole authority or a whole charter")
    try:
        return parse_authority(value, log=log) if "authority" in value else parse_charter(value)
    except DocumentRefused as error:
        raise DocumentRefused(f"in `draft`: {error.detail}", code=error.code) from error


def parse_objection(document: Mapping[str, Any]) -> Objection:
    """Return the objection in a document, as `parse_consultation` does."""
    root = Members(document)
    members = root.table("objection")
    members.log()
    objection = Objection(
        id=members.text("id", pattern=DOCUMENT_ID),
        consultation=members.text("consultation", pattern=DOCUMENT_ID)
        if members.has("consultation")
        else None,
        authority=members.text("authority", pattern=NAME) if members.has("authority") else None,
        at_us=members.time_us("at"),
        organisation=members.text("organisation", pattern=NAME),
        reason=members.text("reason", most=_PROSE),
        annul=members.has("annul") and members.boolean("annul"),
        document=document,
    )
    members.end()
    root.end()
    if (objection.consultation is None) == (objection.authority is None):
        raise DocumentRefused("an objection names either `objection.consultation` or `objection.authority`")
    if objection.annul and objection.authority is None:
        raise DocumentRefused("`objection.annul`: only an authority can be annulled")
    return objection


def parse_decision(document: Mapping[str, Any]) -> ConsultationDecision:
    """Return the decision in a document, as `parse_consultation` does."""
    root = Members(document)
    members = root.table("decision")
    log = members.log()
    outcome = members.one_of("outcome", ("approved", "rejected"))
    approved = outcome == "approved"
    answers: dict[str, str] = {}
    for item in members.tables("answers", most=_MOST_ANSWERS):
        objection = item.text("objection", pattern=DOCUMENT_ID)
        if objection in answers:
            raise DocumentRefused(f"`{item.at('objection')}`: `{objection}` is answered twice")
        answers[objection] = item.text("answer", most=_PROSE)
        item.end()
    covered = None
    if root.has("covered"):
        if not approved:
            raise DocumentRefused("`covered`: a rejected proposal covers nothing")
        try:
            covered = parse_authority(Members(root.get("covered"), "covered").mapping, log=log)
        except DocumentRefused as error:
            raise DocumentRefused(f"in `covered`: {error.detail}", code=error.code) from error
    decision = ConsultationDecision(
        id=members.text("id", pattern=DOCUMENT_ID),
        consultation=members.text("consultation", pattern=DOCUMENT_ID),
        at_us=members.time_us("at"),
        outcome="approved" if approved else "rejected",
        reasons=members.text("reasons", most=_PROSE),
        answers=answers,
        covered_until_us=members.time_us("covered_until") if approved else None,
        covered=covered,
        document=document,
    )
    members.end()
    root.end()
    return decision


def describe_consultation(consultation: Consultation) -> list[str]:
    """Describe in sentences the subject of a consultation.

    The sentences of the draft come besides.
    """
    draft = consultation.draft
    what = f"the charter version {draft.version}" if isinstance(draft, Charter) else f"`{draft.reference}`"
    return [
        f"Consultation `{consultation.id}`: {consultation.title}.",
        f"Everybody can respond from {rfc3339(consultation.opens_us)} until {rfc3339(consultation.closes_us)}.",
        f"Proposed is {what}.",
    ]


def describe_objection(objection: Objection, charter: Charter | None = None) -> list[str]:
    """Describe in sentences an objection and its effect.

    They say who objects to what, and with what effect.
    """
    known = charter.organisations.get(objection.organisation) if charter else None
    who = known.name if known else f"`{objection.organisation}`"
    about = objection.consultation or objection.authority
    effect = " It ends the authority." if objection.annul else ""
    return [f"Objection `{objection.id}` of {who} to `{about}`.{effect}", f"Reason: {objection.reason}"]


def describe_decision(decision: ConsultationDecision) -> list[str]:
    """Describe in sentences a decision, its coverage and the end of it."""
    lines = [f"Decision `{decision.id}` on the consultation `{decision.consultation}`: {decision.outcome}."]
    if decision.covered_until_us is not None:
        what = "what was proposed" if decision.covered is None else "less than what was proposed"
        lines.append(f"It covers {what}, until {rfc3339(decision.covered_until_us)}.")
    lines.append(f"Reasons: {decision.reasons}")
    lines.extend(f"To objection `{one}`: {answer}" for one, answer in decision.answers.items())
    return lines
