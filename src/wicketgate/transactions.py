"""What one message of COMMITS holds: a transaction, whole or absent. Pure."""

from __future__ import annotations

import msgspec

from wicketgate.errors import InputError


class CameraSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera as its source registers it."""

    id: str
    groups: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    heading: float | None = None


class FeedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch for one feed, as it will be delivered."""

    feed: str
    number: int
    rows: int
    data: bytes


class QuarantinedRead(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be taken, with its reason; of a large `read` only how it began."""

    source: str
    camera: str
    code: str
    detail: str
    at_us: int
    read: bytes


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What came in with one message of READS, or with the transaction that carries it on.

    `accepted`, `repeated`: reads by camera, as `source/camera`; `quarantined`: by that and code.
    """

    accepted: dict[str, int] = {}
    repeated: dict[str, int] = {}
    quarantined: dict[str, dict[str, int]] = {}


class DocumentTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A signed document in force from this transaction on, and where it stands in the ledger."""

    envelope: bytes
    entry: int


class CamerasRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """The cameras of a source, in full."""

    source: str
    cameras: tuple[CameraSet, ...]


class TokenIssued(msgspec.Struct, frozen=True, kw_only=True):
    """A credential: its name and the SHA-256 of the token. An empty hash withdraws the name's tokens."""

    name: str
    sha256: str


class SecondClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A second that is over.

    `number` counts closed seconds from 1; `entry` is its place in the ledger; `facts` and `seed` are the openings in
    the clear, from which the proofs are made; `sealed` is the same for the overseer alone.
    """

    number: int
    second_us: int
    entry: int
    facts: tuple[bytes, ...]
    seed: bytes
    sealed: bytes


class FiguresClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A period whose figures were published, and where."""

    from_us: int
    until_us: int
    entry: int


class Refused(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Rows that one authority refused for one reason."""

    authority: str
    reason: str
    rows: int


class Transaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transaction.

    Attributes
    ----------
    at_us : int
        When; never before the transaction it follows.
    reads_to, reads_offset : int
        The position reached in READS: every message up to `reads_to`, and that many rows of the one behind it. None
        if it did not move.
    reads : int
        Reads decided.
    withheld : int
        Of those, released to nobody.
    quarantine_from : int
        The ordinal of the first of `quarantined`, from 1.
    first_entry : int
        The ledger's index of the first of `entries`.
    opens_us : int or None
        At a start: the second that is open from now on. Those before it, back to the last one closed, are missing
        from the ledger, and the entry of the start says so.
    """

    at_us: int
    reads_to: int | None = None
    reads_offset: int = 0
    reads: int = 0
    withheld: int = 0
    intake: Intake | None = None
    refused: tuple[Refused, ...] = ()
    batches: tuple[FeedBatch, ...] = ()
    quarantine_from: int = 0
    quarantined: tuple[QuarantinedRead, ...] = ()
    facts: tuple[bytes, ...] = ()
    first_entry: int = 0
    entries: tuple[bytes, ...] = ()
    document: DocumentTaken | None = None
    cameras: CamerasRegistered | None = None
    token: TokenIssued | None = None
    second: SecondClosed | None = None
    opens_us: int | None = None
    figures: FiguresClosed | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Transaction)


def encode(transaction: Transaction) -> bytes:
    """Return a transaction as MessagePack."""
    return _encoder.encode(transaction)


def decode(data: bytes) -> Transaction:
    """Return the transaction that `encode` wrote; InputError for anything else."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a message of COMMITS is not a transaction of this version") from error
