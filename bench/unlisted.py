"""`bench unlisted`: reads a second on one core against lists of what stays, beside match on the same reads and list.

Nine reads in ten are of listed plates, as at a low-emission scheme, and one in a hundred is misread by one or two
characters. `listed_rows` finds what stays; `match` is the same index asked for hits, which finds confused plates too;
`decide` is the gate with one authority of mode unlisted over all cameras. `fewer` is what a change of the list costs
besides: when too few entries will count. `sparse` is `match` as `bench match` asks it, where one read in a hundred is
listed. Times are CPU time of the whole process, medians of five.

Sizes: `WICKETGATE_BENCH_ENTRIES=3000000,30000000`.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import numpy as np

from bench import match
from bench.match import AT_US, ROUNDS, Batch, Keys, batches, confuse, hotlist_of, plates, rate, texts
from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.gate.decide import decide
from wicketgate.gate.terms import Terms, compile_table
from wicketgate.hotlists import HotlistIndex, hashes
from wicketgate.hotlists.unlisted import Withheld
from wicketgate.reads.columns import ReadBatch, filled
from wicketgate.reads.plates import pack_all

SIZES = [int(size) for size in os.environ.get("WICKETGATE_BENCH_ENTRIES", "3000000,30000000").split(",")]
ROWS = 1_000
BATCHES = 60
LISTED_SHARE = 0.9
MISREAD_SHARE = 0.01


class Lists:
    """The lists of one authority, as the gate asks them: an index of the size that is measured."""

    def __init__(self, index: HotlistIndex) -> None:
        self._index = index

    def look(self, plate_key: Keys, plate: Any, captured_us: Any, at_us: int) -> Withheld:
        """Return the reads that stay."""
        hashed = hashes(plate_key)
        return Withheld(self._index.listed_rows(plate_key, plate, captured_us, at_us, hashed=hashed))


def mostly_listed(entries: int, random: np.random.Generator) -> list[Batch]:
    """Return batches of reads of which most are listed, and few misread."""
    made = []
    for _ in range(BATCHES):
        numbers = random.integers(entries, match._UNIVERSE, ROWS)
        listed = random.random(ROWS) < LISTED_SHARE
        numbers[listed] = random.integers(0, entries, np.count_nonzero(listed))
        names = texts(plates(numbers))
        for row in (random.random(ROWS) < MISREAD_SHARE).nonzero()[0].tolist():
            names[row] = confuse(names[row], random)
        made.append((pack_all(names), names, AT_US - random.integers(0, 10 * SECOND_US, ROWS)))
    return made


def reads_of(batch: Batch) -> ReadBatch:
    """Return a batch as the gate is given it."""
    _, names, captured_us = batch
    return filled(
        camera=np.zeros(len(names), np.int64),
        captured_us=captured_us,
        received_us=captured_us + SECOND_US,
        plate=names,
        confidence=np.ones(len(names)),
        key=[bytes(20)] * len(names),
    )


def table_of_one() -> Any:
    """Return the gate's table for one authority that withholds what is listed."""
    valid = (AT_US - DAY_US, AT_US + DAY_US)
    terms = Terms(
        reference="a@1",
        cameras=np.ones(1, np.bool_),
        windows=np.array([valid], np.int64),
        valid_from_us=valid[0],
        valid_until_us=valid[1],
        in_force_from_us=valid[0],
        in_force_until_us=valid[1],
        ended_by="expired",
        stopped_by=None,
        fields=frozenset({"plate"}),
        withholds=True,
    )
    return compile_table([terms], 1)


def size(entries: int) -> dict[str, Any]:
    """Measure at one number of entries, by turns on the same batches."""
    random = np.random.default_rng(entries)
    index, build_s = hotlist_of(plates(np.arange(entries)), random)
    most, few = mostly_listed(entries, random), batches(ROWS, entries, False, random)[:BATCHES]
    table, lists = table_of_one(), {"a@1": Lists(index)}
    whole = {id(batch): reads_of(batch) for batch in most}

    def stays(batch: Batch) -> object:
        return index.listed_rows(*batch, AT_US, hashed=hashes(batch[0]))

    def hits(batch: Batch) -> object:
        return index.look(*batch, AT_US)

    def gate(batch: Batch) -> object:
        return decide(whole[id(batch)], table, AT_US, 60 * SECOND_US, lists)

    stayed = sum(len(index.listed_rows(*batch, AT_US, hashed=hashes(batch[0]))) for batch in most)
    exact = sum(int(index.look(*batch, AT_US).exact.sum()) for batch in most)
    assert stayed == exact, "what stays is what is hit exactly, where both moments count"
    works = {
        "listed_rows": (stays, most),
        "match": (hits, most),
        "decide": (gate, most),
        "sparse": (hits, few),
    }
    rounds = [{name: rate(work, over, 0.2) for name, (work, over) in works.items()} for _ in range(ROUNDS)]
    start = time.process_time()
    index.fewer_from(np.ones(entries, np.bool_), entries // 2)
    return {
        "entries": entries,
        "stayed_share": round(stayed / (ROWS * len(most)), 4),
        "reads_per_s": {name: round(statistics.median(one[name] for one in rounds)) for name in works},
        "bytes_per_entry": round(index.nbytes / entries, 2),
        "build_s": round(build_s, 2),
        "fewer_s": round(time.process_time() - start, 3),
    }


def run() -> dict[str, Any]:
    """Run every size and return what was measured."""
    cases = [size(entries) for entries in SIZES]
    return {
        "bench": "unlisted",
        "unit": "reads/s of one core, CPU time",
        "medians_of": ROUNDS,
        "cases": cases,
    }


def main() -> None:
    """Print the table."""
    result = run()
    print(f"{result['unit']}, medians of {result['medians_of']}, batches of {ROWS:,}")
    print(
        f"{'entries':>11}{'stay':>8}{'listed_rows':>14}{'match':>12}{'decide':>12}{'sparse':>12}{'fewer s':>9}"
    )
    for item in result["cases"]:
        speed = item["reads_per_s"]
        print(
            f"{item['entries']:>11,}{item['stayed_share']:>8.1%}{speed['listed_rows']:>14,}{speed['match']:>12,}"
            f"{speed['decide']:>12,}{speed['sparse']:>12,}{item['fewer_s']:>9}"
        )


if __name__ == "__main__":
    main()
