"""Authorities, rules of charters and names as sets of powers.

Of a charter's rule it is a part that is meant. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from wicketgate.base.hours import Hours
from wicketgate.base.periods import Period, longest_us
from wicketgate.regime.charter import AS_BULK, MODES
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.keeper_terms import KeeperTerms
from wicketgate.regime.documents.search_terms import SearchTerms
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.powers.algebra import Powers
from wicketgate.regime.powers.boxes import Box
from wicketgate.regime.powers.sides import (
    ALL_NAMES,
    ALL_PATHS,
    EVERY_HOUR,
    WEEK_MINUTES,
    Names,
    Spans,
    Tree,
    Week,
)

NOWHERE = -90_000_001
"""The latitude, in microdegrees, of a camera without a position: south of every other."""

EVERYWHERE = Spans(((NOWHERE, 90_000_001),))
"""Every latitude, and none."""

AROUND = Spans(((-180_000_000, 180_000_001),))
"""Every longitude."""

ALL_NUMBERS = Spans.up_to(None)
"""Every length and every count."""

ALL_MODES = Names(frozenset(MODES))

EVERYTHING = Box(
    unit=ALL_PATHS,
    purpose=ALL_PATHS,
    mode=ALL_MODES,
    source=ALL_NAMES,
    group=ALL_NAMES,
    latitude=EVERYWHERE,
    longitude=AROUND,
    cameras=ALL_NUMBERS,
    field=ALL_NAMES,
    hours=EVERY_HOUR,
    age=ALL_NUMBERS,
    approval=ALL_NAMES,
    retention=ALL_NUMBERS,
    onward=ALL_NAMES,
    kind=ALL_NAMES,
    entries=ALL_NUMBERS,
    entry_life=ALL_NUMBERS,
    list_age=ALL_NUMBERS,
    shrink=ALL_NUMBERS,
    doer=ALL_NAMES,
    question=ALL_NAMES,
    camera_days=ALL_NUMBERS,
    plates=ALL_NUMBERS,
    answer_retention=ALL_NUMBERS,
    cause=ALL_NAMES,
    register=ALL_NAMES,
    links=ALL_NUMBERS,
    linked_after=ALL_NUMBERS,
)
"""Every power that there could be."""

IN_ALERTS = "plate-in-alerts"
"""What is released besides the fields where alerts carry the plate: it is a power like a field."""

NONE_OF_IT = Spans.up_to(0)
"""No time, and no number of things."""

NO_QUESTION = Names(frozenset({""}))
"""What is had without anybody's asking: what a list hits."""

NO_LINK = Names(frozenset({""}))
"""What is had without anybody's keeper."""

CONTAINED = {
    "match": ("match",),
    "search": ("match", "search"),
    "unlisted": ("unlisted",),
    "bulk": ("match", "search", "unlisted", "bulk"),
}
"""The modes of which an authority of some mode has the powers."""


