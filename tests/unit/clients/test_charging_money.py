"""The money of charging: files of payments, the book, accounts, and what is forgotten when."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from tests.properties.test_charging_laws import SCHEMES
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import InputError, ShapeError
from wicketgate.clients.charging.book import accounts, tables
from wicketgate.clients.charging.book.accounts_csv import read_accounts
from wicketgate.clients.charging.book.book import append, balance, entries, trial_balance
from wicketgate.clients.charging.book.entries import (
    BANK,
    CHARGES,
    HELD,
    BookEntry,
    Posting,
    account_of,
    transfer,
)
from wicketgate.clients.charging.book.payments_csv import read_payments
from wicketgate.clients.charging.book.statements import owed_on, statement_of
from wicketgate.clients.charging.book.taking import (
    forget_payers,
    graces_of,
    payments_of,
    take_payments,
    term_us,
)
from wicketgate.clients.charging.importing import import_lines
from wicketgate.clients.charging.settling import Settled, count_paid
from wicketgate.clients.charging.store import FILE, change, forget, open_store
from wicketgate.regime.documents.scheme_terms import Scheme

LONDON = SCHEMES["scheme"]
ROOT = Path(__file__).parents[3]
DAY = date(2026, 9, 1)
NOW = parse_rfc3339("2026-09-01T12:00:00Z")
OVER = LONDON.instant(date(2026, 9, 30))
"""When the first of September can bring no penalty any more."""
HEAD = "number,plate,day,received_at,amount"


def scheme_of(day: date) -> Scheme | None:
    return LONDON if LONDON.first_day <= day <= LONDON.last_day else None


def opened(folder: Path) -> sqlite3.Connection:
    connection = open_store(folder)
    from wicketgate.clients.charging.cases.tables import make_tables

    with change(connection):
        tables.make_tables(connection)
        make_tables(connection)
    return connection


@pytest.fixture
def store(tmp_path: Path):
    connection = opened(tmp_path / "charging")
    yield connection
    connection.close()


def brought(connection: sqlite3.Connection, *lines: str, head: str = HEAD, now_us: int = NOW):
    read = read_payments("\n".join((head, *lines)).encode())
    with change(connection):
        return import_lines(connection, read, scheme_of, lambda _: LONDON, now_us=now_us)


PAID = "p-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,1800"


# --- the file ---------------------------------------------------------------------------------------------------


def test_the_documents_hold_a_sample_that_is_taken() -> None:
    lines = read_payments((ROOT / "docs/spec/examples/payments.csv").read_bytes())
    assert [(one.number, one.amount, bool(one.plate), one.account, one.reverses) for one in lines] == [
        ("P-000001", 1800, True, "", ""),
        ("P-000002", 2100, True, "", ""),
        ("P-000003", 5400, False, "A-1001", ""),
        ("P-000004", 1800, False, "", "P-000001"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: there is no head line"),
        ("number,plate,day,amount\n", "line 1: the head lacks `received_at`"),
        (HEAD + ",colour\n", "line 1: the head has 1 columns that are unknown"),
        (HEAD + ",day\n", "line 1: the head has a column twice"),
        (f"{HEAD}\np-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z\n", "line 2: it has 4 cells, and the head 5"),
        (
            f"{HEAD}\n\n\np-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,18.00\n",
            "line 4: `amount` is whole minor units",
        ),
        (f"{HEAD}\np-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,-5\n", "line 2: `amount`"),
        (f"{HEAD}\np-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,0\n", "line 2: `amount`"),
        (f"{HEAD}\np-1,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,99999999999\n", "line 2: `amount`"),
        (f"{HEAD}\np-1,AB12CDE,2026-09-01,2026-09-01 09:00,1800\n", "line 2: `received_at`"),
        (f"{HEAD}\np-1,AB12CDE,01/09/2026,2026-09-01T09:00:00Z,1800\n", "line 2: `day`"),
        (f"{HEAD}\np-1,,2026-09-01,2026-09-01T09:00:00Z,1800\n", "line 2: `plate` is no plate"),
        (f"{HEAD}\np-1,N/A,2026-09-01,2026-09-01T09:00:00Z,1800\n", "line 2: `plate` is no plate"),
        (
            f"{HEAD}\nx/ab12cde,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,1800\n",
            "line 2: `number` holds the plate",
        ),
        (f"{HEAD}\n,AB12CDE,2026-09-01,2026-09-01T09:00:00Z,1800\n", "line 2: `number`"),
        (f"{HEAD}\np-1,,,2026-09-01T09:00:00Z,1800\n", "line 2: a payment has `plate` and `day`, or one of"),
        (
            f"{HEAD}\n{PAID}\np-1,AB12CDE,2026-09-02,2026-09-01T09:00:00Z,1800\n",
            "line 3: `number` stands on line 2",
        ),
        (f'{HEAD}\n"p-1,AB12CDE\n', "line 2: it is no CSV"),
    ],
)
def test_a_bad_file_is_refused_whole_with_its_line(text: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        read_payments(text.encode())
    assert why in refused.value.detail
    assert refused.value.code == "payments-refused"
    assert "AB12CDE" not in refused.value.detail


def test_every_wrong_line_is_told_up_to_five() -> None:
    bad = "\n".join(f"p-{n},AB12CDE,2026-09-01,2026-09-01T09:00:00Z,x" for n in range(9))
    with pytest.raises(InputError) as refused:
        read_payments(f"{HEAD}\n{bad}".encode())
    assert "line 2:" in refused.value.detail
    assert "and 4 more lines" in refused.value.detail


def test_a_file_that_is_no_text_is_refused_at_its_line() -> None:
    with pytest.raises(InputError, match="line 3: it is not UTF-8"):
        read_payments(f"{HEAD}\n{PAID}\n".encode() + b"\xff\xfe")


def test_a_mark_at_the_beginning_and_carriage_returns_are_read() -> None:
    assert len(read_payments(b"\xef\xbb\xbf" + f"{HEAD}\r\n{PAID}\r\n".encode())) == 1


# --- taking -----------------------------------------------------------------------------------------------------


def test_the_same_file_again_changes_nothing(store) -> None:
    assert brought(store, PAID).new == 1
    before = list(entries(store))
    assert (brought(store, PAID).new, brought(store, PAID).known) == (0, 1)
    assert list(entries(store)) == before
    assert balance(store, BANK) == 1800
    assert balance(store, HELD) == -1800


def test_a_known_number_with_other_contents_refuses_the_whole_file(store) -> None:
    brought(store, PAID)
    with pytest.raises(InputError, match="line 3: `number` is known with other contents"):
        brought(store, "p-2,CD34EFG,2026-09-01,2026-09-01T09:00:00Z,1800", PAID.replace("1800", "2100"))
    assert not payments_of(store, "CD34EFG", DAY)


@pytest.mark.parametrize(
    ("line", "head", "why"),
    [
        ("p-9,AB12CDE,2031-01-01,2026-09-01T09:00:00Z,1800", HEAD, "no scheme holds on `day`"),
        ("p-9,A-1,2026-09-01T09:00:00Z,1800", "number,account,received_at,amount", "no such `account`"),
        (
            "p-9,0000000001,2026-09-01T09:00:00Z,1800",
            "number,penalty,received_at,amount",
            "no such `penalty`",
        ),
        ("p-9,p-8,2026-09-01T09:00:00Z,1800", "number,reverses,received_at,amount", "names no payment"),
        (PAID + ",SEK", HEAD + ",currency", "`currency` is not the scheme's, which is GBP"),
    ],
)
def test_what_a_payment_is_for_must_be_there(store, line, head, why) -> None:
    with pytest.raises(InputError, match=why):
        brought(store, line, head=head)
    assert balance(store, BANK) == 0


def test_who_paid_for_a_nought_as_an_o_has_paid(store) -> None:
    brought(store, PAID.replace("AB12CDE", "ABI2CDE"))
    assert [one.amount for one in payments_of(store, "AB12CDE", DAY)] == [1800]


def test_a_reversal_takes_back_the_whole_and_gives_a_new_deadline(store) -> None:
    brought(store, PAID)
    again = "p-2,p-1,2026-09-10T09:00:00Z,1800"
    brought(store, again, head="number,reverses,received_at,amount")
    assert balance(store, BANK) == balance(store, HELD) == 0
    assert not payments_of(store, "AB12CDE", DAY)
    [grace] = graces_of(store, LONDON, "AB12CDE", DAY)
    # Until the end of the third charging day after the reversal, and not one day less.
    late = parse_rfc3339("2026-09-13T22:59:59Z")
    brought(store, "p-3,AB12CDE,2026-09-01,2026-09-13T22:59:59Z,2100")
    paid = payments_of(store, "AB12CDE", DAY)
    assert count_paid(LONDON, (1800,), paid, day=DAY, at_us=late, extra_days=grace.extra_days) == 1
    assert count_paid(LONDON, (1800,), paid, day=DAY, at_us=late) == 0
    with pytest.raises(InputError, match="taken back already"):
        brought(store, "p-4,p-1,2026-09-10T09:00:00Z,1800", head="number,reverses,received_at,amount")


def test_a_reversal_of_another_amount_or_before_its_payment_is_refused(store) -> None:
    brought(store, PAID)
    for line, why in (
        ("2026-09-10T09:00:00Z,900", "as a whole"),
        ("2026-08-10T09:00:00Z,1800", "received later"),
    ):
        with pytest.raises(InputError, match=why):
            brought(store, f"p-2,p-1,{line}", head="number,reverses,received_at,amount")


# --- the book ---------------------------------------------------------------------------------------------------


def test_an_entry_sums_to_nothing_and_is_never_changed(store) -> None:
    with pytest.raises(ShapeError):
        BookEntry(kind="received", about="x", at_us=0, postings=(Posting(account=BANK, amount=1),))
    entry = transfer("received", "x", 0, taken=HELD, given=BANK, amount=5)
    assert append(store, entry)
    assert not append(store, entry)
    with pytest.raises(ShapeError):
        append(store, transfer("received", "x", 0, taken=HELD, given=BANK, amount=6))
    for change_of in (
        "UPDATE postings SET amount = 0",
        "DELETE FROM postings",
        "DELETE FROM book",
        "UPDATE book SET at_us = 1",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.execute(change_of)
    assert sum(trial_balance(store).values()) == 0


# --- the end ----------------------------------------------------------------------------------------------------


def test_a_plate_goes_when_its_day_can_bring_no_penalty_and_leaves_no_byte(tmp_path: Path) -> None:
    folder = tmp_path / "charging"
    store = opened(folder)
    lines = [f"p-{n},QX{n:02}ZZQ,2026-09-01,2026-09-01T09:00:00Z,1800" for n in range(60)]
    brought(store, *lines)
    assert term_us(scheme_of, DAY) == OVER
    for now_us, gone in ((OVER - 1, 0), (OVER, 60)):
        with change(store):
            assert forget_payers(store, lambda *_: False, now_us) == gone
        forget(store)
        left = b"".join(path.read_bytes() for path in folder.iterdir())
        assert (b"ZZQ" in left) is (gone == 0), now_us
    # The money is there, and counted once.
    assert trial_balance(store) == {BANK: 60 * 1800, CHARGES: -60 * 1800, HELD: 0}
    assert brought(store, *lines, now_us=OVER).known == 60
    store.close()


def test_a_payment_whose_term_is_over_leaves_its_money_alone(tmp_path: Path) -> None:
    store = opened(tmp_path / "charging")
    brought(store, PAID, now_us=OVER)
    forget(store)
    assert b"AB12CDE" not in (tmp_path / "charging" / FILE).read_bytes()
    assert balance(store, CHARGES) == -1800
    brought(
        store,
        "p-2,p-1,2026-10-10T09:00:00Z,1800",
        head="number,reverses,received_at,amount",
        now_us=OVER + DAY_US,
    )
    assert all(value == 0 for value in trial_balance(store).values())
    store.close()


# --- accounts ---------------------------------------------------------------------------------------------------

VEHICLES = (
    "account,plate,from,until,class,discounts,exemptions\n"
    "A-1,AB12CDE,2026-08-01,2026-09-10,,resident,\n"
    "A-1,CD34EFG,2026-08-01,,vehicle,,\n"
    ",EF56GHJ,2026-08-01,,,,emergency\n"
)


def settled(day: date = DAY, owed: int = 180, outcome="account", reviews: int = 0) -> Settled:
    return Settled(day=day, outcome=outcome, charges=(owed,), owed=owed, reviews=reviews)


def test_a_vehicle_is_on_its_account_on_its_days_alone(store) -> None:
    assert accounts.register_vehicles(store, read_accounts(VEHICLES.encode())) == 3
    assert accounts.register_vehicles(store, read_accounts(VEHICLES.encode())) == 0
    assert accounts.registered(store, "AB12CDE", date(2026, 9, 9)).account == "A-1"
    assert accounts.registered(store, "AB12CDE", date(2026, 9, 10)).account == ""
    assert accounts.registered(store, "AB12CDE", date(2026, 7, 31)) == accounts.RegisteredOn()
    exempt = accounts.registered(store, "EF56GHJ", DAY).charged(confirmed=False)
    assert (exempt.exemptions, exempt.on_account) == ({"emergency"}, False)


def test_a_plate_is_on_one_account_a_day(store) -> None:
    accounts.register_vehicles(store, read_accounts(VEHICLES.encode()))
    other = VEHICLES.splitlines()[0] + "\nA-2,AB12CDE,2026-09-09,,,,\n"
    with pytest.raises(InputError) as refused:
        accounts.register_vehicles(store, read_accounts(other.encode()))
    assert refused.value.code == "vehicle-overlap"
    later = other.replace("2026-09-09", "2026-09-10")
    assert accounts.register_vehicles(store, read_accounts(later.encode())) == 1


def test_an_account_is_charged_once_a_day_and_never_unproved(store) -> None:
    accounts.register_vehicles(store, read_accounts(VEHICLES.encode()))
    who = accounts.registered(store, "AB12CDE", DAY)
    for unproved in (settled(outcome="review", reviews=1), settled(reviews=1)):
        with pytest.raises(InputError) as refused:
            accounts.charge_account(store, who, unproved, at_us=NOW)
        assert refused.value.code == "not-proved"
    number = accounts.charge_account(store, who, settled(), at_us=NOW)
    assert accounts.charge_account(store, who, settled(), at_us=NOW + 1) == number
    assert owed_on(store, "A-1") == 180
    # What comes to less is charged anew, to more it never comes.
    assert accounts.charge_account(store, who, settled(owed=500), at_us=NOW) == number
    lower = accounts.charge_account(store, who, settled(owed=90), at_us=NOW)
    assert (lower != number, owed_on(store, "A-1")) == (True, 90)
    accounts.charge_account(store, who, settled(owed=0, outcome="nothing"), at_us=NOW)
    assert owed_on(store, "A-1") == 0


def test_a_statement_names_the_vehicle_and_sums(store) -> None:
    accounts.register_vehicles(store, read_accounts(VEHICLES.encode()))
    who = accounts.registered(store, "CD34EFG", DAY)
    charge = accounts.charge_account(store, who, settled(owed=1800), at_us=NOW)
    brought(store, "p-5,A-1,2026-09-02T09:00:00Z,1000", head="number,account,received_at,amount")
    accounts.correct_charge(store, charge, at_us=NOW + 3 * DAY_US)
    shown = statement_of(store, LONDON, "A-1", date(2026, 9, 2), date(2026, 9, 30))
    assert (shown.before, shown.after) == (1800, -1000)
    assert [(one.words, one.vehicle, one.amount, one.balance) for one in shown.lines] == [
        ("Payment", "", -1000, 800),
        ("Charge taken back", "CD34EFG", -1800, -1000),
    ]
    assert balance(store, account_of("A-1")) == -1000
    with pytest.raises(InputError):
        statement_of(store, LONDON, "A-9", DAY, DAY)


def test_the_book_never_holds_a_plate(store) -> None:
    accounts.register_vehicles(store, read_accounts(VEHICLES.encode()))
    accounts.charge_account(store, accounts.registered(store, "AB12CDE", DAY), settled(), at_us=NOW)
    brought(store, PAID.replace("AB12CDE", "CD34EFG"))
    said = str(store.execute("SELECT * FROM book JOIN postings ON entry = number").fetchall())
    assert "AB12CDE" not in said
    assert "CD34EFG" not in said


def test_a_vehicle_that_left_its_account_is_forgotten_with_its_term(store) -> None:
    accounts.register_vehicles(store, read_accounts(VEHICLES.encode()))
    assert accounts.forget_vehicles(store, date(2026, 10, 8), 28) == 0
    assert accounts.forget_vehicles(store, date(2026, 10, 9), 28) == 1
    assert accounts.registered(store, "AB12CDE", DAY) == accounts.RegisteredOn()


def test_take_payments_alone_refuses_before_it_writes(store) -> None:
    lines = read_payments(f"{HEAD}\n{PAID}\np-2,AB12CDE,2031-09-01,2026-09-01T09:00:00Z,5".encode())
    with pytest.raises(InputError):
        take_payments(store, lines, scheme_of, is_pursued=lambda *_: False, now_us=NOW)
    assert not store.execute("SELECT 1 FROM payments").fetchall()
