"""`bench charging`: a day of a scheme's feed verified and reduced, its lag, its settling, `explain`.

The feed is made as the gateway writes it, promises included, and checked as a recipient checks it (`FeedChain`); HTTP
and the proofs of batches, one request each, are not in it. WICKETGATE_BENCH_VEHICLES says how many vehicles a day has,
with 15.7 reads each as London has them: a million is its day of 15.7 million rows.
"""

from __future__ import annotations

import io
import os
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from wicketgate.base.clock import SECOND_US, SystemClock, rfc3339
from wicketgate.base.signing import PrivateKey
from wicketgate.clients.charging.book.accounts import AccountVehicle, register_vehicles
from wicketgate.clients.charging.book.payments_csv import PaymentLine
from wicketgate.clients.charging.book.provider import make_provider_tables
from wicketgate.clients.charging.book.tables import make_tables as book_tables
from wicketgate.clients.charging.book.taking import take_payments
from wicketgate.clients.charging.bookkeeping import BookPayers
from wicketgate.clients.charging.cases.tables import make_tables as case_tables
from wicketgate.clients.charging.settlement import explained, run_settlement
from wicketgate.clients.charging.sink import ChargingSink
from wicketgate.clients.charging.store import change, open_store
from wicketgate.clients.charging.taking import RowTaker
from wicketgate.clients.charging.terms import ChargingTerms, day_due_us
from wicketgate.clients.recipient.receive import Received
from wicketgate.clients.verify.feeds import FeedChain
from wicketgate.feeds.batches import build, read_batches
from wicketgate.ledger.facts import Promises
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.scheme import parse_scheme
from wicketgate.regime.documents.scheme_terms import Scheme

VEHICLES = int(os.environ.get("WICKETGATE_BENCH_VEHICLES", "50000"))
LIVE_S = int(os.environ.get("WICKETGATE_BENCH_SECONDS", "20"))
ROWS_A_VEHICLE = 15.7
ROWS_A_BATCH = 500
LIVE_ROWS_A_S = 2_000
_LIVE_BATCHES_A_S = 50
_AT_ONCE = 200
_CAMERAS = 1_544
_ORIGIN = "bench.example/wicketgate"
_SCHEME = Path(__file__).parents[1] / "docs/spec/examples/scheme.toml"
_DAY = date(2026, 9, 1)
_BEGIN_H, _END_H = 5, 22


