"""The engine: what is taken once, what is hidden, what ends, and what its files tell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.periods import Period
from wicketgate.history.asking import ClampedQuestion, Cursor
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import HistoryGap, HistoryPosition, TakenReads, place_of, read_id
from wicketgate.history.position import write_position
from wicketgate.history.questions import Question
from wicketgate.history.rows import HistoryRows, history_rows
from wicketgate.history.terms import horizons_us
from wicketgate.reads.columns import encode_batch, filled
from wicketgate.reads.messages import ReadsMessage, encode_reads

KEY = bytes(range(32))
NOW_US = 1_783_123_200_000_000  # 2026-07-04T00:00:00Z
KEEP = {"tfl": Period(us=28 * DAY_US), "eastholm": Period(us=7 * DAY_US)}
SOURCES = ["tfl", "tfl", "eastholm", "nothing"]


def item(
    sequence: int,
    reads: Sequence[tuple[str, int, int]],
    *,
    again: Sequence[tuple[int, int, int]] = (),
    patch: str | None = None,
) -> TakenReads:
    """Return what a transaction took: reads of (plate, camera, captured)."""
    n = len(reads)
    batch = filled(
        plate=[plate for plate, *_ in reads],
        camera=[camera for _, camera, _ in reads],
        captured_us=[captured for *_, captured in reads],
        received_us=[captured + 2_000_000 for *_, captured in reads],
        confidence=[0.9] * n,
        key=[b"k" * 32] * n,
        patch=[patch] * n,
        again=[bool(again)] * n,
    )
    return TakenReads(sequence, encode_reads(ReadsMessage(rows=encode_batch(batch))), tuple(again))


def rows(*items: TakenReads, now_us: int = NOW_US) -> HistoryRows:
    return history_rows(items, SOURCES, KEEP, now_us)


def everything(**more: object) -> ClampedQuestion:
    return ClampedQuestion(
        question=Question(from_us=0, until_us=NOW_US + DAY_US),
        cameras=[[0, 1, 2, 3]],
        horizons_us=horizons_us(NOW_US, KEEP),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[HistoryEngine]:
    made = HistoryEngine(tmp_path / "history", KEY)
    yield made
    made.close()


def plates(engine: HistoryEngine, **more: object) -> list[str]:
    return engine.page(everything(**more)).column("plate").to_pylist()


def test_it_takes_each_transaction_once_and_in_order(engine: HistoryEngine) -> None:
    assert engine.position is None
    with pytest.raises(InputError):
        engine.take(1, 1, rows())
    engine.begin(4)
    with pytest.raises(InputError):
        engine.take(6, 6, rows(item(6, [("A1", 0, NOW_US)])))
    engine.take(5, 6, rows(item(5, [("A1", 0, NOW_US)]), item(6, [("B2", 2, NOW_US - HOUR_US)])))
    assert plates(engine) == ["B2", "A1"]
    assert engine.position == HistoryPosition(done=6, until=6)
    with pytest.raises(InputError):
        engine.take(5, 6, rows())
    engine.take(7, 9, rows())
    assert engine.position == HistoryPosition(done=9, until=9)


def test_what_a_kill_left_in_part_is_completed_and_nothing_is_there_twice(engine: HistoryEngine) -> None:
    both = item(1, [("A1", 0, NOW_US - 5 * DAY_US), ("B2", 0, NOW_US), ("C3", 2, NOW_US)])
    engine.begin(0)
    # As a kill leaves it: the intention is written, and one part of three is in.
    write_position(engine._folder, HistoryPosition(done=0, until=2))
    engine._position = HistoryPosition(done=0, until=2)
    engine._insert("reads", rows(item(1, [("A1", 0, NOW_US - 5 * DAY_US)])).reads, "1-2")
    with pytest.raises(InputError):
        engine.take(1, 1, rows(both))
    engine.take(1, 2, rows(both, item(2, [])))
    assert plates(engine) == ["A1", "B2", "C3"]
    # And where the kill came behind all of it.
    write_position(engine._folder, HistoryPosition(done=0, until=2))
    engine._position = HistoryPosition(done=0, until=2)
    engine.take(1, 2, rows(both, item(2, [])))
    assert plates(engine) == ["A1", "B2", "C3"]
    assert engine.measures().reads == 3


def test_what_no_source_keeps_is_not_taken(engine: HistoryEngine) -> None:
    engine.begin(0)
    engine.take(
        1,
        1,
        rows(
            item(
                1,
                [
                    ("A1", 3, NOW_US),  # of a source that keeps nothing
                    ("B2", 2, NOW_US - 7 * DAY_US + HOUR_US),  # it would go at the next look
                    ("C3", 2, NOW_US - 7 * DAY_US + HOUR_US + 1),
                    ("D4", 0, NOW_US - 7 * DAY_US),
                    ("", 0, NOW_US),  # erased
                ],
            )
        ),
    )
    assert plates(engine) == ["D4", "C3"]


def test_pages_go_on_where_the_last_one_ended(engine: HistoryEngine) -> None:
    engine.begin(0)
    reads = [(f"A{n}", n % 2, NOW_US - n // 3) for n in range(30)]
    engine.take(1, 1, rows(item(1, reads)))
    found, after = [], None
    while page := engine.page(everything(after=after, limit=7)).to_pylist():
        assert len(page) <= 7
        found += page
        after = Cursor(page[-1]["captured_us"], page[-1]["read_id"])
    assert len(found) == 30
    assert [(one["captured_us"], one["read_id"]) for one in found] == sorted(
        (captured, read_id(1, n)) for n, (_, _, captured) in enumerate(reads)
    )
    assert place_of(found[0]["read_id"]) == (1, 27)


def test_what_is_hidden_is_gone_at_once_and_then_from_the_tables(engine: HistoryEngine) -> None:
    engine.begin(0)
    engine.take(1, 1, rows(item(1, [("A1", 0, NOW_US), ("A1", 1, NOW_US), ("B2", 2, NOW_US)])))
    engine.hide([read_id(1, 0), read_id(1, 2), read_id(9, 0)])
    assert engine.page(everything()).column("read_id").to_pylist() == [read_id(1, 1)]
    assert engine.count(everything()) == (1, 1)
    assert engine.measures().reads == 3
    engine.purge()
    assert engine.measures().reads == 1
    assert [row[0] for row in engine._rows("SELECT plate FROM plates")] == ["A1"]
    # What is taken later under a hidden id is hidden too.
    engine.take(2, 9, rows(item(9, [("C3", 0, NOW_US)])))
    assert plates(engine) == ["A1"]


def test_an_image_that_follows_stands_with_its_read(engine: HistoryEngine) -> None:
    engine.begin(0)
    engine.take(1, 1, rows(item(1, [("A1", 0, NOW_US), ("B2", 0, NOW_US)])))
    engine.take(2, 2, rows(item(2, [("B2", 0, NOW_US)], again=[(0, 1, 1)], patch="an image")))
    found = engine.page(everything()).to_pylist()
    assert [(one["plate"], one["patch"]) for one in found] == [("A1", None), ("B2", "an image")]
    assert engine.count(everything()) == (2, 2)


def test_what_is_past_its_term_is_hidden_at_once_and_goes(engine: HistoryEngine) -> None:
    engine.begin(0)
    reads = [("T1", 0, NOW_US - n * DAY_US) for n in range(0, 27, 3)] + [
        ("E1", 2, NOW_US - n * DAY_US) for n in range(0, 7, 2)
    ]
    engine.take(1, 1, rows(item(1, reads)))
    assert engine.measures().reads == len(reads)
    later_us = NOW_US + 3 * DAY_US
    asking = everything()
    at_later = ClampedQuestion(
        question=asking.question, cameras=asking.cameras, horizons_us=horizons_us(later_us, KEEP)
    )
    expected = [one for one in reads if one[2] > later_us - KEEP[SOURCES[one[1]]].us]
    assert engine.count(at_later).reads == len(expected) < len(reads)
    engine.end_terms(horizons_us(later_us, KEEP))
    assert engine.measures().reads == len(expected)
    assert engine.count(at_later).reads == len(expected)
    # A source that keeps nothing any more: all of it goes.
    engine.end_terms({"tfl": horizons_us(later_us, KEEP)["tfl"]})
    assert {one[0] for one in engine._rows("SELECT DISTINCT source FROM reads")} == {"tfl"}
    assert [row[0] for row in engine._rows("SELECT DISTINCT plate FROM plates")] == ["T1"]


def test_threads_that_ask_at_once_each_get_their_own_rows(engine: HistoryEngine) -> None:
    engine.begin(0)
    engine.take(1, 1, rows(item(1, [(f"P{n % 40}", n % 3, NOW_US - n) for n in range(900)])))

    def ask(thread: int) -> None:
        for n in range(25):
            wanted = f"P{(thread * 7 + n) % 40}"
            question = Question(plates=(wanted,), from_us=0, until_us=NOW_US + 1)
            asking = ClampedQuestion(
                question=question, cameras=[[0, 1, 2]], horizons_us=horizons_us(NOW_US, KEEP)
            )
            assert engine.page(asking).column("plate").to_pylist() == [wanted] * len(
                [m for m in range(900) if f"P{m % 40}" == wanted]
            )
            assert engine.count(asking).vehicles == 1
        engine.close()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(ask, number) for number in range(4)]:
            done.result()


def test_gaps_are_told(engine: HistoryEngine) -> None:
    engine.begin(0)
    gap = HistoryGap(first=1, last=7, from_us=NOW_US, until_us=NOW_US + 5, reads=12)
    engine.miss(gap)
    assert engine.gaps(0, NOW_US) == []
    assert engine.gaps(NOW_US + 5, NOW_US + 6) == [gap]
    assert engine.gaps(NOW_US + 6, NOW_US + 7) == []
    unknown = HistoryGap(first=8, last=9, from_us=0, until_us=3, reads=None)
    engine.miss(unknown)
    assert engine.gaps(0, NOW_US + 9) == [gap, unknown]
    # What was taken in part after a kill may lack some of it: that is noted behind it.
    within = HistoryGap(first=2, last=3, from_us=1, until_us=2, reads=1)
    engine.miss(within)
    assert within in engine.gaps(0, 2)
    assert engine.position == HistoryPosition(done=9, until=9)
    with pytest.raises(InputError):
        engine.miss(HistoryGap(first=11, last=12, from_us=1, until_us=2, reads=1))


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import importlib.util
spec = importlib.util.spec_from_file_location("made", sys.argv[2])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from wicketgate.base.errors import ConfigurationError
try:
    engine = made.HistoryEngine(Path(sys.argv[3]), bytes.fromhex(sys.argv[4]))
except ConfigurationError as error:
    print(error.detail)
    raise SystemExit(3)
if engine.position is None:
    engine.begin(0)
    engine.take(1, 1, made.rows(made.item(1, [("SECRET77", 0, made.NOW_US), ("SECRET77", 2, made.NOW_US)])))
print(made.plates(engine))
"""


def test_no_file_tells_a_plate_and_another_key_opens_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "history"

    def run(key: bytes) -> subprocess.CompletedProcess[str]:
        arguments = [str(Path.cwd()), __file__, str(folder), key.hex()]
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60
        )

    for _ in range(2):
        done = run(KEY)
        assert (done.returncode, done.stdout) == (0, "['SECRET77', 'SECRET77']\n"), done.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        assert b"SECRET77" not in data, path
        assert KEY not in data, path
        assert KEY.hex().encode() not in data.lower(), path
    assert not any((folder / "tmp").iterdir())
    other = run(bytes(32))
    assert other.returncode == 3, other
    assert "history-keys" in other.stdout


def test_a_second_process_is_refused(engine: HistoryEngine) -> None:
    arguments = [str(Path.cwd()), __file__, str(engine._folder), KEY.hex()]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3, done
    assert ConfigurationError.__name__ not in done.stdout
