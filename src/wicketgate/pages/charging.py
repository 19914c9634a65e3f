"""The pages of a charging scheme: for drivers, for keepers, and for whoever reviews. They render, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.pages.public import templates

STATES: Mapping[str, tuple[str, str]] = {
    "issued": ("To be paid", "blue"),
    "represented": ("Objection waits", "yellow"),
    "rejected": ("Objection rejected", "orange"),
    "appealed": ("Appeal waits", "yellow"),
    "dismissed": ("Appeal dismissed", "orange"),
    "certified": ("Charge certificate", "red"),
    "ordered": ("Order for recovery", "red"),
    "warrant": ("Warrant", "red"),
    "paid": ("Paid", "green"),
    "cancelled": ("Cancelled", "green"),
}
"""What each state of a case is called, and the colour of its tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedPlace:
    """What every page shows.

    Attributes
    ----------
    title : str
        Of the scheme.
    controller : str
        Who charges.
    person : str
        Who is signed in; empty for drivers.
    form_key : str
        What each form of somebody signed in carries.
    """

    title: str
    controller: str
    person: str = ""
    form_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceShown:
    """What a day or a moment would cost, without any vehicle."""

    day: str
    lines: Sequence[str]
    deadlines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShown:
    """A penalty, as its keeper sees it: amounts and times in words.

    Attributes
    ----------
    owed : str
        What is to be paid now; empty where nothing is.
    clocks : sequence of (str, str)
        What ends, and when.
    acts : sequence of (str, str)
        When, and what was done.
    may_object : bool
        Whether representations can be made now.
    may_appeal : bool
        Whether an appeal can be made now.
    """

    number: str
    plate: str
    day: str
    state: str
    owed: str
    paid: str
    clocks: Sequence[tuple[str, str]]
    acts: Sequence[tuple[str, str]]
    may_object: bool
    may_appeal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterShown:
    """A letter on a case."""

    case: CaseShown
    name: str
    address: Sequence[str]
    written: str
    heading: str
    paragraphs: Sequence[str]
    grounds: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewShown:
    """A review, as the person sees it who looks.

    Attributes
    ----------
    reading : str
        What the machine read; empty as long as it may not be shown.
    images : sequence of (str, str)
        Where each lies, and what it shows in words.
    stage : {"type", "decide"}
        What can be done.
    """

    id: int
    day: str
    reasons: Sequence[str]
    images: Sequence[tuple[str, str]]
    stage: str
    typed: str = ""
    reading: str = ""


class ChargingPages:
    """The pages, rendered by the templates of the public's."""

    def _render(self, template: str, **context: Any) -> str:
        page = templates().get_template(template)
        return page.render(demonstration=False, register={}, states=STATES, **context)

    def scheme(
        self,
        place: ChargedPlace,
        words: Sequence[str],
        *,
        classes: Sequence[tuple[str, str]],
        day: str,
        chosen: str,
        price: PriceShown | None = None,
        fault: str = "",
    ) -> str:
        """Return the scheme in words, and what a day would cost: no vehicle is asked for."""
        return self._render(
            "charging-scheme.html",
            place=place,
            words=words,
            classes=classes,
            day=day,
            chosen=chosen,
            price=price,
            fault=fault,
        )

    def pay(self, place: ChargedPlace, *, plate: str, day: str, fault: str = "", at: str = "plate") -> str:
        """Return the form to pay for a day."""
        return self._render("charging-pay.html", place=place, plate=plate, day=day, fault=fault, at=at)

    def pay_check(
        self, place: ChargedPlace, *, plate: str, day: str, price: PriceShown, link: str, order: str
    ) -> str:
        """Return what is about to be paid, and the way to the provider; without one, how else."""
        return self._render(
            "charging-pay-check.html", place=place, plate=plate, day=day, price=price, link=link, order=order
        )

    def receipt(self, place: ChargedPlace, number: str, lines: Sequence[tuple[str, str]] | None) -> str:
        """Return a receipt; None stands for a payment that is not known yet. It says nothing of any vehicle."""
        return self._render("charging-receipt.html", place=place, number=number, lines=lines)

    def find(self, place: ChargedPlace, *, number: str = "", fault: str = "") -> str:
        """Return the form to find a penalty by its number and plate."""
        return self._render("charging-find.html", place=place, number=number, fault=fault)

    def case(
        self,
        place: ChargedPlace,
        case: CaseShown,
        grounds: Mapping[str, str],
        *,
        fault: str = "",
        done: str = "",
    ) -> str:
        """Return a penalty, with the form to object."""
        return self._render(
            "charging-case.html", place=place, case=case, grounds=grounds, fault=fault, done=done
        )

    def sign_in(self, place: ChargedPlace, fault: str = "") -> str:
        """Return the form by which somebody signs in who reviews."""
        return self._render("charging-sign-in.html", place=place, fault=fault)

    def queue(
        self, place: ChargedPlace, reviews: Sequence[ReviewShown], cases: Sequence[CaseShown], done: str = ""
    ) -> str:
        """Return what waits for a person."""
        return self._render("charging-queue.html", place=place, reviews=reviews, cases=cases, done=done)

    def review(self, place: ChargedPlace, review: ReviewShown, fault: str = "") -> str:
        """Return one review."""
        return self._render("charging-review.html", place=place, review=review, fault=fault)

    def desk_case(
        self,
        place: ChargedPlace,
        case: CaseShown,
        objections: Sequence[str],
        acts: Sequence[tuple[str, str]],
        cancels: Mapping[str, str],
        fault: str = "",
    ) -> str:
        """Return one case, as whoever decides on it sees it."""
        return self._render(
            "charging-desk-case.html",
            place=place,
            case=case,
            objections=objections,
            acts=acts,
            cancels=cancels,
            fault=fault,
        )

    def letter(self, place: ChargedPlace, letter: LetterShown) -> str:
        """Return a letter that prints on A4."""
        return self._render("charging-letter.html", place=place, letter=letter)

    def problem(self, place: ChargedPlace, title: str, words: str) -> str:
        """Return a page for what cannot be done."""
        return self._render("charging-problem.html", place=place, title=title, words=words)