class MadeDay:
    """The batches of a day, made in the order of time: rows come as their vehicles pass."""

    def __init__(self, scheme: Scheme, rows: int, rows_a_batch: int, vehicles: int) -> None:
        self._key = PrivateKey.generate()
        self.public = self._key.public
        self._begin_us = scheme.instant(_DAY, _BEGIN_H * 60)
        self._span_us = (_END_H - _BEGIN_H) * 3600 * SECOND_US
        self._rows, self._a_batch, self._vehicles = rows, rows_a_batch, vehicles
        self._chance = random.Random(15)
        self.rows = 0

    def batches(self) -> Iterator[bytes]:
        """Yield each batch as delivered."""
        for number in range(1, (self._rows + self._a_batch - 1) // self._a_batch + 1):
            yield self.batch(number)

    def batch(self, number: int) -> bytes:
        """Return the next batch."""
        count = min(self._a_batch, self._rows - self.rows)
        lines = []
        for _ in range(count):
            at_us = self._begin_us + self._span_us * self.rows // self._rows
            self.rows += 1
            lines.append(self._line(at_us))
        released_us = self._begin_us + self._span_us * self.rows // self._rows
        promises = Promises(_ORIGIN, released_us, self._key, 5 * SECOND_US)
        salt = self._chance.randbytes(16)
        _, data = build(
            reference="charging@1",
            number=number,
            commit=number,
            released_us=released_us,
            lines=lines,
            promise=lambda header: promises.make(header, salt)[0],
        )
        return data

    def _line(self, at_us: int) -> bytes:
        chance = self._chance.random
        vehicle, camera = int(chance() * self._vehicles), int(chance() * _CAMERAS)
        return (
            f'{{"seq":{self.rows},"salt":"{self._chance.getrandbits(128):032x}","authority":"charging@1","read":'
            f'{{"plate":"{plate_of(vehicle)}","confidence":{80 + int(chance() * 20)}e-2,"captured_at":'
            f'"{rfc3339(at_us)}","source":"tfl","camera":"ccz-{camera:04}","camera_name":"Street {camera}",'
            f'"position":[-0.{camera:04},51.5{camera:04}],"lane":1,"direction":"towards"}}}}'
        ).encode()


def plate_of(vehicle: int) -> str:
    """Return a distinct plate; they lie as far apart as those of a country do."""
    letters = "ABCDEFGHJKLMNOPRSTUVWXY"
    rest, digits = divmod(vehicle * 387_420_489 % (len(letters) ** 5 * 100), 100)
    found = ""
    for _ in range(5):
        rest, letter = divmod(rest, len(letters))
        found += letters[letter]
    return f"{found[:2]}{digits:02}{found[2:]}"


def open_payers(connection: sqlite3.Connection, terms: ChargingTerms) -> BookPayers:
    """Fill the book: three of four vehicles on account, one in five paid on the day, and one in twenty not at all."""
    with change(connection):
        for make in (book_tables, make_provider_tables, case_tables):
            make(connection)
    vehicles, lines = [], []
    noon_us = terms.newest.instant(_DAY, 720)
    for number in range(VEHICLES):
        lot, plate = number % 20, plate_of(number)
        if lot > 4:
            vehicles.append(AccountVehicle(account=f"A{number // 20}", plate=plate, first=_DAY))
        elif lot:
            lines.append(
                PaymentLine(number=f"P{number}", received_us=noon_us, amount=1800, plate=plate, day=_DAY)
            )
    with change(connection):
        register_vehicles(connection, vehicles)
        take_payments(connection, lines, terms.of_day, is_pursued=lambda plate, day: False, now_us=noon_us)
    return BookPayers(terms)


def measure() -> dict[str, Any]:
    """Reduce a day, settle it and explain some of it, and follow a feed that is live."""
    terms = ChargingTerms(versions=(parse_scheme(parse_toml(_SCHEME.read_bytes())),))
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        found = _reduced(Path(name) / "day", terms)
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        found |= _live(Path(name) / "live", terms)
    found["resident_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"bench": "charging", **found}


def _reduced(folder: Path, terms: ChargingTerms) -> dict[str, Any]:
    rows = round(VEHICLES * ROWS_A_VEHICLE)
    made = MadeDay(terms.newest, rows, ROWS_A_BATCH, VEHICLES)
    connection = open_store(folder)
    sink = _sink(connection, terms)
    chain = FeedChain(_ORIGIN, made.public)
    verify_s = reduce_s = verify_cpu_s = reduce_cpu_s = 0.0
    answer: list[bytes] = []
    for number, data in enumerate(made.batches(), 1):
        answer.append(data)
        if len(answer) == _AT_ONCE or number * ROWS_A_BATCH >= rows:
            begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
            received = _checked(chain, answer)
            checked_s, checked_cpu_s = time.perf_counter(), time.process_time()
            sink.write(received)
            sink.note([], b"")
            verify_s += checked_s - begun_s
            reduce_s += time.perf_counter() - checked_s
            verify_cpu_s += checked_cpu_s - begun_cpu_s
            reduce_cpu_s += time.process_time() - checked_cpu_s
            answer = []
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    sink.close()
    reduce_s += time.perf_counter() - begun_s
    reduce_cpu_s += time.process_time() - begun_cpu_s
    size = sum(path.stat().st_size for path in folder.iterdir())
    book = open_payers(connection, terms)
    explained_ms = _explained(connection, terms, book)
    due_us = day_due_us(terms.newest, _DAY)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    tally = run_settlement(connection, terms, book, due_us)
    settle_s, settle_cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
    connection.close()
    per_day = 1_000_000 * ROWS_A_VEHICLE / rows
    return {
        "rows": rows,
        "vehicle_days": tally.vehicle_days,
        "verify_us_a_row": round(verify_s / rows * 1e6, 2),
        "reduce_us_a_row": round(reduce_s / rows * 1e6, 2),
        "verify_cpu_us_a_row": round(verify_cpu_s / rows * 1e6, 2),
        "reduce_cpu_us_a_row": round(reduce_cpu_s / rows * 1e6, 2),
        "min_for_15.7M_rows": round((verify_s + reduce_s) * per_day / 60, 1),
        "cpu_min_for_15.7M_rows": round((verify_cpu_s + reduce_cpu_s) * per_day / 60, 1),
        "file_mb": size // 1_000_000,
        "settle_s_for_1M": round(settle_s / tally.vehicle_days * 1e6, 1),
        "settle_cpu_s_for_1M": round(settle_cpu_s / tally.vehicle_days * 1e6, 1),
        "explain_ms_p99": explained_ms,
    }


def _live(folder: Path, terms: ChargingTerms) -> dict[str, Any]:
    """Take batches as they become due, and say how long after each was due it was durable."""
    a_batch = LIVE_ROWS_A_S // _LIVE_BATCHES_A_S
    made = MadeDay(terms.newest, LIVE_ROWS_A_S * LIVE_S, a_batch, 100_000)
    answers = list(made.batches())
    connection = open_store(folder)
    sink = _sink(connection, terms)
    chain = FeedChain(_ORIGIN, made.public)
    begun_s, taken, lags = time.perf_counter(), 0, []
    while taken < len(answers):
        due = min(len(answers), int((time.perf_counter() - begun_s) * _LIVE_BATCHES_A_S), taken + _AT_ONCE)
        if due == taken:
            time.sleep(0.002)
            continue
        sink.write(_checked(chain, answers[taken:due]))
        now_s = time.perf_counter() - begun_s
        lags += [now_s - (number + 1) / _LIVE_BATCHES_A_S for number in range(taken, due)]
        taken = due
    sink.close()
    connection.close()
    lags.sort()
    return {
        "live_rows_a_s": LIVE_ROWS_A_S,
        "live_lag_ms_p50": round(lags[len(lags) // 2] * 1000, 1),
        "live_lag_ms_p99": round(lags[len(lags) * 99 // 100] * 1000, 1),
    }


def _explained(connection: sqlite3.Connection, terms: ChargingTerms, book: BookPayers) -> float:
    at_us = day_due_us(terms.newest, _DAY + timedelta(days=-1))
    took = []
    for number in range(300):
        begun_s = time.perf_counter()
        explained(connection, terms, book, plate_of(number * VEHICLES // 300), _DAY, at_us)
        took.append(time.perf_counter() - begun_s)
    return round(sorted(took)[len(took) * 99 // 100] * 1000, 2)


def _sink(connection: sqlite3.Connection, terms: ChargingTerms) -> ChargingSink:
    groups = frozenset({"ccz-boundary", "ccz-inside"})
    taker = RowTaker(terms, {}, groups)
    return ChargingSink(connection, lambda: (terms, taker), SystemClock())


def _checked(chain: FeedChain, answer: Sequence[bytes]) -> list[Received]:
    received = []
    for batch in read_batches(io.BytesIO(b"".join(answer))):
        chain.take(batch)
        received.append(Received(batch=batch, data=b""))
    return received


def run() -> dict[str, Any]:
    """Measure once."""
    return measure()


def main() -> None:
    """Print what was measured."""
    for name, value in run().items():
        print(f"{name:<24}{value:>16,}" if isinstance(value, int) else f"{name:<24}{value:>16}")


if __name__ == "__main__":
    main()
