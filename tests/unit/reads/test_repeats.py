from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.reads.repeats import DIGEST, Seen

KEY = b"k" * 32


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    opened = Seen(tmp_path / "index", KEY)
    yield opened
    opened.close()


def content(seen: Seen, number: int, at_us: int | None = None) -> bytes:
    return seen.content_key("tfl", "c0", f"P{number}", number * SECOND_US if at_us is None else at_us)


def store(seen: Seen, *numbers: int, sequence: int = 1, ids: bool = True) -> None:
    contents = [content(seen, n) for n in numbers]
    names = [seen.id_key("tfl", f"r{n}") if ids else b"" for n in numbers]
    for key, name in zip(contents, names, strict=True):
        seen.add(key, name)
    seen.stored(contents, names, sequence)


def flush(seen: Seen, before_us: int = 0) -> None:
    seen.flush(seen.begin_flush(), before_us)
    seen.end_flush()


def test_keys_differ_in_every_part(seen: Seen) -> None:
    base = ("tfl", "c0", "AB12", SECOND_US)
    changed = [("tfm", *base[1:]), ("tfl", "c1", "AB12", SECOND_US), ("tfl", "c0", "AB13", SECOND_US)]
    changed += [("tfl", "c0", "AB12", SECOND_US + 1), ("tf", "lc0", "AB12", SECOND_US)]
    keys = {seen.content_key(*parts) for parts in [base, *changed]}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {4 + DIGEST}
    ids = {seen.id_key(*parts) for parts in [("tfl", "a"), ("tf", "la"), ("tfl", "b")]}
    assert len(ids) == 3


def test_keys_say_nothing_without_the_secret(tmp_path: Path, seen: Seen) -> None:
    other = Seen(tmp_path / "other", b"l" * 32)
    assert other.content_key("tfl", "c0", "AB12", 0) != seen.content_key("tfl", "c0", "AB12", 0)
    assert b"AB12" not in seen.content_key("tfl", "c0", "AB12", 0)
    other.close()


def test_keys_are_ordered_by_the_second_of_capture(seen: Seen) -> None:
    keys = [content(seen, 1, at_us) for at_us in (-DAY_US, 0, SECOND_US, DAY_US, 80 * 365 * DAY_US)]
    assert sorted(keys)[2:] == keys[2:]


@pytest.mark.parametrize("place", ["waiting", "new", "flushing", "disk", "another life"])
def test_what_was_seen_is_known_wherever_it_lies(tmp_path: Path, place: str) -> None:
    seen = Seen(tmp_path / "index", KEY)
    key, name = content(seen, 1), seen.id_key("tfl", "r1")
    assert seen.look(key, name) == "new"
    seen.add(key, name)
    if place != "waiting":
        seen.stored([key], [name], 7)
    if place in ("flushing", "disk", "another life"):
        position = seen.begin_flush()
        assert position == 7
        if place != "flushing":
            seen.flush(position, 0)
            seen.end_flush()
    if place == "another life":
        seen.close()
        seen = Seen(tmp_path / "index", KEY)
        assert seen.position == 7
    assert seen.look(key, name) == "repeated"
    assert seen.look(key, b"") == "repeated"
    assert seen.look(key, seen.id_key("tfl", "other")) == "repeated"
    assert seen.look(content(seen, 2), name) == "id-conflict"
    assert seen.look(content(seen, 2), b"") == "new"
    assert seen.look(content(seen, 2), seen.id_key("tfm", "r1")) == "new"
    seen.close()


def test_a_repeat_is_one_though_its_new_id_was_given_to_another(seen: Seen) -> None:
    """Whether both lie in memory or one on the disk."""
    store(seen, 1, ids=False)
    flush(seen)
    store(seen, 2, sequence=2)
    assert seen.look(content(seen, 1), seen.id_key("tfl", "r2")) == "repeated"
    flush(seen)
    assert seen.look(content(seen, 1), seen.id_key("tfl", "r2")) == "repeated"


def test_what_could_not_be_stored_was_never_seen(seen: Seen) -> None:
    key, name = content(seen, 1), seen.id_key("tfl", "r1")
    seen.add(key, name)
    flush(seen)
    assert seen.look(key, name) == "repeated"
    seen.forget([key], [name])
    assert seen.look(key, name) == "new"
    assert seen.look(content(seen, 2), name) == "new"


