"""The place at which people ask a custody: what they put is passed to the gateway, and rows are shown from here.

It listens on the loopback address; whoever lets other machines ask puts a proxy with a certificate before it. A
person's credential is passed on to the gateway, which alone knows who it is, and is kept nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.custody.gateway import CustodyGateway, PassedAnswer, StandingSearch
from wicketgate.clients.custody.keeping import SealedImages
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.custody.values import AnsweredRow, KeptBatch
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.clients.recipient.images import WantedImage, wanted_of
from wicketgate.feeds.batches import Batch, erased_line
from wicketgate.history.forms import CSV, FORMS, GEOJSON, NDJSON, PARQUET, as_csv, as_geojson, as_parquet
from wicketgate.history.questions import Question, parse_question
from wicketgate.ledger.merkle import root

MOST_PAGE: Final = 10_000
_PAGE: Final = 1_000
_ID: Final = r"(?P<id>[0-9a-f]{8,64})"
_ROWS: Final = re.compile(rf"/v1/searches/{_ID}/rows")
_IMAGE: Final = re.compile(rf"/v1/searches/{_ID}/images/(?P<row>[0-9]{{1,9}})/(?P<kind>patch|overview)")
_RELEASES: Final = re.compile(rf"/v1/searches/{_ID}/releases")
_PASSED: Final = (
    ("POST", re.compile(r"/v1/searches(?:/preview)?")),
    ("GET", re.compile(r"/v1/searches|/v1/approvals")),
    ("GET", re.compile(rf"/v1/searches/{_ID}(?:/question|/proof|/evidence)?")),
    ("POST", re.compile(rf"/v1/searches/{_ID}/(?:approve|refuse)")),
)
"""What is the gateway's alone, and is passed on to it as it came."""
_MAKE: Final[Mapping[str, Callable[[Sequence[bytes], int], bytes]]] = {
    NDJSON: lambda lines, after: b"".join(line + b"\n" for line in lines),
    CSV: lambda lines, after: as_csv(lines, head=after == 0),
    PARQUET: lambda lines, after: as_parquet(lines),
    GEOJSON: lambda lines, after: as_geojson(lines),
}
_NAMES: Final = {media_type: name for name, media_type in FORMS.items()}
_PRIVATE: Final = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class CustodyDesk:
    """The answers of one custody to people."""

    def __init__(
        self, store: CustodyStore, images: SealedImages, gateway: CustodyGateway, clock: Clock
    ) -> None:
        self._store = store
        self._images = images
        self._gateway = gateway
        self._clock = clock

    def answer(self, request: Request) -> PageAnswer:
        """Answer a request."""
        authorization = request.headers.get("authorization", "")
        if not authorization:
            return _problem(401, "credential-missing", "give the bearer token of a person who signed in")
        path = urlsplit(request.path).path
        try:
            if request.method == "GET" and (found := _ROWS.fullmatch(path)):
                return self._rows(found["id"], request, authorization)
            if request.method == "GET" and (found := _RELEASES.fullmatch(path)):
                return self._releases(found["id"], request, authorization)
            if request.method == "GET" and (found := _IMAGE.fullmatch(path)):
                return self._image(found["id"], int(found["row"]), found["kind"], authorization)
            for method, pattern in _PASSED:
                if method == request.method and pattern.fullmatch(path):
                    return _as_came(self._gateway.passed(request.method, path, authorization, request.body))
        except Unreachable as error:
            # Nothing is shown of which the gateway has not committed the look.
            return _problem(503, "gateway-unreachable", error.detail)
        except InputError as error:
            return _problem(400, error.code, error.detail)
        return _problem(404, "not-found", "custody has no such address")

    def _rows(self, id_: str, request: Request, authorization: str) -> PageAnswer:
        asked = parse_qs(urlsplit(request.path).query)
        after = _number(asked, "after", 0, most=1 << 40)
        limit = _number(asked, "limit", _PAGE, most=MOST_PAGE)
        media_type = _form_of(request.headers.get("accept", ""))
        rows = self._store.answer(id_, self._clock.now_us())
        # One that is not here is looked at too: the gateway says what it is, and to whom.
        page = [] if rows is None else rows[after : after + limit]
        looked = self._gateway.look(
            id_, authorization, {"after": after, "rows": len(page), "form": _NAMES[media_type]}
        )
        refused = self._refused(looked, rows)
        if refused is not None:
            return refused
        self._store.record(kind="looked", search=id_, after=after, rows=len(page))
        body = _MAKE[media_type](self._lines(id_, page), after)
        headers = dict(_PRIVATE)
        if rows is not None and page and after + len(page) < len(rows):
            headers["Wicketgate-After"] = str(after + len(page))
        return PageAnswer(body=body, media_type=media_type, headers=headers)

    def _releases(self, id_: str, request: Request, authorization: str) -> PageAnswer:
        """Answer with rows of an answer, each with its way to its batch, for an evidence pack; it is a look at them."""
        asked = parse_qs(urlsplit(request.path).query)
        after = _number(asked, "after", 0, most=1 << 40)
        limit = _number(asked, "limit", _PAGE, most=_PAGE)
        rows = self._store.answer(id_, self._clock.now_us())
        page = [] if rows is None else rows[after : after + limit]
        looked = self._gateway.look(id_, authorization, {"after": after, "rows": len(page)})
        refused = self._refused(looked, rows)
        if refused is not None:
            return refused
        self._store.record(kind="looked", search=id_, after=after, rows=len(page))
        ways = self._store.ways((row.place for row in page), self._clock.now_us())
        lines = [
            msgspec.json.encode(ways[row.place]) if row.place in ways else erased_line(row.seq, row.leaf)
            for row in page
        ]
        headers = dict(_PRIVATE)
        if rows is not None and page and after + len(page) < len(rows):
            headers["Wicketgate-After"] = str(after + len(page))
        return PageAnswer(body=b"".join(line + b"\n" for line in lines), media_type=NDJSON, headers=headers)

    def _refused(self, looked: PassedAnswer, rows: list[AnsweredRow] | None) -> PageAnswer | None:
        """Return what stands instead of a page: the gateway's refusal, or that this is not what was committed."""
        if looked.status != 201:
            return _as_came(looked)
        try:
            standing = msgspec.json.decode(looked.body, type=StandingSearch)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _problem(502, "malformed", "the gateway answered something else than this version's")
        if rows is None:
            return _problem(410, "answer-ended", "this answer is kept here no longer: ask anew")
        if root([row.leaf for row in rows]).hex() != standing.root:
            return _problem(
                409, "custody-not-extended", "the answer that is kept here is not the one that was committed"
            )
        return None

    def _lines(self, id_: str, page: Sequence[AnsweredRow]) -> list[bytes]:
        """Return rows as they were delivered, and behind each what was found of it since.

        One that is past its term is its number and its hash.
        """
        now_us = self._clock.now_us()
        held = self._store.lines((row.place for row in page), now_us)
        wrong = self._store.errata_of((row.seq for row in page if row.place in held), now_us)
        asked = self._store.question_of(id_) if wrong else None
        question = None if asked is None else parse_question(msgspec.json.decode(asked))
        lines = []
        for row in page:
            lines.append(held.get(row.place) or erased_line(row.seq, row.leaf))
            if row.place in held:
                lines += (told_in(line, question) for line in wrong.get(row.seq, ()))
        return lines

    def _image(self, id_: str, number: int, kind: str, authorization: str) -> PageAnswer:
        """Answer with an image of one row of an answer, counted from 1; it is a look at that row."""
        rows = self._store.answer(id_, self._clock.now_us())
        page = [] if rows is None or number < 1 else rows[number - 1 : number]
        looked = self._gateway.look(id_, authorization, {"after": max(number - 1, 0), "rows": len(page)})
        refused = self._refused(looked, rows)
        if refused is not None:
            return refused
        self._store.record(kind="looked", search=id_, after=number - 1, rows=len(page))
        for row in page:
            wanted = self._wanted(row, kind)
            data = None if wanted is None else self._images.read(wanted)
            if wanted is not None and data is not None:
                ending = wanted.name.rpartition(".")[2]
                media_type = "image/png" if ending == "png" else "image/jpeg"
                return PageAnswer(body=data, media_type=media_type, headers=_PRIVATE)
        return _problem(404, "not-found", "this row has no such image, or it is past its term")

    def _wanted(self, row: AnsweredRow, kind: str) -> WantedImage | None:
        number = row.place >> 16
        kept: KeptBatch | None = next(iter(self._store.batches(number, number)), None)
        line = self._store.lines([row.place], self._clock.now_us()).get(row.place)
        if kept is None or line is None:
            return None
        said = msgspec.json.decode(line).get("read", {}).get(f"{kind}_image")
        if said is None:
            return None
        return next(
            (
                one
                for one in wanted_of(Batch(header=kept.batch.header, lines=(line,)))
                if one.sha256 == said.get("sha256")
            ),
            None,
        )


