"""The feeds of a deployment, as the fold keeps them. Pure."""

from __future__ import annotations

import msgspec


class FeedState(msgspec.Struct, kw_only=True):
    """The place and the owner of a feed.

    The owner is for ever.
    """

    recipient: str
    unit: str
    batches: int = 0
    rows: int = 0

    @property
    def whose(self) -> str:
        """The unit, `organisation/unit`, as its token is named."""
        return f"{self.recipient}/{self.unit}"
