"""A transaction as COMMITS holds it: a head in the open, and private parts under keys that end.

What lies in a stream cannot be taken out of it, so each part is encrypted under a key of its kind and hour: once the
key is destroyed the part is gone, wherever its bytes remain. docs/spec/state.md, decision 0030. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.forms import FIRST, newer_form, split_form, with_form
from wicketgate.commits.errata import ErrataTaken, ErratumSaid, ErratumSent, HitCorrected
from wicketgate.commits.handovers import HandedOver
from wicketgate.commits.people import Passkey, PasskeyWithdrawn, PeopleOpened
from wicketgate.commits.transactions import (
    AlertRulesSet,
    AlertTold,
    FeedBatch,
    HitImaged,
    HitLooked,
    HitRaised,
    ImagesFetched,
    Outcome,
    QuarantinedRead,
    ResponseGiven,
    ShownReads,
    Transaction,
)
from wicketgate.ledger.second import SecondClosed
from wicketgate.regime.keepers.values import LinkEvent
from wicketgate.regime.obligations.values import CustodyCheckpoint, Disclosure, Receipt
from wicketgate.regime.searches.values import SearchEvent

FORM = 2
"""The form of messages that this version writes, and the latest that it reads; 1, in the open, is that of 0.3."""
_LENGTH = struct.Struct(">I")

Kind = Literal["rows", "reads", "acts"]
"""`rows` are what left to feeds and what it shows, `reads` what was taken, `acts` all else that is not public."""
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
    fetched: ImagesFetched | None = None
    people: PeopleOpened | None = None
    passkey: Passkey | PasskeyWithdrawn | None = None
    alert_rules: AlertRulesSet | None = None
    told: tuple[AlertTold, ...] = ()
    handover: HandedOver | None = None
    searches: tuple[SearchEvent, ...] = ()
    errata_said: tuple[ErratumSaid, ...] = ()
    errata: tuple[ErratumSent, ...] = ()
    corrected: tuple[HitCorrected, ...] = ()
    errata_taken: ErrataTaken | None = None
    custody: CustodyCheckpoint | None = None
    links: tuple[LinkEvent, ...] = ()


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """What stands in the open, and how long the parts behind it are, in their order."""

    transaction: Transaction
    rows: tuple[int, ...]
    acts: int
    reads: int
    shown: int = 0


class _Parts(NamedTuple):
    """The private parts of a transaction, in their order."""

    rows: tuple[bytes, ...]
    acts: bytes
    reads: bytes
    shown: bytes


_NO_ACTS = _Acts()
_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_acts = msgspec.msgpack.Decoder(_Acts).decode
_decode_shown = msgspec.msgpack.Decoder(ShownReads).decode
_decode_first = msgspec.msgpack.Decoder(Transaction).decode
_ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_OURS = "a message of COMMITS is not a transaction of this version"


def encode(transaction: Transaction, keys: ContentKeys) -> Encoded:
    """Return a transaction as it is stored, with its private parts under the keys of its time."""
    parts = _open_parts(transaction)
    return _assembled(_public(transaction), _sealed(parts, transaction.at_us, keys))


def decode(data: bytes, keys: ContentKeys) -> tuple[Transaction, tuple[StoredPlace, ...]]:
    """Return a stored transaction with all its parts, and the places of its batches.

    Raises
    ------
    InputError
        For anything else, for a later form, and where the key of a part has ended.
    """
    transaction, places, ended = decode_held(data, keys)
    for kind in KINDS:
        if kind in ended:
            raise InputError(
                f"the key of a part of COMMITS has ended or is missing: its {kind} cannot be read"
            )
    return transaction, places


def decode_held(
    data: bytes, keys: ContentKeys
) -> tuple[Transaction, tuple[StoredPlace, ...], frozenset[Kind]]:
    """Return what can be read of a stored transaction, the places of its batches, and which kinds have ended.

    InputError for what is no stored transaction.
    """
    if split_form(data)[0] == FIRST:
        first = _first_form(data)
        return first, _first_places(data, first.batches), frozenset()
    head, begin = _head(data)
    parts, ended = _opened(_cut(data, head, begin), keys)
    return _whole(head.transaction, parts), _places(begin, head.rows), ended


def decode_public(data: bytes) -> tuple[Transaction, tuple[StoredPlace, ...]]:
    """Return what of a stored transaction stands in the open, and the places of its batches.

    InputError for what is no stored transaction.
    """
    if split_form(data)[0] == FIRST:
        first = _first_form(data)
        return _public(first), _first_places(data, first.batches)
    head, begin = _head(data)
    return head.transaction, _places(begin, head.rows)


def rewrite(data: bytes, keys: ContentKeys, change: Callable[[Transaction], Transaction]) -> Encoded:
    """Return a stored transaction with its private parts changed, each under the key under which it stood.

    A part that is not changed keeps its bytes, and so does one whose key has ended: of that `change` sees nothing.

    Raises
    ------
    InputError
        For what is no stored transaction, and where `change` touches what stands in the open.
    """
    transaction, places, ended = decode_held(data, keys)
    changed = change(transaction)
    if _public(changed) != _public(transaction):
        raise InputError("what stands in the open of a transaction cannot be rewritten")
    before, after = _open_parts(transaction), _open_parts(changed)
    if before == after:
        return Encoded(data, places)
    if split_form(data)[0] == FIRST:
        return encode(changed, keys)
    head, begin = _head(data)
    held = _cut(data, head, begin)
    sealed = _sealed(after, transaction.at_us, keys)
    rows = tuple(
        old if one == other or "rows" in ended else new
        for one, other, old, new in zip(before.rows, after.rows, held.rows, sealed.rows, strict=True)
    )
    parts = _Parts(
        rows,
        held.acts if before.acts == after.acts else sealed.acts,
        held.reads if before.reads == after.reads else sealed.reads,
        held.shown if before.shown == after.shown else sealed.shown,
    )
    return _assembled(head.transaction, parts)


def _public(transaction: Transaction) -> Transaction:
    """Return what of a transaction stands in the open."""
    return msgspec.structs.replace(
        transaction,
        batches=tuple(msgspec.structs.replace(batch, data=b"") for batch in transaction.batches),
        taken=b"",
        shown=None,
        **{name: getattr(_NO_ACTS, name) for name in _Acts.__struct_fields__},
    )


def _open_parts(transaction: Transaction) -> _Parts:
    """Return the private parts of a transaction, not encrypted yet; empty where there is nothing."""
    private = _Acts(**{name: getattr(transaction, name) for name in _Acts.__struct_fields__})
    return _Parts(
        tuple(batch.data for batch in transaction.batches),
        b"" if private == _NO_ACTS else _encode(private),
        transaction.taken,
        b"" if transaction.shown is None else _encode(transaction.shown),
    )


def _sealed(parts: _Parts, at_us: int, keys: ContentKeys) -> _Parts:
    return _Parts(
        tuple(keys.seal("rows", data, at_us) for data in parts.rows),
        keys.seal("acts", parts.acts, at_us) if parts.acts else b"",
        keys.seal("reads", parts.reads, at_us) if parts.reads else b"",
        keys.seal("rows", parts.shown, at_us) if parts.shown else b"",
    )


def _assembled(public: Transaction, parts: _Parts) -> Encoded:
    """Return a message of COMMITS of its parts, as they are stored."""
    lengths = tuple(map(len, parts.rows))
    head = _encode(_Head(public, lengths, len(parts.acts), len(parts.reads), len(parts.shown)))
    behind = b"".join((*parts.rows, parts.acts, parts.reads, parts.shown))
    data = with_form(FORM, b"".join((_LENGTH.pack(len(head)), head, behind)))
    return Encoded(data, _places(len(data) - len(behind), lengths))


def _cut(data: bytes, head: _Head, begin: int) -> _Parts:
    """Return the parts behind a head, as they are stored."""
    rows = tuple(data[offset : offset + length] for offset, length in _places(begin, head.rows))
    acts_at = begin + sum(head.rows)
    reads_at = acts_at + head.acts
    shown_at = reads_at + head.reads
    return _Parts(
        rows, data[acts_at:reads_at], data[reads_at:shown_at], data[shown_at : shown_at + head.shown]
    )


def _opened(parts: _Parts, keys: ContentKeys) -> tuple[_Parts, frozenset[Kind]]:
    """Return the parts that can be read, empty where the key has ended, and the kinds whose keys have."""
    ended: set[Kind] = set()

    def open_(kind: Kind, sealed: bytes) -> bytes:
        found = keys.open(kind, sealed) if sealed else b""
        if found is None:
            ended.add(kind)
        return found or b""

    rows = tuple(open_("rows", sealed) for sealed in parts.rows)
    opened = _Parts(rows, open_("acts", parts.acts), open_("reads", parts.reads), open_("rows", parts.shown))
    return opened, frozenset(ended)


def _whole(public: Transaction, parts: _Parts) -> Transaction:
    """Return a transaction of what stands in the open, and of its parts as they were before encryption."""
    try:
        acts = _decode_acts(parts.acts) if parts.acts else _NO_ACTS
        shown = _decode_shown(parts.shown) if parts.shown else None
    except _ODD as error:
        raise InputError(_NOT_OURS) from error
    return msgspec.structs.replace(
        public,
        batches=tuple(
            msgspec.structs.replace(batch, data=data)
            for batch, data in zip(public.batches, parts.rows, strict=True)
        ),
        taken=parts.reads,
        shown=shown,
        **{name: getattr(acts, name) for name in _Acts.__struct_fields__},
    )


def decode_taken(data: bytes, keys: ContentKeys) -> bytes | None:
    """Return what a stored transaction took; None where it took nothing, or the key has ended.

    InputError for what is no stored transaction.
    """
    if split_form(data)[0] == FIRST:
        return _first_form(data).taken or None
    head, begin = _head(data)
    reads = _cut(data, head, begin).reads
    return keys.open("reads", reads) if reads else None


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
    parts = (*head.rows, head.acts, head.reads, head.shown)
    if len(head.rows) != len(head.transaction.batches) or min(parts) < 0 or end + sum(parts) != len(data):
        raise InputError(_NOT_OURS)
    return head, end


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
