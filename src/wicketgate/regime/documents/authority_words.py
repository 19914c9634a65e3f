"""Authorities in words: what a version lets go, to whom, and until when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wicketgate.base.clock import rfc3339
from wicketgate.base.hours import describe_hours
from wicketgate.base.periods import describe_period
from wicketgate.regime.charter import AS_BULK, Charter
from wicketgate.regime.documents.authority import DEMANDABLE, Area, Authority
from wicketgate.regime.documents.fields import LOOKALIKES, fields_in_words
from wicketgate.regime.documents.keeper_terms import describe_keeper
from wicketgate.regime.documents.search_terms import BreadthTerms, SearchTerms
from wicketgate.regime.documents.unlisted_terms import describe_unlisted

DONE_BY: Mapping[str, str] = MappingProxyType(
    {
        "viewer": "see its rows, hits and images",
        "confirmer": "say what came of a hit",
        "hotlist-keeper": "see and change its lists",
    }
)
"""What people of a role do under an authority."""


def _what_leaves(authority: Authority) -> str:
    if authority.mode == "search" and authority.search is not None:
        return f"answers to questions, at most {describe_period(authority.search.max_age)} back"
    if authority.unlisted is not None:
        return f"every read in scope of vehicles on none of its lists ({', '.join(authority.unlisted.lists)})"
    if authority.match is None:
        return "every read in scope"
    terms = authority.match
    return (
        f"the reads in scope of vehicles that it has listed for {', '.join(terms.kinds)}, at most "
        f"{terms.max_entries:,} at a time and each for no longer than {describe_period(terms.entry_life)}{LOOKALIKES}"
    )


_ASKED_BY: Mapping[str, str] = MappingProxyType(
    {
        "plate": "one exact plate",
        "pattern": "a part of a plate",
        "lookalikes": "look-alikes of a plate",
        "plates": "several plates",
        "place": "a place and a time alone",
        "vehicle": "what the camera said of the vehicle",
        "scenes": "several places and times",
    }
)


def describe_search(terms: SearchTerms) -> list[str]:
    """Describe in sentences the questions that may be asked, and who must approve them."""
    lines = [f"It may be asked by {', '.join(_ASKED_BY[kind] for kind in terms.questions)}."]
    if terms.hours:
        lines.append(f"Only of captures of these hours: {'; '.join(map(describe_hours, terms.hours))}.")
    for tier in terms.tiers:
        lines.append(
            f"What is older than {describe_period(tier.older_than)} needs the approval of {tier.approver}."
        )
    breadth = terms.breadth
    if breadth == BreadthTerms():
        lines.append("Every question needs a second approval: no breadth is named up to which it does not.")
    else:
        lines.append(
            f"A question of more than {breadth.camera_days:,} camera-days, or more than {breadth.plates:,} plates, "
            "needs a second approval. Where none is named, every vehicle read there counts as one."
        )
    lines.append(f"An answer is kept for {describe_period(terms.answer_retention)}.")
    return lines


IN_CUSTODY: Final = (
    "The recipient may look back at what it got by approved questions alone, in custody. Copies taken around custody "
    "are not seen."
)
NOT_IN_CUSTODY: Final = (
    "It names no questions: how the recipient looks back at what it got is not seen. Custody keeps it, and answers "
    "nothing."
)


def is_in_custody(authority: Authority) -> bool | None:
    """Return whether what an authority of mode bulk or unlisted released may be looked back at by its questions alone.

    None where it is of another mode. Pure: what the recipient does on its machines nobody sees from here.
    """
    return authority.search is not None if authority.mode in AS_BULK else None


def describe_area(area: Area) -> str:
    """Describe an area in words."""
    south, west, north, east = (
        f"{edge / 1_000_000:g}°" for edge in (area.south, area.west, area.north, area.east)
    )
    return f"between {south} and {north} latitude and {west} and {east} longitude"


def describe(authority: Authority, charter: Charter | None = None) -> list[str]:
    """Describe in sentences an authority's powers, recipient and end, by the charter's names."""

    def name_of(organisation: str) -> str:
        known = charter.organisations.get(organisation) if charter else None
        return known.name if known else f"`{organisation}`"

    recipient = charter.organisations.get(authority.recipient) if charter else None
    unit = recipient.units.get(authority.unit) if recipient else None
    purpose = charter.purposes.get(authority.purpose) if charter else None
    scope = authority.scope
    whose = " and ".join(name_of(source) for source in scope.sources)
    cameras = f"the camera groups {', '.join(scope.groups)}" if scope.groups else "every camera"
    if scope.max_cameras is not None:
        cameras = f"at most {scope.max_cameras:,} cameras: {cameras}"
    onward = ", ".join(name_of(one) for one in authority.onward)
    retention = describe_period(authority.recipient_retention)
    lines = [
        f"{authority.title} ({authority.reference}).",
        f"{name_of(authority.controller)} lets {unit.name if unit else f'`{authority.unit}`'} of "
        f"{name_of(authority.recipient)} have {_what_leaves(authority)} (mode {authority.mode}).",
        f"Purpose: {purpose or authority.purpose}. No other purpose is allowed.",
        f"Instrument: {authority.instrument.kind}, {authority.instrument.citation}.",
        f"Scope: {cameras} of {whose}{'' if scope.area is None else ', ' + describe_area(scope.area)}.",
        f"Hours: {'; '.join(describe_hours(item) for item in scope.hours) or 'every hour'}.",
        f"Released of each read: {', '.join(fields_in_words(scope.fields, authority.log))}.",
        f"For captures from {rfc3339(authority.valid_from_us)} until {rfc3339(authority.valid_until_us)}.",
        f"The recipient may keep it for {retention}, and may pass it on to {onward or 'nobody'}.",
    ]
    if authority.unlisted is not None:
        lines += describe_unlisted(authority.unlisted)
    if authority.search is not None:
        if authority.mode in AS_BULK:
            lines.append(IN_CUSTODY)
        lines += describe_search(authority.search)
    if authority.keeper is not None:
        lines += describe_keeper(authority.keeper)
    if authority.demands:
        done = [DONE_BY[role] for role in DEMANDABLE if role in authority.demands]
        lines.append(
            f"Named people alone may {'; '.join(done)}: no machine, and nobody by a token "
            f"({', '.join(role for role in DEMANDABLE if role in authority.demands)})."
        )
    if authority.match is not None and authority.match.alerts_plate:
        lines.append("Alerts of its hits may carry the plate, by mail and to other programs.")
    if authority.urgent:
        lines.append("It is urgent: it takes effect without a consultation.")
    if authority.redactions:
        members = ", ".join(redaction.member for redaction in authority.redactions)
        lines.append(f"Withheld from the public: {members}.")
    if authority.review_every is None:
        lines.append("No review is demanded before it ends.")
    else:
        every = describe_period(authority.review_every)
        lines.append(f"It lapses by itself when no review has been recorded for {every}.")
    return lines
