"""The messages of READS, written and read."""

from __future__ import annotations

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.commits import transactions
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.repeats import DIGEST
from wicketgate.reads.tracking import Emitted, HeldSighting

READS = "READS"


_CONTENT = 4 + DIGEST


class ReadsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message of READS.

    `rows` is an Arrow stream (`columns.to_arrow`), empty where nothing was accepted; `contents` and `ids` are the
    keys of its reads in the index of repeats, joined (an id of zeros: none). `held` are observations of vehicles
    that a device still follows, `emitted` those vehicles whose read is in this message, or was found to be
    repeated.
    """

    rows: bytes
    contents: bytes
    ids: bytes
    intake: transactions.IntakeCounts
    quarantined: tuple[QuarantinedRead, ...] = ()
    held: tuple[HeldSighting, ...] = ()
    emitted: tuple[Emitted, ...] = ()


_decoder = msgspec.msgpack.Decoder(ReadsMessage)
_encoder = msgspec.msgpack.Encoder()


def encode_reads(message: ReadsMessage) -> bytes:
    """Return a message as READS holds it."""
    return _encoder.encode(message)


def decode_reads(data: bytes) -> ReadsMessage:
    """Read a message of READS.

    InputError for anything else.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a message of READS is not of this version") from error


def seen_keys(message: ReadsMessage) -> tuple[list[bytes], list[bytes]]:
    """Return the keys of a message's reads in the index of repeats.

    An empty id is none.
    """
    contents = [message.contents[n : n + _CONTENT] for n in range(0, len(message.contents), _CONTENT)]
    ids = [message.ids[n : n + DIGEST] for n in range(0, len(message.ids), DIGEST)]
    return contents, [b"" if not any(i) else i for i in ids]
