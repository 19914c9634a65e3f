"""Questions as they are shown to people: never what was asked. Pure."""

from __future__ import annotations

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.commits.searches import EndedSearch, HeldSearch
from wicketgate.gateway.searching.store import AnswerMembers
from wicketgate.gateway.searching.values import (
    ApprovalWanted,
    BreadthShown,
    GapShown,
    SearchHeader,
    SearchShown,
    SearchStatus,
    SourceSearch,
)
from wicketgate.regime.searches.approvals import ApprovalNeeded
from wicketgate.regime.searches.rules import open_needs
from wicketgate.regime.searches.values import SearchAsked


def wanted(needs: tuple[ApprovalNeeded, ...]) -> tuple[ApprovalWanted, ...]:
    """Return approvals as they are shown."""
    return tuple(
        ApprovalWanted(office=one.offices[0], offices=one.offices, why=one.why, of_unit=one.of_unit)
        for one in needs
    )


def is_counting(held: HeldSearch) -> bool:
    """Return whether a question waits to be counted."""
    return held.asked.counts_first and held.told is None


def is_runnable(held: HeldSearch) -> bool:
    """Return whether a question waits for nobody, and has not run."""
    if held.until_us or is_counting(held):
        return False
    return bool(held.asked.approve_by_us) or not open_needs(held.waiting)


def is_kept_here(known: HeldSearch | EndedSearch, now_us: int) -> bool:
    """Return whether the gateway that made an answer keeps it yet: where it lies not here, it is gone."""
    return isinstance(known, HeldSearch) and now_us < known.until_us and not known.asked.elsewhere


def is_withheld(known: HeldSearch | EndedSearch) -> bool:
    """Return whether the number that was counted is not for whoever asked.

    What needs an approval for its age or its breadth is looked at by nobody before that: plates that are known to be
    there, put beside one that is sought, would make of a count its answer.
    """
    if known.told is None:
        return False
    if isinstance(known, EndedSearch):
        return known.rows is None
    return not known.until_us and any(one.why != "count" for one in open_needs(known.waiting))


def roughly(count: int | None) -> int | None:
    """Return a count as a source is told it: an upper bound, 9, 99, 999 and so on.

    A source has the reads: an exact number would tell it which plate was sought, or whether one that it invented was.

    >>> [roughly(count) for count in (None, 0, 9, 10, 99, 100, 12345)]
    [None, 9, 9, 99, 99, 999, 99999]
    """
    return None if count is None else 10 ** len(str(count)) - 1


def status_of(held: HeldSearch, now_us: int) -> SearchStatus:
    """Return how a question stands that has not ended."""
    if held.until_us:
        return "answered" if now_us < held.until_us else "ended"
    if is_counting(held):
        return "counting"
    if is_runnable(held):
        return "running"
    return "awaiting-approval" if held.told is None else "counted"


def shown_to_asker(
    id_: str, known: HeldSearch | EndedSearch, now_us: int, members: AnswerMembers | None = None
) -> SearchShown:
    """Return a question as it stands for whoever asked it; parameters as `shown`."""
    found = shown(id_, known, now_us, members)
    return msgspec.structs.replace(found, vehicles=None, withheld=True) if is_withheld(known) else found


def shown(
    id_: str, known: HeldSearch | EndedSearch, now_us: int, members: AnswerMembers | None = None
) -> SearchShown:
    """Return a question as it stands, for whoever approves it.

    Parameters
    ----------
    members : AnswerMembers, optional
        What its answer says of itself, where it has one.
    """
    if isinstance(known, EndedSearch):
        return _shown_ended(id_, known)
    asked = known.asked
    header = _header(known.header)
    return SearchShown(
        id=id_,
        status=status_of(known, now_us),
        authority=asked.authority,
        unit=asked.unit,
        asked_at=rfc3339(known.asked_us),
        breadth=breadth_of(asked),
        approvals_needed=wanted(open_needs(known.waiting)),
        kinds=asked.kinds,
        offence=asked.offence,
        case=asked.case,
        vehicles=known.told,
        signs=asked.signs,
        approvals=len(known.given),
        emergency=bool(asked.approve_by_us),
        approve_by=_time(asked.approve_by_us),
        unapproved=known.is_unapproved,
        rows=known.rows if known.until_us else None,
        header=header,
        root="" if header is None else header.root,
        promise=None if header is None else header.promise,
        until=_time(known.until_us),
        gaps=tuple(
            GapShown(from_=rfc3339(from_us), until=rfc3339(until_us), reads=reads)
            for from_us, until_us, reads in (known.gaps if members is None else members.gaps)
        ),
        covers=_time(known.covered_us if members is None else members.covered_us),
    )


def _shown_ended(id_: str, ended: EndedSearch) -> SearchShown:
    header = _header(ended.header)
    return SearchShown(
        id=id_,
        status=ended.status,
        authority=ended.authority,
        unit=ended.unit,
        asked_at=rfc3339(ended.asked_us),
        breadth=BreadthShown(
            cameras=ended.cameras, days=ended.days, camera_days=ended.camera_days, plates=ended.plates
        ),
        approvals_needed=(),
        kinds=ended.kinds,
        offence=ended.offence,
        case=ended.case,
        code=ended.code,
        vehicles=ended.told,
        approvals=ended.approvals,
        refused_reason=ended.said,
        emergency=bool(ended.approve_by_us),
        approve_by=_time(ended.approve_by_us),
        unapproved=ended.is_unapproved,
        rows=ended.rows,
        header=header,
        root="" if header is None else header.root,
        promise=None if header is None else header.promise,
        until=_time(ended.until_us),
    )


def of_source(id_: str, known: HeldSearch | EndedSearch, source: str, now_us: int) -> SourceSearch | None:
    """Return a question as a source sees it; None where it looks at none of its cameras."""
    about = known.asked if isinstance(known, HeldSearch) else known
    if source not in about.sources:
        return None
    one = shown(id_, known, now_us)
    return SourceSearch(
        id=id_,
        asked_at=one.asked_at,
        by=about.by,
        unit=one.unit,
        authority=one.authority,
        kinds=one.kinds,
        offence=one.offence,
        own_cameras=about.sources[source],
        cameras=one.breadth.cameras,
        camera_days=one.breadth.camera_days,
        plates=one.breadth.plates,
        status=one.status,
        code=one.code,
        vehicles=roughly(one.vehicles),
        rows=roughly(one.rows),
    )


def breadth_of(asked: SearchAsked) -> BreadthShown:
    """Return the breadth of a question that was put."""
    return BreadthShown(
        cameras=asked.cameras, days=asked.days, camera_days=asked.camera_days, plates=asked.plates
    )


def _header(text: str) -> SearchHeader | None:
    return msgspec.json.decode(text, type=SearchHeader) if text else None


def _time(at_us: int) -> str:
    return rfc3339(at_us) if at_us else ""


def asker_of(known: HeldSearch | EndedSearch) -> str:
    """Return who asked."""
    return known.asked.by if isinstance(known, HeldSearch) else known.by


def authority_of(known: HeldSearch | EndedSearch) -> str:
    """Return the name of the authority under which a question was asked."""
    whole = known.asked.authority if isinstance(known, HeldSearch) else known.authority
    return whole.partition("@")[0]


def unit_of(known: HeldSearch | EndedSearch) -> str:
    """Return the unit that asked."""
    return known.asked.unit if isinstance(known, HeldSearch) else known.unit
