"""What a transaction took, as COMMITS holds it: reads with their keys, and what is known of followed vehicles."""

from __future__ import annotations

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.commits import transactions
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.tracking import Emitted, HeldSighting

READS = "READS"
"""The stream in which versions before 0.4 kept this, each message by itself."""


class ReadsMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Reads that are taken together.

    Attributes
    ----------
    rows : bytes
        A batch as stored (`columns.to_arrow`), empty where nothing was accepted.
    contents, ids : bytes
        The keys of these reads in the index of repeats (`keys.ReadKeys`, or as versions up to 0.3 made them).
    intake, quarantined
        What else came of the posts. In COMMITS they stand in the transaction itself.
    held : tuple of HeldSighting
        Observations of vehicles that a device still follows.
    emitted : tuple of Emitted
        Those vehicles whose read is among these, or was found to be repeated.
    """

    rows: bytes
    contents: bytes = b""
    ids: bytes = b""
    intake: transactions.IntakeCounts = transactions.IntakeCounts()
    quarantined: tuple[QuarantinedRead, ...] = ()
    held: tuple[HeldSighting, ...] = ()
    emitted: tuple[Emitted, ...] = ()


_decoder = msgspec.msgpack.Decoder(ReadsMessage)
_encoder = msgspec.msgpack.Encoder()
_NOTHING = ReadsMessage(rows=b"")


def encode_reads(message: ReadsMessage) -> bytes:
    """Return a message as it is stored; empty where there is nothing in it."""
    return b"" if message == _NOTHING else _encoder.encode(message)


def decode_reads(data: bytes) -> ReadsMessage:
    """Read a message as it is stored.

    InputError for anything else.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("what a transaction took is not of this version") from error


def seen_keys(message: ReadsMessage) -> tuple[bytes, bytes]:
    """Return the keys of a message's reads in the index of repeats, as `repeats.Seen.stored` takes them."""
    return message.contents, message.ids
