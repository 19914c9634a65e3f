"""Handlers of `/v1/hotlists/{authority}`: a unit's own list, whole or by its changes."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import secrets
from collections.abc import Iterable, Iterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import HotlistRefused, InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.hotlists import HotlistFiling, ListTaken
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.hotlists import Change, Entry, Hotlist
from wicketgate.hotlists.forms import CSV, NDJSON, UK_FIELDS, hotlist_lines, parse_hotlist
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.http.codes import HOTLIST
from wicketgate.http.gatekeeper import require
from wicketgate.http.requests import JSON, json_answer, media_type_of, read_body
from wicketgate.http.roles import KEEP
from wicketgate.regime.documents.authority import MatchTerms

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
_TRIES = 5
_LINES_AT_ONCE = 2_000
_REVISION = re.compile(r'"(\d{1,15})"', re.ASCII)
_TAKEN = (NDJSON, JSON, CSV)


class HotlistsApi:
    """The handlers of hotlists, over those of one gateway."""

    def __init__(
        self,
        commits: Durable,
        desk: HotlistFiling,
        lists: Hotlists,
        entitlement: Entitlement,
        clock: Clock,
        looks: LookFiling,
    ) -> None:
        self._commits = commits
        self._desk = desk
        self._lists = lists
        self._entitlement = entitlement
        self._clock = clock
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/hotlists/`."""
        return [
            Route("/v1/hotlists/{authority}", self.put_list, methods=["PUT"]),
            Route("/v1/hotlists/{authority}", self.patch_list, methods=["PATCH"]),
            Route("/v1/hotlists/{authority}", self.get_list, methods=["GET"]),
        ]

    async def put_list(self, request: Request) -> Response:
        """`PUT /v1/hotlists/{authority}`: the whole list."""
        return await self._change(request, whole=True)

    async def patch_list(self, request: Request) -> Response:
        """`PATCH /v1/hotlists/{authority}`: changes of the list."""
        return await self._change(request, whole=False)

    async def _change(self, request: Request, *, whole: bool) -> Response:
        name = request.path_params["authority"]
        self._terms(request, name)  # before a large body is read for nothing
        media_type = media_type_of(request)
        if media_type not in _TAKEN:
            raise InputError(f"send `{NDJSON}`, `{JSON}` or `{CSV}`", code="unsupported-media-type")
        expected = _expected(request)
        body = await read_body(request, MAX_UPLOAD_BYTES)
        kind = request.query_params.get("kind")
        taken = await self._take(request, name, body, media_type, whole=whole, expected=expected, kind=kind)
        answer = json_answer(taken)
        answer.headers["ETag"] = f'"{taken.revision}"'
        return answer

    async def _take(
        self,
        request: Request,
        name: str,
        body: bytes,
        media_type: str,
        *,
        whole: bool,
        expected: int | None,
        kind: str | None,
    ) -> ListTaken:
        for attempt in range(1, _TRIES + 1):
            terms = self._terms(request, name)
            by = require(request, "recipient", *KEEP).by
            revision, hotlist = self._hotlist(name)
            if expected is not None and expected != revision:
                raise InputError(f"the list is at revision {revision}", code="revision-differs")
            at_us = self._clock.now_us()
            changes = await changes_in(body, media_type, terms, hotlist, at_us, whole=whole, kind=kind)
            self._terms(request, name)  # a large list takes seconds
            by = require(request, "recipient", *KEEP).by
            try:
                # What was parsed keeps the ids of the entries before, so that it fits this revision and no other.
                return await self._desk.change_hotlist(name, changes, whole=whole, by=by, expected=revision)
            except HotlistRefused:
                raise
            except InputError as error:
                if error.code == "revision-differs" and expected is None and attempt < _TRIES:
                    continue
                if error.code in HOTLIST:
                    raise HotlistRefused(error.detail, code=error.code) from error
                raise
        raise AssertionError("the last attempt returns or raises")

    async def get_list(self, request: Request) -> Response:
        """`GET /v1/hotlists/{authority}`: the unit's own list.

        It comes as NDJSON or the UK 16-field CSV.
        """
        name = request.path_params["authority"]
        who = require(request, "recipient", *KEEP)
        self._terms(request, name)
        revision = self._hotlist(name)[0]
        if who.person:
            await self._looks.look(who.by, "hotlist", name, revision=revision)
        else:
            await self._looks.read(who.by, "hotlist", name, revision, revision)
        self._terms(request, name)
        revision, hotlist = self._hotlist(name)
        as_csv = CSV in request.headers.get("accept", "").lower()
        lines = uk_rows(hotlist.entries()) if as_csv else hotlist_lines(hotlist.entries())
        return StreamingResponse(
            _joined(lines),
            media_type=f"{CSV}; charset=utf-8; header=present" if as_csv else NDJSON,
            headers={"ETag": f'"{revision}"', "Cache-Control": "no-store", "Vary": "Accept"},
        )

    def _terms(self, request: Request, name: str) -> MatchTerms:
        who = require(request, "recipient", *KEEP)
        terms = self._entitlement.entitled_list(who.name, name).listing
        self._entitlement.demand_person(name, who.person, "hotlist-keeper")
        if terms is None:
            raise NotEntitled("this authority has no hotlist")
        return terms

    def _hotlist(self, name: str) -> tuple[int, Hotlist]:
        state = self._commits.committed
        known = state.hotlists.get(name)
        return 0 if known is None else known.revision, self._lists.at(name, state)


def _expected(request: Request) -> int | None:
    """Return the revision of `If-Match`.

    None where it is not sent.
    """
    given = request.headers.get("if-match")
    if given is None:
        return None
    found = _REVISION.fullmatch(given.strip())
    if found is None:
        raise InputError('`If-Match` is one revision in quotation marks, as `ETag` has it: `"7"`')
    return int(found[1])


async def changes_in(
    body: bytes,
    media_type: str,
    terms: MatchTerms,
    hotlist: Hotlist,
    at_us: int,
    *,
    whole: bool,
    kind: str | None,
) -> tuple[Change, ...]:
    """Return what a body changes of a list, parsed in a thread (`forms.parse_hotlist`)."""
    return await asyncio.to_thread(
        parse_hotlist,
        body,
        media_type,
        terms=terms,
        hotlist=hotlist,
        at_us=at_us,
        draw_voi=lambda: secrets.token_hex(8),
        whole=whole,
        default_kind=kind,
    )


def uk_rows(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the UK 16-field form of a list, its head first.

    `parse_hotlist` takes it, but for id, kind and priority.
    """
    yield _row(UK_FIELDS)
    for entry in entries:
        fields = {"vrm": entry.plate, "weed_date": rfc3339(entry.expires_us), "reason": entry.reason}
        yield _row([fields.get(name) or getattr(entry, name, None) or "" for name in UK_FIELDS])


def _row(fields: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(fields)
    return text.getvalue().encode()


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines joined in parts worth sending."""
    while part := b"".join(islice(lines, _LINES_AT_ONCE)):
        yield part
