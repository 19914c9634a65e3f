from __future__ import annotations

import stat
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb
import numpy as np
import pytest

from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.reads import repeats
from wicketgate.reads.keys import KeyMaker, ReadKeys
from wicketgate.reads.minutes import DigestTable, Minute
from wicketgate.reads.repeats import RepeatVerdict, Seen

KEY = b"k" * 32
MANY = range(100, 140)


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    opened = Seen(tmp_path / "index", KEY)
    yield opened
    opened.close()


def keys_of(
    seen: Seen, *numbers: int, ids: Sequence[str | None] | None = None, step_us: int = MINUTE_US
) -> ReadKeys:
    """Return the keys of invented reads: each its plate, and its own minute of capture."""
    n = len(numbers)
    return seen.keys(
        "tfl",
        ["c0"] * n,
        ids or [None] * n,
        [0] * n,
        [number * step_us for number in numbers],
        [f"P{number}" for number in numbers],
    )


def named(seen: Seen, *numbers: int) -> ReadKeys:
    """Return the keys of reads with an id each."""
    return keys_of(seen, *numbers, ids=[f"r{number}" for number in numbers])


def is_known(seen: Seen, *numbers: int) -> list[bool]:
    return [verdict == RepeatVerdict.REPEATED for verdict in seen.look(keys_of(seen, *numbers))]


def store(seen: Seen, keys: ReadKeys, sequence: int = 1) -> None:
    assert not any(seen.take(keys))
    seen.stored(keys.contents, keys.ids, sequence)


def flush(seen: Seen, before_us: int = 0) -> None:
    seen.flush(seen.begin_flush(), before_us)
    seen.end_flush()


@pytest.mark.parametrize("place", ["waiting", "new", "flushing", "disk", "disk alone", "another life"])
@pytest.mark.parametrize("step_us", [MINUTE_US, SECOND_US])
def test_what_was_seen_is_known_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, step_us: int
) -> None:
    monkeypatch.setattr(repeats, "_QUIET", 1 if place == "disk alone" else 9)
    seen = Seen(tmp_path / "index", KEY)
    for numbers in ([1], MANY):
        keys = keys_of(seen, *numbers, ids=[f"r{n}" for n in numbers], step_us=step_us)
        assert seen.take(keys) == bytes(len(keys))
        if place != "waiting":
            seen.stored(keys.contents, keys.ids, 7)
    if place not in ("waiting", "new"):
        position = seen.begin_flush()
        assert position == 7
        if place != "flushing":
            seen.flush(position, 0)
            seen.end_flush()
    assert bool(seen._minutes) == (place != "disk alone")
    if place == "another life":
        seen.close()
        seen = Seen(tmp_path / "index", KEY)
        assert seen.position == 7
    for numbers in ([1], MANY):
        ids = [f"r{n}" for n in numbers]
        again = keys_of(seen, *numbers, ids=ids, step_us=step_us)
        assert set(seen.look(again)) == {RepeatVerdict.REPEATED}
        assert set(seen.take(again)) == {RepeatVerdict.REPEATED}
        assert set(seen.take(keys_of(seen, *numbers, step_us=step_us))) == {RepeatVerdict.REPEATED}
        others = [number + 1000 for number in numbers]
        assert set(seen.look(keys_of(seen, *others, ids=ids))) == {RepeatVerdict.CONFLICT}
        assert set(seen.look(keys_of(seen, *others))) == {RepeatVerdict.NEW}
        mixed = seen.take(keys_of(seen, *numbers, *others, step_us=step_us))
        assert mixed == bytes([RepeatVerdict.REPEATED] * len(again) + [RepeatVerdict.NEW] * len(again))
    assert not seen._is_known_id(seen.id_key("tfm", "r1"))
    seen.close()


@pytest.mark.parametrize("others", [(), MANY])
def test_of_equal_reads_in_one_post_the_first_is_new(seen: Seen, others: Sequence[int]) -> None:
    verdicts = seen.take(keys_of(seen, 1, *others, 1, 2))
    assert verdicts == bytes([0, *[0] * len(others), RepeatVerdict.REPEATED, 0])


@pytest.mark.parametrize("others", [(), MANY])
def test_of_two_reads_with_one_id_the_first_has_it(seen: Seen, others: Sequence[int]) -> None:
    nobody = [None] * len(others)
    keys = keys_of(seen, 1, *others, 2, 2, 1, ids=["a", *nobody, "a", None, "b"])
    verdicts = seen.take(keys)
    assert verdicts == bytes([0, *nobody_new(others), RepeatVerdict.CONFLICT, 0, RepeatVerdict.REPEATED])
    assert not seen.is_waiting(seen.id_key("tfl", "b"))


