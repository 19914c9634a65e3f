"""Payments from a provider: asked page by page, each taken with its cursor in one transaction.

docs/spec/money.md, section 5. A provider is believed in nothing but its payments: it may send one twice, late, out of
order, or take it back before it sent it. What it changes afterwards is refused, and shown to a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.charging.book.payments_csv import MOST_AMOUNT, PaymentLine, names_plate
from wicketgate.reads.plates import PlateFault, read_plate

PATH: Final = "/v1/payments"
ORDERS: Final = "/v1/orders"
MOST_PAGE: Final = 1_000
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_PAGES: Final = 10_000
"""Pages of one round: a provider that never comes to its end is left for the next."""

_Number = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,63}\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=64)]
_Amount = Annotated[int, msgspec.Meta(ge=1, le=MOST_AMOUNT)]
_Cursor = Annotated[str, msgspec.Meta(max_length=200)]


class ProvidedPayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment as a provider says it: the columns of the file, as members."""

    number: _Number
    received_at: _Text
    amount: _Amount
    plate: _Text = ""
    day: date | None = None
    account: _Number | None = None
    penalty: _Number | None = None
    reverses: _Number | None = None
    currency: Annotated[str, msgspec.Meta(pattern=r"\A(?:[A-Z]{3})?\Z")] = ""


class ProvidedPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page: payments, and from where the next is asked; the same cursor again says that there are no more."""

    payments: Annotated[list[ProvidedPayment], msgspec.Meta(max_length=MOST_PAGE)]
    cursor: _Cursor


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that a driver is about to make: its number, and the provider's page for it."""

    number: _Number
    url: Annotated[str, msgspec.Meta(max_length=1000)]


Ask = Callable[[str], bytes]
"""Asks a provider for the page behind a cursor."""


class HttpProvider:
    """A provider over HTTP: `GET /v1/payments?after=CURSOR` with a bearer token.

    Parameters
    ----------
    url : str
        Its address; beyond this machine it is https, or nothing is asked.
    timeout_s : float
        Of one page, seconds.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0) -> None:
        import httpx  # most of the program's commands ask no provider

        self._url, self._orders = (httpx.URL(url.rstrip("/") + path) for path in (PATH, ORDERS))
        local = self._url.host in ("127.0.0.1", "localhost", "::1")
        if self._url.scheme != "https" and not (self._url.scheme == "http" and local):
            raise InputError("a provider beyond this machine is asked by https alone", code="configuration")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=timeout_s, follow_redirects=False
        )

    def ask(self, cursor: str) -> bytes:
        """Return the body of a page.

        Raises
        ------
        Unreachable
            If it does not answer with a page of at most `MOST_BYTES`.
        """
        import httpx

        try:
            with self._client.stream("GET", self._url, params={"after": cursor}) as answer:
                if answer.status_code != 200:
                    raise Unreachable(f"the provider answered {answer.status_code}")
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Unreachable("the provider's answer is too long")
                return body
        except httpx.HTTPError as error:
            raise Unreachable(f"the provider does not answer ({type(error).__name__})") from error

    def order(self, plate: str, day: date, amount: int, currency: str) -> Ordered:
        """Order a payment; the provider says under which number, and where it is paid.

        Raises
        ------
        Unreachable, InputError
            If it does not answer, or not with an order.
        """
        import httpx

        said = {"plate": plate, "day": day.isoformat(), "amount": amount, "currency": currency}
        try:
            answer = self._client.post(self._orders, json=said)
        except httpx.HTTPError as error:
            raise Unreachable(f"the provider does not answer ({type(error).__name__})") from error
        if answer.status_code not in (200, 201):
            raise Unreachable(f"the provider answered {answer.status_code}")
        try:
            ordered = msgspec.json.decode(answer.content, type=Ordered)
        except msgspec.MsgspecError:
            raise InputError("the provider's answer is no order") from None
        if not ordered.url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise InputError("the provider sends drivers to no https address")
        return ordered

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()


def read_page(body: bytes) -> tuple[tuple[PaymentLine, ...], str]:
    """Return the payments of a page and its cursor; a line's number is its place, from 1.

    Raises
    ------
    InputError
        If it is no page; code `payments-refused`. It holds no value.
    """
    try:
        page = msgspec.json.decode(body, type=ProvidedPage)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(
            f"the provider's page is none ({type(error).__name__})", code="payments-refused"
        ) from None
    return tuple(_line(place, one) for place, one in enumerate(page.payments, 1)), page.cursor


def _line(place: int, one: ProvidedPayment) -> PaymentLine:
    plate = read_plate(one.plate) if one.plate else ""
    vehicle = bool(one.plate) or one.day is not None
    others = sum(value is not None for value in (one.account, one.penalty, one.reverses))
    if (
        isinstance(plate, PlateFault)
        or vehicle + others != 1
        or vehicle != (bool(one.plate) and one.day is not None)
    ):
        raise InputError(
            f"payment {place} of the page has no plate and day, nor one of account, penalty and reverses",
            code="payments-refused",
        )
    if names_plate(plate, one.number):
        raise InputError(f"payment {place} of the page has its plate as number", code="payments-refused")
    try:
        received_us = parse_rfc3339(one.received_at)
    except InputError:
        raise InputError(
            f"payment {place} of the page has no time with its zone", code="payments-refused"
        ) from None
    return PaymentLine(
        number=one.number,
        received_us=received_us,
        amount=one.amount,
        plate=plate,
        day=one.day,
        account=one.account or "",
        penalty=one.penalty or "",
        reverses=one.reverses or "",
        currency=one.currency,
        line=place,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a round brought: payments sent, and how many of them could not be taken and wait for a person."""

    sent: int
    refused: int


