"""The site of a charging folder: who may ask for what, and which handler answers.

It listens on the loopback address; whoever lets drivers ask puts a proxy with a certificate before it.
"""

from __future__ import annotations

import hmac
import re
import sqlite3
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.clients.charging.site.desk import ReviewDesk
from wicketgate.clients.charging.site.drivers import DriverPages, Fields, page
from wicketgate.clients.charging.site.people import COOKIE, DeskSession, DeskSessions
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.forms import fields_of
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.pages.charging import ChargedPlace, ChargingPages
from wicketgate.pages.public import assets_of

MOST_BYTES: Final = 64 * 1024
_RECEIPT: Final = re.compile(r"/receipt/([A-Za-z0-9][A-Za-z0-9._/-]{0,63})")
_REVIEW: Final = re.compile(r"/desk/review/([0-9]{1,12})(?:/(type|decide|image/[0-9]{1,2}))?")
_CASE: Final = re.compile(r"/desk/case/([0-9]{1,20})(/letter)?")


class ChargingSite:
    """One site. Requests are answered one after another: all of them use one connection.

    Parameters
    ----------
    sessions : DeskSessions
        Who is signed in.
    """

    def __init__(
        self, connection: sqlite3.Connection, drivers: DriverPages, desk: ReviewDesk, sessions: DeskSessions
    ) -> None:
        self._connection = connection
        self._drivers = drivers
        self._desk = desk
        self._sessions = sessions
        self._pages = ChargingPages()
        self._one = threading.Lock()

    def answer(self, request: Request) -> PageAnswer:
        """Answer a request; what goes wrong is a page that names nothing of it."""
        path = unquote(urlsplit(request.path).path)
        if request.method == "GET" and path.startswith("/assets/"):
            return _asset(path)
        with self._one:
            try:
                fields = _fields(request) if request.method == "POST" else {}
                if request.method == "POST" and not _is_own(request):
                    return self._problem(
                        "Not from here", "Another site asked for this, so nothing was done.", 403
                    )
                if path == "/desk" or path.startswith("/desk/"):
                    return self._at_desk(request, path, fields)
                return self._for_drivers(request.method, path, fields)
            except InputError as error:
                return self._problem("This cannot be read", f"{error.detail.capitalize()}.", 400)
            except WicketgateError as error:
                return self._problem("This cannot be done now", f"{error.detail.capitalize()}.", 503)

    def _for_drivers(self, method: str, path: str, fields: Fields) -> PageAnswer:
        drivers = self._drivers
        shown: dict[tuple[str, str], Callable[[], PageAnswer]] = {
            ("GET", "/"): drivers.show_scheme,
            ("POST", "/price"): lambda: drivers.show_scheme(fields),
            ("GET", "/pay"): drivers.show_pay,
            ("POST", "/pay"): lambda: drivers.pay(fields),
            ("GET", "/penalty"): drivers.show_find,
            ("POST", "/penalty"): lambda: drivers.show_case(fields),
            ("POST", "/penalty/object"): lambda: drivers.object(fields),
            ("POST", "/penalty/appeal"): lambda: drivers.appeal(fields),
        }
        receipt = _RECEIPT.fullmatch(path)
        if method == "GET" and receipt is not None:
            return drivers.receipt(receipt[1])
        handler = shown.get((method, path))
        return self._problem("Not found", "There is no such page.", 404) if handler is None else handler()

    # --- for people who are signed in ---------------------------------------------------------------------------

    def _at_desk(self, request: Request, path: str, fields: Fields) -> PageAnswer:
        if path == "/desk/sign-in" and request.method == "POST":
            return self._sign_in(fields)
        session = self._sessions.find(self._connection, request)
        if session is None:
            # Nothing at the desk answers to anybody else, not even what there is.
            return page(self._pages.sign_in(self._drivers.place), 401)
        if request.method == "POST" and not hmac.compare_digest(
            fields.get("form_key", "").encode(), session.form_key.encode()
        ):
            return self._problem("Not from here", "This form is not of this page, so nothing was done.", 403)
        place = self._place(session)
        if path == "/desk/sign-out" and request.method == "POST":
            self._sessions.end(request)
            ended = f"{COOKIE}=; Path=/desk; Max-Age=0; HttpOnly; SameSite=Strict"
            return page(self._pages.sign_in(self._drivers.place), headers={"Set-Cookie": ended})
        return self._done_at_desk(request.method, path, place, fields)

    def _done_at_desk(self, method: str, path: str, place: ChargedPlace, fields: Fields) -> PageAnswer:
        desk = self._desk
        if (method, path) == ("GET", "/desk"):
            return desk.show_queue(place)
        review, case = _REVIEW.fullmatch(path), _CASE.fullmatch(path)
        if review is not None:
            id_, what = int(review[1]), review[2] or ""
            if method == "GET" and what == "":
                return desk.show_review(place, id_)
            if method == "GET" and what.startswith("image/"):
                return desk.image(place, id_, int(what.removeprefix("image/")))
            if method == "POST" and what == "type":
                return desk.type_reading(place, id_, fields)
            if method == "POST" and what == "decide":
                return desk.decide(place, id_, fields)
        if case is not None and method == "GET":
            return desk.letter(place, case[1]) if case[2] else desk.show_case(place, case[1])
        if case is not None and method == "POST" and not case[2]:
            return desk.act(place, case[1], fields)
        return self._problem("Not found", "There is no such page.", 404)

    def _sign_in(self, fields: Fields) -> PageAnswer:
        wait_s = self._sessions.wait_s()
        if wait_s:
            words = f"Wait {wait_s:.0f} seconds, and try again"
            return page(self._pages.sign_in(self._drivers.place, words), 429)
        cookie = self._sessions.try_passphrase(
            self._connection, fields.get("name", ""), fields.get("passphrase", "")
        )
        if cookie is None:
            words = "The name and the passphrase do not belong together"
            return page(self._pages.sign_in(self._drivers.place, words), 403)
        return PageAnswer(status=303, headers={"Location": "/desk", "Set-Cookie": cookie})

    def _place(self, session: DeskSession) -> ChargedPlace:
        shown = self._drivers.place
        return ChargedPlace(
            title=shown.title, controller=shown.controller, person=session.person, form_key=session.form_key
        )

    def _problem(self, title: str, words: str, status: int) -> PageAnswer:
        return page(self._pages.problem(self._drivers.place, title, words), status)


def _fields(request: Request) -> dict[str, str]:
    found = fields_of(request.body, request.headers.get("content-type", ""))
    try:
        return {name: value.decode() for name, value in found.items()}
    except UnicodeDecodeError as error:
        raise InputError("a form that is no text") from error


def _is_own(request: Request) -> bool:
    """Return whether a form comes from a page of this site: no other site's page may send one."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _asset(path: str) -> PageAnswer:
    asset = assets_of().by_path.get(path)
    if asset is None:
        return PageAnswer(status=404, media_type="text/plain; charset=utf-8")
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": asset.cache_control,
    }
    return PageAnswer(body=asset.content, media_type=asset.media_type, headers=headers)
