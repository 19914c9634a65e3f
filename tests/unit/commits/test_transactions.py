from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import decode, encode
from wicketgate.base.errors import InputError
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import (
    CameraSet,
    CamerasRegistered,
    DocumentTaken,
    FeedBatch,
    FiguresClosed,
    HitImaged,
    HitRaised,
    HotlistChanged,
    IntakeCounts,
    Outcome,
    QuarantinedRead,
    Refused,
    TokenIssued,
    Transaction,
)
from wicketgate.ledger.second import SecondClosed
from wicketgate.reads.messages import ReadsMessage, decode_reads
from wicketgate.regime.obligations.values import Disclosure, Receipt

FULL = Transaction(
    at_us=1,
    reads_to=2,
    reads_offset=3,
    reads=4,
    withheld=5,
    intake=IntakeCounts(accepted={"a/b": 1}, repeated={"a/b": 2}, quarantined={"a/": {"too-old": 3}}),
    refused=(Refused(authority="a@1", reason="expired", rows=1),),
    batches=(FeedBatch(feed="a", number=1, rows=1, data=b"\x00\xff", again=1),),
    hits=(
        HitRaised(
            id="h",
            authority="a",
            version=1,
            seq=1,
            voi="v",
            kind="k",
            priority=4,
            quality="possible",
            raised_us=1,
            due_us=2,
            place="a/b",
            taken_us=3,
            listed="KLM3",
            late=True,
            clone="why",
            plate="KLM3",
            confidence=0.5,
            captured_us=3,
            latitude=51.5,
            marks=("m",),
            entry={"reason": "r"},
        ),
    ),
    imaged=(HitImaged(hit="h", patch="p", overview=None),),
    outcomes=(Outcome(hit="h", outcome="not-acted", reason="r", by="b", at_us=1),),
    hotlist=HotlistChanged(authority="a", revision=1, blob="00", whole=True, entries=1),
    quarantine_from=1,
    quarantined=(QuarantinedRead(source="a", camera="b", code="c", detail="d", at_us=1, read=b"{}"),),
    facts=(b"fact",),
    first_entry=7,
    entries=(b"entry",),
    document=DocumentTaken(envelope=b"e", entry=1),
    cameras=CamerasRegistered(source="a", cameras=(CameraSet(id="b", groups=("g",), latitude=51.5),)),
    token=TokenIssued(name="admin", sha256="00"),
    second=SecondClosed(number=1, second_us=0, entry=1, facts=(b"f",), seed=b"s", sealed=b"x"),
    opens_us=9,
    figures=FiguresClosed(from_us=1, until_us=2, entry=3, due={"a": 4}),
    disclosure=Disclosure(
        id="d",
        authority="a",
        version=1,
        to="b",
        law="l",
        rows=1,
        made_us=1,
        said_us=2,
        status="in-force",
        commit=1,
        refused=True,
        case="c",
        reason="r",
    ),
    receipt=Receipt(authority="a", deleted_us=2, until_us=1, method="m", by="b", said_us=3, commit=1, rows=4),
)
DECODERS = [decode, decode_reads, load_state]


@pytest.mark.parametrize("transaction", [FULL, Transaction(at_us=0)])
def test_a_transaction_is_read_as_it_was_written(transaction: Transaction) -> None:
    assert decode(encode(transaction)) == transaction


def test_what_is_not_said_takes_no_place() -> None:
    assert len(encode(Transaction(at_us=0))) < 24


@pytest.mark.parametrize("decoder", DECODERS)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_input_error(decoder: object, data: bytes) -> None:
    with pytest.raises(InputError) if not (_is_map(data) or data[:1] == b"\xc1") else _either():
        decoder(data)  # type: ignore[operator]


def _is_map(data: bytes) -> bool:
    return data[:1] in {bytes([n]) for n in range(0x80, 0x90)} | {b"\xde", b"\xdf"}


class _either:  # noqa: N801 - a context as `pytest.raises` is one
    def __enter__(self) -> None:
        """Expect nothing."""

    def __exit__(self, kind: type | None, *_: object) -> bool:
        return kind is None or issubclass(kind, InputError)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81\xa3new" + b"\x91" * 100_000 + b"\xc0",  # nests deeper than any stack
        b"\x81\xa2\xff\xfe\xc0",  # a name that is not UTF-8
        msgspec.msgpack.encode({"at_us": "now", "sequence": "now", "rows": 1}),
    ],
)
def test_named_bad_bytes(decoder: object, data: bytes) -> None:
    with _either():
        assert decoder(data) == State()  # type: ignore[operator]


@given(st.data())
def test_any_change_of_a_byte_is_a_value_or_an_input_error(data: st.DataObject) -> None:
    message = ReadsMessage(
        rows=b"rows", contents=b"c" * 20, ids=b"i" * 16, intake=FULL.intake or IntakeCounts()
    )
    for decoder, good in ((decode, encode(FULL)), (decode_reads, msgspec.msgpack.encode(message))):
        changed = bytearray(good)
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        with _either():
            decoder(bytes(changed))


def test_a_state_is_read_as_it_was_written() -> None:
    assert load_state(dump_state(State())) == State()


@pytest.mark.parametrize(
    ("read", "written", "form"),
    [(decode, encode(FULL), 2), (load_state, dump_state(State(sequence=7)), 3)],
)
def test_a_later_form_is_refused_with_both(
    read: Callable[[bytes], object], written: bytes, form: int
) -> None:
    assert written[:2] == bytes([0xC1, form])
    with pytest.raises(InputError, match=rf"is of form {form + 1}, .* up to form {form}"):
        read(bytes([0xC1, form + 1]) + written[2:])


def test_what_0_3_wrote_says_no_form_and_is_read() -> None:
    assert decode(msgspec.msgpack.encode(FULL)) == FULL
    state = State(sequence=7)
    assert load_state(msgspec.msgpack.encode(state)) == state


def test_a_transaction_of_the_founding_or_an_upgrade_says_the_form_of_the_directory() -> None:
    state = State()
    assert state.directory_form == 1
    for sequence, told, form in ((1, 2, 2), (2, 0, 2), (3, 3, 3)):
        state.apply(Transaction(at_us=1, directory_form=told), sequence)
        assert state.directory_form == form
