"""The pages for people who review and decide: what waits, one review, one case, its letter."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.charging.bookkeeping import BookPayers
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.life import CANCELLED, Act, standing_of
from wicketgate.clients.charging.cases.reviews import (
    REASONS,
    ReviewDecision,
    found,
    may_see_reading,
    typing_refused,
)
from wicketgate.clients.charging.proofs import ChargeProof
from wicketgate.clients.charging.site.drivers import page
from wicketgate.clients.charging.site.wording import letter_of, offered, shown_case, told_day
from wicketgate.clients.charging.store import change
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.pages.charging import ChargedPlace, ChargingPages, ReviewShown

_MEMBERS: Final = ("overview_image", "patch_image")
_KINDS: Final = {"overview_image": "The vehicle, as the camera saw it", "patch_image": "The number plate"}
_TYPES: Final = ("image/jpeg", "image/png")
Fetch = Callable[[str], bytes]
"""Fetches an image of the feed by its reference."""
Fields = Mapping[str, str]


class ReviewDesk:
    """The handlers of what people do. Who it is, is told by the site.

    Parameters
    ----------
    fetch : callable
        Fetches an image of the feed; each is fetched for an open review alone, and kept with its case.
    stopped : callable
        Returns whether nothing new is charged, as the register shows the authority now.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        book: BookPayers,
        now_us: Callable[[], int],
        fetch: Fetch,
        stopped: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._book = book
        self._now_us = now_us
        self._fetch = fetch
        self._stopped = stopped
        self._pages = ChargingPages()

    def show_queue(self, place: ChargedPlace, done: str = "") -> PageAnswer:
        """Answer with what waits for a person."""
        reviews = [self._shown(one, place.person) for one in queue.waiting(self._connection, place.person)]
        now_us = self._now_us()
        cases = [
            shown_case(self._book.scheme_named(one.scheme), one, now_us)
            for one in casebook.live_cases(self._connection, 100)
        ]
        return page(self._pages.queue(place, reviews, cases, done))

    # --- reviews ------------------------------------------------------------------------------------------------

    def show_review(self, place: ChargedPlace, id_: int, fault: str = "") -> PageAnswer:
        """Answer with a review that a person can do something about."""
        queued = queue.find_review(self._connection, id_)
        if queued is None or (
            typing_refused(queued.review, place.person) is not None
            and not may_see_reading(queued.review, place.person)
        ):
            return self._nothing(place, "There is no such review for you, or not any more.")
        body = self._pages.review(place, self._shown(queued, place.person), fault)
        return page(body, 422 if fault else 200)

    def type_reading(self, place: ChargedPlace, id_: int, fields: Fields) -> PageAnswer:
        """Take what a person typed."""
        try:
            with change(self._connection):
                came = queue.type_reading(
                    self._connection, id_, place.person, fields.get("text", "")[:40], at_us=self._now_us()
                )
        except InputError as error:
            return self.show_review(place, id_, f"This cannot be taken: {error.detail}")
        if came == "decide":
            return self.show_review(place, id_)
        words = {
            "second": "You read something else than the machine: somebody else looks at it now.",
            "rejected": "Two people read something else than the machine. Nothing of it is kept.",
        }
        return self.show_queue(place, words.get(came, "It is done."))

    def decide(self, place: ChargedPlace, id_: int, fields: Fields) -> PageAnswer:
        """Take a person's decision."""
        decision = ReviewDecision(
            by=place.person, confirms=fields.get("confirms") == "yes", at_us=self._now_us()
        )
        try:
            with change(self._connection):
                came = self._book.decide(self._connection, id_, decision)
        except InputError as error:
            return self.show_review(place, id_, f"This cannot be done: {error.detail}")
        words = "It is confirmed." if came == "confirmed" else "It is rejected, and nothing of it is kept."
        return self.show_queue(place, words)

    def image(self, place: ChargedPlace, id_: int, number: int) -> PageAnswer:
        """Answer with an image of a review that is open to a person."""
        queued = queue.find_review(self._connection, id_)
        wanted = [] if queued is None else self._images(queued)
        if queued is None or not 0 <= number < len(wanted):
            return self._nothing(place, "There is no such image, or not any more.")
        said = wanted[number][1]
        key = (queued.plate, queued.day.isoformat(), number)
        kept = self._connection.execute(
            "SELECT data FROM case_images WHERE plate = ? AND day = ? AND place = ?", key
        ).fetchone()
        if kept is None:
            try:
                data = self._fetch(str(said["ref"]))
            except (InputError, Unreachable):
                return self._nothing(place, "The image cannot be fetched now.")
            if hashlib.sha256(data).hexdigest() != said.get("sha256"):
                return self._nothing(place, "The image is not the one that was released.")
            with change(self._connection):
                self._connection.execute(
                    "INSERT OR REPLACE INTO case_images VALUES (?, ?, ?, ?, ?)", (*key, said["type"], data)
                )
        else:
            data = kept[0]
        headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
        return PageAnswer(body=data, media_type=str(said["type"]), headers=headers)

    def _images(self, queued: queue.QueuedReview) -> list[tuple[str, dict[str, Any]]]:
        rows = queue.rows_of(self._connection, queued.plate, queued.day)
        return [one for row in rows for one in images_of(row)]

    def _shown(self, queued: queue.QueuedReview, person: str) -> ReviewShown:
        review = queued.review
        own = next((one.text for one in review.typed if one.by == person), "")
        sees = found(review) == "decide" and may_see_reading(review, person)
        return ReviewShown(
            id=queued.id,
            day=told_day(queued.day),
            reasons=[REASONS[one] for one in review.reasons],
            images=[
                (f"/desk/review/{queued.id}/image/{number}", words)
                for number, (words, _) in enumerate(self._images(queued))
            ],
            stage="decide" if sees else "type",
            typed=own,
            reading=review.reading if sees else "",
        )

    # --- cases --------------------------------------------------------------------------------------------------

    def show_case(self, place: ChargedPlace, number: str, fault: str = "") -> PageAnswer:
        """Answer with a case, and what can be done in it now."""
        try:
            case = casebook.required(self._connection, number)
        except InputError:
            return self._nothing(place, "There is no such case.")
        scheme = self._book.scheme_named(case.scheme)
        now_us = self._now_us()
        acts = offered(scheme, case, place.person, now_us, stopped=self._stopped())
        words = casebook.objections_of(self._connection, number)
        cancels = {str(name): said for name, said in CANCELLED.items() if name != "accepted"}
        body = self._pages.desk_case(place, shown_case(scheme, case, now_us), words, acts, cancels, fault)
        return page(body, 422 if fault else 200)

    def act(self, place: ChargedPlace, number: str, fields: Fields) -> PageAnswer:
        """Do what a person decided in a case."""
        kind = fields.get("kind", "")
        ground = fields.get("ground", "") if kind == "cancel" else ""
        try:
            act = msgspec.convert(
                {"kind": kind, "at_us": self._now_us(), "by": place.person, "ground": ground}, Act
            )
            with change(self._connection):
                scheme = self._book.scheme_named(casebook.required(self._connection, number).scheme)
                casebook.do(self._connection, scheme, number, act, stopped=self._stopped())
                if ground == "clone":
                    self._hold_clone(number, place.person)
        except msgspec.ValidationError:
            return self.show_case(place, number, "Choose what is to be done")
        except InputError as error:
            return self.show_case(place, number, f"This cannot be done: {error.detail}")
        return self.show_case(place, number)

    def _hold_clone(self, number: str, person: str) -> None:
        plate = casebook.required(self._connection, number).plate
        if plate:
            queue.hold_clone(self._connection, plate, person, self._now_us())
            casebook.cancel_clone(
                self._connection, self._book.scheme_named, plate, by=person, now_us=self._now_us()
            )

    def letter(self, place: ChargedPlace, number: str) -> PageAnswer:
        """Answer with the letter that says how a case stands, to print."""
        try:
            case = casebook.required(self._connection, number)
        except InputError:
            return self._nothing(place, "There is no such case.")
        scheme = self._book.scheme_named(case.scheme)
        if standing_of(scheme, case.acts).state == "none":
            return self._nothing(place, "The case was never issued.")
        body = self._pages.letter(place, letter_of(scheme, case, self._now_us()))
        # Its style stands in it, so that it can be kept and printed by itself.
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        return page(body, headers={"Content-Security-Policy": policy})

    def _nothing(self, place: ChargedPlace, words: str) -> PageAnswer:
        return page(self._pages.problem(place, "Not found", words), 404)


def images_of(row: ChargeProof) -> list[tuple[str, dict[str, Any]]]:
    """Return the images that a row names, each with what it shows; one of another form is left out."""
    read = msgspec.json.decode(row.row).get("read") or {}
    found_ones = []
    for member in _MEMBERS:
        said = read.get(member)
        if isinstance(said, dict) and isinstance(said.get("ref"), str) and said.get("type") in _TYPES:
            found_ones.append((_KINDS[member], said))
    return found_ones
