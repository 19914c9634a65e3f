"""The sequencer as a reader sees it: its word, its clock, its keys, and what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from wicketgate.base.errors import NoAnswer, StreamError
from wicketgate.base.streams.calls import Asking
from wicketgate.base.word import HeldWord
from wicketgate.commits.transactions import ResponseGiven
from wicketgate.gateway.looking import Range
from wicketgate.gateway.readers.keys import KeysInMemory
from wicketgate.gateway.readers.words import (
    PLACES,
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
from wicketgate.ledger.facts import FactAnswer

_EVERY_S: Final = 0.4
_WORD_S: Final = 1.0
_PATIENCE_S: Final = 10.0
_LONG_S: Final = 60.0
_encode = msgspec.msgpack.Encoder().encode
_Told = TypeVar("_Told", bound=msgspec.Struct)


class Sequencer:
    """What a reader asks, and how long the answer holds.

    Parameters
    ----------
    keys : KeysInMemory
        Kept as the sequencer has them.
    lost : callable
        Told, once each time, that its word holds no longer.
    """

    def __init__(self, asking: Asking, keys: KeysInMemory, lost: Callable[[], None]) -> None:
        self._asking = asking
        self._keys = keys
        self._lost = lost
        self._held = HeldWord()
        self._told_keys: tuple[str, int] | None = None
        self._renewing = asyncio.Lock()
        self.clock = self._held.clock
        self.word: WordTold | None = None

    @property
    def has_word(self) -> bool:
        """Whether the sequencer's word holds."""
        return self._held.holds

    @property
    def silent_s(self) -> float:
        """The seconds since the sequencer gave its word last."""
        return self._held.silent_s

    def demand_word(self) -> None:
        """Raise a StreamError where the sequencer's word does not hold: then a reader refuses."""
        if not self.has_word:
            raise StreamError("the sequencer does not answer: what is private is not shown without its word")

    async def run(self) -> None:
        """Ask for its word for ever.

        Raises
        ------
        NotEntitled
            Where the sequencer does not know this reader any more.
        """
        held = False
        while True:
            began_s = asyncio.get_running_loop().time()
            with contextlib.suppress(StreamError):
                await self.hear()
            if held and not self.has_word:
                self._keys.drop()
                self._told_keys = None
                self._lost()
            held = self.has_word
            await asyncio.sleep(max(0.05, _EVERY_S - (asyncio.get_running_loop().time() - began_s)))

    async def hear(self) -> WordTold:
        """Ask for its word, and for keys where they have changed."""
        asked_s = asyncio.get_running_loop().time()
        word = await self._ask("word", None, WordTold, _WORD_S)
        self.clock.set(word.at_us)
        self.word = word
        if self._told_keys != (word.life, word.keys):
            await self.renew_keys()
        self._held.heard(asked_s)
        return word

    async def renew_keys(self) -> None:
        """Take the keys as the sequencer has them, and drop those that have ended."""
        async with self._renewing:
            life = "" if self.word is None else self.word.life
            told = await self._ask("keys", KeysAsked(known=self._keys.known()), KeysTold, _PATIENCE_S)
            self._keys.take(told.kinds)
            self._told_keys = (life, told.revision)

    async def deployment(self) -> DeploymentTold:
        """Return what is to be known of the deployment."""
        return await self._ask("deployment", None, DeploymentTold, _PATIENCE_S)

    async def snapshot(self) -> bytes:
        """Return the latest snapshot of the fold."""
        while True:
            first = await self._ask("snapshot", SnapshotAsked(), SnapshotPiece, _LONG_S)
            data = bytearray(first.data)
            while len(data) < first.total:
                asked = SnapshotAsked(sequence=first.sequence, offset=len(data))
                piece = await self._ask("snapshot", asked, SnapshotPiece, _LONG_S)
                if (piece.sequence, piece.total) != (first.sequence, first.total) or not piece.data:
                    break
                data += piece.data
            else:
                if not first.total:
                    raise StreamError("the sequencer has no snapshot yet")
                return bytes(data)

    async def places(self, feed: str, after: int, limit: int = PLACES) -> PlacesTold:
        """Return where batches of a feed behind a number lie."""
        asked = PlacesAsked(feed=feed, after=after, limit=limit)
        return await self._ask("places", asked, PlacesTold, _LONG_S)

    async def checkpoint(self, size: int) -> bytes:
        """Return the signed checkpoint once it covers more entries; nothing after some seconds without."""
        told = await self._ask("checkpoint", CheckpointAsked(size=size), BytesTold, _PATIENCE_S)
        return told.data or b""

    async def batch(self, feed: str, number: int) -> bytes | None:
        """Return a batch that an earlier version stored."""
        return (await self._ask("batch", BatchAsked(feed=feed, number=number), BytesTold, _PATIENCE_S)).data

    async def proof(self, leaf: bytes) -> FactAnswer | None:
        """Return the proof for a fact's hash, not verified yet; None where there is none."""
        return (await self._ask("proof", ProofAsked(leaf=leaf), ProofTold, _PATIENCE_S)).answer

    async def log_file(self, path: str) -> bytes:
        """Return a file of the log, not verified yet. FileNotFoundError where there is none."""
        data = (await self._ask("log", LogAsked(path=path), BytesTold, _PATIENCE_S)).data
        if data is None:
            raise FileNotFoundError(path)
        return data

    async def description(self) -> Mapping[str, Any]:
        """Return the API's description."""
        answer = await self._asking.ask("description", b"", _LONG_S, again=True)
        found: Mapping[str, Any] = msgspec.json.decode(answer)
        return found

    async def responses(self, consultation: str, first: int, last: int) -> list[ResponseGiven]:
        """Return responses to a consultation."""
        asked = ResponsesAsked(consultation=consultation, first=first, last=last)
        return (await self._ask("responses", asked, ResponsesTold, _PATIENCE_S)).responses

    async def record(self, ranges: Sequence[Range]) -> None:
        """Have recorded what machines read of feeds here; done once it is committed.

        Raises
        ------
        StreamError
            Where there is no answer: then it may be recorded or not, and must not be shown.
        """
        reads = [
            FeedReadAsked(by=one.by, feed=one.of, minute_us=one.minute_us, first=one.first, last=one.last)
            for one in ranges
        ]
        await self._ask("reads", FeedReadsAsked(reads=reads), FeedReadsTold, _PATIENCE_S)

    async def _ask(
        self, subject: str, asked: msgspec.Struct | None, kind: type[_Told], timeout_s: float
    ) -> _Told:
        data = b"" if asked is None else _encode(asked)
        answer = await self._asking.ask(subject, data, timeout_s, again=True)
        try:
            return msgspec.msgpack.decode(answer, type=kind)
        except msgspec.DecodeError as error:
            raise NoAnswer("the sequencer is of another version") from error
