"""Uploads of hotlists that wait for a word: what each would change, shown before anything does.

They are in memory alone: one of each session, so many bytes of all, for half an hour.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import InputError
from wicketgate.hotlists import Change, Entry, Hotlist
from wicketgate.hotlists.forms import CSV, JSON, NDJSON

ROWS_SHOWN = 100
"""Rows of each kind of change that are shown."""
LASTS_US = 30 * MINUTE_US
"""How long an upload waits."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all uploads that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an upload would change of a list: numbers, and the first rows of each kind.

    Attributes
    ----------
    same : int
        Entries that stay as they are.
    entries : int
        In the list afterwards.
    """

    added: int
    removed: int
    changed: int
    same: int
    entries: int
    added_rows: tuple[Entry, ...]
    removed_rows: tuple[Entry, ...]
    changed_rows: tuple[tuple[Entry, Entry], ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """The numbers added, removed and changed."""
        return self.added, self.removed, self.changed


@dataclass(slots=True, kw_only=True)
class Upload:
    """An upload that waits, or that was taken.

    Attributes
    ----------
    revision : int
        Of the list that `difference` was made for.
    taken : int
        The revision that it became; 0 before that.
    again : bool
        Whether something else would have changed than what was shown.
    confirming : asyncio.Lock
        Held by whoever confirms it.
    """

    id: str
    authority: str
    body: bytes
    media_type: str
    whole: bool
    kind: str | None
    until_us: int
    revision: int
    difference: Difference
    taken: int = 0
    again: bool = False
    confirming: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uploads:
    """The uploads of one gateway, each of one session and seen by no other."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._held: dict[str, Upload] = {}

    def keep(self, session: str, upload: Upload) -> None:
        """Keep an upload of a session instead of the one before.

        Raises
        ------
        InputError
            `busy` where too much waits.
        """
        now_us = self._now_us()
        self._held = {key: one for key, one in self._held.items() if one.until_us > now_us and key != session}
        if sum(len(one.body) for one in self._held.values()) + len(upload.body) > MOST_BYTES:
            raise InputError("too many lists wait to be confirmed: try again later", code="busy")
        self._held[session] = upload

    def of(self, session: str, authority: str) -> Upload | None:
        """Return the upload of a session for an authority's list; None where none waits."""
        found = self._held.get(session)
        good = found is not None and found.authority == authority and found.until_us > self._now_us()
        return found if good else None

    def expiry_us(self) -> int:
        """Return until when an upload that comes now waits."""
        return self._now_us() + LASTS_US


def new_id() -> str:
    """Return an id for an upload."""
    return secrets.token_urlsafe(16)


def media_type_in(body: bytes) -> str:
    """Return the form of a file by how it begins.

    >>> media_type_in(b' {"plate": "A1"}'), media_type_in(b'[]'), media_type_in(b'vrm,make')
    ('application/x-ndjson', 'application/json', 'text/csv')
    """
    begins = body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": NDJSON, b"[": JSON}.get(begins, CSV)


def difference_of(before: Hotlist, changes: Sequence[Change], *, whole: bool) -> Difference:
    """Return what changes would make of a list.

    O(m) for a whole list, some µs an entry. Runs in any thread.
    """
    known = before.known([change.plate for change in changes])
    added, changed, removed = [], [], []
    same = 0
    for old, change in zip(known, changes, strict=True):
        new = change.entry
        if new is None:
            removed += [] if old is None else [old]
        elif old is None:
            added.append(new)
        elif old == new:
            same += 1
        else:
            changed.append((old, new))
    gone = len(removed)
    if whole:
        kept = {change.plate for change in changes}
        gone = len(before) - same - len(changed)
        for entry in before.entries() if gone else ():
            if entry.plate not in kept:
                removed.append(entry)
                if len(removed) >= min(gone, ROWS_SHOWN):
                    break
    else:
        same = len(before) - gone - len(changed)
    return Difference(
        added=len(added),
        removed=gone,
        changed=len(changed),
        same=same,
        entries=len(before) + len(added) - gone,
        added_rows=tuple(added[:ROWS_SHOWN]),
        removed_rows=tuple(removed[:ROWS_SHOWN]),
        changed_rows=tuple(changed[:ROWS_SHOWN]),
    )
