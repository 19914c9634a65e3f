"""Handlers of `/questions`: a person asks the past, checks it before it is sent, and opens the answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled, WicketgateError
from wicketgate.base.periods import describe_period
from wicketgate.commits.cameras import Camera, active, in_scope
from wicketgate.commits.durable import Durable
from wicketgate.gateway.entitlement import names_of
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.searching.values import AskedDocument, Asker, SearchPreview
from wicketgate.history.questions import KINDS, Question
from wicketgate.http.problems import status_and_title
from wicketgate.http.roles import ASK
from wicketgate.http.site.ask_form import (
    FIRST_SCENES,
    MOST_FORM,
    MOST_PAIRS,
    FormFault,
    ReadQuestion,
    WrittenQuestion,
    areas_of,
    read_question,
    written_of,
)
from wicketgate.http.site.drafts import Draft, Drafts
from wicketgate.http.site.officers import OfficerPages, pairs_of_form, redirect, sentence, session_of
from wicketgate.http.site.written_times import read_moment, written_moment
from wicketgate.pages.asking import MOST_NAMED, MOST_ON_MAP, AskableAuthority, AskPages, AskPlaces
from wicketgate.pages.camera_map import Placed, Polygon
from wicketgate.pages.duty import Session
from wicketgate.regime.charter import AS_BULK
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.searches.rules import stopped_code

BELOW: Final = "/questions"
ASK_AT: Final = f"{BELOW}/ask"
CHECK_AT: Final = f"{BELOW}/check"
_MOST_GROUPS = 100
_OVER = frozenset({"refused", "not-approved", "ended"})
"""How a question stands of which it is kept no longer what it asked."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class AskingPages:
    """The handlers of whoever asks, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        searches: Searches,
        officers: OfficerPages,
        pages: AskPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._officers = officers
        self._pages = pages
        self._drafts = Drafts(clock.now_us)

    def routes(self) -> list[Route]:
        """Return the routes of `/questions`, but for those of answers."""
        shown = self._officers.shown
        return [
            Route(BELOW, shown(self.get_own), methods=["GET"]),
            Route(ASK_AT, shown(self.get_form), methods=["GET"]),
            Route(ASK_AT, shown(self.post_form), methods=["POST"]),
            Route(CHECK_AT, shown(self.get_check), methods=["GET"]),
            Route(CHECK_AT, shown(self.post_check), methods=["POST"]),
            Route(f"{BELOW}/{{id}}", shown(self.get_question), methods=["GET"]),
        ]

    # --- what was asked -------------------------------------------------------------------------------------------

    async def get_own(self, request: Request) -> Response:
        """`GET /questions`."""
        session = asker_at(request)
        searches = [msgspec.to_builtins(one) for one in await self._searches.own(_asker(session))]
        asker_at(request)  # it took a moment
        authorities = [self._shown(one) for one in self._askable(session.unit)]
        return await self._officers.page(
            self._pages.own, session, self._clock.now_us(), searches, authorities
        )

    async def get_question(self, request: Request) -> Response:
        """`GET /questions/{id}`: how one's own question stands, and as long as it is kept what was asked."""
        session = asker_at(request)
        found = self._searches.show(id_in(request), session.by)
        detail = None
        if found.status not in _OVER:
            detail = await self._searches.detail(found.id, session.by, None)
        asker_at(request)  # it took a moment
        title, custody = title_of(self._commits, self._clock, found.authority)
        return await self._officers.page(
            self._pages.question,
            session,
            self._clock.now_us(),
            search=msgspec.to_builtins(found),
            detail=None if detail is None else msgspec.to_builtins(detail),
            title=title,
            sent=request.query_params.get("sent") == "yes",
            custody=custody,
        )

    # --- the form -------------------------------------------------------------------------------------------------

    async def get_form(self, request: Request) -> Response:
        """`GET /questions/ask`: authorities and kinds to choose from; with both, or a draft, the form."""
        session = asker_at(request)
        if given := request.query_params.get("draft"):
            draft = self._drafts.of(session.key, given)
            if draft is None or draft.sent:
                return redirect(ASK_AT)
            return await self._form_page(request, session, draft.written, draft=draft.id)
        name, kind = request.query_params.get("authority", ""), request.query_params.get("kind", "")
        if name and kind in KINDS:
            return await self._form_page(request, session, WrittenQuestion(authority=name, kind=kind))
        authorities = [self._shown(one) for one in self._askable(session.unit)]
        return await self._officers.page(self._pages.choose, session, self._clock.now_us(), authorities)

    async def post_form(self, request: Request) -> Response:
        """`POST /questions/ask`: keep what was written as a draft, and show what it would be. Nothing is recorded.

        The form has the fields of `WrittenQuestion`, `draft` where one is changed, and `do`, `more` for another place.
        """
        session = asker_at(request)
        pairs = await pairs_of_form(request, session, MOST_FORM, MOST_PAIRS)
        session = asker_at(request)  # the body may have taken long
        form = dict(pairs)
        written = written_of(pairs)
        if written.kind not in KINDS:
            raise InputError("this is no kind of question: choose one", code="question-kind")
        self._authority(session.unit, written.authority)
        if form.get("do") == "more":
            written = written.with_scenes(max(len(written.scenes), FIRST_SCENES) + 1)
            draft = self._drafts.keep(session.key, written, form.get("draft", ""))
            return redirect(f"{ASK_AT}?draft={draft.id}")
        found = read_question(written, session.zone, self._clock.now_us())
        if not isinstance(found, ReadQuestion):
            return await self._form_page(
                request, session, written, draft=form.get("draft", ""), faults=found, status=400
            )
        draft = self._drafts.keep(session.key, _settled(written, found, session.zone), form.get("draft", ""))
        return redirect(f"{CHECK_AT}?draft={draft.id}")

    async def _form_page(
        self,
        request: Request,
        session: Session,
        written: WrittenQuestion,
        *,
        draft: str = "",
        faults: tuple[FormFault, ...] = (),
        status: int = 200,
    ) -> Response:
        authority = self._authority(session.unit, written.authority)
        if written.kind == "scenes":
            written = written.with_scenes(FIRST_SCENES)
        return await self._officers.page(
            self._pages.form,
            session,
            self._clock.now_us(),
            authority=self._shown(authority),
            places=self._places(authority, areas=areas_of(written)),
            written=asdict(written),
            draft=draft if self._drafts.of(session.key, draft) is not None else "",
            faults=[(fault.field, fault.words) for fault in faults],
            emergencies=self._emergencies(session.unit),
            status=status,
        )

    # --- before it is sent ----------------------------------------------------------------------------------------

    async def get_check(self, request: Request) -> Response:
        """`GET /questions/check?draft=ID`: how broad it is, who must approve it, and what of its reason is told."""
        session = asker_at(request)
        draft = self._drafts.of(session.key, request.query_params.get("draft", ""))
        if draft is None:
            return redirect(ASK_AT)
        if draft.sent:
            return redirect(f"{BELOW}/{draft.sent}")
        return await self._check_page(request, session, draft)

    async def _check_page(
        self, request: Request, session: Session, draft: Draft, *, answered: str = "", status: int = 200
    ) -> Response:
        found = self._read(session, draft)
        preview: SearchPreview = await self._searches.preview(_asker(session), _document(found))
        asker_at(request)  # it took a moment
        authority = self._authority(session.unit, draft.written.authority)
        return await self._officers.page(
            self._pages.check,
            session,
            self._clock.now_us(),
            authority=self._shown(authority),
            places=self._asked_places(authority, found.question),
            draft=draft.id,
            body={**found.said, "question": found.question.as_json()},
            preview=msgspec.to_builtins(preview),
            answered=answered,
            status=status,
        )

    async def post_check(self, request: Request) -> Response:
        """`POST /questions/check`: send a draft, once. The form has `draft`."""
        session = asker_at(request)
        form = dict(await pairs_of_form(request, session))
        session = asker_at(request)
        draft = self._drafts.of(session.key, form.get("draft", ""))
        if draft is None:
            raise InputError("this question waits no longer: write it again", code="not-found")
        async with draft.sending:
            if not draft.sent:
                try:
                    found = self._read(session, draft)
                    draft.sent = (await self._searches.ask(_asker(session), _document(found))).id
                except NotEntitled:
                    raise
                except WicketgateError as error:
                    status, _ = status_and_title(error)
                    return await self._check_page(
                        request, session, draft, answered=sentence(error), status=status
                    )
        return redirect(f"{BELOW}/{draft.sent}?sent=yes")

    def _read(self, session: Session, draft: Draft) -> ReadQuestion:
        found = read_question(draft.written, session.zone, self._clock.now_us())
        if not isinstance(found, ReadQuestion):
            raise InputError("this question waits no longer: write it again", code="not-found")
        return found

    # --- under what -----------------------------------------------------------------------------------------------

    def _moment(self) -> RegimeAt:
        return self._commits.committed_at(self._clock.now_us())

    def _askable(self, unit: str) -> list[Authority]:
        """Return the authorities of a unit under which the past is asked, however they stand."""
        moment = self._moment()
        found = []
        for name in names_of(self._commits.committed, unit):
            named = moment.regime.authorities[name]
            authority = moment.authority(named.versions[moment.current(named)])
            if authority.search is not None:
                found.append(authority)
        return found

    def _authority(self, unit: str, name: str) -> Authority:
        """Return one of them.

        Raises
        ------
        NotEntitled
            `no-authority`, where the unit has none of this name.
        """
        found = next((one for one in self._askable(unit) if one.name == name), None)
        if found is None:
            raise NotEntitled("your unit has no such authority under which it may ask the past")
        return found

    def _shown(self, authority: Authority) -> AskableAuthority:
        moment, terms = self._moment(), authority.search
        assert terms is not None
        named = moment.regime.authorities[authority.name]
        version = named.versions[authority.version - 1]
        return AskableAuthority(
            name=authority.name,
            version=authority.version,
            title=authority.title,
            stopped=stopped_code(
                named,
                version,
                authority,
                moment.at_us,
                unwitnessed=moment.regime.is_unwitnessed(authority.mode),
            )
            or "",
            kinds=terms.questions,
            breadth=(terms.breadth.camera_days, terms.breadth.plates),
            max_age=describe_period(terms.max_age),
            answer_retention=describe_period(terms.answer_retention),
            custody=authority.mode in AS_BULK,
        )

    def _asked_places(self, authority: Authority, question: Question) -> AskPlaces | None:
        """Return where a question asks by an area; None where it names none."""
        places = [scene.place for scene in question.scenes] or [question.place]
        areas = [place.area.as_json()["coordinates"] for place in places if place.area is not None]
        if not areas:
            return None
        cameras = self._cameras(authority)
        asked = {number for place in places for number in place.numbers(cameras)}
        return self._places(authority, areas=areas, asked=asked)

    def _places(
        self, authority: Authority, *, areas: Sequence[Polygon] = (), asked: Collection[int] = ()
    ) -> AskPlaces:
        """Return where an authority lets one ask; `asked` are the places of some of its cameras among them."""
        cameras = self._cameras(authority)
        groups = Counter(group for camera in cameras for group in camera.groups)
        placed = [
            Placed(camera.shown_name, *camera.position, "asked" if number in asked else "other")
            for number, camera in enumerate(cameras)
            if camera.position is not None
        ]
        return AskPlaces(
            groups=sorted(groups.items())[:_MOST_GROUPS],
            cameras=[(f"{one.source}/{one.id}", one.shown_name) for one in cameras[:MOST_NAMED]],
            count=len(cameras),
            placed=placed[:MOST_ON_MAP],
            areas=areas,
        )

    def _cameras(self, authority: Authority) -> list[Camera]:
        state = self._commits.committed
        mask = in_scope(state.cameras, authority) & active(state.cameras)
        return [camera for camera, within in zip(state.cameras, mask.tolist(), strict=True) if within]

    def _emergencies(self, unit: str) -> str:
        """Return within what time an emergency of a unit is approved, in words; empty where it can say none."""
        within = self._moment().charter.searching.emergency_within
        if within is None or any(one.unit == unit for one in self._searches.stopped()):
            return ""
        return describe_period(within)


