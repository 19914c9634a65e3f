"""The process's open files: as many as the system allows, and a reserve of them."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from typing import Final

from wicketgate.base.errors import ConfigurationError

RESERVE: Final = 192
"""Descriptors for ledger, streams, LMDB, images and files: no connection gets one of these."""

_LEAST: Final = 64


class Descriptors:
    """The descriptors of this process, of which connections have all but the reserve.

    Attributes
    ----------
    limit : int
        The most that may be open.
    is_short : bool
        Whether half of the reserve is taken, as of the last `look`.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.is_short = False

    @classmethod
    def raised(cls) -> Descriptors:
        """Raise the soft limit to the hard one, and return what is then allowed.

        The streams' child inherits it.

        Raises
        ------
        ConfigurationError
            If so few are allowed that hardly any connection would be left.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limit = 1 << 20 if hard == resource.RLIM_INFINITY else hard
        if limit < RESERVE + _LEAST:
            raise ConfigurationError(
                f"at most {limit} open files are allowed, and {RESERVE} of them are kept for ledger and streams: "
                "set `LimitNOFILE=65536` in the unit"
            )
        return cls(limit)

    def divide(self, wanted: Sequence[int]) -> list[int]:
        """Divide the descriptors that are not reserved, in proportion to what is wanted."""
        free = self.limit - RESERVE
        if sum(wanted) <= free:
            return list(wanted)
        return [free * one // sum(wanted) for one in wanted]

    def look(self) -> bool:
        """Look whether descriptors run out, and return it.

        The system gives the lowest number that is free: where it is a high one, all below are taken.
        """
        try:
            lowest = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self.is_short = True
            return True
        os.close(lowest)
        self.is_short = lowest >= self.limit - RESERVE // 2
        return self.is_short
