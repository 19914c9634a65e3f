"""Pages of LMDB that are damaged so that LMDB itself says nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lmdb
import numpy as np
import pytest

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.parts import demand_whole
from wicketgate.base.sums import SIZE, is_whole, summed
from wicketgate.feeds.index import BatchPlace, FeedIndex
from wicketgate.reads.repeats import RepeatVerdict, Seen
from wicketgate.reads.runs import Runs

PAGE = 4096
KEY = b"k" * 32


def index(folder: Path) -> None:
    seen = Seen(folder, KEY)
    for start in (0, 1500, 3000):
        numbers = range(start, start + 1500)
        n = len(numbers)
        keys = seen.keys(
            "tfl",
            ["c0"] * n,
            [f"r{number}" for number in numbers],
            [0] * n,
            [number * SECOND_US // 25 for number in numbers],
            [f"P{number}" for number in numbers],
        )
        seen.take(keys)
        seen.stored(keys.contents, keys.ids, start + 1)
        seen.flush(seen.begin_flush(), 0)
        seen.end_flush()
    seen.close()


def feeds(folder: Path) -> None:
    kept = FeedIndex(folder)
    for number in range(1, 601, 200):
        kept.write(
            [
                ("met.desk", one, BatchPlace(one, 0, 9, one * SECOND_US, one * 9))
                for one in range(number, number + 200)
            ]
        )
    kept.close()


def contents(folder: Path) -> list[tuple[bytes, bytes, bytes]]:
    """Return everything in an environment."""
    with lmdb.open(str(folder), readonly=True, lock=False, max_dbs=8) as held, held.begin() as view:
        names = [name for name, _ in view.cursor()]
        return [
            (name, key, value)
            for name in names
            for key, value in view.cursor(db=held.open_db(name, txn=view, create=False))
        ]


def refusal(folder: Path) -> str:
    try:
        demand_whole([folder])
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("make", [index, feeds])
def test_each_page_that_is_empty_now_is_found_or_held_nothing(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """In 0.3, and at first in 0.4, a start said nothing and took reads a second time."""
    folder = tmp_path / make.__name__
    make(folder)
    held, good = (folder / "data.mdb").read_bytes(), contents(folder)
    demand_whole([folder])
    found = 0
    for page in range(2, len(held) // PAGE):
        damaged = bytearray(held)
        damaged[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        (folder / "data.mdb").write_bytes(damaged)
        if f"`{folder.name}/data.mdb` is not whole" in refusal(folder):
            found += 1
        else:
            assert contents(folder) == good, page
    assert found > 5


def test_a_damaged_part_of_a_minute_is_refused_when_it_is_met(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "index"), max_dbs=1) as held:
        runs = Runs(held)
        words = np.arange(3000, dtype=np.uint64)
        with held.begin(write=True) as writing:
            runs.put(writing, 7, 1, words, words)
            ((key, value),) = writing.cursor(db=held.open_db(b"runs", txn=writing))
            writing.put(
                key, value[:PAGE] + bytes(PAGE) + value[2 * PAGE :], db=held.open_db(b"runs", txn=writing)
            )
        with held.begin(buffers=True) as view, pytest.raises(lmdb.CorruptedError):
            runs.find(view, 7, words, words)


def test_what_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "index"), max_dbs=1) as held:
        runs = Runs(held)
        words = np.arange(5, dtype=np.uint64)
        with held.begin(write=True) as writing:
            runs.put(writing, 7, 1, words, words)
            database = held.open_db(b"runs", txn=writing)
            ((key, value),) = writing.cursor(db=database)
            writing.put(key, value[:-SIZE], db=database)
        with held.begin(buffers=True) as view:
            assert runs.find(view, 7, words, words).all()


def test_a_sum_tells_each_change_apart() -> None:
    value = summed(bytes(range(200)))
    assert is_whole(value)
    for at in range(len(value)):
        assert not is_whole(value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])


def test_reads_are_known_behind_their_sums(tmp_path: Path) -> None:
    index(tmp_path / "index")
    seen = Seen(tmp_path / "index", KEY)
    keys = seen.keys("tfl", ["c0"], ["r9"], [0], [9 * SECOND_US // 25], ["P9"])
    assert list(seen.look(keys)) == [RepeatVerdict.REPEATED]
    seen.close()
