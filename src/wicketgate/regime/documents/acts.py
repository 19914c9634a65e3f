"""Acts on authorities: their values, shapes and words.

An act stops, ends, resumes, reviews or challenges an authority. Pure.

Whether an act may take effect is judged in `admission`. docs/spec/documents.md, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.charter import DOCUMENT_ID, NAME
from wicketgate.regime.members import Members

ACTS = frozenset({"revocation", "suspension", "resumption", "review", "challenge", "quashed"})
"""The kinds of documents that are acts."""
ENDING = frozenset({"revocation", "quashed"})
"""Those that end every version there is of an authority."""

_PROSE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The end of every version of an authority in effect so far.

    It ends those that have taken effect.
    """

    id: str
    authority: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """The stop of an authority, later versions included, until a resumption names it."""

    id: str
    authority: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """The lifting of one suspension, named by its id.

    Other suspensions go on.
    """

    id: str
    authority: str
    suspension: str
    at_us: int
    reason: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The finding on review: one version of an authority may go on.

    The next review is due from `reviewed_us` on.
    """

    id: str
    authority: str
    version: int
    at_us: int
    reviewed_us: int
    findings: str
    why_not_match: str | None
    why_not_search: str | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Notice of a court case to quash an authority.

    With `stay` the authority is suspended until a resumption names the challenge.
    """

    id: str
    authority: str
    at_us: int
    court: str
    claim: str
    stay: bool
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quashed:
    """A court's order to end every version of an authority.

    It also ends the coverage of a consultation, if it names one.
    """

    id: str
    authority: str
    at_us: int
    court: str
    reason: str
    consultation: str | None
    document: Mapping[str, Any]


Act = Revocation | Suspension | Resumption | Review | Challenge | Quashed


def parse_act(kind: str, document: Mapping[str, Any]) -> Act:
    """Return the act in a document.

    Neither charter nor signatures are looked at.

    Raises
    ------
    DocumentRefused
        `malformed`, `unknown-key` or `unsupported`, naming the member.
    """
    if kind not in ACTS:
        raise DocumentRefused(f"a {kind[:40]} is no act on an authority")
    root = Members(document)
    members = root.table(kind)
    members.log()
    common: dict[str, Any] = {
        "id": members.text("id", pattern=DOCUMENT_ID),
        "authority": members.text("authority", pattern=NAME),
        "at_us": members.time_us("at"),
        "document": document,
    }
    if kind == "review":
        act: Act = _review(members, common)
    elif kind == "challenge":
        act = Challenge(
            court=members.text("court", most=500),
            claim=members.text("claim", most=_PROSE),
            stay=members.boolean("stay"),
            **common,
        )
    elif kind == "quashed":
        act = Quashed(
            court=members.text("court", most=500),
            reason=members.text("reason", most=_PROSE),
            consultation=(
                members.text("consultation", pattern=DOCUMENT_ID) if members.has("consultation") else None
            ),
            **common,
        )
    else:
        common["reason"] = members.text("reason", most=_PROSE)
        if kind == "resumption":
            act = Resumption(suspension=members.text("suspension", pattern=DOCUMENT_ID), **common)
        else:
            act = Revocation(**common) if kind == "revocation" else Suspension(**common)
    members.end()
    root.end()
    return act


def _review(members: Members, common: dict[str, Any]) -> Review:
    if not members.boolean("continue"):
        raise DocumentRefused(
            f"`{members.at('continue')}`: to end an authority submit a revocation", code="unsupported"
        )
    return Review(
        version=members.integer("version", least=1, most=1_000_000),
        reviewed_us=members.time_us("reviewed_at"),
        findings=members.text("findings", most=_PROSE),
        why_not_match=_if_there(members, "why_not_match"),
        why_not_search=_if_there(members, "why_not_search"),
        **common,
    )


def _if_there(members: Members, name: str) -> str | None:
    return members.text(name, most=_PROSE) if members.has(name) else None


def describe_act(act: Act) -> list[str]:
    """Describe an act in sentences."""
    match act:
        case Revocation():
            return [
                f"Revocation `{act.id}`: ends every version of `{act.authority}` that has taken effect.",
                f"Reason: {act.reason}",
            ]
        case Suspension():
            return [
                f"Suspension `{act.id}`: stops `{act.authority}`, later versions too, until it is lifted.",
                f"Reason: {act.reason}",
            ]
        case Resumption():
            return [
                f"Resumption `{act.id}`: lifts suspension `{act.suspension}` of `{act.authority}`.",
                f"Reason: {act.reason}",
            ]
        case Review():
            return [
                f"Review `{act.id}`: {act.authority}@{act.version} may go on. The time to the next review "
                f"runs from {rfc3339(act.reviewed_us)}.",
                f"Findings: {act.findings}",
            ]
        case Challenge():
            effect = "It is suspended until that is decided." if act.stay else "It goes on meanwhile."
            return [
                f"Challenge `{act.id}`: `{act.authority}` is challenged in {act.court}. {effect}",
                f"Claim: {act.claim}",
            ]
        case Quashed():
            lines = [
                f"Order `{act.id}` of {act.court}: every version of `{act.authority}` is quashed.",
                f"Reason: {act.reason}",
            ]
            if act.consultation is not None:
                lines.append(f"What the consultation `{act.consultation}` covered is covered no more.")
            return lines
        case _:
            assert_never(act)
