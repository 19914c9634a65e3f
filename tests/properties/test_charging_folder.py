"""What a charging folder keeps of a feed, and what it settles: in any order and portion, and over kills, the same."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import charging_oracle as oracle
from tests.charging_feed import BEGIN, SCHEMES, ChargingFolder, MadeFeed, oracle_reads, read_of
from wicketgate.base.clock import from_datetime
from wicketgate.clients.charging.book.book import trial_balance
from wicketgate.clients.charging.book.payments_csv import PaymentLine
from wicketgate.clients.charging.book.provider import make_provider_tables
from wicketgate.clients.charging.book.tables import make_tables as book_tables
from wicketgate.clients.charging.bookkeeping import BookPayers
from wicketgate.clients.charging.cases.tables import make_tables as case_tables
from wicketgate.clients.charging.days import passages_of
from wicketgate.clients.charging.importing import forget_over, import_lines
from wicketgate.clients.charging.passages import CameraSighting, reduce_sightings
from wicketgate.clients.charging.payers import Payer
from wicketgate.clients.charging.proofs import unpacked
from wicketgate.clients.charging.reducing import as_passage
from wicketgate.clients.charging.settlement import Settlement
from wicketgate.clients.charging.settling import ChargedVehicle, Payment, Settled
from wicketgate.clients.charging.store import change, forget
from wicketgate.clients.charging.terms import ChargingTerms

CAMERAS = ("c0", "c1", "c2", "c3")
PLATES = ("LB07SEE", "LB07SEF")
CLASSES = {"london-ulez": "fails"}

names = st.sampled_from(sorted(SCHEMES))
minutes = st.one_of(st.integers(0, 3 * 1440), st.sampled_from([359, 360, 1439, 1440, 2879]))
reads = st.tuples(
    minutes, st.integers(0, 90), st.sampled_from(CAMERAS), st.integers(60, 99), st.sampled_from(PLATES)
)
batches = st.lists(st.lists(reads, min_size=1, max_size=5), min_size=1, max_size=6)


def at_of(minute: int, second: int) -> datetime:
    return BEGIN + timedelta(minutes=minute, seconds=second)


def feed_of(drawn) -> MadeFeed:
    """Return a feed of reads, each only once: repeats stay at the gateway."""
    feed, known = MadeFeed(), set()
    for batch in drawn:
        said = []
        for minute, second, camera, sure, plate in batch:
            if (minute * 60 + second, camera, plate) not in known:
                known.add((minute * 60 + second, camera, plate))
                said.append({"read": read_of(plate, at_of(minute, second), camera, sure)})
        if said:
            feed.add(said)
    return feed


class Paid:
    """Payers who paid what they are said to have, and remember what days came to."""

    def __init__(self, paid: dict[tuple[date, str], list[Payment]], class_: str | None) -> None:
        self.paid = paid
        self.vehicle = ChargedVehicle(class_=class_)
        self.came: dict[tuple[date, str], Settled] = {}

    def known(self, connection, day, plates):
        return {
            plate: Payer(payments=self.paid.get((day, plate), ()), vehicle=self.vehicle) for plate in plates
        }

    def take(self, connection, at_us, day, settled):
        self.came |= {(day, plate): one for plate, one in settled.items()}


def days_of(folder: ChargingFolder) -> list[int]:
    return [day for (day,) in folder.connection.execute("SELECT day FROM days ORDER BY day")]


@settings(max_examples=60, deadline=None)
@given(names, batches, st.lists(st.integers(1, 3), max_size=4), st.randoms(use_true_random=False))
def test_in_any_order_and_portion_the_same_is_kept_as_of_all_reads_at_once(
    name, drawn, portions, random
) -> None:
    scheme = SCHEMES[name]
    flat = [one for batch in drawn for one in batch]
    with tempfile.TemporaryDirectory() as base:
        first = ChargingFolder(Path(base) / "a", ChargingTerms(versions=(scheme,)), CAMERAS)
        first.take(feed_of(drawn), portions)
        random.shuffle(flat)
        other = ChargingFolder(Path(base) / "b", ChargingTerms(versions=(scheme,)), CAMERAS)
        other.take(feed_of([flat]))
        for plate in PLATES:
            seen = {
                (minute * 60 + second, camera): sure
                for minute, second, camera, sure, whose in reversed(flat)
                if whose == plate
            }
            kept = {
                folder: [
                    as_passage(date.fromordinal(day), zone, one)
                    for day in days_of(folder)
                    for zone, one in passages_of(folder.connection, day, plate)
                ]
                for folder in (first, other)
            }
            unique = {
                (minute * 60 + second, camera): sure
                for minute, second, camera, sure, whose in reversed([one for batch in drawn for one in batch])
                if whose == plate
            }
            for folder, sure_of in ((first, unique), (other, seen)):
                wanted = reduce_sightings(
                    scheme,
                    [
                        CameraSighting(
                            from_datetime(at_of(0, second)),
                            f"tfl/{camera}",
                            sure,
                            scheme.zones[int(camera[1:]) % len(scheme.zones)].id,
                            "boundary",
                            "",
                        )
                        for (second, camera), sure in sure_of.items()
                    ],
                )
                assert sorted(kept[folder], key=repr) == sorted(wanted, key=repr)
        for folder in (first, other):
            shown = {seq for (seq,) in folder.connection.execute("SELECT seq FROM evidence")}
            best = {
                one.seq
                for day in days_of(folder)
                for plate in PLATES
                for _, kept_one in passages_of(folder.connection, day, plate)
                for one in kept_one.best
            }
            assert shown == best


@settings(max_examples=60, deadline=None)
@given(
    names,
    batches,
    st.lists(st.tuples(st.integers(-600, 4000), st.sampled_from([350, 500, 1250, 1800, 2100])), max_size=3),
    st.integers(1, 80),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_settled_in_any_portions_each_day_comes_to_what_the_oracle_has(
    name, drawn, paying, later, few, more
) -> None:
    scheme = SCHEMES[name]
    feed = feed_of(drawn)
    now = datetime(2026, 8, 8, 15, tzinfo=UTC) + timedelta(days=later)
    dumps = []
    with tempfile.TemporaryDirectory() as base:
        for at_once in (few, more):
            folder = ChargingFolder(
                Path(base) / f"{at_once}-{len(dumps)}", ChargingTerms(versions=(scheme,)), CAMERAS
            )
            folder.take(feed)
            paid = {
                (date.fromordinal(day), PLATES[0]): [
                    Payment(
                        number=str(n),
                        received_us=from_datetime(_noon(day) + timedelta(minutes=after)),
                        amount=amount,
                    )
                    for n, (after, amount) in enumerate(paying)
                ]
                for day in days_of(folder)
            }
            payers = Paid(paid, CLASSES.get(name))
            Settlement(folder.connection, folder.terms, payers, from_datetime(now)).run(at_once=at_once)
            dumps.append((folder.dump(), payers.came))
            _compare(name, folder, payers, drawn, paying, now)
    assert dumps[0] == dumps[1]


def _noon(day: int) -> datetime:
    shown = date.fromordinal(day)
    return datetime(shown.year, shown.month, shown.day, 12, tzinfo=UTC)


def _compare(name, folder, payers, drawn, paying, now) -> None:
    scheme = SCHEMES[name]
    seen: dict[str, dict] = {plate: {} for plate in PLATES}
    for batch in drawn:
        for minute, second, camera, sure, plate in batch:
            seen[plate].setdefault((minute * 60 + second, camera), (at_of(minute, second), camera, sure))
    for (day, plate), found in payers.came.items():
        wanted = oracle.CHARGES[name](oracle_reads(scheme, seen[plate].values()), day)
        assert list(found.charges) == wanted
        assert now >= oracle.window_ends(name, day)[-1][0]
        if found.outcome == "closed":
            continue
        money = [
            (_noon(day.toordinal()) + timedelta(minutes=after), amount)
            for after, amount in (paying if plate == PLATES[0] else ())
        ]
        if name == "stockholm":
            money = [one for one in money if one[0] >= oracle.midnight(day, oracle.STOCKHOLM)]
        left = oracle.unpaid(name, wanted, money, day, now)
        assert len(found.charges) - found.paid == left
        assert found.penalties + found.reviews == left
        kept = passages_of(folder.connection, day.toordinal(), plate)
        assert bool(kept) == (found.outcome in ("penalty", "review"))


@settings(max_examples=30, deadline=None)
@given(names, batches, st.data())
def test_a_kill_between_any_two_writes_leaves_what_the_next_start_completes(name, drawn, data) -> None:
    scheme = SCHEMES[name]
    feed = feed_of(drawn)
    with tempfile.TemporaryDirectory() as base:
        whole = ChargingFolder(Path(base) / "whole", ChargingTerms(versions=(scheme,)), CAMERAS)
        whole.take(feed)
        killed = ChargingFolder(Path(base) / "killed", ChargingTerms(versions=(scheme,)), CAMERAS)
        reached = data.draw(st.integers(0, len(feed.received)))
        for one in feed.received[:reached]:
            killed.sink.write([one])
        # What a kill leaves: the file and its log as they lie there, whatever the process had in mind.
        copy = Path(base) / "copy"
        shutil.copytree(killed.folder, copy)
        killed.connection.close()
        killed.folder = copy
        killed.open()
        killed.take(feed)
        assert killed.dump() == whole.dump()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.integers(1, 3)),
        st.tuples(st.just("pay"), st.integers(0, 3)),
        st.tuples(st.just("settle"), st.integers(1, 9)),
        st.just(("kill", 0)),
    ),
    max_size=14,
)
paid_days = st.lists(
    st.tuples(
        st.sampled_from(PLATES),
        st.integers(0, 3),
        st.integers(-300, 6000),
        st.sampled_from([500, 1250, 1800, 2100]),
    ),
    min_size=4,
    max_size=4,
)


class BookFolder(ChargingFolder):
    """A folder with its book."""

    def open(self) -> None:
        super().open()
        with change(self.connection):
            for make in (book_tables, make_provider_tables, case_tables):
                make(self.connection)
        self.book = BookPayers(self.terms)

    def pay(self, line: PaymentLine) -> None:
        with change(self.connection):
            import_lines(
                self.connection, [line], self.terms.of_day, self.book.scheme_named, now_us=line.received_us
            )

    def settle(self, at_us: int, at_once: int) -> None:
        Settlement(self.connection, self.terms, self.book, at_us).run(at_once=at_once)

    def held(self) -> list[tuple]:
        return self.connection.execute(
            "SELECT day, plate, outcome, charges, paid, owed, penalties, reviews FROM held ORDER BY 1, 2"
        ).fetchall()


def _lines(paying) -> list[PaymentLine]:
    return [
        PaymentLine(
            number=f"P{number}",
            received_us=from_datetime(_noon(BEGIN.toordinal() + after_days) + timedelta(minutes=after)),
            amount=amount,
            plate=plate,
            day=BEGIN.date() + timedelta(days=after_days),
        )
        for number, (plate, after_days, after, amount) in enumerate(paying)
    ]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["london-2003", "scheme"]), batches, paid_days, actions, st.integers(1, 5))
def test_rows_payments_settlings_and_kills_in_any_order_come_to_what_all_at_once_does(
    name, drawn, paying, acting, at_once
) -> None:
    terms = ChargingTerms(versions=(SCHEMES[name],))
    feed, lines = feed_of(drawn), _lines(paying)
    end_us = from_datetime(datetime(2026, 8, 20, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as base:
        whole = BookFolder(Path(base) / "whole", terms, CAMERAS)
        whole.take(feed)
        for line in lines:
            whole.pay(line)
        whole.settle(end_us, 100)
        mixed = BookFolder(Path(base) / "mixed", terms, CAMERAS)
        at_us, paid = from_datetime(BEGIN), 0
        for kind, number in acting:
            if kind == "rows":
                begun = 0 if mixed.sink.last is None else mixed.sink.last.batch
                for one in feed.received[begun : begun + number]:
                    mixed.sink.write([one])
            elif kind == "pay":
                for line in lines[paid : paid + number]:
                    mixed.pay(line)
                paid = min(len(lines), paid + number)
            elif kind == "settle":
                at_us = min(at_us + number * 2 * 86_400_000_000, end_us)
                mixed.settle(at_us, at_once)
            else:
                copy = Path(base) / f"copy-{len(list(Path(base).iterdir()))}"
                shutil.copytree(mixed.folder, copy)
                mixed.connection.close()
                mixed.folder = copy
                mixed.open()
        mixed.take(feed)
        for line in lines[paid:]:
            mixed.pay(line)
        mixed.settle(end_us, at_once)
        assert mixed.held() == whole.held()
        assert trial_balance(mixed.connection) == trial_balance(whole.connection)
        _nothing_of_payers(mixed)
        over_us = from_datetime(datetime(2027, 12, 1, tzinfo=UTC))
        mixed.settle(over_us, at_once)
        forget_all_of(mixed, over_us)
        for path in mixed.folder.iterdir():
            assert not any(plate.encode() in path.read_bytes() for plate in PLATES), path


def forget_all_of(folder: BookFolder, now_us: int) -> None:
    """Forget whose term is over."""
    with change(folder.connection):
        forget_over(folder.connection, now_us)
    forget(folder.connection)


def _nothing_of_payers(folder: BookFolder) -> None:
    """Check that of a vehicle whose day is not held nothing is left but its payments."""
    held = {(day, plate) for day, plate, *_ in folder.held()}
    for table in ("passages", "gates"):
        left = folder.connection.execute(f"SELECT DISTINCT day, plate FROM {table}").fetchall()  # noqa: S608
        assert set(left) <= held
    for (row,) in folder.connection.execute("SELECT row FROM evidence"):
        assert json.loads(unpacked(row))["read"]["plate"] in {plate for _, plate in held}
