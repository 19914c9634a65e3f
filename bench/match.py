"""`bench match`: reads a second on one core against hotlists of 10 thousand, 1 million and 45 million entries.

Beside it, on the same reads in the same run: a Python set of plates, and a polars semi-join. `exact`: 1 % of the reads
are of listed vehicles, read rightly, and the others look for equal plates alone, while the matcher looks for confused
ones as well. `confused`: half of those reads have one or two characters confused; the others look for equal skeletons,
made beforehand for the list and on the way for the reads, and their answer would still have to be counted out and
looked at for times, which the matcher's is. Times are CPU time of the whole process, medians of five; each round goes
through different batches.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # one core for everybody; read when polars is imported

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.hotlists import HotlistIndex
from wicketgate.reads.plates import CONFUSED, pack_all, unpack

SIZES = [
    int(size) for size in os.environ.get("WICKETGATE_BENCH_ENTRIES", "10000,1000000,45000000").split(",")
]
ROUNDS = 5
BATCHES = {1: 50, 1_000: 50, 100_000: 4}
START_US = 1_783_123_200_000_000  # 2026-07-04T00:00:00Z
AT_US = START_US + DAY_US
LISTED_SHARE = 0.01
_UNIVERSE = 26**5 * 100
_STRIDE = 611_953_001  # without a common factor with the universe: no plate comes twice
_TEXTS_UP_TO = 5_000_000  # Python texts of more plates than this do not fit beside the rest
_SKELETONS = {character: alike[0] for alike in CONFUSED for character in alike}
_TRANSLATION = str.maketrans(_SKELETONS)

Keys = NDArray[np.uint64]
Batch = tuple[Keys, list[str], NDArray[np.int64]]


def plates(numbers: NDArray[np.int64]) -> Keys:
    """Return the keys of invented plates of the form AA99AAA, a different one for each number."""
    rest = (numbers * _STRIDE % _UNIVERSE).astype(np.uint64)
    places: list[Keys] = []
    for base, least in ((26, 11), (26, 11), (26, 11), (10, 1), (10, 1), (26, 11), (26, 11)):
        rest, digit = np.divmod(rest, np.uint64(base))
        places.append(digit + np.uint64(least))
    keys = np.zeros(len(numbers), np.uint64)
    for place in reversed(places):
        keys = keys * np.uint64(37) + place
    return keys * np.uint64(37**5)


def texts(keys: Keys) -> list[str]:
    """Return the plates of keys."""
    return [unpack(key) or "" for key in keys.tolist()]


def confuse(plate: str, random: np.random.Generator) -> str:
    """Return a plate with one or two of its characters confused, if it has any that can be."""
    places = [place for place, character in enumerate(plate) if character in _SKELETONS]
    characters = list(plate)
    for place in random.permutation(places)[: random.integers(1, 3)].tolist():
        alike = next(alike for alike in CONFUSED if plate[place] in alike)
        characters[place] = str(random.choice([one for one in alike if one != plate[place]]))
    return "".join(characters)


def batches(rows: int, entries: int, confused: bool, random: np.random.Generator) -> list[Batch]:
    """Return batches of reads."""
    made = []
    for _ in range(BATCHES[rows]):
        numbers = random.integers(entries, _UNIVERSE, rows)
        listed = random.random(rows) < LISTED_SHARE
        numbers[listed] = random.integers(0, entries, np.count_nonzero(listed))
        keys = plates(numbers)
        names = texts(keys)
        if confused:
            for row in listed.nonzero()[0].tolist()[::2]:
                names[row] = confuse(names[row], random)
            keys = pack_all(names)
        made.append((keys, names, AT_US - random.integers(0, 10 * SECOND_US, rows)))
    return made


class Others:
    """What else one would look reads up in."""

    def __init__(self, keys: Keys) -> None:
        self.as_text = len(keys) <= _TEXTS_UP_TO
        names = texts(keys) if self.as_text else []
        self.plain: set[Any] = set(names) if self.as_text else set(keys.tolist())
        self.skeletons = {name.translate(_TRANSLATION) for name in names}
        self.frame = pl.DataFrame({"key": names if self.as_text else keys})
        self.skeleton_frame = pl.DataFrame({"key": list(self.skeletons)}) if self.as_text else None

    def set_exact(self, batch: Batch) -> list[int]:
        """Return the rows of listed plates."""
        listed = self.plain
        reads = batch[1] if self.as_text else batch[0].tolist()
        return [row for row, plate in enumerate(reads) if plate in listed]

    def set_confused(self, batch: Batch) -> list[int]:
        """Return the rows of plates that have the skeleton of a listed one."""
        listed = self.skeletons
        return [row for row, plate in enumerate(batch[1]) if plate.translate(_TRANSLATION) in listed]

    def polars_exact(self, batch: Batch) -> list[int]:
        """Return the rows of listed plates."""
        reads = pl.DataFrame({"key": batch[1] if self.as_text else batch[0]}).with_row_index("row")
        return sorted(reads.join(self.frame, on="key", how="semi")["row"].to_list())

    def polars_confused(self, batch: Batch) -> list[int]:
        """Return the rows of plates that have the skeleton of a listed one."""
        reads = pl.DataFrame({"key": batch[1]}).with_row_index("row")
        skeleton = pl.col("key").str.replace_many(list(_SKELETONS), list(_SKELETONS.values()))
        assert self.skeleton_frame is not None
        return sorted(
            reads.with_columns(skeleton).join(self.skeleton_frame, on="key", how="semi")["row"].to_list()
        )


def rate(work: Callable[[Batch], object], over: Sequence[Batch], least_s: float) -> float:
    """Return reads a second of CPU time over batches, at least one, that take at least `least_s`."""
    reads, start = 0, time.process_time()
    while True:
        for batch in over:
            work(batch)
            reads += len(batch[1])
            if (took := time.process_time() - start) >= least_s:
                return reads / took


def hotlist_of(keys: Keys, random: np.random.Generator) -> tuple[HotlistIndex, float]:
    """Return entries compiled, and the seconds of CPU that it took."""
    listed = START_US + random.integers(0, 1_000, len(keys)) * 7_919  # a thousand changes of the list
    until = AT_US + random.integers(1, 27 * 86_400, len(keys)) * SECOND_US
    start = time.process_time()
    hotlist, _ = HotlistIndex.build(keys, listed, until)
    return hotlist, time.process_time() - start


def size(entries: int) -> list[dict[str, Any]]:
    """Measure every case at one number of entries, by turns on the same batches."""
    random = np.random.default_rng(entries)
    keys = plates(np.arange(entries))
    hotlist, build_s = hotlist_of(keys, random)
    others = Others(keys)
    del keys
    cases = []

    def look(batch: Batch) -> object:
        return hotlist.look(*batch, AT_US)

    for rows in BATCHES:
        for confused in (False, True):
            made = batches(rows, entries, confused, random)
            works: dict[str, Callable[[Batch], Any]] = {"wicketgate": look}
            if not confused:
                works |= {"set": others.set_exact, "polars": others.polars_exact}
            elif others.as_text:
                works |= {"set": others.set_confused, "polars": others.polars_confused}
            found = [hotlist.look(*batch, AT_US) for batch in made]
            for name, work in works.items():
                if name != "wicketgate":
                    theirs = work(made[0])
                    if confused:
                        assert set(found[0].rows.tolist()) <= set(theirs)
                    else:
                        assert found[0].rows[found[0].exact].tolist() == theirs
            rounds = [
                {
                    name: rate(work, made, 0.2 if name == "wicketgate" else 0.05)
                    for name, work in works.items()
                }
                for _ in range(ROUNDS)
            ]
            speed = {name: statistics.median(one[name] for one in rounds) for name in works}
            reads = rows * len(made)
            cases.append(
                {
                    "entries": entries,
                    "batch_rows": rows,
                    "reads": "confused" if confused else "exact",
                    "exact_share": round(sum(int(one.exact.sum()) for one in found) / reads, 4),
                    "possible_share": round(sum(int((~one.exact).sum()) for one in found) / reads, 4),
                    "reads_per_s": {name: round(value) for name, value in speed.items()},
                    "us_per_batch": round(1e6 * rows / speed["wicketgate"], 1),
                    "bytes_per_entry": round(hotlist.nbytes / entries, 2),
                    "build_s": round(build_s, 2),
                    "others_hold": "texts" if others.as_text else "packed plates",
                }
            )
    return cases


def run() -> dict[str, Any]:
    """Run every case and return what was measured."""
    cases = [case for entries in SIZES for case in size(entries)]
    return {"bench": "match", "unit": "reads/s of one core, CPU time", "medians_of": ROUNDS, "cases": cases}


def main() -> None:
    """Print the table."""
    result = run()
    print(f"{result['unit']}, medians of {result['medians_of']}")
    print(
        f"{'entries':>11}{'batch':>9} {'reads':<9}{'wicketgate':>12}{'us/batch':>10}{'set':>12}{'polars':>12}"
        f"{'possible':>10}{'B/entry':>9}{'build s':>9}"
    )
    for item in result["cases"]:
        speed = {name: f"{value:,}" for name, value in item["reads_per_s"].items()}
        print(
            f"{item['entries']:>11,}{item['batch_rows']:>9,} {item['reads']:<9}{speed['wicketgate']:>12}"
            f"{item['us_per_batch']:>10}{speed.get('set', '-'):>12}{speed.get('polars', '-'):>12}"
            f"{item['possible_share']:>10.2%}{item['bytes_per_entry']:>9}{item['build_s']:>9}"
        )


if __name__ == "__main__":
    main()
