"""Answers in their files: found whole or not at all, hidden where they must be, and gone with their keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.errors import InputError, StreamError
from wicketgate.gateway.searching.store import CHUNK, AnswerStore, StoredRow, erased_line
from wicketgate.ledger.merkle import leaf_hash, root

ID, OTHER = "ab" * 16, "cd" * 16
NOW_US = 1_000


def rows(count: int, end_us: int = 2_000) -> list[StoredRow]:
    lines = [b'{"seq":%d,"salt":"%s"}' % (n, os.urandom(4).hex().encode()) for n in range(1, count + 1)]
    return [StoredRow(line, leaf_hash(line), n, end_us) for n, line in enumerate(lines, 1)]


def store_in(folder: Path) -> AnswerStore:
    return AnswerStore(folder / "answers", folder / "keys")


def kept(store: AnswerStore, some: list[StoredRow], id_: str = ID) -> None:
    writer = store.begin(id_)
    writer.add(some)
    writer.finish(("plate", "time"), ())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from((0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)),
    st.integers(0, 3 * CHUNK + 5),
    st.integers(1, 2 * CHUNK),
    st.sets(st.integers(1, 3 * CHUNK), max_size=5),
    st.sets(st.integers(1, 3 * CHUNK), max_size=5),
    st.booleans(),
)
def test_a_page_is_the_rows_and_hides_each_that_ended(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    after: int,
    limit: int,
    past: set[int],
    hidden: set[int],
    trimmed: bool,
) -> None:
    store = store_in(tmp_path_factory.mktemp("answers"))
    some = [
        StoredRow(one.line, one.leaf, n, NOW_US if n in past else 2_000)
        for n, one in enumerate(rows(count), 1)
    ]
    kept(store, some)
    gone = past | hidden
    if trimmed:
        store.trim(ID, NOW_US, hidden)
        assert not list((store._keys).glob("*.next"))
        hidden = set()
    found = store.page(ID, after, limit, NOW_US, hidden)
    assert found is not None
    expected = [
        erased_line(n, one.leaf) if n in gone else one.line
        for n, one in enumerate(some, 1)
        if after < n <= after + limit
    ]
    assert [one.line for one in found] == expected
    # The root is made of the leaves, also of what is shown no longer.
    everything = store.page(ID, 0, count + 1, NOW_US, hidden)
    assert everything is not None
    assert root([one.leaf for one in everything]) == root([one.leaf for one in some])


def test_what_is_not_finished_is_not_found_and_its_key_is_no_other_answers(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    writer = store.begin(ID)
    writer.add(rows(3))
    assert store.page(ID, 0, 10, NOW_US) is None
    assert store.ids() == {ID}
    writer.abandon()
    kept(store, rows(3))
    kept(store, rows(5), OTHER)
    # An answer in the place of another is not taken for it.
    (tmp_path / "answers" / f"{ID}.answer").write_bytes(
        (tmp_path / "answers" / f"{OTHER}.answer").read_bytes()
    )
    with pytest.raises(StreamError):
        store_in(tmp_path).page(ID, 0, 10, NOW_US)
    store.end(OTHER)
    assert store.page(OTHER, 0, 10, NOW_US) is None
    assert not list(tmp_path.rglob(f"{OTHER}*"))
    with pytest.raises(InputError):
        store.end("../secret")


def test_a_changed_byte_is_seen_and_nothing_stands_in_the_open(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    kept(store, rows(20))
    path = tmp_path / "answers" / f"{ID}.answer"
    data = path.read_bytes()
    assert b"seq" not in data
    assert path.stat().st_mode & 0o777 == 0o600
    for at in range(25, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(StreamError):
            store_in(tmp_path).page(ID, 0, 30, NOW_US)


def test_a_kill_while_an_answer_is_written_anew_loses_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    some = rows(3)
    kept(store, some)
    key, answer = tmp_path / "keys" / f"{ID}.key", tmp_path / "answers" / f"{ID}.answer"
    former_key, former = key.read_bytes(), answer.read_bytes()
    assert store.trim(ID, NOW_US, {2})
    # As a kill leaves it: the former answer under its key, and the next key beside it; or the new one under the next.
    for left, held in ((former, former_key), (answer.read_bytes(), former_key)):
        following = key.read_bytes()
        (tmp_path / "keys" / f"{ID}.next").write_bytes(following)
        answer.write_bytes(left)
        key.write_bytes(held)
        found = store_in(tmp_path).page(ID, 0, 10, NOW_US, {2})
        assert found is not None
        assert [one.leaf for one in found] == [one.leaf for one in some]
        key.write_bytes(following)


def test_an_answer_that_is_written_anew_keeps_the_form_of_its_lines(tmp_path: Path) -> None:
    """In form 1 images are found by the references of a feed: a form that says otherwise would find none."""
    store = store_in(tmp_path)
    writer = store.begin(ID)
    writer.add([*rows(2), *rows(1, end_us=NOW_US)])
    writer.finish(("plate",), (), form=1)
    assert store.trim(ID, NOW_US)
    kept(store, rows(1), OTHER)
    again = store_in(tmp_path)
    forms = [getattr(again.members(id_), "form", 0) for id_ in (ID, OTHER)]
    assert forms == [1, 2]
