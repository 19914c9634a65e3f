"""Payments from a provider that misbehaves, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.charging_provider import TOKEN, FakeProvider, fake_provider
from tests.unit.clients.test_charging_book import DUE, OWER, PAYER, Town
from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.charging.book.book import balance, trial_balance
from wicketgate.clients.charging.book.entries import BANK
from wicketgate.clients.charging.book.provider import HttpProvider, collect, make_provider_tables, read_page
from wicketgate.clients.charging.book.taking import payments_of
from wicketgate.clients.charging.importing import import_lines

DAY = date(2026, 9, 1)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    make_provider_tables(made.store)
    yield made
    made.store.close()


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with fake_provider() as made:
        yield made


def paid(number: str, **members: object) -> dict[str, object]:
    said = {"number": number, "received_at": "2026-09-01T10:00:00Z", "amount": 1800}
    return said | ({} if "reverses" in members else {"plate": PAYER, "day": "2026-09-01"}) | members


def collected(town: Town, provider: FakeProvider, token: str = TOKEN):
    def take(lines):
        return import_lines(
            town.store, lines, town.book.terms.of_day, town.book.scheme_named, now_us=DUE, early=True
        )

    with closing(HttpProvider(provider.url, token)) as client:
        return collect(town.store, client.ask, take, name="p", now_us=DUE)


def test_what_it_sends_twice_counts_once_and_a_later_round_goes_on(
    town: Town, provider: FakeProvider
) -> None:
    provider.repeats = True
    provider.payments = [paid(f"n-{n}") for n in range(5)]
    assert collected(town, provider).refused == 0
    assert balance(town.store, BANK) == 5 * 1800
    provider.payments.append(paid("n-5"))
    collected(town, provider)
    assert balance(town.store, BANK) == 6 * 1800
    assert provider.asked.count("") == 1


def test_what_it_takes_back_before_it_sends_it_waits(town: Town, provider: FakeProvider) -> None:
    provider.payments = [
        paid("r-1", reverses="n-1", received_at="2026-09-02T10:00:00Z"),
        paid("r-1", reverses="n-1", received_at="2026-09-02T10:00:00Z"),
    ]
    assert collected(town, provider).refused == 0
    provider.payments.append(paid("n-1"))
    collected(town, provider)
    assert balance(town.store, BANK) == 0
    assert not payments_of(town.store, PAYER, DAY)
    assert sum(trial_balance(town.store).values()) == 0


def test_what_it_changes_is_refused_by_itself_and_holds_up_no_other(
    town: Town, provider: FakeProvider
) -> None:
    provider.payments = [
        paid("n-1"),
        paid("n-1", amount=2100),
        paid("n-2", plate=OWER),
        paid("n-3", day="2031-01-01"),
    ]
    done = collected(town, provider)
    assert (done.sent, done.refused) == (4, 2)
    assert balance(town.store, BANK) == 3600
    assert payments_of(town.store, OWER, DAY)
    refused = town.store.execute("SELECT number, why FROM refused_payments ORDER BY number").fetchall()
    assert [number for number, _ in refused] == ["n-1", "n-3"]
    assert PAYER not in str(refused)


def test_a_late_payment_that_was_received_in_time_ends_a_penalty(town: Town, provider: FakeProvider) -> None:
    town.see(OWER)
    town.settle()
    town.confirm(OWER)
    [number] = town.issue(OWER)
    provider.payments = [paid("n-1", plate=OWER)]
    collected(town, provider)
    assert town.state(number) == "cancelled"


def test_where_it_fails_nothing_is_lost_and_the_place_stays(town: Town, provider: FakeProvider) -> None:
    provider.payments = [paid("n-1")]
    provider.failing = 1
    with pytest.raises(Unreachable):
        collected(town, provider)
    with pytest.raises(Unreachable):
        collected(town, provider, "another-token")
    assert collected(town, provider).sent == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"payments": [], "cursor": 1}',
        b'{"payments": [{"number": "x"}], "cursor": ""}',
        b'{"payments": [{"number": "x", "received_at": "2026-09-01T10:00:00Z", "amount": 1}], "cursor": ""}',
        b'{"payments": [{"number": "x", "received_at": "now", "amount": 1, "account": "A"}], "cursor": ""}',
        b'{"payments": [{"number": "x", "received_at": "2026-09-01T10:00:00Z", "amount": 1, "plate": "AB12CDE"}],'
        b' "cursor": ""}',
        b'{"payments": [{"number": "1AB12CDE", "received_at": "2026-09-01T10:00:00Z", "amount": 1, "plate": "AB12CDE",'
        b' "day": "2026-09-01"}], "cursor": ""}',
        b'{"payments": [], "cursor": "", "more": 1}',
    ],
)
def test_a_page_that_is_none_is_refused_without_a_value_in_the_words(body: bytes) -> None:
    with pytest.raises(InputError) as refused:
        read_page(body)
    assert refused.value.code == "payments-refused"
    assert "AB12CDE" not in refused.value.detail


def test_beyond_this_machine_only_https_is_asked() -> None:
    with pytest.raises(InputError, match="https"):
        HttpProvider("http://pay.example", TOKEN)


def test_an_order_names_where_to_pay(provider: FakeProvider) -> None:
    with closing(HttpProvider(provider.url, TOKEN)) as client:
        ordered = client.order(PAYER, DAY, 1800, "GBP")
    assert (ordered.number, ordered.url) == ("o-1", f"{provider.url}/pay/o-1")
    assert provider.orders == [{"plate": PAYER, "day": "2026-09-01", "amount": 1800, "currency": "GBP"}]