def make_provider_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of providers where they are missing."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS providers (name TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS refused_payments ("
        "provider TEXT NOT NULL, number TEXT NOT NULL, why TEXT NOT NULL, at_us INTEGER NOT NULL, "
        "PRIMARY KEY (provider, number, why)) STRICT"
    )


def collect(
    connection: sqlite3.Connection,
    ask: Ask,
    take: Callable[[Sequence[PaymentLine]], object],
    *,
    name: str,
    now_us: int,
) -> Collected:
    """Take every page that a provider has.

    Each page and the cursor behind it are one transaction: a kill leaves both or neither, and the page is then asked
    for again. One payment that cannot be taken holds up no other: it is noted by its number, with the reason.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit: this begins and ends the transactions itself, as a round is many.
    take : callable
        Takes payments (`importing.import_lines`), all of them or none.
    name : str
        Of the provider, under which its cursor is kept.
    """
    sent = refused = 0
    for _ in range(MOST_PAGES):
        found = connection.execute("SELECT cursor FROM providers WHERE name = ?", (name,)).fetchone()
        cursor = "" if found is None else str(found[0])
        lines, reached = read_page(ask(cursor))
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number, why in _taken(lines, take):
                refused += connection.execute(
                    "INSERT OR IGNORE INTO refused_payments VALUES (?, ?, ?, ?)", (name, number, why, now_us)
                ).rowcount
            connection.execute("INSERT OR REPLACE INTO providers VALUES (?, ?)", (name, reached))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        sent += len(lines)
        if reached == cursor:
            break
    return Collected(sent=sent, refused=refused)


def _taken(
    lines: Sequence[PaymentLine], take: Callable[[Sequence[PaymentLine]], object]
) -> Iterator[tuple[str, str]]:
    """Take payments, together if they can be; yield those that cannot, and why."""
    try:
        take(lines)
        return
    except InputError:
        pass  # one of them at least is wrong: each by itself
    for one in lines:
        try:
            take((one,))
        except InputError as error:
            yield one.number, error.detail
