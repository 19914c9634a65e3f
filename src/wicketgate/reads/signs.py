"""The signs of life of cameras: what says that a device is there, and holds no read.

They are counted where they come, since its start, and are no part of any figure: what a read is worth is not known from
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

_MOST: Final = 100_000


class SignsSeen(msgspec.Struct, frozen=True, array_like=True):
    """How many signs of life one camera has given, and when the last."""

    count: int = 0
    last_us: int = 0

    def plus(self, other: SignsSeen) -> SignsSeen:
        """Return both together."""
        return SignsSeen(self.count + other.count, max(self.last_us, other.last_us))


_NONE: Final = SignsSeen()


class LifeSigns:
    """The signs of life by camera, as `source/camera`; of cameras that are not registered as `source/`."""

    def __init__(self) -> None:
        self._seen: dict[str, SignsSeen] = {}

    def note(self, source: str, camera_id: str, at_us: int) -> None:
        """Count a sign of life."""
        self.add({f"{source}/{camera_id}": SignsSeen(1, at_us)})

    def add(self, signs: Mapping[str, SignsSeen]) -> None:
        """Count what another process has seen."""
        for place, seen in signs.items():
            if place in self._seen or len(self._seen) < _MOST:
                self._seen[place] = self._seen.get(place, _NONE).plus(seen)

    def of(self, source: str, camera_id: str) -> SignsSeen:
        """Return what one camera has given."""
        return self._seen.get(f"{source}/{camera_id}", _NONE)

    def by_source(self) -> dict[str, int]:
        """Return how many each source's cameras have given."""
        counts: dict[str, int] = {}
        for place, seen in self._seen.items():
            source = place.partition("/")[0]
            counts[source] = counts.get(source, 0) + seen.count
        return counts

    def taken(self) -> dict[str, SignsSeen]:
        """Return all that was counted since it was taken last, for who counts it from now on."""
        seen, self._seen = self._seen, {}
        return seen
