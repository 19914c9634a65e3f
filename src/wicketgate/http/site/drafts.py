"""Questions that were written and not sent yet: in memory alone, for the session that wrote them."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from wicketgate.base.clock import MINUTE_US
from wicketgate.http.site.ask_form import WrittenQuestion

LIFE_US = 30 * MINUTE_US
"""How long one is kept."""
MOST_OF_A_SESSION = 3
"""Drafts of one session; one more ends the oldest."""
MOST = 300
"""Drafts at one time, of at most a quarter of a megabyte each; one more ends the oldest."""


@dataclass(slots=True)
class Draft:
    """A question that waits to be sent.

    Attributes
    ----------
    sent : str
        The id under which it was sent; empty before. To send it twice is to send it once.
    sending : asyncio.Lock
        Held while it is sent.
    """

    id: str
    session: str
    written: WrittenQuestion
    until_us: int
    sent: str = ""
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


class Drafts:
    """The drafts of every session, over one clock."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._drafts: OrderedDict[str, Draft] = OrderedDict()

    def keep(self, session: str, written: WrittenQuestion, instead_of: str = "") -> Draft:
        """Keep what a session wrote, in place of a draft of its own where one is named."""
        now_us = self._now_us()
        old = self.of(session, instead_of)
        for id_ in [one.id for one in self._drafts.values() if one.until_us <= now_us]:
            del self._drafts[id_]
        if old is not None and not old.sent:
            self._drafts.pop(old.id, None)
        own = [one.id for one in self._drafts.values() if one.session == session]
        for id_ in own[: max(0, len(own) - MOST_OF_A_SESSION + 1)]:
            del self._drafts[id_]
        while len(self._drafts) >= MOST:
            self._drafts.popitem(last=False)
        draft = Draft(secrets.token_hex(8), session, written, now_us + LIFE_US)
        self._drafts[draft.id] = draft
        return draft

    def of(self, session: str, id_: str) -> Draft | None:
        """Return a draft of a session; None where it has ended, or is another's."""
        draft = self._drafts.get(id_)
        good = draft is not None and draft.session == session and draft.until_us > self._now_us()
        return draft if good else None