def told_in(line: bytes, question: Question | None) -> bytes:
    """Return the row of an erratum as far as an answer tells it.

    The right plate stands in it where the question means that: a question about one vehicle tells of no other.
    """
    said = msgspec.json.decode(line)
    plate = said["erratum"].get("read", {}).get("plate")
    if plate is None or (question is not None and question.means_plate(plate)):
        return line
    del said["erratum"]["read"]
    said.pop("salt", None)  # it is no longer the row that was promised
    return msgspec.json.encode(said)


def _number(asked: Mapping[str, Sequence[str]], name: str, default: int, *, most: int) -> int:
    said = asked.get(name)
    if said is None:
        return default
    text = said[0]
    # At most fifteen digits: of thousands Python makes no number.
    if len(said) != 1 or not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > most:
        raise InputError(f"`{name}` is a whole number of at most {most}")
    return int(said[0])


def _form_of(accept: str) -> str:
    """Return the form that is asked for: the first known one of `Accept`, and NDJSON where none is."""
    wanted = (one.partition(";")[0].strip().lower() for one in accept.split(","))
    return next((one for one in wanted if one in _MAKE), NDJSON)


def _as_came(answer: PassedAnswer) -> PageAnswer:
    return PageAnswer(
        status=answer.status,
        body=answer.body,
        media_type=answer.media_type,
        headers=_PRIVATE | dict(answer.headers),
    )


def _problem(status: int, code: str, detail: str) -> PageAnswer:
    said: dict[str, Any] = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return PageAnswer(
        status=status,
        body=msgspec.json.encode(said),
        media_type="application/problem+json",
        headers=_PRIVATE,
    )