def of_authority(authority: Authority, cameras: int | None) -> Powers:
    """Return the powers of an authority.

    Parameters
    ----------
    authority : Authority
        Its validity and review are no powers: how long powers are covered is another question.
    cameras : int or None
        How many cameras it may use; None is any number. Its own `max_cameras` counts besides.

    Returns
    -------
    Powers
        Never empty. One box; with terms of searches one for each tier besides; with terms of links each a second time.
    """
    scope, match = authority.scope, authority.match
    counts = [count for count in (cameras, scope.max_cameras) if count is not None]
    retention_us = longest_us(authority.recipient_retention)
    told = [IN_ALERTS] if match is not None and match.alerts_plate else []
    box = EVERYTHING._replace(
        unit=Tree.below([authority.whose]),
        purpose=Tree.below([authority.purpose]),
        mode=Names(frozenset(CONTAINED[authority.mode])),
        source=Names(frozenset(scope.sources)),
        group=Names(frozenset(scope.groups)) if scope.groups else ALL_NAMES,
        cameras=Spans.up_to(min(counts, default=None)),
        field=Names(frozenset((*scope.fields, *told))),
        hours=week_of(scope.hours),
        retention=Spans.up_to(retention_us),
        onward=Names(frozenset(("", *authority.onward))),
        doer=ALL_NAMES - Names(authority.demands),
    )
    if scope.area is not None:
        box = box._replace(
            latitude=Spans.of([(scope.area.south, scope.area.north + 1)]),
            longitude=Spans.of([(scope.area.west, scope.area.east + 1)]),
        )
    if authority.mode == "match":
        box = box._replace(
            age=Spans.up_to(0),
            question=NO_QUESTION,
            camera_days=NONE_OF_IT,
            plates=NONE_OF_IT,
            answer_retention=NONE_OF_IT,
        )
        if match is not None:
            box = box._replace(
                kind=Names(frozenset(match.kinds)),
                entries=Spans.up_to(match.max_entries),
                entry_life=Spans.up_to(longest_us(match.entry_life)),
            )
    if authority.mode in AS_BULK:
        box = box._replace(age=Spans.up_to(retention_us))
    if authority.unlisted is not None:
        box = _beyond_lists(box, authority.unlisted)
    if authority.search is None:
        return Powers.of(_linked([box], authority.keeper))
    box = _asked(box, authority.search)
    if authority.mode == "search":
        # Hours outside those of the scope are refused elsewhere: the powers would be none, and hide what is wider.
        box = box._replace(hours=box.hours & week_of(authority.search.hours) or box.hours)
    ages = ((age & box.age, approval) for age, approval in _tiers(authority.search))
    asked = [box._replace(age=age, approval=approval) for age, approval in ages if age]
    return Powers.of(_linked(asked, authority.keeper))


def _linked(boxes: Sequence[Box], terms: KeeperTerms | None) -> Iterator[Box]:
    """Yield boxes without anybody's keeper, and each with the keepers that some terms let be linked."""
    for box in boxes:
        yield box._replace(cause=NO_LINK)
        if terms is not None:
            yield box._replace(
                cause=Names(frozenset(terms.causes)),
                register=Names(frozenset(terms.registers)),
                links=Spans.up_to(terms.per_day),
                linked_after=ALL_NUMBERS - Spans.up_to(terms.not_before.us - 1)
                if terms.not_before.us
                else ALL_NUMBERS,
            )


def _beyond_lists(box: Box, terms: UnlistedTerms) -> Box:
    """Return a box as far as it is had of vehicles on none of some lists, while these are fit to be relied on."""
    return box._replace(
        kind=ALL_NAMES - Names(frozenset(terms.lists)),
        entries=ALL_NUMBERS - Spans.up_to(terms.min_entries - 1),
        list_age=Spans.up_to(longest_us(terms.stale_after)),
        shrink=Spans.up_to(terms.max_shrink_ppm),
    )


def in_bulk_together(one: Powers, other: Powers) -> Powers:
    """Return what an authority of mode unlisted and one of mode match have together beyond either.

    What is on no list leaves by the one, and what is listed by the other: whoever has both has every read where both
    see the same cameras. They are held against each other whatever their unit, purpose, group and hours; the powers are
    those of the first, in bulk.
    """
    found = []
    for box in one.boxes:
        for beside in other.boxes:
            common = box._replace(
                mode=Names(frozenset({"bulk"})),
                source=box.source & beside.source,
                latitude=box.latitude & beside.latitude,
                longitude=box.longitude & beside.longitude,
                field=box.field & beside.field,
                age=box.retention,
                approval=ALL_NAMES,
                kind=ALL_NAMES,
                entries=ALL_NUMBERS,
                entry_life=ALL_NUMBERS,
                list_age=ALL_NUMBERS,
                shrink=ALL_NUMBERS,
                question=ALL_NAMES,
                camera_days=ALL_NUMBERS,
                plates=ALL_NUMBERS,
                answer_retention=ALL_NUMBERS,
            )
            if all((common.source, common.latitude, common.longitude, common.field)):
                found.append(common)
    return Powers.of(found)


def _asked(box: Box, terms: SearchTerms) -> Box:
    """Return a box as far as it is had by questions under some terms, or by none."""
    return box._replace(
        question=Names(frozenset(("", *terms.questions))),
        camera_days=Spans.up_to(terms.breadth.camera_days),
        plates=Spans.up_to(terms.breadth.plates),
        answer_retention=Spans.up_to(longest_us(terms.answer_retention)),
    )


