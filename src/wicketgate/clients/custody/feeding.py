"""The feeding of custody's history: what was proved to be in the log, each batch once and in order, out of the store.

The history says how far it has come. A kill of either leaves the other where it was.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from wicketgate.base.clock import Clock
from wicketgate.base.periods import Period
from wicketgate.clients.custody.rows import history_batch
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.custody.values import SeenCamera
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import HistoryPosition, TakenReads, TakeOrder

_MOST_ROWS: Final = 30_000
_LOOK_S: Final = 0.25


class CustodyCameras:
    """The cameras that rows name, under the numbers that the history has for them."""

    def __init__(self, store: CustodyStore) -> None:
        self._store = store
        self.all = store.cameras()
        self._numbers = {(one.version, one.source, one.id): one.number for one in self.all}
        self._new: list[SeenCamera] = []

    def number(self, version: int, read: dict[str, Any]) -> int:
        """Return the number of the camera of a read; a new one is kept by `save`."""
        key = (version, str(read.get("source") or ""), str(read.get("camera") or ""))
        number = self._numbers.get(key)
        if number is None:
            longitude, latitude = read.get("position") or (None, None)
            number = self._numbers[key] = len(self.all) + len(self._new)
            self._new.append(SeenCamera(number, *key, longitude, latitude))
        return number

    def save(self) -> None:
        """Keep new cameras durably: the history may be told of them only then."""
        if self._new:
            self._store.add_cameras(self._new)
            self.all += self._new
            self._new = []


class CustodyFeeding:
    """The feeding of one custody's history."""

    def __init__(
        self,
        store: CustodyStore,
        cameras: CustodyCameras,
        client: HistoryClient,
        clock: Clock,
    ) -> None:
        self._store = store
        self.cameras = cameras
        self._client = client
        self._clock = clock
        self.position = HistoryPosition(done=0, until=0)
        """How far the history has come."""

    def labelled(self) -> dict[str, Period]:
        """Return the retention of each label of the history: a source under a version of the authority."""
        known = self._store.retentions()
        return {one.label: known[one.version] for one in self.cameras.all}

    async def run(self) -> None:
        """Feed the history until something fails; then begin again.

        Raises
        ------
        HistoryError
            If it does not answer.
        InputError
            If it is elsewhere than it said.
        """
        found = await self._client.position()
        if found is None:
            await self._client.begin(0)
            found = HistoryPosition(done=0, until=0)
        self.position = found
        while True:
            target = await asyncio.to_thread(lambda: self._store.proved)
            if self.position.until > self.position.done:
                await self._send(
                    self.position.until
                )  # what a kill left in part is handed over again, together
            elif target > self.position.done:
                first = self.position.done + 1
                await self._send(await asyncio.to_thread(self._store.range_of, first, target, _MOST_ROWS))
            else:
                await asyncio.sleep(_LOOK_S)

    async def _send(self, last: int) -> None:
        order = await asyncio.to_thread(self._order, self.position.done + 1, last)
        self.position = await self._client.take(order)

    def _order(self, first: int, last: int) -> TakeOrder:
        items, at_us = [], 0
        for kept in self._store.batches(first, last):
            rows = history_batch(kept, self.cameras.number)
            items.append(TakenReads(kept.batch.number, b"", (), rows))
            at_us = kept.released_us
        self.cameras.save()
        retentions = {label: (one.months, one.us) for label, one in self.labelled().items()}
        return TakeOrder(
            first=first,
            last=last,
            at_us=at_us,
            items=items,
            sources=[camera.label for camera in self.cameras.all],
            retentions=retentions,
            now_us=self._clock.now_us(),
        )
