"""Laws of a backup's pure parts: nothing is left out or held twice, nothing gone is kept, no bytes bring it down."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.gateway.backup.manifest import (
    CHUNK_BYTES,
    BackupManifest,
    Chunk,
    FoundFile,
    KeptFile,
    KeptStream,
    KeyFile,
    ObjectPiece,
    decode_keys,
    decode_manifest,
    encode,
    lacking,
    unchanged_chunks,
    unchanged_files,
)
from wicketgate.gateway.backup.messages import KeptMessage, dump_messages, load_messages
from wicketgate.gateway.backup.sealing import new_key, open_object, seal_object

NAMES = st.sampled_from([f"{n:032x}" for n in range(6)])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Chunk], int, int, set[int]]:
    """Chunks of a stream as it was, and as it is now: its ends, and what is gone between them."""
    first = draw(st.integers(1, 20))
    held = set(range(first, first + draw(st.integers(0, 40))))
    held -= draw(st.sets(st.integers(first, first + 40), max_size=5))
    chunks, at = [], first
    for width in draw(st.lists(st.integers(1, 8), max_size=6)):
        last = at + width - 1
        count = len(held & set(range(at, last + 1)))
        size = draw(st.sampled_from([1, CHUNK_BYTES]))
        chunks.append(Chunk("0" * 32, at, last, count, size))
        at = last + 1
    now = at + draw(st.integers(0, 20))
    held |= set(range(at, now))
    gone = draw(st.sets(st.sampled_from(sorted(held)), max_size=4)) if held else set()
    begins = draw(st.integers(first, max(first, now)))
    return chunks, begins, now - 1, {n for n in held - gone if n >= begins}


@given(streams())
def test_each_message_is_kept_or_read_again_once_and_none_that_is_gone_is_kept(
    stream: tuple[list[Chunk], int, int, set[int]],
) -> None:
    chunks, first, last, held = stream
    deleted = sorted(set(range(first, last + 1)) - held)
    kept = unchanged_chunks(chunks, first, deleted)
    covered = [n for chunk in kept for n in range(chunk.first, chunk.last + 1)]
    again = [n for begin, end in lacking(kept, first, last) for n in range(begin, end + 1)]
    assert sorted(covered + again) == list(range(first, last + 1))
    for chunk in kept:
        assert len(held & set(range(chunk.first, chunk.last + 1))) == chunk.count


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.tuples(NAMES, st.integers(0, 2)), max_size=8),
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 2), max_size=8),
)
def test_an_object_is_kept_only_while_every_file_in_it_is_what_it_was(
    before: dict[str, tuple[str, int]], found: dict[str, int]
) -> None:
    files = [
        KeptFile(path, 1, time, (ObjectPiece(name, 0, 1, b""),)) for path, (name, time) in before.items()
    ]
    now = {path: FoundFile(1, time) for path, time in found.items()}
    same = unchanged_files(files, now)
    objects = {piece.object for file in same.values() for piece in file.pieces}
    for file in files:
        unchanged = now.get(file.path) == (file.size, file.mtime_ns)
        if file.pieces[0].object in objects:
            assert unchanged
            assert file.path in same
        assert file.path not in same or unchanged


@given(st.binary(max_size=200), NAMES, NAMES)
def test_an_object_opens_under_its_own_name_and_key_alone(data: bytes, name: str, other: str) -> None:
    key = new_key()
    sealed = seal_object(name, key, data)
    assert open_object(name, key, sealed) == data
    with pytest.raises(InputError):
        open_object(name, new_key(), sealed)
    with pytest.raises(InputError):
        open_object(name, key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    if other != name:
        with pytest.raises(InputError):
            open_object(other, key, sealed)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    parsers: list[Callable[[bytes], object]] = [
        decode_manifest,
        decode_keys,
        load_messages,
        lambda one: open_object("0" * 32, bytes(32), one),
    ]
    for parse in parsers:
        try:
            parse(data)
        except InputError:
            continue


def manifest() -> BackupManifest:
    """A small whole one."""
    name = "0" * 32
    return BackupManifest(
        origin="gateway.example/test",
        taken_us=7,
        position=12,
        entries=5,
        directory_form=3,
        checkpoint=b"note",
        files=[KeptFile("vault/a", 3, 9, (ObjectPiece(name, 0, 3, bytes(32)),))],
        streams=[KeptStream("COMMITS", False, True, 3, 12, (Chunk(name, 3, 12, 9, 100),))],
        links={"history/a/b": "../c"},
    )


@given(
    st.sampled_from(
        [
            {"form": 2},
            {"form": 0},
            {"links": {"history/a": "../../keys"}},
            {"links": {"vault/a": "b"}},
            {"files": [KeptFile("../a", 0, 0, ())]},
            {"files": [KeptFile("/a", 0, 0, ())]},
            {"files": [KeptFile("a", 4, 0, ())]},
            {"files": [KeptFile("a", 1, 0, (ObjectPiece("../../x", 0, 1, b""),))]},
            {"streams": [KeptStream("a.b", False, False, 1, 1, ())]},
            {"streams": [KeptStream("A", False, False, 1, 3, (Chunk("0" * 32, 2, 5, 1, 1),))]},
        ]
    )
)
def test_a_manifest_that_leads_elsewhere_or_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    assert decode_manifest(encode(manifest())) == manifest()
    with pytest.raises(InputError):
        decode_manifest(encode(msgspec.structs.replace(manifest(), **change)))


@given(st.dictionaries(NAMES, st.binary(min_size=32, max_size=32), max_size=3), st.integers(2, 1 << 40))
def test_a_file_of_keys_is_read_as_it_was_written_and_a_later_form_refused(
    objects: dict[str, bytes], later: int
) -> None:
    keys = KeyFile(
        origin="o", taken_us=1, manifest="0" * 32, objects=objects, secrets={"keys/index.key": b"x"}
    )
    assert decode_keys(encode(keys)) == keys
    with pytest.raises(InputError, match="later version"):
        decode_keys(encode(msgspec.structs.replace(keys, form=later)))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.binary(max_size=9), st.none() | st.integers(0, 9)), max_size=5)
)
def test_messages_are_read_as_they_were(rows: list[tuple[int, bytes, int | None]]) -> None:
    messages = [KeptMessage(number, "tfl", f"id-{number}", at_us, data) for number, data, at_us in rows]
    assert load_messages(dump_messages(messages)) == messages