def _tiers(terms: SearchTerms) -> Iterable[tuple[Spans, Names]]:
    """Yield each span of ages with the approvals for searching it.

    A span can be searched under these approvals. Those need none that have all.
    """
    most_us = longest_us(terms.max_age)
    tiers = sorted((longest_us(tier.older_than), tier.approver) for tier in terms.tiers)
    edges = [-1, *(min(older_us, most_us) for older_us, _ in tiers), most_us]
    approvals = [ALL_NAMES, *(Names(frozenset((approver,))) for _, approver in tiers)]
    for (youngest_us, oldest_us), approval in zip(pairwise(edges), approvals, strict=True):
        yield Spans.of([(youngest_us + 1, oldest_us + 1)]), approval


def week_of(hours: tuple[Hours, ...]) -> Week:
    """Return the minutes of some hours, each in its zone; without any, every minute."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for item in hours:
        length = item.until_minute - item.from_minute
        if length <= 0:
            length += 1440
        for day in item.days:
            begin = day * 1440 + item.from_minute
            spans.setdefault(item.zone, []).extend(
                ((begin, min(begin + length, WEEK_MINUTES)), (0, begin + length - WEEK_MINUTES))
            )
    zones = {zone: Spans.of(parts) for zone, parts in spans.items()}
    # The whole week of any one zone is all the time there is.
    if not hours or EVERY_HOUR.elsewhere in zones.values():
        return EVERY_HOUR
    return Week.of(zones, Spans(()))


def region(
    *,
    units: Collection[str] | None = None,
    purposes: Collection[str] | None = None,
    modes: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    groups: Collection[str] | None = None,
    fields: Collection[str] | None = None,
    cameras: int | None = None,
    retention: Period | None = None,
    onward: Collection[str] | None = None,
) -> Powers:
    """Return all powers named by some selectors.

    A selector that is None names everything, an empty one nothing.

    Parameters
    ----------
    units : collection of str or None
        `recipient/unit`, or `recipient` for all of its units.
    purposes : collection of str or None
        Each stands for all purposes below it too.
    modes : collection of str or None
        Exactly these modes, not those that they contain.
    sources, groups, fields : collection of str or None
        Exactly these. A camera counts as being in a group by the name of that group alone.
    cameras : int or None
        With no more cameras than this.
    retention : Period or None
        Kept by the recipient for no longer than this.
    onward : collection of str or None
        For the recipient itself, and passed on to these.
    """
    return Powers.of(
        [
            EVERYTHING._replace(
                unit=ALL_PATHS if units is None else Tree.below(units),
                purpose=ALL_PATHS if purposes is None else Tree.below(purposes),
                mode=ALL_MODES if modes is None else Names(frozenset(modes) & MODES),
                source=ALL_NAMES if sources is None else Names(frozenset(sources)),
                group=ALL_NAMES if groups is None else Names(frozenset(groups)),
                field=ALL_NAMES if fields is None else Names(frozenset(fields)),
                cameras=Spans.up_to(cameras),
                retention=Spans.up_to(None if retention is None else longest_us(retention)),
                onward=ALL_NAMES if onward is None else Names(frozenset(("", *onward))),
            )
        ]
    )


def under_any_name(powers: Powers) -> Powers:
    """Return powers without unit, group, kind of listing, hours, and the name of a cause.

    These are what a recipient or a source can call otherwise.

    Two sets of powers that meet so are the same power under another name: a source can put a camera into another
    group, the minutes of the week have a name in each zone, and a vehicle can be listed, or its keeper linked, for
    another reason. That nobody's keeper is linked stays what it is.
    """
    return Powers.of(
        box._replace(
            unit=box.unit.whole(),
            group=ALL_NAMES,
            kind=ALL_NAMES,
            hours=EVERY_HOUR,
            cause=_under_any_cause(box.cause),
        )
        for box in powers.boxes
    )


def _under_any_cause(cause: Names) -> Names:
    """Return causes by whatever name; that nobody's keeper is linked is no name of any."""
    linked = ALL_NAMES - NO_LINK if cause - NO_LINK else cause - NO_LINK
    return linked | (cause & NO_LINK)