def test_what_waits_does_not_reach_the_disk(tmp_path: Path) -> None:
    seen = Seen(tmp_path, KEY)
    store(seen, 1, sequence=3)
    seen.add(content(seen, 2), b"")
    flush(seen)
    seen.close()
    again = Seen(tmp_path, KEY)
    assert again.position == 3
    assert again.look(content(again, 1), b"") == "repeated"
    assert again.look(content(again, 2), b"") == "new"
    again.close()


def test_what_was_not_flushed_is_learnt_again(tmp_path: Path) -> None:
    seen = Seen(tmp_path, KEY)
    store(seen, 1, sequence=1)
    flush(seen)
    store(seen, 2, sequence=2)
    seen.close()
    again = Seen(tmp_path, KEY)
    assert again.position == 1
    assert again.look(content(again, 2), b"") == "new"
    again.stored([content(again, 2)], [b""], 2)
    assert again.look(content(again, 2), b"") == "repeated"
    flush(again)
    assert again.position == 2
    again.close()


def test_what_arrives_during_a_flush_stays_for_the_next(seen: Seen) -> None:
    store(seen, 1, sequence=1)
    position = seen.begin_flush()
    store(seen, 2, sequence=2)
    thread = threading.Thread(target=seen.flush, args=(position, 0))
    thread.start()
    thread.join()
    assert seen.position == 1
    seen.end_flush()
    assert [seen.look(content(seen, n), b"") for n in (1, 2)] == ["repeated", "repeated"]
    flush(seen)
    assert seen.position == 2


def test_what_is_past_its_term_goes_with_its_id(seen: Seen) -> None:
    store(seen, 1, 2, 3)
    flush(seen, before_us=3 * SECOND_US)
    assert [seen.look(content(seen, n), b"") for n in (1, 2, 3)] == ["new", "new", "repeated"]
    ids = [seen.id_key("tfl", f"r{n}") for n in (1, 2, 3)]
    assert [seen.look(content(seen, 9), name) for name in ids] == ["new", "new", "id-conflict"]
    flush(seen, before_us=100 * SECOND_US)
    assert seen.look(content(seen, 3), ids[2]) == "new"
    with seen._environment.begin() as transaction:
        assert transaction.stat(seen._contents)["entries"] == 0
        assert transaction.stat(seen._ids)["entries"] == 0


def test_nothing_new_is_a_flush_as_well(seen: Seen) -> None:
    seen.stored([], [], 12)  # a message of repeats alone
    flush(seen)
    assert seen.position == 12


def test_the_index_is_ours_alone(tmp_path: Path, seen: Seen) -> None:
    folder = tmp_path / "index"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_where_a_read_was_stored_last(tmp_path: Path) -> None:
    seen = Seen(tmp_path, b"k" * 32)
    keys = [
        (seen.content_key("tfl", "c0", f"P{n}", 10**12 + n), seen.id_key("tfl", f"{n}")) for n in range(3)
    ]
    for content, read_id in keys:
        assert seen.place(read_id) is None
        seen.add(content, read_id)
        assert seen.is_waiting(read_id)
    seen.stored([content for content, _ in keys], [read_id for _, read_id in keys], 7)
    assert [seen.place(read_id) for _, read_id in keys] == [(7, 0), (7, 1), (7, 2)]
    assert not seen.is_waiting(keys[0][1])
    position = seen.begin_flush()
    assert seen.place(keys[2][1]) == (7, 2)
    seen.flush(position, 0)
    seen.end_flush()
    seen.stored([keys[1][0]], [keys[1][1]], 9)  # it came again with an image
    assert [seen.place(read_id) for _, read_id in keys] == [(7, 0), (9, 0), (7, 2)]
    seen.flush(seen.begin_flush(), 0)
    seen.end_flush()
    assert seen.place(keys[1][1]) == (9, 0)
    assert seen.look(*keys[1]) == "repeated"
    seen.close()


def test_a_flush_stays_before_what_others_must_learn_again(tmp_path: Path) -> None:
    seen = Seen(tmp_path, b"k" * 32)
    content, read_id = seen.content_key("tfl", "c0", "P1", 10**12), seen.id_key("tfl", "1")
    seen.stored([content], [read_id], 9)
    for needed_from, position in ((5, 4), (3, 4), (None, 9), (5, 9)):
        seen.flush(seen.begin_flush(needed_from), 0)  # never back: what lay before was not needed then
        seen.end_flush()
        assert seen.position == position
    assert seen.look(content, read_id) == "repeated"
    seen.close()
