"""The rule of disclosure: which counts are published, when, how finely.

Two kinds of counts are published (docs/spec/ledger.md, section 11). Traffic says how much was seen and what left in
bulk, by the charter's `figures_every`. Targeting says what lists and recipients did, by calendar month and a week
later, so that nobody who knows when a vehicle passed reads off whether it was listed. The gateway publishes by these
functions, and `verify` checks by them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import DAY_US, from_datetime, to_datetime
from wicketgate.base.periods import Period, add
from wicketgate.regime.charter import Charter
from wicketgate.regime.fold import Named
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import in_force_from

REGISTER_FORM = 3
"""The form of the register that this version shows, and the latest that it reads; that of version 0.3 says none.

The second showed the figures of every period, and had no `months`.
"""
TRAFFIC_FORM = 2
"""The form of the figures of traffic; the first had targeting in it, and is read for ever."""
TARGETING_FORM = 3
"""The form of the figures of targeting; earlier ones are read for ever. The first had no errata and no questions, the
second nothing of custody, of what is on no list, and no links."""
LEAST_TRAFFIC = 1_000
"""The least count of traffic that is shown."""
LEAST_STEP = 10
"""The least step of a count of targeting."""
TOLD_AFTER_US = 7 * DAY_US
"""How long after its month targeting is published."""
HIT_KINDS = ("vehicles", "exact", "possible", "late", "clone")
QUESTION_KINDS = ("answered", "asked", "emergency", "not-approved", "refused", "unapproved")
"""What became of questions to the past: those taken and those refused by the law, and what then came of them."""
CUSTODY_KINDS = ("listed", "looked", "rows")
"""Of answers in custody: their rows, those of plates named before the capture, and rows that were looked at."""
OUTCOME_KINDS = ("acted", "confirmed", "misread", "not-acted", "unanswered")
ERRATA_KINDS = ("vehicles", "corrected", "hour", "day", "later")
"""Of an authority's errata: vehicles with one, with the corrected read in it, and taken within how long."""
REASONS = frozenset(
    {
        *("revoked", "suspended", "error", "feed-full", "expired", "review-overdue", "consultation-overdue"),
        *("not-in-force-yet", "out-of-scope", "before-validity", "not-listed", "listed", "unwitnessed"),
    }
)
"""Every reason for which the gate refuses rows, and no other (docs/spec/codes.md)."""
NOT_TRAFFIC = frozenset({"not-listed", "listed"})
"""Reasons of refusal that hang on a list: they stand in no figure of traffic."""
IMAGE_CODES = frozenset({"image-unbound", "image-conflict", "image-unreadable"})
"""Codes of quarantined images: they stand in facts and in the counts by camera, and are no reads."""


def least_traffic(charter: Charter) -> int:
    """Return the least count of traffic that is shown; a smaller one, 0 too, is null."""
    small = charter.limits.small_cells
    return small if charter.demonstration else max(small, LEAST_TRAFFIC)


def step_of(charter: Charter) -> int:
    """Return the step of counts of targeting: they are rounded down to multiples, and 0 is null."""
    return max(charter.limits.small_cells, LEAST_STEP)


def traffic_cell(count: int, least: int) -> int | None:
    """Return a count of traffic as it is published.

    >>> traffic_cell(999, 1000), traffic_cell(0, 1000), traffic_cell(1234, 1000)
    (None, None, 1234)
    """
    return count if count >= least else None


def stepped(count: int, step: int) -> int | None:
    """Return a count of targeting as it is published.

    >>> stepped(0, 10), stepped(9, 10), stepped(10, 10), stepped(29, 10)
    (None, None, 10, 20)
    """
    return count - count % step or None


# --- whose counts are of which kind -------------------------------------------------------------------------------


def is_bulk(moment: RegimeAt, named: Named) -> bool:
    """Return whether what leaves under a name is traffic: some version is of mode `bulk`, and none has a list."""
    modes = _modes(moment, named)
    return "bulk" in modes and modes.isdisjoint(("match", "unlisted"))


def _modes(moment: RegimeAt, named: Named) -> set[str]:
    return {moment.authority(version).mode for version in named.versions}


def bulk_names(moment: RegimeAt) -> list[str]:
    """Return the names whose releases are traffic."""
    return sorted(name for name, named in moment.regime.authorities.items() if is_bulk(moment, named))


def targeted_names(moment: RegimeAt) -> list[str]:
    """Return the names under which what leaves hangs on a list. Where only questions are answered nothing leaves."""
    return sorted({*hit_names(moment), *unlisted_names(moment)})


def hit_names(moment: RegimeAt) -> list[str]:
    """Return the names under which there are hits: some version matches."""
    return _names_of(moment, "match")


def unlisted_names(moment: RegimeAt) -> list[str]:
    """Return the names under which what is listed stays: some version is of mode `unlisted`."""
    return _names_of(moment, "unlisted")


def _names_of(moment: RegimeAt, mode: str) -> list[str]:
    return sorted(name for name, named in moment.regime.authorities.items() if mode in _modes(moment, named))


UNLISTED_KINDS = ("released", "withheld", "share")
"""Of an authority of mode unlisted: rows that left, rows that stayed because they are listed, and their share."""


