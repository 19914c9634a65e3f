"""What a person had written when a proof was asked of them first: kept for a few minutes, and shown again once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wicketgate.base.clock import MINUTE_US

LIFE_US = 10 * MINUTE_US
"""How long a form is kept."""
MOST = 1_000
"""People of whom one is kept; one more ends the oldest."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Kept:
    there: str
    fields: Mapping[str, str]
    until_us: int


class KeptForms:
    """The last form of each person that was not taken yet: in memory alone, as it may hold a plate."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._kept: dict[str, _Kept] = {}

    def keep(self, person: str, there: str, **fields: str) -> None:
        """Keep what a person wrote at a page; what they wrote before is forgotten."""
        now_us = self._now_us()
        self._kept = {
            one: kept for one, kept in self._kept.items() if one != person and kept.until_us > now_us
        }
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[person] = _Kept(there, fields, now_us + LIFE_US)

    def take(self, person: str, there: str) -> Mapping[str, str]:
        """Return what a person wrote at a page, once; empty where nothing is kept."""
        kept = self._kept.get(person)
        if kept is None or kept.there != there:
            return _NOTHING
        del self._kept[person]
        return kept.fields if kept.until_us > self._now_us() else _NOTHING
