"""The money and the cases of charging over any order of events: what never happens.

A charge has one live penalty at most. The book sums to nothing, and says of each case and each account what its acts
and charges do. A payment that was received in time never leaves a penalty standing, whenever it is imported. Nothing
new is charged after a clone, a revocation or an end.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.properties.test_charging_laws import SCHEMES
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book import accounts, tables
from wicketgate.clients.charging.book.book import balance, entries, trial_balance
from wicketgate.clients.charging.book.entries import BANK, account_of, penalty_of
from wicketgate.clients.charging.book.payments_csv import PaymentLine, read_payments
from wicketgate.clients.charging.book.taking import graces_of, payments_of, term_us
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases import tables as case_tables
from wicketgate.clients.charging.cases.life import BURDENS, Act, ActKind, amount_of, refusal, standing_of
from wicketgate.clients.charging.cases.reviews import ReviewDecision
from wicketgate.clients.charging.importing import forget_over, give_back, import_lines
from wicketgate.clients.charging.settling import Settled, count_paid
from wicketgate.regime.documents.scheme_terms import Scheme

LONDON = SCHEMES["scheme"]
DAY = date(2026, 9, 1)
START = LONDON.instant(DAY)
PLATES = ("AB12CDE", "CD34EFG")
KINDS: tuple[ActKind, ...] = (
    "represent", "accept", "reject", "appeal", "appeal-allowed", "appeal-dismissed", "certificate", "order",
    "declare", "warrant", "cancel", "pay", "pay-reversed",
)  # fmt: skip

acts = st.builds(
    Act,
    kind=st.sampled_from(("issue", *KINDS)),
    at_us=st.integers(0, 200).map(lambda hours: START + hours * 12 * HOUR_US),
    number=st.integers(0, 50),
    by=st.just("ann"),
    amount=st.sampled_from((9000, 18000, 27000, 1)),
    ground=st.sampled_from(("paid", "discretion", "misread")),
)


# --- the fold of acts -------------------------------------------------------------------------------------------


@settings(max_examples=400)
@given(st.lists(acts, max_size=12), st.randoms(use_true_random=False))
def test_how_a_case_stands_does_not_hang_on_the_order_in_which_acts_are_told(told, random) -> None:
    numbered = [replace(one, number=number) for number, one in enumerate(told)]
    shuffled = list(numbered)
    random.shuffle(shuffled)
    assert standing_of(LONDON, shuffled) == standing_of(LONDON, numbered)


@settings(max_examples=400)
@given(st.lists(acts, max_size=10), st.integers(0, 60))
def test_money_never_makes_more_owed(told, hours) -> None:
    """Another payment, wherever it falls, leaves no case worse: it is never certified for having been paid more."""
    order = ["cancelled", "paid", "none", "issued", "represented", "rejected", "appealed", "dismissed"]
    numbered = [
        replace(one, number=number)
        for number, one in enumerate([Act(kind="issue", at_us=START, by="ann"), *told])
        if one.kind not in ("pay-reversed", "declare")
    ]
    more = Act(kind="pay", at_us=START + hours * 12 * HOUR_US, number=99, amount=27000)
    before, after = standing_of(LONDON, numbered), standing_of(LONDON, [*numbered, more])
    assert after.state in ("paid", "cancelled")
    assert before.state not in order[:2] or after.state in order[:2]


@settings(max_examples=400)
@given(st.lists(acts, max_size=12))
def test_an_act_that_is_not_refused_takes_effect(told) -> None:
    done: list[Act] = []
    for number, one in enumerate(told):
        act = replace(one, number=number)
        if refusal(LONDON, done, act) is None:
            done.append(act)
            assert act.kind in standing_of(LONDON, done).done
    standing = standing_of(LONDON, done)
    assert (standing.state == "none") is (not done)
    assert amount_of(LONDON, standing, START) <= LONDON.penalty.increased


# --- the file ---------------------------------------------------------------------------------------------------


def scheme_of(day: date) -> Scheme | None:
    return LONDON if LONDON.first_day <= day <= LONDON.last_day else None


def penalty_day(plate_payments: int = 0) -> Settled:
    return Settled(day=DAY, outcome="penalty", charges=(1800,), owed=18000, penalties=1)


class ChargingMachine(RuleBasedStateMachine):
    """Payments, reviews, penalties, accounts and ends of two vehicles, in any order and at any time."""

    payments = Bundle("payments")

    @initialize()
    def begin(self) -> None:
        self.store: sqlite3.Connection = sqlite3.connect(":memory:", isolation_level=None)
        self.now_us = START + 5 * DAY_US
        self.numbers = iter(range(1, 10_000))
        self.stopped = False
        self.cloned: set[str] = set()
        self.burdens = 0
        self.issued: list[tuple[str, str]] = []
        self.revoked_at = 0
        self.store.executescript(_store_tables())
        tables.make_tables(self.store)
        case_tables.make_tables(self.store)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    # --- time

    @rule(hours=st.integers(1, 400))
    def wait(self, hours: int) -> None:
        self.now_us += hours * HOUR_US

    @rule()
    def forget(self) -> None:
        forget_over(self.store, self.now_us)

    @rule()
    def revoke(self) -> None:
        self.stopped = True

    # --- money

    @rule(
        target=payments,
        plate=st.sampled_from(PLATES),
        ago=st.integers(0, 900),
        amount=st.sampled_from((1800, 2100, 900)),
    )
    def pay_day(self, plate: str, ago: int, amount: int) -> str:
        return self.bring(plate=plate, day=DAY, ago=ago, amount=amount)

    @precondition(lambda self: self.issued)
    @rule(
        target=payments, ago=st.integers(0, 900), amount=st.sampled_from((9000, 18000, 27000)), data=st.data()
    )
    def pay_penalty(self, ago: int, amount: int, data) -> str:
        number, _ = data.draw(st.sampled_from(self.issued))
        return self.bring(penalty=number, ago=ago, amount=amount)

    def bring(self, *, ago: int, amount: int, **members) -> str:
        number = f"p-{next(self.numbers)}"
        received_us = max(START, self.now_us - ago * HOUR_US)
        line = PaymentLine(number=number, received_us=received_us, amount=amount, **members)
        for known in (1, 0):
            done = import_lines(self.store, [line], scheme_of, lambda _: LONDON, now_us=self.now_us)
            assert (done.new, done.known) == (known, 1 - known)
        return number

    @rule(payment=payments)
    def reverse(self, payment: str) -> None:
        row = self.store.execute(
            "SELECT amount, reversed_us FROM payments WHERE number = ?", (payment,)
        ).fetchone()
        line = PaymentLine(number=f"r-{payment}", received_us=self.now_us, amount=row[0], reverses=payment)
        if row[1] is None:
            import_lines(self.store, [line], scheme_of, lambda _: LONDON, now_us=self.now_us)

    @rule(payment=payments)
    def refund(self, payment: str) -> None:
        row = self.store.execute("SELECT reversed_us FROM payments WHERE number = ?", (payment,)).fetchone()
        if row[0] is None:
            give_back(self.store, lambda _: LONDON, payment, f"f-{payment}", now_us=self.now_us)

    # --- people

    @rule(plate=st.sampled_from(PLATES), right=st.booleans())
    def review(self, plate: str, right: bool) -> None:
        queue.open_review(
            self.store, plate, DAY, ("penalty",), (), on_account=False, owed=18000, at_us=self.now_us,
            ends_us=term_us(scheme_of, DAY),
        )  # fmt: skip
        held = queue.review_of(self.store, plate, DAY)
        if held is None or held.review.decision or held.review.typed:
            return
        queue.type_reading(self.store, held.id, "ann", plate, at_us=self.now_us)
        queue.decide(self.store, held.id, ReviewDecision(by="ann", confirms=right, at_us=self.now_us))

    @rule(plate=st.sampled_from(PLATES), person=st.sampled_from(("bob", "")))
    def issue(self, plate: str, person: str) -> None:
        keeper = casebook.Keeper(name="K Eeper", address=["1 Road"], link="l")
        confirmed = queue.is_confirmed(self.store, plate, DAY)
        try:
            new = casebook.issue(
                self.store, LONDON, plate, penalty_day(), keeper, by=person, at_us=self.now_us,
                stopped=self.stopped, ends_us=term_us(scheme_of, DAY),
            )  # fmt: skip
        except InputError:
            return
        assert person
        assert confirmed
        assert not self.stopped
        assert plate not in self.cloned
        assert self.now_us < term_us(scheme_of, DAY)
        self.issued += [(number, plate) for number in new]

    @precondition(lambda self: self.issued)
    @rule(kind=st.sampled_from(KINDS[:-2]), ground=st.sampled_from(("paid", "discretion")), data=st.data())
    def act(self, kind: ActKind, ground: str, data) -> None:
        number, plate = data.draw(st.sampled_from(self.issued))
        act = Act(
            kind=kind, at_us=self.now_us, by="bob", ground=ground if kind in ("represent", "cancel") else ""
        )
        try:
            casebook.do(self.store, LONDON, number, act, stopped=self.stopped)
        except InputError:
            return
        assert kind not in BURDENS or not (self.stopped or plate in self.cloned)

    @rule(plate=st.sampled_from(PLATES))
    def clone(self, plate: str) -> None:
        queue.hold_clone(self.store, plate, "ann", self.now_us)
        self.cloned.add(plate)
        casebook.cancel_clone(self.store, lambda _: LONDON, plate, by="ann", now_us=self.now_us)

    # --- accounts

    @rule(amount=st.sampled_from((0, 90, 180)), outcome=st.sampled_from(("account", "nothing", "review")))
    def charge_account(self, amount: int, outcome) -> None:
        vehicle = accounts.AccountVehicle(account="A-1", plate="EF56GHJ", first=DAY - timedelta(days=9))
        accounts.register_vehicles(self.store, [vehicle])
        who = accounts.registered(self.store, "EF56GHJ", DAY)
        settled = Settled(
            day=DAY, outcome=outcome, charges=(amount,), owed=amount, reviews=int(outcome == "review")
        )
        before = balance(self.store, account_of("A-1"))
        try:
            accounts.charge_account(self.store, who, settled, at_us=self.now_us)
        except InputError:
            assert outcome == "review"
            assert balance(self.store, account_of("A-1")) == before

    # --- what always holds

    @invariant()
    def the_book_sums_to_nothing(self) -> None:
        if not hasattr(self, "store"):
            return
        assert sum(trial_balance(self.store).values()) == 0
        for entry in entries(self.store):
            assert sum(one.amount for one in entry.postings) == 0
        live = self.store.execute(
            "SELECT coalesce(sum(amount), 0) FROM payments WHERE reversed_us IS NULL"
        ).fetchone()
        assert balance(self.store, BANK) == live[0]

    @invariant()
    def a_charge_has_one_live_penalty(self) -> None:
        if not hasattr(self, "store"):
            return
        plates = Counter(plate for _, plate in self.issued)
        assert max(plates.values(), default=0) <= 1
        charges = self.store.execute(
            "SELECT count(*) FROM account_charges WHERE corrected_us IS NULL"
        ).fetchone()
        assert charges[0] <= 1

    @invariant()
    def the_book_has_what_each_case_owes(self) -> None:
        if not hasattr(self, "store"):
            return
        for number, _ in self.issued:
            case = casebook.required(self.store, number)
            standing = standing_of(LONDON, case.acts)
            owed = amount_of(LONDON, standing, standing.discount_us)
            lost = self.store.execute("SELECT count FROM case_figures WHERE name = 'cases.lost'").fetchone()
            if lost is None:
                assert balance(self.store, penalty_of(number)) == owed - standing.paid

    @invariant()
    def who_paid_in_time_has_no_penalty(self) -> None:
        if not hasattr(self, "store"):
            return
        for number, plate in self.issued:
            case = casebook.required(self.store, number)
            paid = payments_of(self.store, plate, DAY)
            extra = max([0, *(one.extra_days for one in graces_of(self.store, LONDON, plate, DAY))])
            if count_paid(LONDON, case.charges, paid, day=DAY, at_us=self.now_us, extra_days=extra):
                assert standing_of(LONDON, case.acts).state == "cancelled"

    @invariant()
    def a_clones_penalties_are_cancelled(self) -> None:
        if not hasattr(self, "store"):
            return
        for number, plate in self.issued:
            if plate in self.cloned and casebook.required(self.store, number).plate:
                assert standing_of(LONDON, casebook.required(self.store, number).acts).state == "cancelled"

    @invariant()
    def whoever_is_over_is_not_named(self) -> None:
        if not hasattr(self, "store"):
            return
        for number, _ in self.issued:
            case = casebook.required(self.store, number)
            if standing_of(LONDON, case.acts).state == "cancelled":
                assert case.keeper is None
                assert not queue.rows_of(self.store, case.plate, case.day)


def _store_tables() -> str:
    from wicketgate.clients.charging import store

    return store._TABLES  # in memory: the file's own tables, without its disk


ChargingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCharging = ChargingMachine.TestCase


# --- the file of payments ---------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_payments_or_refused(data: bytes) -> None:
    refused: InputError | None = None
    try:
        read_payments(b"number,received_at,amount,plate,day\n" + data)
    except InputError as error:
        refused = error
    assert refused is None or refused.code == "payments-refused"


def test_the_machine_can_issue_at_all() -> None:
    """Its invariants are about penalties: one is issued here as the machine does."""
    machine = ChargingMachine()
    machine.begin()
    machine.review("AB12CDE", True)
    machine.issue("AB12CDE", "bob")
    assert [plate for _, plate in machine.issued] == ["AB12CDE"]
    number = machine.issued[0][0]
    machine.bring(plate="AB12CDE", day=DAY, ago=100, amount=1800)
    assert standing_of(LONDON, casebook.required(machine.store, number).acts).state == "cancelled"
    machine.issue("AB12CDE", "bob")
    assert len(machine.issued) == 1
    machine.teardown()
    with pytest.raises(sqlite3.ProgrammingError):
        machine.store.execute("SELECT 1")
