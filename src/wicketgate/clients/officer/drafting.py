"""Drafts of acts, and the figures before a review.

Pure: the time and the chance are passed in.

A draft is the document, complete, as `toml.dump_toml` writes it for an officer to read, check and sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.regime.admission.review_figures import since_review
from wicketgate.regime.documents.authority import Authority, review_due_us

Draft = dict[str, Any]
"""A document as JSON."""

_ROWS = ("looked", "rows", "listed")
_HITS = ("exact", "possible", "late", "clone")


def new_id(kind: str, at_us: int, chance: str) -> str:
    """Return the id of a new document.

    It has the kind, the day, and `chance`, so that no two drafts have one id.

    >>> new_id("review", 1_783_512_000_000_000, "4f2c9a")
    'review-20260708-4f2c9a'
    """
    return f"{kind}-{rfc3339(at_us)[:10].replace('-', '')}-{chance}"


def draft_stop(
    kind: Literal["suspension", "revocation"], name: str, *, id_: str, at_us: int, reason: str
) -> Draft:
    """Return a stop of an authority, until it is lifted or for good."""
    return {kind: {"id": id_, "authority": name, "at": rfc3339(at_us), "reason": reason}}


def draft_resumption(name: str, suspension: str, *, id_: str, at_us: int, reason: str) -> Draft:
    """Return the lifting of one suspension of an authority."""
    members = {"id": id_, "authority": name, "suspension": suspension, "at": rfc3339(at_us), "reason": reason}
    return {"resumption": members}


def draft_review(
    authority: Authority,
    *,
    id_: str,
    at_us: int,
    findings: str,
    why_not_match: str | None,
    why_not_search: str | None,
) -> Draft:
    """Return a review in favour of a version.

    The time of the review is the time of the draft.
    """
    members: Draft = {
        "id": id_,
        "authority": authority.name,
        "version": authority.version,
        "at": rfc3339(at_us),
        "reviewed_at": rfc3339(at_us),
        "findings": findings,
    }
    for member, words in (("why_not_match", why_not_match), ("why_not_search", why_not_search)):
        if words is not None:
            members[member] = words
    return {"review": {**members, "continue": True}}


def draft_consultation(
    proposal: Mapping[str, Any],
    *,
    id_: str,
    title: str,
    at_us: int,
    opens_us: int,
    closes_us: int,
    assessment: str,
) -> Draft:
    """Return a consultation on a whole authority or charter."""
    members = {
        "id": id_,
        "title": title,
        "at": rfc3339(at_us),
        "opens_at": rfc3339(opens_us),
        "closes_at": rfc3339(closes_us),
        "assessment": assessment,
    }
    return {"consultation": members, "draft": dict(proposal)}


def draft_objection(
    about: Literal["consultation", "authority"],
    name: str,
    *,
    id_: str,
    at_us: int,
    organisation: str,
    reason: str,
    annul: bool,
) -> Draft:
    """Return an objection to a consultation, or to an authority."""
    members: Draft = {
        "id": id_,
        about: name,
        "at": rfc3339(at_us),
        "organisation": organisation,
        "reason": reason,
    }
    return {"objection": {**members, "annul": True} if annul else members}


def draft_decision(
    consultation: str,
    *,
    id_: str,
    at_us: int,
    reasons: str,
    answers: Mapping[str, str],
    covered_until_us: int | None,
    covered: Mapping[str, Any] | None,
) -> Draft:
    """Return a decision on a consultation.

    It approves until `covered_until_us`, or rejects where that is None.
    """
    members: Draft = {
        "id": id_,
        "consultation": consultation,
        "at": rfc3339(at_us),
        "outcome": "rejected" if covered_until_us is None else "approved",
        "reasons": reasons,
        "answers": [{"objection": one, "answer": answer} for one, answer in answers.items()],
    }
    if covered_until_us is not None:
        members["covered_until"] = rfc3339(covered_until_us)
    return {"decision": members} if covered is None else {"decision": members, "covered": dict(covered)}


# --- what a review is about -------------------------------------------------------------------------------


def figures_for(periods: Iterable[Mapping[str, Any]], authority: Authority, since_us: int) -> list[str]:
    """Return sentences on the figures for a review.

    They are those which the ledger will attach to it.

    Parameters
    ----------
    periods : iterable of mapping
        The register's `figures` and `targeting`.
    since_us : int
        When the version was last reviewed, or else took effect; microseconds since the epoch.

    Raises
    ------
    InputError
        If `periods` are not as a register shows them.
    """
    try:
        return _describe(since_review(periods, authority.name, since_us), authority)
    except (KeyError, TypeError, AttributeError, ValueError, InputError) as error:
        raise InputError("the register's figures are not as a gateway shows them") from error


def _describe(figures: Mapping[str, Any], authority: Authority) -> list[str]:
    if not figures["periods"]:
        return [f"No figures on `{authority.name}` have been published since {figures['since']}."]
    lines = [
        f"Figures of `{authority.name}` from {figures['from']} until {figures['until']}, as the ledger publishes them "
        f"({figures['periods']} periods):",
        f"- Reads decided by the gateway: {figures['decided']:,}.",
    ]
    if figures["released"] is None:
        lines.append(
            f"- Reads compared with its list: {figures['compared']:,}. How many of them left is not published."
        )
    else:
        lines.append(f"- Reads that left under it: {figures['released']:,}.{_share(figures)}")
    if authority.mode == "match":
        lines += _describe_targeting(figures)
    if authority.mode == "unlisted" and "unlisted" in figures.get("targeting", {}):
        sums = figures["targeting"]["unlisted"]
        lines.append(
            f"- By its months at least {sums['released']:,} rows left, and at least {sums['withheld']:,} stayed "
            "because they are listed."
        )
    lines.append(f"- Searches: {figures['searches']:,} (this version does not search).")
    if figures["suppressed"]:
        lines.append(
            f"- {figures['suppressed']} counts were too small to be published and are in no sum: each may be more."
        )
    return lines


def _describe_targeting(figures: Mapping[str, Any]) -> list[str]:
    """Return sentences on hits and outcomes: vehicles by the month, under version 0.3 reads."""
    lines = []
    targeting = figures.get("targeting")
    if targeting is None or figures["hits"] or figures["outcomes"]:
        hits = [f"{kind} {figures['hits'].get(kind, 0):,}" for kind in _HITS]
        lines.append(f"- Hits: {', '.join(hits)}.")
        outcomes = [f"{outcome} {count:,}" for outcome, count in figures["outcomes"].items()]
        lines.append(f"- Outcomes: {', '.join(outcomes) or 'none'}.")
    if targeting is not None:
        span = f"from {targeting['from']} until {targeting['until']}"
        for title, member in (("Vehicles with hits", "hits"), ("Vehicles with outcomes", "outcomes")):
            sums = ", ".join(f"{kind} at least {count:,}" for kind, count in targeting[member].items())
            lines.append(f"- {title} {span}: {sums or 'too few to be published'}.")
        asked = targeting.get("searches")
        if asked == "unknown":
            lines.append(f"- Questions asked of what was got {span}: unknown, for there is no custody.")
        elif asked is not None:
            sums = ", ".join(f"{kind} at least {count:,}" for kind, count in asked.items())
            lines.append(f"- Questions {span}: {sums or 'too few to be published'}.")
        lines += _describe_custody(targeting.get("custody"), span)
        if targeting["suppressed"]:
            lines.append(f"- {targeting['suppressed']} counts of them were too small to be published.")
    return lines


def _describe_custody(custody: object, span: str) -> list[str]:
    """Return what answers out of custody say of whether bulk was needed: what other modes would have released."""
    if custody == "unknown":
        return [
            f"- Rows that were looked at {span}, and what match and search would have released: unknown, for there is "
            "no custody."
        ]
    if not isinstance(custody, Mapping):
        return []
    told = {
        kind: f"at least {custody[kind]:,}" if kind in custody else "fewer than one step" for kind in _ROWS
    }
    return [
        f"- Rows that were looked at {span}: {told['looked']}.",
        f"- Had it been mode search, its answers would have released {told['rows']}; mode match, had each plate been "
        f"listed when it was first named, {told['listed']} of these.",
    ]


def _share(figures: Mapping[str, Any]) -> str:
    if figures["left_ppm"] is None:
        return ""
    return f" That is {figures['left_ppm'] / 10_000:.3g} % of the reads: the cost in intrusion."


def describe_deadline(authority: Authority, due_us: int | None, reviewed_us: int) -> list[str]:
    """Return sentences on the deadline of a review.

    They say by when it must be recorded, and what this one would make of that.

    Parameters
    ----------
    due_us : int or None
        When it is due now; None where it is demanded no more.
    """
    next_us = review_due_us(authority, reviewed_us)
    if next_us is None:
        return ["No review is demanded of it before it ends."]
    lines = [] if due_us is None else [f"The review must be recorded by {rfc3339(due_us)}, or it lapses."]
    if next_us >= authority.valid_until_us:
        return [*lines, f"After this one none is due before it ends, at {rfc3339(authority.valid_until_us)}."]
    return [*lines, f"After this one the next is due by {rfc3339(next_us)}."]