def nobody_new(others: Sequence[int]) -> list[int]:
    return [RepeatVerdict.NEW] * len(others)


def test_a_repeat_is_one_though_its_new_id_was_given_to_another(seen: Seen) -> None:
    """Whether both lie in memory or one on the disk."""
    store(seen, keys_of(seen, 1))
    flush(seen)
    store(seen, named(seen, 2), 2)
    again = keys_of(seen, 1, ids=["r2"])
    assert seen.look(again) == [RepeatVerdict.REPEATED]
    flush(seen)
    assert seen.look(again) == [RepeatVerdict.REPEATED]


@pytest.mark.parametrize("numbers", [(1,), MANY])
def test_what_could_not_be_stored_was_never_seen(seen: Seen, numbers: Sequence[int]) -> None:
    keys = named(seen, *numbers)
    seen.take(keys)
    flush(seen)
    assert all(is_known(seen, *numbers))
    assert seen.waiting == len(numbers)
    seen.forget(keys.contents, keys.ids)
    assert seen.waiting == 0
    assert not any(is_known(seen, *numbers))
    assert set(seen.look(keys_of(seen, *(n + 500 for n in numbers), ids=[f"r{n}" for n in numbers]))) == {
        RepeatVerdict.NEW
    }
    store(seen, keys)
    seen.forget(keys.contents, keys.ids)  # what is stored stays, as where a read comes again with an image
    assert all(is_known(seen, *numbers))


def test_what_waits_does_not_reach_the_disk(tmp_path: Path) -> None:
    seen = Seen(tmp_path, KEY)
    store(seen, keys_of(seen, 1, *MANY), 3)
    seen.take(keys_of(seen, 2, step_us=MINUTE_US))
    flush(seen)
    seen.close()
    again = Seen(tmp_path, KEY)
    assert again.position == 3
    assert is_known(again, 1, 2, MANY[0]) == [True, False, True]
    again.close()


