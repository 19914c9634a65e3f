"""What a reader asks the sequencer, and is answered. docs/decisions/0034-readers.md."""

from __future__ import annotations

from typing import Final

import msgspec

from wicketgate.commits.transactions import ResponseGiven
from wicketgate.feeds.index import BatchPlace
from wicketgate.ledger.facts import FactAnswer

TOLD_KINDS: Final = ("rows", "acts")
"""The kinds of content whose keys readers get: never those of the reads themselves."""
PIECE: Final = 16 << 20
"""Bytes of a snapshot that go at once."""
PLACES: Final = 20_000
"""Places of batches that go at once."""


WITNESSED: Final = "witnessed"
"""Asked as a file of the log: the cosigned checkpoints, and what is shown of witnesses."""


class WordTold(msgspec.Struct, frozen=True, kw_only=True):
    """The sequencer's word: this is how things stand.

    Attributes
    ----------
    life : str
        Another one for each start of the sequencer.
    sequence, entries : int
        How far COMMITS and the log are committed.
    keys : int
        Another one whenever a content key was made or has ended, in this life.
    history : bool
        Whether accepted reads are kept for their source's retention.
    """

    life: str
    at_us: int
    sequence: int
    entries: int
    keys: int
    history: bool = False


class DeploymentTold(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader must know of the deployment.

    Attributes
    ----------
    vkey : str
        The log's verifier key.
    former : mapping of str to int
        Of feeds of which an earlier version stored batches a second time: the number of the last.
    """

    vkey: str
    former: dict[str, int]


class KeysAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Content keys: `known` are the hours whose keys the reader has, by kind."""

    known: dict[str, list[int]]


class KeysTold(msgspec.Struct, frozen=True, kw_only=True):
    """The hours that have a key, by kind: with it, or with nothing where the reader has it."""

    revision: int
    kinds: dict[str, dict[int, bytes]]


class SnapshotAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the latest snapshot; `sequence` 0 begins one."""

    sequence: int = 0
    offset: int = 0


class SnapshotPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a snapshot of so many bytes; of another sequence where a later one has taken its place."""

    sequence: int
    total: int
    data: bytes


class PlacesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Where the batches of a feed behind a number lie."""

    feed: str
    after: int
    limit: int = PLACES


class PlacesTold(msgspec.Struct, frozen=True, kw_only=True):
    """Places of batches, numbered from `first` on; and of all of them `through` bytes."""

    first: int
    places: list[BatchPlace]
    last: int
    through: int


class CheckpointAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The signed checkpoint, once it covers more than `size` entries."""

    size: int


class BatchAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One batch of a feed, of those that an earlier version stored."""

    feed: str
    number: int


class ProofAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The proof for a fact's hash."""

    leaf: bytes


class ProofTold(msgspec.Struct, frozen=True, kw_only=True):
    """The proof, where there is one."""

    answer: FactAnswer | None


class LogAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the log."""

    path: str


class ResponsesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The responses to a consultation, from number to number."""

    consultation: str
    first: int
    last: int


class ResponsesTold(msgspec.Struct, frozen=True, kw_only=True):
    """Responses as they were given."""

    responses: list[ResponseGiven]


class FeedReadAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine reads of a feed at a reader: batches `first` to `last`, in the minute that begins so."""

    by: str
    feed: str
    minute_us: int
    first: int
    last: int


class FeedReadsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What machines read, to be recorded before they do."""

    reads: list[FeedReadAsked]


class FeedReadsTold(msgspec.Struct, frozen=True, kw_only=True):
    """How much of it is recorded: all, or the ask has failed."""

    reads: int


class BytesTold(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, or None where there are none."""

    data: bytes | None
