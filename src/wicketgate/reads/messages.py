"""What a transaction took, as COMMITS holds it: reads with their keys, and what is known of followed vehicles."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.commits import transactions
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.columns import blanked, decode_batch, encode_batch, joined_keys
from wicketgate.reads.tracking import Emitted, HeldSighting

READS = "READS"
"""The stream in which versions before 0.4 kept this, each message by itself."""


class ReadsMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Reads that are taken together.

    Attributes
    ----------
    rows : bytes
        A batch as stored (`columns.encode_batch`), empty where nothing was accepted.
    contents : bytes
        The content keys of these reads in the index of repeats. Empty where they are the column `key` of `rows`, as
        they are but for a read that comes again under a key that a version up to 0.3 made.
    ids : bytes
        The keys of their ids there (`keys.ReadKeys`, or as versions up to 0.3 made them).
    intake, quarantined
        What else came of the posts. In COMMITS they stand in the transaction itself.
    before : tuple of (int, int)
        Of each read that comes again, in their order, the transaction and the row where it stood before; (0, 0) where
        that is not known. In COMMITS it stands beside the rows (`transactions.ShownReads`), which are kept for longer.
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
    before: tuple[tuple[int, int], ...] = ()
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


def without_reads(taken: bytes, rows: Collection[int]) -> bytes:
    """Return what a transaction took, without some of its reads.

    Their keys stay, for a read that is posted again must be recognised, and so do the numbers of the others
    (`columns.blanked`). What a device said of the same vehicle goes with them.

    Raises
    ------
    InputError
        If it is nothing that a transaction took.
    """
    message = decode_reads(taken)
    if not message.rows:
        return taken
    batch = decode_batch(message.rows)
    gone = [row for row in rows if 0 <= row < len(batch)]
    plates = {batch.plate[row] for row in gone} - {""}
    if not plates:
        return taken
    return encode_reads(
        msgspec.structs.replace(
            message,
            rows=encode_batch(blanked(batch, gone)),
            held=tuple(sighting for sighting in message.held if sighting.plate not in plates),
            emitted=tuple(one for one in message.emitted if one.plate not in plates),
        )
    )


def seen_keys(message: ReadsMessage) -> tuple[bytes, bytes]:
    """Return the keys of a message's reads in the index of repeats, as `repeats.Seen.stored` takes them."""
    if message.contents or not message.rows:
        return message.contents, message.ids
    return joined_keys(decode_batch(message.rows)), message.ids