def test_what_waits_stays_in_memory(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_QUIET", 1)
    seen.take(keys_of(seen, 1))
    for _ in range(3):
        flush(seen)
    assert is_known(seen, 1) == [True]


def test_what_comes_while_its_minute_is_closed_stays_in_memory(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "_QUIET", 1)
    store(seen, keys_of(seen, 1, step_us=1))
    position = seen.begin_flush()
    seen.take(keys_of(seen, 2, step_us=1))
    seen.flush(position, 0)
    seen.end_flush()
    assert seen.look(keys_of(seen, 1, 2, step_us=1)) == [RepeatVerdict.REPEATED] * 2


def test_what_was_not_flushed_is_learnt_again(tmp_path: Path) -> None:
    seen = Seen(tmp_path, KEY)
    store(seen, keys_of(seen, 1), 1)
    flush(seen)
    store(seen, keys_of(seen, 2, *MANY), 2)
    seen.close()
    again = Seen(tmp_path, KEY)
    assert again.position == 1
    assert is_known(again, 2, MANY[0]) == [False, False]
    for numbers in ((2, *MANY), (1,)):  # what is known already may come too
        again.stored(keys_of(again, *numbers).contents, b"", 2)
    assert all(is_known(again, 1, 2, *MANY))
    flush(again)
    assert again.position == 2
    again.close()
    third = Seen(tmp_path, KEY)
    assert all(is_known(third, 1, 2, *MANY))
    third.close()


def test_what_arrives_during_a_flush_stays_for_the_next(seen: Seen) -> None:
    store(seen, keys_of(seen, 1), 1)
    position = seen.begin_flush()
    store(seen, keys_of(seen, 2), 2)
    thread = threading.Thread(target=seen.flush, args=(position, 0))
    thread.start()
    thread.join()
    assert seen.position == 1
    seen.end_flush()
    assert is_known(seen, 1, 2) == [True, True]
    flush(seen)
    assert seen.position == 2


def test_what_is_past_its_term_goes_with_its_id(seen: Seen) -> None:
    store(seen, named(seen, 1, 2, 3))
    flush(seen, before_us=3 * MINUTE_US + 59 * SECOND_US)
    assert is_known(seen, 1, 2, 3) == [False, False, True]
    ids = keys_of(seen, 7, 8, 9, ids=["r1", "r2", "r3"])
    assert seen.look(ids) == [RepeatVerdict.NEW, RepeatVerdict.NEW, RepeatVerdict.CONFLICT]
    flush(seen, before_us=100 * MINUTE_US)
    assert seen.look(ids)[2] == RepeatVerdict.NEW
    assert is_known(seen, 3) == [False]
    assert entries(seen) == {"ids": 0, "named": 0, "runs": 0, "contents": 0}


def entries(seen: Seen) -> dict[str, int]:
    environment = seen._environment
    with environment.begin() as transaction:
        return {
            name: transaction.stat(environment.open_db(name.encode(), txn=transaction))["entries"]
            for name in ("ids", "named", "runs", "contents")
        }


def test_a_minute_that_has_grown_quiet_is_one_run(seen: Seen) -> None:
    for number in range(1, 31):
        store(seen, keys_of(seen, number, step_us=SECOND_US), number)
        flush(seen)
    assert entries(seen)["runs"] == 30
    assert len(seen._minutes) == 1
    for _ in range(15):
        flush(seen)
    assert entries(seen)["runs"] == 1
    assert not seen._minutes
    assert set(seen.look(keys_of(seen, *range(1, 31), step_us=SECOND_US))) == {RepeatVerdict.REPEATED}


def test_nothing_new_is_a_flush_as_well(seen: Seen) -> None:
    seen.known_up_to(12)  # by messages of repeats alone
    flush(seen)
    assert seen.position == 12


def test_the_index_is_ours_alone(tmp_path: Path, seen: Seen) -> None:
    folder = tmp_path / "index"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_where_a_read_was_stored_last(seen: Seen) -> None:
    keys = named(seen, *range(3))
    ids = [keys.read_id(row) for row in range(3)]
    assert [seen.place(read_id) for read_id in ids] == [None] * 3
    seen.take(keys)
    assert all(map(seen.is_waiting, ids))
    seen.stored(keys.contents, keys.ids, 7)
    assert [seen.place(read_id) for read_id in ids] == [(7, 0), (7, 1), (7, 2)]
    assert not any(map(seen.is_waiting, ids))
    position = seen.begin_flush()
    assert seen.place(ids[2]) == (7, 2)
    seen.flush(position, 0)
    seen.end_flush()
    again = keys.of([1])
    seen.stored(again.contents, again.ids, 9)  # it came again with an image
    assert [seen.place(read_id) for read_id in ids] == [(7, 0), (9, 0), (7, 2)]
    flush(seen)
    assert seen.place(ids[1]) == (9, 0)
    assert set(seen.look(keys)) == {RepeatVerdict.REPEATED}


def test_a_flush_stays_before_what_others_must_learn_again(seen: Seen) -> None:
    keys = keys_of(seen, 1)
    seen.stored(keys.contents, keys.ids, 9)
    for needed_from, position in ((5, 4), (3, 4), (None, 9), (5, 9)):
        seen.flush(seen.begin_flush(needed_from), 0)  # never back: what lay before was not needed then
        seen.end_flush()
        assert seen.position == position
    assert is_known(seen, 1) == [True]


def test_a_later_versions_index_is_refused(tmp_path: Path) -> None:
    seen = Seen(tmp_path, KEY)
    flush(seen)
    with seen._environment.begin(write=True) as transaction:
        transaction.put(b"form", b"\x02", db=seen._positions)
    seen.close()
    with pytest.raises(ConfigurationError, match="a later version"):
        Seen(tmp_path, KEY)


# --- the index of versions up to 0.3 ----------------------------------------------------------------------------------


def former_index(folder: Path, *numbers: int, at_us: int = DAY_US) -> None:
    """Write an index as version 0.4 did: reads with the ids `r<number>`, a second apart."""
    folder.mkdir(mode=0o700)
    environment = lmdb.open(str(folder), max_dbs=3)
    maker = KeyMaker(KEY)
    contents, ids, positions = (environment.open_db(name) for name in (b"contents", b"ids", b"positions"))
    with environment.begin(write=True) as transaction:
        for row, number in enumerate(numbers):
            read_id = maker.read_id("tfl", f"r{number}")
            key = maker.former("tfl", "c0", f"P{number}", at_us + number * SECOND_US)
            transaction.put(key, read_id, db=contents)
            transaction.put(read_id, struct.pack(">QH", 5, row), db=ids)
        transaction.put(b"reads", struct.pack(">Q", 5), db=positions)
    environment.close()


def formerly(seen: Seen, *numbers: int, ids: bool = True) -> ReadKeys:
    n = len(numbers)
    return seen.keys(
        "tfl",
        ["c0"] * n,
        [f"r{number}" if ids else None for number in numbers],
        [0] * n,
        [DAY_US + number * SECOND_US for number in numbers],
        [f"P{number}" for number in numbers],
    )


def test_the_rule_of_former_keys_is_pinned() -> None:
    key = KeyMaker(KEY).former("tfl", "c0", "AB12CDE", DAY_US)
    assert key.hex() == "00015180b5790d59c275c22d5cc2df806c1b8029"


def test_a_former_index_is_read_beside_until_it_is_past_its_term(tmp_path: Path) -> None:
    former_index(tmp_path / "index", 1, 2, 3, *MANY)
    seen = Seen(tmp_path / "index", KEY)
    assert (seen.position, seen.former_position) == (0, 5)
    assert seen.look(formerly(seen, 1, 4, ids=False)) == [RepeatVerdict.REPEATED, RepeatVerdict.NEW]
    assert seen.take(formerly(seen, *MANY, 50, ids=False)) == bytes(
        [*[RepeatVerdict.REPEATED] * len(MANY), RepeatVerdict.NEW]
    )
    conflict = formerly(seen, 5).of([0]).contents, seen.id_key("tfl", "r2")
    assert seen.look(ReadKeys(*conflict)) == [RepeatVerdict.CONFLICT]
    assert seen.place(seen.id_key("tfl", "r3")) == (5, 2)
    store(seen, formerly(seen, 5, 200), 6)
    flush(seen, DAY_US + 3 * SECOND_US)  # both indexes hold something
    assert (
        seen.look(formerly(seen, 1, 2, 3, 5, 200)) == [RepeatVerdict.NEW] * 2 + [RepeatVerdict.REPEATED] * 3
    )
    assert formerly(seen, 1).former
    flush(seen, DAY_US + 141 * SECOND_US)
    assert not formerly(seen, 1).former  # nobody makes keys for it any more
    assert entries(seen)["contents"] == 0
    assert seen.look(formerly(seen, 3, 200)) == [RepeatVerdict.NEW, RepeatVerdict.REPEATED]
    assert seen.place(seen.id_key("tfl", "r3")) is None
    seen.close()
    again = Seen(tmp_path / "index", KEY)
    assert not formerly(again, 1).former
    again.close()


def test_messages_of_a_former_version_are_learnt(tmp_path: Path) -> None:
    """As after a kill of version 0.4: READS holds what its index has not."""
    seen = Seen(tmp_path / "index", KEY)
    maker = KeyMaker(KEY)
    contents = b"".join(maker.former("tfl", "c0", f"P{n}", DAY_US + n * SECOND_US) for n in (1, 2))
    seen.stored(contents, maker.read_id("tfl", "r1") + bytes(16), 8)
    for life in range(3):
        assert seen.look(formerly(seen, 1, 2, ids=False)) == [RepeatVerdict.REPEATED] * 2
        assert seen.look(ReadKeys(formerly(seen, 9).contents, seen.id_key("tfl", "r1"))) == [
            RepeatVerdict.CONFLICT
        ]
        assert seen.place(seen.id_key("tfl", "r1")) == (8, 0)
        if life == 1:
            seen.close()
            seen = Seen(tmp_path / "index", KEY)
            assert seen.position == 8
        flush(seen)
    flush(seen, 2 * DAY_US)
    assert entries(seen) == {"ids": 0, "named": 0, "runs": 0, "contents": 0}
    seen.close()


@pytest.mark.parametrize("large", [200, 1000, 5000])
def test_a_table_that_is_made_wider_has_room_for_what_it_takes_over(large: int) -> None:
    """Small posts, a large one, small ones again: a full table would be searched for ever."""
    minute = Minute(complete=True, expected=0, now=0)
    words = np.arange(1, 2 * (large + 4000), 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(
        1
    )
    for word in words[:100].tolist():
        minute.add_one(word, word, waiting=False)
    minute.add(words[100 : 100 + large], words[100 : 100 + large], waiting=False)
    for word in words[100 + large : large + 4000].tolist():
        minute.add_one(word, word, waiting=False)
        assert all(table.free >= 0 for table in minute.tables)
    assert minute.knows(words[: large + 4000], words[: large + 4000]).all()


def test_a_table_in_pages_of_its_own_finds_as_any_other() -> None:
    small, large = DigestTable(12), DigestTable(18)
    words = np.random.default_rng(7).integers(0, 1 << 62, (1000, 2), np.uint64) * 2 + 1
    for table in (small, large):
        assert table.add(words[:, 0], words[:, 1], waiting=True).all()
        assert (table.find(words[:, 0], words[:, 1]) >= 0).all()
        assert table.settle(table.find(words[:1, 0], words[:1, 1])).tolist() == [True]
        assert table.find_one(*map(int, words[0])) >= 0
        assert table.find_one(int(words[0, 0]), 0) == -1
