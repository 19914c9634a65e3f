"""A feed's events: a reader slower than the term."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.feeds.test_feeds import AT_US, Store, batch
from wicketgate.base.streams.link import Link
from wicketgate.http.api.feeds import FeedsApi


async def nothing(*_: object) -> None:
    """The fact of a look has tests of its own."""


async def test_a_follower_slower_than_the_term_is_told_so_and_holds_nobody_up(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(link, tmp_path / "feeds")
    feed = await store.open()
    api = object.__new__(FeedsApi)
    monkeypatch.setattr(api, "_feed", lambda request: ("a", feed), raising=False)
    for number in (1, 2):
        await store.put(batch(number))
    request: Any = None
    monkeypatch.setattr(api, "_seen", nothing, raising=False)
    events = api._events(request, "a", feed, 0)
    assert [(await anext(events))[:6] for _ in range(2)] == [b"id: 1\n", b"id: 2\n"]
    # While it does not read, two more come and all of them run out.
    for number in (3, 4):
        await store.put(batch(number))
    await store.end_before(AT_US + 1)
    last = await asyncio.wait_for(anext(events), 5)
    assert last == b'event: end\ndata: {"code":"cursor-past-term"}\n\n'
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    await store.close()
