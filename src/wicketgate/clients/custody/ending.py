"""The end of what custody keeps: rows, images and the history, each with its term, and the receipt for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import HistoryError, InputError, NotEntitled, Unreachable
from wicketgate.clients.custody.feeding import CustodyFeeding
from wicketgate.clients.custody.keeping import SealedImages
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.verify.remote import Remote
from wicketgate.history.client import HistoryClient
from wicketgate.history.terms import LOOK_S, horizons_us
from wicketgate.regime.obligations.disclosures import receipt_counts

METHOD: Final = (
    "custody: its rows, images and history are deleted as they end; copies taken around it are not seen"
)
BY: Final = "wicketgate custody"
_SWEEP_EVERY: Final = 240
_MOST_ANSWER: Final = 1 << 20


class CustodyEnding:
    """The end of what one custody keeps."""

    def __init__(
        self,
        store: CustodyStore,
        images: SealedImages,
        feeding: CustodyFeeding,
        client: HistoryClient,
        clock: Clock,
        remote: Remote,
        feed: str,
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._images = images
        self._feeding = feeding
        self._client = client
        self._clock = clock
        self._remote = remote
        self._feed = feed
        self._say = say

    async def run(self) -> None:
        """End what is past its term, for ever."""
        looks = 0
        while True:
            await asyncio.to_thread(self._end_rows, sweep=looks % _SWEEP_EVERY == 0)
            looks += 1
            try:
                await self._client.end_terms(horizons_us(self._clock.now_us(), self._feeding.labelled()))
                await asyncio.to_thread(self.attest)
            except (HistoryError, InputError, Unreachable, NotEntitled) as error:
                # What is not attested is published as missing: it is tried again.
                self._say(f"NOTE: {error.detail}")
            await asyncio.sleep(LOOK_S)

    def _end_rows(self, *, sweep: bool) -> None:
        ended = self._store.end(self._clock.now_us())
        # A crash from here on leaves files of images whose names are noted yet: the next look takes them away.
        if ended.images:
            self._images.remove(ended.images)
            self._store.forget_images(ended.images)
        if sweep:
            self._images.remove(self._store.unknown_images(self._images.names()))

    def attest(self) -> None:
        """Post a receipt for the days of which nothing is held any more, where there are new ones.

        Raises
        ------
        Unreachable, InputError, NotEntitled
            If the gateway does not take it.
        """
        deleted_us = receipt_counts(min(self._store.deleted_until_us(), self._clock.now_us()))
        if deleted_us <= int(self._store.said("attested_us") or 0) or not self._store.said("ended_rows"):
            return
        said = {
            "authority": self._feed,
            "deleted_until": rfc3339(deleted_us),
            "method": METHOD,
            "by": BY,
            "rows": int(self._store.said("ended_rows")),
        }
        answer = self._remote.post("/v1/receipts", msgspec.json.encode(said), most=_MOST_ANSWER)
        if answer.status != 201 and answer.code != "already-attested":
            raise InputError(
                f"the receipt of what custody deleted was not taken: {answer.code or answer.status}"
            )
        # A crash here: the same receipt is posted again, and is attested already.
        self._store.note(attested_us=deleted_us, ended_rows=0)
        self._say(f"what left before {rfc3339(deleted_us)} is deleted here, and a receipt says so")
