"""A charging folder with its book, from rows to penalties: who is charged, who is looked at, and what is left."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.charging_feed import SCHEMES, ChargingFolder, MadeFeed, read_of
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book import accounts
from wicketgate.clients.charging.book.accounts_csv import read_accounts
from wicketgate.clients.charging.book.book import trial_balance
from wicketgate.clients.charging.book.payments_csv import read_payments
from wicketgate.clients.charging.book.statements import owed_on
from wicketgate.clients.charging.book.tables import make_tables as book_tables
from wicketgate.clients.charging.bookkeeping import BookPayers, evidence_of, forget_all
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.life import Act, standing_of
from wicketgate.clients.charging.cases.reviews import ReviewDecision
from wicketgate.clients.charging.cases.tables import figures
from wicketgate.clients.charging.cases.tables import make_tables as case_tables
from wicketgate.clients.charging.importing import import_lines
from wicketgate.clients.charging.settlement import explained, run_settlement
from wicketgate.clients.charging.store import change, forget
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.regime.documents.waiver import Waiver

LONDON = SCHEMES["scheme"]
DAY = datetime(2026, 9, 1, 9, tzinfo=UTC)
DUE = parse_rfc3339("2026-09-05T12:00:00Z")
OVER = parse_rfc3339("2026-10-20T12:00:00Z")
PAYER, OWER, ACCOUNT, ALIKE, PART = "QX12ZZQ", "CD34EFG", "EF56GHJ", "0X12ZZQ", "X12ZZQ"
KEEPER = casebook.Keeper(name="K Eeper", address=["1 Road", "Town"], link="0123456789abcdef")


class Town:
    """A folder, its book, and a clock that is told."""

    def __init__(self, base: Path, *, waivers: tuple[Waiver, ...] = ()) -> None:
        terms = ChargingTerms(versions=(LONDON,), waivers=waivers)
        self.folder = ChargingFolder(base / "charging", terms, ("c0", "c1", "c2"))
        self.store = self.folder.connection
        self.book = BookPayers(terms)
        self.feed = MadeFeed()
        self.now_us = DUE
        with change(self.store):
            book_tables(self.store)
            case_tables(self.store)

    def see(self, *plates: str, cameras: tuple[str, ...] = ("c0", "c1"), sure: int = 95) -> None:
        rows = [
            {"read": read_of(plate, DAY.replace(minute=n), camera, sure)}
            for plate in plates
            for n, camera in enumerate(cameras)
        ]
        self.feed.add(rows)
        self.folder.take(self.feed)

    def pay(
        self, plate: str, at: str = "2026-09-01T10:00:00Z", amount: int = 1800, number: str = "p-1"
    ) -> int:
        text = f"number,plate,day,received_at,amount\n{number},{plate},2026-09-01,{at},{amount}\n"
        with change(self.store):
            done = import_lines(
                self.store, read_payments(text.encode()), self.book.terms.of_day, self.book.scheme_named,
                now_us=self.now_us,
            )  # fmt: skip
        return done.cancelled

    def settle(self, later_us: int = 0) -> dict[str, int]:
        self.now_us += later_us
        tally = run_settlement(self.store, self.book.terms, self.book, self.now_us)
        forget_all(self.store, self.book, self.now_us)
        return dict(tally.outcomes)

    def confirm(self, plate: str, *, right: bool = True) -> None:
        held = queue.review_of(self.store, plate, DAY.date())
        assert held is not None
        with change(self.store):
            queue.type_reading(self.store, held.id, "ann", plate, at_us=self.now_us)
            self.book.decide(self.store, held.id, ReviewDecision(by="ann", confirms=right, at_us=self.now_us))

    def issue(self, plate: str) -> list[str]:
        settled, _ = explained(self.store, self.book.terms, self.book, plate, DAY.date(), self.now_us)
        with change(self.store):
            return casebook.issue(
                self.store, LONDON, plate, settled, KEEPER, by="bob", at_us=self.now_us, stopped=False,
                ends_us=LONDON.instant(date(2026, 9, 30)),
            )  # fmt: skip

    def bytes(self) -> bytes:
        forget(self.store)
        return b"".join(path.read_bytes() for path in self.folder.folder.rglob("*") if path.is_file())

    def state(self, number: str) -> str:
        return standing_of(LONDON, casebook.required(self.store, number).acts).state


@pytest.fixture
def town(tmp_path: Path):
    made = Town(tmp_path)
    yield made
    made.store.close()


def test_of_who_paid_nothing_is_left_but_the_payment_and_then_not_that(town: Town) -> None:
    town.see(PAYER, OWER)
    town.pay(PAYER)
    assert town.settle() == {"paid": 1, "penalty": 1}
    left = town.bytes()
    tables = ("passages", "evidence", "held", "touched", "reviews", "review_rows", "gates")
    for table in tables:
        assert PAYER not in str(town.store.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608
    assert evidence_of(town.store, DAY.date(), PAYER) == []
    # The row of the payment and its index, and nowhere else in any file.
    assert left.count(PAYER.encode()) == 2
    town.now_us = OVER
    town.settle()
    assert PAYER.encode() not in town.bytes()


def test_every_penalty_has_a_person_and_an_account_does_where_a_plate_like_it_was_paid(town: Town) -> None:
    head = "account,plate,from,until,class,discounts,exemptions"
    vehicles = f"{head}\nA-1,{ACCOUNT},2026-08-01,,,,\nA-2,{ALIKE},2026-08-01,,,,\n"
    with change(town.store):
        accounts.register_vehicles(town.store, read_accounts(vehicles.encode()))
    town.see(OWER, ACCOUNT, ALIKE, PART)
    town.pay(PAYER)
    town.settle()
    held = {plate: queue.review_of(town.store, plate, DAY.date()) for plate in (OWER, ACCOUNT, ALIKE, PART)}
    reasons = {plate: None if one is None else one.review.reasons for plate, one in held.items()}
    assert reasons == {
        OWER: ("penalty",),
        ACCOUNT: None,
        ALIKE: ("look-alike",),
        PART: ("penalty", "fragment"),
    }
    assert (owed_on(town.store, "A-1"), owed_on(town.store, "A-2")) == (1800, 0)
    town.confirm(ALIKE)
    assert owed_on(town.store, "A-2") == 1800
    town.settle(DAY_US)
    assert owed_on(town.store, "A-2") == 1800


def test_a_rejected_account_is_never_charged_however_often_it_is_settled(town: Town) -> None:
    with change(town.store):
        accounts.register_vehicles(
            town.store,
            read_accounts(
                f"account,plate,from,until,class,discounts,exemptions\nA-2,{ALIKE},2026-08-01,,,,\n".encode()
            ),
        )
    town.see(ALIKE)
    town.pay(PAYER)
    town.settle()
    town.confirm(ALIKE, right=False)
    town.see(ALIKE, cameras=("c2",))
    town.settle(DAY_US)
    assert owed_on(town.store, "A-2") == 0
    assert queue.review_of(town.store, ALIKE, DAY.date()) is None


def test_a_misread_leaves_nothing_and_its_cameras_are_not_believed(town: Town) -> None:
    town.see(ALIKE)
    town.settle()
    held = queue.review_of(town.store, ALIKE, DAY.date())
    assert held is not None
    with change(town.store):
        assert queue.type_reading(town.store, held.id, "ann", PAYER, at_us=DUE) == "second"
        with pytest.raises(InputError) as refused:
            queue.type_reading(town.store, held.id, "ann", ALIKE, at_us=DUE)
        assert refused.value.code == "other-person-needed"
        assert queue.type_reading(town.store, held.id, "bob", PAYER, at_us=DUE) == "rejected"
    assert queue.is_doubted(town.store, ALIKE, ["tfl/c0"], DUE)
    assert not queue.is_doubted(town.store, ALIKE, ["tfl/c2"], DUE)
    assert not queue.is_doubted(town.store, ALIKE, ["tfl/c0"], DUE + queue.DOUBTED_US)
    assert evidence_of(town.store, DAY.date(), ALIKE) == []
    with pytest.raises(InputError):
        town.issue(ALIKE)


def test_a_payment_in_time_cancels_a_penalty_even_after_its_term(town: Town) -> None:
    town.see(OWER)
    town.settle()
    town.confirm(OWER)
    [number] = town.issue(OWER)
    with pytest.raises(InputError) as refused:
        town.issue(OWER)
    assert refused.value.code == "already-issued"
    town.now_us = OVER + 30 * DAY_US
    town.settle()
    assert town.state(number) == "issued"
    assert town.pay(OWER, "2026-09-05T12:00:00Z", 2100, "late") == 0
    assert town.pay(OWER, "2026-09-04T22:59:59Z", 2100, "in-time") == 1
    assert town.state(number) == "cancelled"
    assert casebook.required(town.store, number).keeper is None
    town.settle(DAY_US)
    assert OWER.encode() not in town.bytes()
    assert KEEPER.name.encode() not in town.bytes()
    assert sum(trial_balance(town.store).values()) == 0


def test_a_waiver_that_looks_back_closes_a_case_and_who_paid_it_is_owed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.see(OWER)
    town.settle()
    town.confirm(OWER)
    [number] = town.issue(OWER)
    text = f"number,penalty,received_at,amount\nq-1,{number},2026-09-08T10:00:00Z,9000\n"
    with change(town.store):
        import_lines(
            town.store,
            read_payments(text.encode()),
            town.book.terms.of_day,
            town.book.scheme_named,
            now_us=town.now_us,
        )
    assert town.state(number) == "paid"
    begin = LONDON.instant(DAY.date())
    waiver = Waiver(
        id="w", scheme=LONDON.name, at_us=0, reason="A diversion.", from_us=begin, until_us=begin + DAY_US, zones=None,
        percent=100, extra_days=0, document={},
    )  # fmt: skip
    town.book = BookPayers(ChargingTerms(versions=(LONDON,), waivers=(waiver,)))
    town.settle(DAY_US)
    assert town.state(number) == "cancelled"
    assert trial_balance(town.store)[f"penalty/{number}"] == -9000
    assert figures(town.store)["cases.cancel.waiver"] == 1
    town.store.close()


def test_a_clone_is_held_and_its_penalties_cancelled(town: Town) -> None:
    town.see(OWER)
    town.settle()
    town.confirm(OWER)
    [number] = town.issue(OWER)
    with change(town.store):
        queue.hold_clone(town.store, OWER, "ann", town.now_us)
        assert (
            casebook.cancel_clone(town.store, town.book.scheme_named, OWER, by="ann", now_us=town.now_us) == 1
        )
    assert town.state(number) == "cancelled"
    with pytest.raises(InputError), change(town.store):
        casebook.do(town.store, LONDON, number, Act(kind="certificate", at_us=OVER, by="bob"), stopped=False)


def test_reads_that_no_vehicle_can_have_made_are_looked_at_as_a_clones(town: Town) -> None:
    far = [
        {"read": {**read_of(OWER, DAY.replace(minute=n), camera, 95), "position": [-0.1, 51.5 + 2 * n]}}
        for n, camera in enumerate(("c0", "c1"))
    ]
    town.feed.add(far)
    town.folder.take(town.feed)
    town.settle()
    held = queue.review_of(town.store, OWER, DAY.date())
    assert held is not None
    assert held.review.reasons == ("penalty", "clone")


def test_nobody_is_charged_twice_where_settling_runs_again(town: Town) -> None:
    town.see(OWER)
    town.settle()
    town.settle(DAY_US)
    assert figures(town.store)["reviews"] == 1
    town.confirm(OWER)
    town.settle(DAY_US)
    assert town.book.ready(town.store) == [(OWER, DAY.date())]
    town.issue(OWER)
    assert town.book.ready(town.store) == []
    assert town.book.figures(town.store) == {"standing.issued": 1}
    town.see(OWER, cameras=("c2",))
    town.settle(DAY_US)
    assert len(casebook.live_cases(town.store)) == 1
