"""Handlers of `/duty/lists`: a unit's hotlists, their reviews, and a change that is shown before it is made."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import HotlistRefused, InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.hotlists import HotlistFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.uploads import (
    ROWS_SHOWN,
    Difference,
    Upload,
    Uploads,
    difference_of,
    media_type_in,
    new_id,
)
from wicketgate.hotlists import Change, Entry, Hotlist
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.http.api.hotlists import changes_in
from wicketgate.http.forms import FORM as MULTIPART
from wicketgate.http.forms import parts_of
from wicketgate.http.requests import media_type_of, read_body
from wicketgate.http.sessions import is_form_key
from wicketgate.http.site.officers import (
    OfficerPages,
    form_of,
    is_same_origin,
    redirect,
    sentence,
    session_of,
)
from wicketgate.pages.duty import Session
from wicketgate.pages.shift import SOON_US, ChangeShown, ListShown, ShiftPages
from wicketgate.regime.documents.authority import Authority

MOST_UPLOAD = 16 * 1024 * 1024
"""Bytes of a form with a list."""
_KEEP = "hotlist-keeper"
_BELOW = "/duty/lists"


class Lists:
    """The handlers of a unit's lists, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        desk: HotlistFiling,
        lists: Hotlists,
        entitlement: Entitlement,
        looks: LookFiling,
        officers: OfficerPages,
        pages: ShiftPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._desk = desk
        self._lists = lists
        self._entitlement = entitlement
        self._looks = looks
        self._officers = officers
        self._pages = pages
        self._uploads = Uploads(clock.now_us)

    def routes(self) -> list[Route]:
        """Return the routes of `/duty/lists`."""
        shown = self._officers.shown
        one = f"{_BELOW}/{{authority}}"
        return [
            Route(_BELOW, shown(self.get_lists), methods=["GET"]),
            Route(one, shown(self.get_list), methods=["GET"]),
            Route(one, shown(self.post_list), methods=["POST"]),
            Route(f"{one}/change", shown(self.get_change), methods=["GET"]),
            Route(f"{one}/confirm", shown(self.post_confirm), methods=["POST"]),
        ]

    # --- what is there --------------------------------------------------------------------------------------------

    async def get_lists(self, request: Request) -> Response:
        """`GET /duty/lists`."""
        session = session_of(request, _KEEP)
        _, stopped = self._entitlement.listing_authorities(session.unit)
        open_ones = self._entitlement.open_lists(session.unit, session.person, _KEEP)
        shown = [(await self._shown(authority, 0))[0] for authority in open_ones]
        shown += [ListShown(name=name, title=name, stopped=how) for name, how in stopped]
        session_of(request, _KEEP)
        return await self._officers.page(self._pages.lists, session, self._clock.now_us(), shown)

    async def get_list(self, request: Request) -> Response:
        """`GET /duty/lists/{authority}`."""
        return await self._list_page(request, session_of(request, _KEEP))

    async def _list_page(
        self, request: Request, session: Session, *, status: int = 200, fault: str = ""
    ) -> Response:
        authority = self._authority(request)
        shown, soon = await self._shown(authority, ROWS_SHOWN)
        await self._looks.look(session.by, "hotlist", authority.name, revision=shown.revision)
        self._authority(request)  # it took a moment
        upload = self._uploads.of(session.key, authority.name)
        taken = None
        if upload is not None and upload.taken and request.query_params.get("taken") == upload.id:
            taken = _change_of(upload)
        return await self._officers.page(
            self._pages.one_list,
            session,
            self._clock.now_us(),
            shown,
            soon=soon,
            taken=taken,
            fault=fault,
            status=status,
        )

    async def _shown(self, authority: Authority, most: int) -> tuple[ListShown, list[Entry]]:
        """Return a list as it is shown, and the first of its entries that end or must be reviewed soon."""
        revision, hotlist = self._hotlist(authority.name)
        now_us = self._clock.now_us()
        count, soon = await asyncio.to_thread(hotlist.ending, now_us, now_us + SOON_US, most)
        known, terms = self._commits.committed.hotlists.get(authority.name), authority.listing
        shown = ListShown(
            name=authority.name,
            title=authority.title,
            revision=revision,
            entries=len(hotlist),
            most=0 if terms is None else terms.max_entries,
            changed_us=0 if known is None else known.changed_us,
            soon=count,
            kinds=() if terms is None else tuple(sorted(terms.kinds)),
        )
        return shown, soon

    # --- a change -------------------------------------------------------------------------------------------------

    async def post_list(self, request: Request) -> Response:
        """`POST /duty/lists/{authority}`: hand a file in, to see what it would change.

        The form has `file`, `whole` (`yes` or `no`) and, for CSV, `kind`.
        """
        session = session_of(request, _KEEP)
        self._authority(request)  # before a large body is read for nothing
        if not is_same_origin(request):
            raise NotEntitled("this form was sent from elsewhere", code="form-refused")
        if media_type_of(request) != MULTIPART:
            raise InputError(f"send `{MULTIPART}`", code="unsupported-media-type")
        body = await read_body(request, MOST_UPLOAD)

        async def turn() -> None:
            await asyncio.sleep(0)

        parts = await parts_of(body, request.headers.get("content-type", ""), turn)
        form = {part.name: part.body for part in parts}
        if not is_form_key(session, form.get("form_key", b"").decode("utf-8", "replace")):
            raise NotEntitled("this form is not of this session: load the page again", code="form-refused")
        name = self._authority(request).name
        file = form.get("file", b"")
        if not file.strip():
            return await self._list_page(request, session, status=400, fault="Choose the file of the list.")
        kind = form.get("kind", b"").decode("utf-8", "replace")[:64] or None
        whole = form.get("whole") != b"no"
        try:
            revision, _, difference = await self._compared(
                request, file, media_type_in(file), whole=whole, kind=kind
            )
            upload = Upload(
                id=new_id(),
                authority=name,
                body=file,
                media_type=media_type_in(file),
                whole=whole,
                kind=kind,
                until_us=self._uploads.expiry_us(),
                revision=revision,
                difference=difference,
            )
            self._uploads.keep(session.key, upload)
        except (HotlistRefused, InputError) as error:
            return await self._list_page(request, session, status=400, fault=sentence(error))
        return redirect(f"{_BELOW}/{name}/change")

    async def get_change(self, request: Request) -> Response:
        """`GET /duty/lists/{authority}/change`: what the session's upload would change."""
        session = session_of(request, _KEEP)
        authority = self._authority(request)
        upload = self._uploads.of(session.key, authority.name)
        if upload is None or upload.taken:
            return redirect(f"{_BELOW}/{authority.name}")
        await self._looks.look(session.by, "hotlist", authority.name, revision=upload.revision)
        self._authority(request)
        shown, _ = await self._shown(authority, 0)
        return await self._officers.page(
            self._pages.change, session, self._clock.now_us(), shown, _change_of(upload)
        )

    async def post_confirm(self, request: Request) -> Response:
        """`POST /duty/lists/{authority}/confirm`: make the change that was shown, once.

        The form has `upload`. Where the list changed meanwhile, what would change now is shown instead.
        """
        session = session_of(request, _KEEP)
        form = await form_of(request, session)
        name = self._authority(request).name
        upload = self._uploads.of(session.key, name)
        if upload is None or upload.id != form.get("upload"):
            raise InputError("this upload waits no longer: hand the file in again", code="not-found")
        async with upload.confirming:
            if not upload.taken:
                try:
                    await self._confirm(request, session, upload)
                except InputError as error:
                    return await self._list_page(request, session, status=400, fault=sentence(error))
        return redirect(f"{_BELOW}/{name}?taken={upload.id}" if upload.taken else f"{_BELOW}/{name}/change")

    async def _confirm(self, request: Request, session: Session, upload: Upload) -> None:
        """Make a change, unless something else would change than what was shown.

        The file is read anew: an entry counts from when it is committed, not from when somebody looked at it.
        """
        revision, changes, difference = await self._compared(
            request, upload.body, upload.media_type, whole=upload.whole, kind=upload.kind
        )
        if (revision, difference.counts) == (upload.revision, upload.difference.counts):
            try:
                taken = await self._desk.change_hotlist(
                    upload.authority, changes, whole=upload.whole, expected=revision, by=session.by
                )
            except InputError as error:
                if error.code != "revision-differs":
                    raise
                revision, _, difference = await self._compared(
                    request, upload.body, upload.media_type, whole=upload.whole, kind=upload.kind
                )
            else:
                upload.taken = taken.revision
                return
        upload.revision, upload.difference, upload.again = revision, difference, True

    async def _compared(
        self, request: Request, body: bytes, media_type: str, *, whole: bool, kind: str | None
    ) -> tuple[int, tuple[Change, ...], Difference]:
        """Return the revision in force, what a body would change of it, and the difference."""
        authority = self._authority(request)
        terms = authority.listing
        assert terms is not None
        revision, hotlist = self._hotlist(authority.name)
        at_us = self._clock.now_us()
        changes = await changes_in(body, media_type, terms, hotlist, at_us, whole=whole, kind=kind)
        difference = await asyncio.to_thread(difference_of, hotlist, changes, whole=whole)
        self._authority(request)  # a large list takes seconds
        if difference.entries > terms.max_entries:
            detail = f"the list would have {difference.entries} entries of at most {terms.max_entries}"
            raise HotlistRefused(detail, code="too-many-entries")
        return revision, changes, difference

    def _authority(self, request: Request) -> Authority:
        """Return the authority of the request's list, as long as the session's unit may have one."""
        session = session_of(request, _KEEP)
        authority = self._entitlement.entitled_list(session.unit, request.path_params["authority"])
        self._entitlement.demand_person(authority.name, session.person, _KEEP)
        return authority

    def _hotlist(self, name: str) -> tuple[int, Hotlist]:
        state = self._commits.committed
        known = state.hotlists.get(name)
        return 0 if known is None else known.revision, self._lists.at(name, state)


def _change_of(upload: Upload) -> ChangeShown:
    found = upload.difference
    return ChangeShown(
        id=upload.id,
        revision=upload.revision,
        whole=upload.whole,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        same=found.same,
        entries=found.entries,
        added_rows=found.added_rows,
        removed_rows=found.removed_rows,
        changed_rows=found.changed_rows,
        taken=upload.taken,
        again=upload.again,
    )
