"""Times at which a camera may collect nothing, as the charter excludes them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec


class ExcludedTimes(msgspec.Struct, frozen=True):
    """Of each camera that stands in an excluded place when nothing may be captured.

    Attributes
    ----------
    edges : dict of int to list of int
        By a camera's number the beginnings and ends of windows of captures, ascending, microseconds; without any that
        is always.
    """

    edges: dict[int, list[int]] = {}

    def has(self, camera: int, captured_us: int) -> bool:
        """Return whether a camera may not have captured at a time.

        >>> ExcludedTimes({1: [10, 20], 2: []}).has(1, 10), ExcludedTimes({1: [10, 20]}).has(1, 20)
        (True, False)
        """
        edges: Sequence[int] | None = self.edges.get(camera)
        return edges is not None and (not edges or bisect_right(edges, captured_us) % 2 == 1)


NOWHERE: Final = ExcludedTimes()
"""Nothing is excluded."""
