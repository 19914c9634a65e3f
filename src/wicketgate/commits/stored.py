"""A transaction as COMMITS holds it: a head in the open, and private parts under keys that end.

What lies in a stream cannot be taken out of it, so each part is encrypted under a key of its kind and hour: once the
key is destroyed the part is gone, wherever its bytes remain. docs/spec/state.md, decision 0030. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.forms import FIRST, newer_form, split_form, with_form
from wicketgate.commits.transactions import (
    FeedBatch,
    HitImaged,
    HitLooked,
    HitRaised,
    Outcome,
    QuarantinedRead,
    ResponseGiven,
    Transaction,
)
from wicketgate.ledger.second import SecondClosed
from wicketgate.regime.obligations.values import Disclosure, Receipt

FORM = 2
"""The form of messages that this version writes, and the latest that it reads; 1, in the open, is that of 0.3."""
_LENGTH = struct.Struct(">I")

Kind = Literal["rows", "reads", "acts"]
"""`rows` are what left to feeds, `reads` what was taken, `acts` all else that is not public."""
KINDS: tuple[Kind, ...] = ("rows", "reads", "acts")


class ContentKeys(Protocol):
    """The keys of private parts, by kind and hour."""

    def seal(self, kind: Kind, data: bytes, at_us: int) -> bytes:
        """Return data encrypted under the key of its kind and of a time's hour."""

    def open(self, kind: Kind, sealed: bytes) -> bytes | None:
        """Return what was sealed, or None where its key has ended."""


class StoredPlace(NamedTuple):
    """Where the data of a batch lies in the bytes of its transaction, as it is stored."""

    offset: int
    length: int


class Encoded(NamedTuple):
    """A transaction as it is stored, and the places of its batches in it, in their order."""

    data: bytes
    places: tuple[StoredPlace, ...]


class _Acts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of a transaction is private, beside rows and reads."""

    hits: tuple[HitRaised, ...] = ()
    imaged: tuple[HitImaged, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    quarantined: tuple[QuarantinedRead, ...] = ()
    facts: tuple[bytes, ...] = ()
    second: SecondClosed | None = None
    disclosure: Disclosure | None = None
    receipt: Receipt | None = None
    responses: tuple[ResponseGiven, ...] = ()
    looked: tuple[HitLooked, ...] = ()


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """What stands in the open, and how long the parts behind it are, in their order."""

    transaction: Transaction
    rows: tuple[int, ...]
    acts: int
    reads: int


_NO_ACTS = _Acts()
_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_acts = msgspec.msgpack.Decoder(_Acts).decode
_decode_first = msgspec.msgpack.Decoder(Transaction).decode
_ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_OURS = "a message of COMMITS is not a transaction of this version"


def encode(transaction: Transaction, keys: ContentKeys) -> Encoded:
    """Return a transaction as it is stored, with its private parts under the keys of its time."""
    at_us = transaction.at_us
    rows = [keys.seal("rows", batch.data, at_us) for batch in transaction.batches]
    private = _Acts(**{name: getattr(transaction, name) for name in _Acts.__struct_fields__})
    acts = b"" if private == _NO_ACTS else keys.seal("acts", _encode(private), at_us)
    reads = keys.seal("reads", transaction.taken, at_us) if transaction.taken else b""
    public = msgspec.structs.replace(
        transaction,
        batches=tuple(msgspec.structs.replace(batch, data=b"") for batch in transaction.batches),
        taken=b"",
        **{name: getattr(_NO_ACTS, name) for name in _Acts.__struct_fields__},
    )
    head = _encode(_Head(public, tuple(map(len, rows)), len(acts), len(reads)))
    data = with_form(FORM, b"".join((_LENGTH.pack(len(head)), head, *rows, acts, reads)))
    begin = len(data) - len(reads) - len(acts) - sum(map(len, rows))
    return Encoded(data, _places(begin, map(len, rows)))


def decode(data: bytes, keys: ContentKeys) -> tuple[Transaction, tuple[StoredPlace, ...]]:
    """Return a stored transaction with all its parts, and the places of its batches.

    Raises
    ------
    InputError
        For anything else, for a later form, and where the key of a part has ended.
    """
    if split_form(data)[0] == FIRST:
        first = _first_form(data)
        return first, _first_places(data, first.batches)
    head, begin = _head(data)
    places = _places(begin, head.rows)
    rows = [_open(keys, "rows", data, *place) for place in places]
    acts_at = begin + sum(head.rows)
    acts = _NO_ACTS
    if head.acts:
        try:
            acts = _decode_acts(_open(keys, "acts", data, acts_at, head.acts))
        except _ODD as error:
            raise InputError(_NOT_OURS) from error
    taken = _open(keys, "reads", data, acts_at + head.acts, head.reads) if head.reads else b""
    transaction = msgspec.structs.replace(
        head.transaction,
        batches=tuple(
            msgspec.structs.replace(batch, data=some)
            for batch, some in zip(head.transaction.batches, rows, strict=True)
        ),
        taken=taken,
        **{name: getattr(acts, name) for name in _Acts.__struct_fields__},
    )
    return transaction, places


def decode_taken(data: bytes, keys: ContentKeys) -> bytes | None:
    """Return what a stored transaction took; None where it took nothing, or the key has ended.

    InputError for what is no stored transaction.
    """
    if split_form(data)[0] == FIRST:
        return _first_form(data).taken or None
    head, begin = _head(data)
    at = begin + sum(head.rows) + head.acts
    return keys.open("reads", data[at : at + head.reads]) if head.reads else None


def _head(data: bytes) -> tuple[_Head, int]:
    """Return the head of a stored transaction, and where the parts behind it begin."""
    form, rest = split_form(data)
    if form > FORM:
        raise InputError(newer_form("a message of COMMITS", form, FORM))
    if len(rest) < _LENGTH.size:
        raise InputError(_NOT_OURS)
    begin = len(data) - len(rest) + _LENGTH.size
    end = begin + _LENGTH.unpack_from(rest)[0]
    try:
        head = _decode_head(data[begin:end])
    except _ODD as error:
        raise InputError(_NOT_OURS) from error
    parts = (*head.rows, head.acts, head.reads)
    if len(head.rows) != len(head.transaction.batches) or min(parts) < 0 or end + sum(parts) != len(data):
        raise InputError(_NOT_OURS)
    return head, end


def _open(keys: ContentKeys, kind: Kind, data: bytes, offset: int, length: int) -> bytes:
    opened = keys.open(kind, data[offset : offset + length])
    if opened is None:
        raise InputError(f"the key of a part of COMMITS has ended or is missing: its {kind} cannot be read")
    return opened


def _places(begin: int, lengths: Sequence[int] | map[int]) -> tuple[StoredPlace, ...]:
    places = []
    for length in lengths:
        places.append(StoredPlace(begin, length))
        begin += length
    return tuple(places)


# --- the first form -----------------------------------------------------------------------------------------------


def _first_form(data: bytes) -> Transaction:
    try:
        return _decode_first(data)
    except _ODD as error:
        raise InputError(_NOT_OURS) from error


def _first_places(data: bytes, batches: Sequence[FeedBatch]) -> tuple[StoredPlace, ...]:
    """Return where the data of each batch lies in a transaction of the first form.

    They lie there as they are, in their order, before anything that a client chose: each is looked for behind the one
    before.
    """
    found, end = [], 0
    for batch in batches:
        begin = data.find(batch.data, end)
        if begin < 0:
            raise InputError("a batch does not lie in its transaction as it is")
        end = begin + len(batch.data)
        found.append(StoredPlace(begin, len(batch.data)))
    return tuple(found)