def asker_at(request: Request) -> Session:
    """Return the session of a person who asks for a unit; no token opens one."""
    session = session_of(request, *ASK)
    if not session.person:
        raise NotEntitled("people ask the past, in their own name: no machine does", code="person-needed")
    return session


def title_of(commits: Durable, clock: Clock, reference: str) -> tuple[str, bool]:
    """Return the title of an authority, `name@version`, and whether answers under it stand in custody."""
    name, _, number = reference.partition("@")
    moment = commits.committed_at(clock.now_us())
    named = moment.regime.authorities.get(name)
    if named is None or not number.isdigit() or not 0 < int(number) <= len(named.versions):
        return reference, False
    authority = moment.authority(named.versions[int(number) - 1])
    return authority.title, authority.mode in AS_BULK


def id_in(request: Request) -> str:
    """Return the id in a request's path; InputError `unknown-search` for what cannot be one."""
    given: str = request.path_params["id"]
    if not _ID.fullmatch(given):
        raise InputError("there is no such question of yours", code="unknown-search")
    return given


def _asker(session: Session) -> Asker:
    return Asker(by=session.by, unit=session.unit)


def _document(found: ReadQuestion) -> AskedDocument:
    return msgspec.convert(dict(found.said), AskedDocument)


def _settled(written: WrittenQuestion, found: ReadQuestion, zone: str) -> WrittenQuestion:
    """Return what was written with an end that was left out, which means the time when it was written."""
    if written.kind == "scenes" or written.to_day or written.to_time:
        return written
    until_us = found.question.until_us
    there = zone if zone and written.clock != "utc" else "UTC"
    ended = replace(written, **_written("to", until_us, there))
    if read_moment(ended.to_day, ended.to_time, there) == until_us:
        return ended
    # The clock on the wall shows this minute twice: then both times are in UTC.
    both = _written("from", found.question.from_us, "UTC") | _written("to", until_us, "UTC")
    return replace(written, clock="utc", **both)


def _written(name: str, at_us: int, zone: str) -> dict[str, Any]:
    day, time = written_moment(at_us, zone)
    return {f"{name}_day": day, f"{name}_time": time}
