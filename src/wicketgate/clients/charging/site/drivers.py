"""The pages for drivers and keepers: what it costs, paying, a receipt, a penalty by its number and plate.

What is answered to whoever asks hangs on the scheme alone, but for a penalty, of which number and plate must be known.
Whether a vehicle was seen is never said.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.charging.book.provider import Ordered
from wicketgate.clients.charging.bookkeeping import BookPayers
from wicketgate.clients.charging.cases import casebook
from wicketgate.clients.charging.cases.life import GROUNDS, Act
from wicketgate.clients.charging.site.wording import price_of, shown_case, stretches, told, told_day
from wicketgate.clients.charging.store import change
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.pages.charging import ChargedPlace, ChargingPages
from wicketgate.reads.plates import PlateFault, read_plate
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.scheme_words import describe_scheme, money

MOST_WORDS: Final = 4_000
_UNKNOWN: Final = "There is no penalty of this number for this plate. Check both on the letter."
Fields = Mapping[str, str]
Order = Callable[[str, date, int, str], Ordered]
"""Orders a payment at a provider: plate, day, amount, currency."""


class DriverPages:
    """The handlers of what anybody may ask.

    Parameters
    ----------
    order : callable or None
        None where no provider is named.
    """

    def __init__(
        self, connection: sqlite3.Connection, book: BookPayers, now_us: Callable[[], int], order: Order | None
    ) -> None:
        self._connection = connection
        self._book = book
        self._now_us = now_us
        self._order = order
        self._pages = ChargingPages()

    @property
    def scheme(self) -> Scheme:
        """The version that holds now, or the newest."""
        terms = self._book.terms
        return terms.at(self._now_us()) or terms.newest

    @property
    def place(self) -> ChargedPlace:
        """What every page shows."""
        return ChargedPlace(title=self.scheme.title, controller=self.scheme.controller)

    def show_scheme(self, fields: Fields | None = None) -> PageAnswer:
        """Answer with the scheme; with what a day would cost, where one was asked for."""
        scheme = self.scheme
        today = scheme.local(self._now_us())[0].isoformat()
        classes = [*scheme.classes.items()]
        if fields is None:
            words = describe_scheme(scheme)
            return page(
                self._pages.scheme(self.place, words, classes=classes, day=today, chosen=scheme.default_class)
            )
        chosen = fields.get("class", scheme.default_class)
        chosen = chosen if chosen in scheme.classes else scheme.default_class
        day, price, fault = fields.get("day", ""), None, ""
        found = self._day(day)
        if found is None:
            fault = "Enter a day on which the scheme holds, such as 2026-09-01"
        else:
            price = price_of(found[1], found[0], chosen)
        shown = self._pages.scheme(
            self.place,
            describe_scheme(scheme),
            classes=classes,
            day=day[:20],
            chosen=chosen,
            price=price,
            fault=fault,
        )
        return page(shown, 422 if fault else 200)

    def show_pay(self) -> PageAnswer:
        """Answer with the form to pay."""
        today = self.scheme.local(self._now_us())[0].isoformat()
        return page(self._pages.pay(self.place, plate="", day=today))

    def pay(self, fields: Fields) -> PageAnswer:
        """Answer with what is about to be paid, and the way to the provider.

        The amount is the scheme's dearest of the day for its default class: no register and no read is looked at.
        """
        plate, day = read_plate(fields.get("plate", "")), self._day(fields.get("day", ""))
        if isinstance(plate, PlateFault):
            return self._pay_fault(fields, "Enter a number plate", "plate")
        if day is None or not self._may_pay(*day):
            return self._pay_fault(fields, "Enter a day that can be paid now, such as 2026-09-01", "day")
        shown, scheme = day
        price = price_of(scheme, shown, scheme.default_class)
        amount = self._amount(scheme, shown)
        link = number = ""
        if self._order is not None and amount:
            try:
                ordered = self._order(plate, shown, amount, scheme.currency)
                link, number = ordered.url, ordered.number
            except (Unreachable, InputError):
                link = ""  # the page says how else
        return page(
            self._pages.pay_check(
                self.place, plate=plate, day=told_day(shown), price=price, link=link, order=number
            )
        )

    def _pay_fault(self, fields: Fields, fault: str, at: str) -> PageAnswer:
        plate, day = fields.get("plate", "")[:20], fields.get("day", "")[:20]
        return page(self._pages.pay(self.place, plate=plate, day=day, fault=fault, at=at), 422)

    def _may_pay(self, day: date, scheme: Scheme) -> bool:
        now_us = self._now_us()
        return (
            scheme.instant(day) - scheme.advance_days * 86_400_000_000 <= now_us < max(scheme.deadlines(day))
        )

    def _amount(self, scheme: Scheme, day: date) -> int:
        most = max(
            scheme.tariff(scheme.instant(day, minute), zone.id, scheme.default_class)
            for zone in scheme.zones
            for minute, _ in stretches(scheme, day)
        )
        now_us = self._now_us()
        for window, end_us in zip(scheme.windows, scheme.deadlines(day), strict=True):
            if now_us < end_us:
                return most + window.surcharge if most else 0
        return 0

    def receipt(self, number: str) -> PageAnswer:
        """Answer with the receipt of a payment by its number: the same whether a vehicle was seen or not."""
        row = self._connection.execute(
            "SELECT received_us, amount, day, reversed_us FROM payments WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            return page(self._pages.receipt(self.place, number[:64], None), 404)
        received_us, amount, day, reversed_us = row
        scheme = self.scheme
        lines = [
            ("Number", number),
            ("Amount", money(scheme, amount)),
            ("Received", told(scheme, received_us)),
        ]
        if day is not None:
            lines.append(("For the day", told_day(date.fromisoformat(day))))
        if reversed_us is not None:
            lines.append(("Taken back", told(scheme, reversed_us)))
        return page(self._pages.receipt(self.place, number, lines))

    # --- a penalty ----------------------------------------------------------------------------------------------

    def show_find(self) -> PageAnswer:
        """Answer with the form to find a penalty."""
        return page(self._pages.find(self.place))

    def show_case(self, fields: Fields, done: str = "", fault: str = "") -> PageAnswer:
        """Answer with a penalty, to whoever knows its number and its plate."""
        case = self._case(fields)
        if case is None:
            number = fields.get("number", "")[:20]
            return page(self._pages.find(self.place, number=number, fault=_UNKNOWN), 404)
        shown = shown_case(self._book.scheme_named(case.scheme), case, self._now_us())
        grounds = {str(name): words for name, words in GROUNDS.items()}
        body = self._pages.case(self.place, shown, grounds, fault=fault, done=done)
        return page(body, 422 if fault else 200)

    def object(self, fields: Fields) -> PageAnswer:
        """Take representations."""
        words = fields.get("words", "").strip()
        if fields.get("ground") not in GROUNDS:
            return self.show_case(fields, fault="Choose one of the grounds")
        if len(words) > MOST_WORDS:
            return self.show_case(fields, fault=f"Say it in at most {MOST_WORDS} characters")
        return self._act(fields, "represent", words, "We have it, and answer by letter.")

    def appeal(self, fields: Fields) -> PageAnswer:
        """Take an appeal."""
        return self._act(fields, "appeal", "", "Your appeal goes to the adjudicator.")

    def _act(self, fields: Fields, kind: str, words: str, done: str) -> PageAnswer:
        case = self._case(fields)
        if case is None:
            return self.show_case(fields)
        ground = fields.get("ground", "") if kind == "represent" else ""
        act = Act(kind=kind, at_us=self._now_us(), ground=ground)  # type: ignore[arg-type]
        try:
            with change(self._connection):
                scheme = self._book.scheme_named(case.scheme)
                casebook.do(self._connection, scheme, case.number, act, stopped=False, words=words)
        except InputError as error:
            return self.show_case(fields, fault=f"This cannot be done: {error.detail}")
        return self.show_case(fields, done=done)

    def _case(self, fields: Fields) -> casebook.CaseFile | None:
        plate = read_plate(fields.get("plate", ""))
        try:
            case = casebook.required(self._connection, fields.get("number", "").replace(" ", ""))
        except InputError:
            return None
        said = "" if isinstance(plate, PlateFault) else plate
        known = bool(case.plate) and hmac.compare_digest(said.encode(), case.plate.encode())
        return case if known else None

    def _day(self, text: str) -> tuple[date, Scheme] | None:
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            return None
        scheme = self._book.terms.of_day(day)
        return None if scheme is None else (day, scheme)


def page(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> PageAnswer:
    """Return a page with the headers of every page."""
    from wicketgate.pages.officer import HEADERS

    return PageAnswer(status=status, body=body.encode(), headers={**HEADERS, **(headers or {})})