def unlisted_cells(released: int, withheld: int, least: int) -> dict[str, int | None]:
    """Return what is published of an authority of mode unlisted, by month: rows, and how many of a hundred stayed.

    Parameters
    ----------
    released, withheld : int
        Rows that left, and rows that stayed because they are listed. Both together are traffic, and public.
    least : int
        The step: the least count of traffic.

    Notes
    -----
    Rows that left are rounded down, and what stayed is all less that, rounded down: rounded by itself it would narrow
    down what left, since the sum of the two is known.

    >>> unlisted_cells(12_345, 98_765, 1_000)
    {'released': 12000, 'withheld': 99000, 'share': 89}
    >>> unlisted_cells(0, 400, 1_000)
    {'released': None, 'withheld': None, 'share': None}
    """
    left = released - released % least
    stayed = released + withheld - left
    stayed -= stayed % least
    share = 100 * stayed // (left + stayed) if left or stayed else None
    return {"released": left or None, "withheld": stayed or None, "share": share}


def asked_names(moment: RegimeAt) -> list[str]:
    """Return the names under which the past may be asked, by whatever version."""
    return sorted(
        name
        for name, named in moment.regime.authorities.items()
        if any(moment.authority(version).search is not None for version in named.versions)
    )


def custody_names(moment: RegimeAt) -> list[str]:
    """Return the names of bulk that may be asked about in custody, by whatever version."""
    return sorted(
        name
        for name, named in moment.regime.authorities.items()
        if any(one.mode == "bulk" and one.search is not None for one in map(moment.authority, named.versions))
    )


def linking_names(moment: RegimeAt) -> list[str]:
    """Return the names under which keepers may be linked, by whatever version."""
    return sorted(name for name, named in moment.regime.authorities.items() if causes_of(moment, named))


def causes_of(moment: RegimeAt, named: Named) -> list[str]:
    """Return for what the versions of a name let keepers be linked."""
    terms = (moment.authority(version).keeper for version in named.versions)
    return sorted({cause for one in terms if one is not None for cause in one.causes})


def onward_of(moment: RegimeAt, named: Named) -> list[str]:
    """Return to whom the versions of a name let rows be passed on."""
    return sorted({to for version in named.versions for to in moment.authority(version).onward})


def owing_names(moment: RegimeAt, from_us: int) -> list[str]:
    """Return the names under which something can have left from `from_us` to the moment.

    Whether something did is not asked: a receipt that came due only after a hit would tell of it.
    """
    found = []
    for name, named in moment.regime.authorities.items():
        for version in named.versions:
            authority = moment.authority(version)
            ended_us = authority.valid_until_us if version.revoked_us is None else version.revoked_us
            if in_force_from(version, authority) < moment.at_us and ended_us > from_us:
                found.append(name)
                break
    return sorted(found)


def rows_owed(moment: RegimeAt, released: Mapping[str, Any], from_us: int) -> dict[str, int | None]:
    """Return what recipients must delete of a period, by name: at least so many rows, None where a list decides.

    Parameters
    ----------
    released : mapping
        As the figures of traffic publish it.
    """
    return {
        name: (released[name] or 0) if name in released else None for name in owing_names(moment, from_us)
    }


# --- when -----------------------------------------------------------------------------------------------------------


def traffic_until(every: Period, open_us: int) -> int:
    """Return the end of the latest period of traffic that is over once a second is open.

    Parameters
    ----------
    every : Period
        The charter's `limits.figures_every`: an even part of a day, or one calendar month (UTC).

    Notes
    -----
    It hangs on the charter and the clock alone: were a quiet period made longer by what was counted in it, its length
    would tell how quiet it was.

    >>> from wicketgate.base.clock import parse_rfc3339, rfc3339
    >>> open_us = parse_rfc3339("2026-12-31T23:59:59Z")
    >>> [rfc3339(traffic_until(every, open_us)) for every in (Period(months=1), Period(us=DAY_US))]
    ['2026-12-01T00:00:00Z', '2026-12-31T00:00:00Z']
    """
    return _month_start(open_us) if every.months else open_us - open_us % every.us


def month_end(at_us: int) -> int:
    """Return the end of the calendar month (UTC) of a moment.

    >>> from wicketgate.base.clock import parse_rfc3339, rfc3339
    >>> rfc3339(month_end(parse_rfc3339("2026-12-31T23:59:59Z")))
    '2027-01-01T00:00:00Z'
    """
    return add(_month_start(at_us), Period(months=1))


def _month_start(at_us: int) -> int:
    return from_datetime(to_datetime(at_us).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def targeting_until(charter: Charter, from_us: int, counted_us: int) -> int:
    """Return the end of the period of targeting that begins at `from_us`.

    It is the end of the month, and in a demonstration that of the figures of traffic, `counted_us`.
    """
    return counted_us if charter.demonstration else month_end(from_us)


def targeting_due(charter: Charter, from_us: int, counted_us: int, open_us: int) -> int | None:
    """Return the end of the period of targeting to be published now, or None.

    Parameters
    ----------
    from_us : int
        Where the next one begins.
    counted_us : int
        Until when traffic is published.
    open_us : int
        The second that is open.
    """
    until_us = targeting_until(charter, from_us, counted_us)
    told_us = until_us if charter.demonstration else until_us + TOLD_AFTER_US
    return until_us if from_us < until_us <= counted_us and told_us <= open_us else None
