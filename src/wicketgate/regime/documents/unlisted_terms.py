"""The terms of an authority that releases what is on none of its lists: its table `[unlisted]`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period
from wicketgate.regime.charter import NAME
from wicketgate.regime.documents.search_terms import some_time
from wicketgate.regime.members import Members

MILLION: Final = 1_000_000
"""Shares are kept as whole millionths, so that every machine computes the same of them."""
_DEFAULT_LISTS: Final = ("exempt",)
_DEFAULT_LIFE: Final = Period(months=12)
_DEFAULT_STALE: Final = Period(us=2 * 86_400 * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlistedTerms:
    """The lists under an authority of mode `unlisted`, and when they are fit to be relied on.

    Attributes
    ----------
    lists : tuple of str
        Its lists by name; an entry is on the one that its `kind` names. A vehicle on any of them stays.
    min_entries : int
        The entries that each list has at least; with fewer everything is refused.
    max_shrink_ppm : int
        The most that a list may shrink, in millionths of what it had when it was last put whole.
    stale_after : Period
        How long a list may be relied on after it was last put, or changed by its unit.
    max_entries : int
        Entries of all lists at one time.
    entry_life : Period
        How long an entry may live at most.
    """

    lists: tuple[str, ...]
    min_entries: int
    max_shrink_ppm: int
    stale_after: Period
    max_entries: int
    entry_life: Period


def parse_unlisted(members: Members, most_entries: int) -> UnlistedTerms:
    """Return the terms in a table `[unlisted]`.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    terms = UnlistedTerms(
        lists=members.texts("lists", most=50, pattern=NAME) if members.has("lists") else _DEFAULT_LISTS,
        min_entries=members.integer("min_entries", least=1, most=most_entries),
        max_shrink_ppm=_share(members, "max_shrink"),
        stale_after=some_time(members, "stale_after") if members.has("stale_after") else _DEFAULT_STALE,
        max_entries=(
            members.integer("max_entries", least=1, most=most_entries)
            if members.has("max_entries")
            else most_entries
        ),
        entry_life=some_time(members, "entry_life") if members.has("entry_life") else _DEFAULT_LIFE,
    )
    members.end()
    if terms.max_entries < terms.min_entries * len(terms.lists):
        raise DocumentRefused(
            f"`{members.at('max_entries')}` is less than the `min_entries` of its lists together"
        )
    return terms


def _share(members: Members, name: str) -> int:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise DocumentRefused(f"`{members.at(name)}` is not a share from 0 to less than 1")
    return round(value * MILLION)


def describe_unlisted(terms: UnlistedTerms) -> list[str]:
    """Describe in sentences when the lists are relied on, what they hide, and of whom their keeper learns."""
    return [
        f"Vehicles on its lists ({', '.join(terms.lists)}) stay, on an exact match alone: a listed plate that was "
        "misread leaves, and a plate that was misread into a listed one stays.",
        f"Everything is refused while one of its lists is missing, has fewer than {terms.min_entries:,} entries, has "
        f"not been put or changed for {describe_period(terms.stale_after)}, or shrank by more than "
        f"{describe_share(terms.max_shrink_ppm)}. Its lists have at most {terms.max_entries:,} entries together, each "
        f"for no longer than {describe_period(terms.entry_life)}.",
        "As a power it counts as bulk. The operator learns from its lists who is exempt, compliant or has paid.",
    ]


def describe_share(ppm: int) -> str:
    """Return a share in per cent.

    >>> describe_share(50_000), describe_share(2_500)
    ('5 %', '0.25 %')
    """
    whole, rest = divmod(ppm, 10_000)
    return f"{whole:,}.{rest:04d}".rstrip("0").rstrip(".") + " %"
