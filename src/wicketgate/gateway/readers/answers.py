"""The sequencer's answers to readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.roles import READER, KnownRole
from wicketgate.base.streams.calls import Answering
from wicketgate.commits.snapshots import Snapshots
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.readers.words import (
    PIECE,
    PLACES,
    TOLD_KINDS,
    WITNESSED,
    BatchAsked,
    BytesTold,
    CheckpointAsked,
    DeploymentTold,
    FeedReadAsked,
    FeedReadsAsked,
    FeedReadsTold,
    KeysAsked,
    KeysTold,
    LogAsked,
    PlacesAsked,
    PlacesTold,
    ProofAsked,
    ProofTold,
    ResponsesAsked,
    ResponsesTold,
    SnapshotAsked,
    SnapshotPiece,
    WordTold,
)
from wicketgate.ledger.tiles import folder_fetch

_WAIT_S: Final = 5.0
_encode = msgspec.msgpack.Encoder().encode


class ReaderAnswers:
    """What a running gateway answers to readers.

    Parameters
    ----------
    life : str
        Of this start.
    snapshots : Snapshots
        Those of the fold: a reader begins with the latest.
    """

    def __init__(self, gateway: Gateway, snapshots: Snapshots, life: str) -> None:
        self._gateway = gateway
        self._snapshots = snapshots
        self._life = life
        self._fetch = folder_fetch(gateway.deployment.log)
        self._snapshot: tuple[int, bytes] = (0, b"")

    def begin(self, answering: Answering) -> None:
        """Answer from now on."""
        for subject, answer, kind in (
            ("word", self._word, None),
            ("deployment", self._deployment, None),
            ("keys", self._keys, KeysAsked),
            ("snapshot", self._piece, SnapshotAsked),
            ("places", self._places, PlacesAsked),
            ("checkpoint", self._checkpoint, CheckpointAsked),
            ("batch", self._batch, BatchAsked),
            ("proof", self._proof, ProofAsked),
            ("log", self._log, LogAsked),
            ("responses", self._responses, ResponsesAsked),
            ("reads", self._reads, FeedReadsAsked),
        ):
            answering.answer(subject, _handler(answer, kind, lambda: self._gateway.commits.leads()), {READER})

    async def _word(self, asked: None) -> WordTold:
        gateway = self._gateway
        state = gateway.commits.committed
        return WordTold(
            life=self._life,
            at_us=gateway.clock.now_us(),
            sequence=state.sequence,
            entries=state.entries,
            keys=self._revision(),
            history=gateway.settings.history,
        )

    def _revision(self) -> int:
        return sum(self._gateway.keys.of(kind).revision for kind in TOLD_KINDS)

    async def _deployment(self, asked: None) -> DeploymentTold:
        feeds = self._gateway.projections.feeds.items()
        former = {name: feed.former_last for name, feed in feeds if feed.former_last}
        return DeploymentTold(vkey=self._gateway.ledger_vkey, former=former)

    async def _keys(self, asked: KeysAsked) -> KeysTold:
        revision = self._revision()  # before they are looked at: what changes meanwhile is asked for again

        def held() -> dict[str, dict[int, bytes]]:
            return {kind: self._gateway.keys.of(kind).held(asked.known.get(kind, ())) for kind in TOLD_KINDS}

        return KeysTold(revision=revision, kinds=await asyncio.to_thread(held))

    async def _piece(self, asked: SnapshotAsked) -> SnapshotPiece:
        if asked.sequence == 0 or asked.sequence != self._snapshot[0]:
            found = await asyncio.to_thread(self._snapshots.newest)
            self._snapshot = (0, b"") if found is None else found
        sequence, data = self._snapshot
        piece = data[asked.offset : asked.offset + PIECE]
        if asked.offset + PIECE >= len(data):
            self._snapshot = (0, b"")  # whoever asks again has it read again
        return SnapshotPiece(sequence=sequence, total=len(data), data=piece)

    async def _places(self, asked: PlacesAsked) -> PlacesTold:
        index = self._gateway.projections.index

        def found() -> PlacesTold:
            held = index.held(asked.feed)
            first = max(asked.after + 1, held.first)
            places = index.places(asked.feed, first - 1, min(asked.limit, PLACES))
            return PlacesTold(first=first, places=places, last=held.last, through=held.through)

        return await asyncio.to_thread(found)

    async def _checkpoint(self, asked: CheckpointAsked) -> BytesTold:
        return BytesTold(data=await self._gateway.projections.log_beyond(asked.size, _WAIT_S))

    async def _batch(self, asked: BatchAsked) -> BytesTold:
        feed = self._gateway.projections.feeds.get(asked.feed)
        return BytesTold(data=None if feed is None else await feed.batch(asked.number))

    async def _proof(self, asked: ProofAsked) -> ProofTold:
        return ProofTold(answer=await self._gateway.projections.prove(asked.leaf))

    async def _log(self, asked: LogAsked) -> BytesTold:
        if asked.path == WITNESSED:
            return BytesTold(data=_encode(await self._gateway.witnessed()))
        try:
            return BytesTold(data=await asyncio.to_thread(self._fetch, asked.path))
        except FileNotFoundError:
            return BytesTold(data=None)

    async def _responses(self, asked: ResponsesAsked) -> ResponsesTold:
        found = await self._gateway.responses.read(asked.consultation, asked.first, asked.last)
        return ResponsesTold(responses=list(found))

    async def _reads(self, asked: FeedReadsAsked) -> FeedReadsTold:
        """Record what machines read at a reader, before it shows them that."""
        now_us = self._gateway.clock.now_us()
        for one in asked.reads:
            self._demand_read(one, now_us)
        for one in asked.reads:
            # A thing that is told twice, or at two readers, is one fact as well: what is known in a minute is known.
            await self._gateway.looks.read(one.by, "rows", one.feed, one.first, one.last, one.minute_us)
        return FeedReadsTold(reads=len(asked.reads))

    def _demand_read(self, one: FeedReadAsked, now_us: int) -> None:
        """Refuse what no reader shows: another unit's feed, batches that are none, a time to come."""
        feed = self._gateway.commits.committed.feeds.get(one.feed)
        good = (
            feed is not None
            and one.by == f"recipient:{feed.whose}"
            and 1 <= one.first <= one.last <= feed.batches
            and one.minute_us % MINUTE_US == 0
            and one.minute_us <= now_us + MINUTE_US
        )
        if not good:
            raise InputError("no reader shows that")


def _handler(
    answer: Callable[[Any], Awaitable[msgspec.Struct]],
    kind: type[msgspec.Struct] | None,
    leads: Callable[[], bool],
) -> Callable[[KnownRole, bytes], Awaitable[bytes]]:
    decoder = None if kind is None else msgspec.msgpack.Decoder(kind)

    async def answered(role: KnownRole, data: bytes) -> bytes:
        if not leads():
            raise StreamError("this sequencer does not know whether it still leads", code="standby")
        try:
            asked = None if decoder is None else decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError("what is asked has another form") from error
        return _encode(await answer(asked))

    return answered
