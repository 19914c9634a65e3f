"""Handlers of `/protection`: what falls due, and a suspension to sign at home."""

from __future__ import annotations

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.clients.officer.drafting import draft_stop, new_id
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.http.site.officers import OfficerPages, form_of, person_at
from wicketgate.pages.duty import HEADERS, Session
from wicketgate.pages.protection import DueAuthority, FiguresPeriods, ProtectionPages
from wicketgate.pages.shift import SOON_US
from wicketgate.regime.admission.limits import act_requirements
from wicketgate.regime.charter import Requirement
from wicketgate.regime.documents.acts import parse_act
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.binding import bind
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.toml import dump_toml
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.deadlines import Deadline, concerns, deadlines_of
from wicketgate.regime.publishing import least_traffic, step_of

MOST_REASON = 4_000
"""Characters of the ground of a suspension."""
_OVER = frozenset({"revoked", "expired", "superseded"})


class Protection:
    """The handlers of data protection officers, over one gateway.

    Parameters
    ----------
    address : str
        Where the public reaches the gateway; empty for the address of each request.
    """

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        lists: Hotlists,
        looks: LookFiling,
        officers: OfficerPages,
        pages: ProtectionPages,
        address: str,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._lists = lists
        self._looks = looks
        self._officers = officers
        self._pages = pages
        self._address = address.rstrip("/")

    def routes(self) -> list[Route]:
        """Return the routes of `/protection`."""
        shown = self._officers.shown
        suspend = "/protection/suspend/{name}"
        return [
            Route("/protection", shown(self.get_page), methods=["GET"]),
            Route(suspend, shown(self.get_suspend), methods=["GET"]),
            Route(suspend, shown(self.post_suspend), methods=["POST"]),
        ]

    # --- what falls due -------------------------------------------------------------------------------------------

    async def get_page(self, request: Request) -> Response:
        """`GET /protection`."""
        session = _officer(request)
        await self._looks.look(session.by, "deadlines", session.unit)
        organisation = session.unit.partition("/")[0]
        moment = self._moment()
        deadlines = deadlines_of(moment, self._commits.committed.held, organisation)
        deadlines += await self._of_lists(organisation)
        deadlines.sort(key=lambda one: (one.at_us, one.what, one.about))
        _officer(request)  # it took a moment
        charter, state = moment.charter, self._commits.committed
        traffic = state.periods[-1].figures if state.periods else {}
        targeting = state.targeting_periods[-1].figures if state.targeting_periods else {}
        return await self._officers.page(
            self._pages.deadlines,
            session,
            self._clock.now_us(),
            deadlines=deadlines,
            authorities=self._authorities(session, moment),
            periods=FiguresPeriods(
                traffic=(traffic["from"], traffic["until"]) if traffic else None,
                targeting=(targeting["from"], targeting["until"]) if targeting else None,
                least=least_traffic(charter),
                step=step_of(charter),
            ),
        )

    async def _of_lists(self, organisation: str) -> list[Deadline]:
        """Return which lists of an organisation's own units have entries that end or must be reviewed soon."""
        moment, state, found = self._moment(), self._commits.committed, []
        for name in [name for name in state.hotlists if name in moment.regime.authorities]:
            named = moment.regime.authorities[name]
            authority = moment.authority(named.versions[moment.current(named)])
            if authority.recipient != organisation:
                continue  # how long another's list is, is told to nobody
            hotlist = self._lists.at(name, self._commits.committed)
            count, first = await asyncio.to_thread(hotlist.ending, moment.at_us, moment.at_us + SOON_US, 1)
            if first:
                reference = f"{name}@{authority.version}"
                found.append(
                    Deadline(
                        what="list",
                        about=reference,
                        title=authority.title,
                        at_us=first[0].until_us,
                        count=count,
                    )
                )
        return found

    def _authorities(self, session: Session, moment: RegimeAt) -> list[DueAuthority]:
        """Return the authorities to which the officer's organisation is party, and that are not over."""
        organisation = session.unit.partition("/")[0]
        overseer = "overseer" in moment.charter.organisations[organisation].roles
        found = []
        for name, named in sorted(moment.regime.authorities.items()):
            number, status = moment.current_status(named)
            authority = moment.authority(named.versions[number])
            if status in _OVER or not (overseer or concerns(authority, organisation)):
                continue
            found.append(
                DueAuthority(
                    name=name,
                    version=authority.version,
                    title=authority.title,
                    status=status,
                    figures=self._figures(name),
                    can_suspend=_can_suspend(session.unit, self._signers(authority, moment)),
                )
            )
        return found

    def _figures(self, name: str) -> dict[str, int | None]:
        """Return the last published figures of an authority."""
        state = self._commits.committed
        found: dict[str, int | None] = {}
        traffic = state.periods[-1].figures if state.periods else {}
        for kind in ("released", "fetched", "compared"):
            if name in (counts := traffic.get(kind) or {}):
                found[kind] = counts[name]
        targeting = state.targeting_periods[-1].figures if state.targeting_periods else {}
        if name in (hits := targeting.get("hits") or {}):
            found["vehicles"] = hits[name].get("vehicles")
            outcomes = (targeting.get("outcomes") or {}).get(name) or {}
            found |= {kind: outcomes.get(kind) for kind in ("confirmed", "misread", "acted")}
        return found

    # --- a suspension ---------------------------------------------------------------------------------------------

    async def get_suspend(self, request: Request) -> Response:
        """`GET /protection/suspend/{name}`: the form that prepares a suspension."""
        return await self._suspend_page(request, _officer(request))

    async def _suspend_page(
        self, request: Request, session: Session, *, status: int = 200, fault: str = "", written: str = ""
    ) -> Response:
        authority, signers = self._suspendable(request, session)
        return await self._officers.page(
            self._pages.suspend,
            session,
            self._clock.now_us(),
            name=authority.name,
            title=authority.title,
            offices=[{"offices": one.offices, "need": one.need} for one in signers],
            address=self._address or str(request.base_url).rstrip("/"),
            most=MOST_REASON,
            fault=fault,
            written=written,
            status=status,
        )

    async def post_suspend(self, request: Request) -> Response:
        """`POST /protection/suspend/{name}`: the document, to be signed at home. Nothing is committed.

        The form has `reason`.
        """
        session = _officer(request)
        form = await form_of(request, session)
        _officer(request)
        authority, _ = self._suspendable(request, session)
        reason = form.get("reason", "").replace("\r\n", "\n").strip()
        if not reason or len(reason) > MOST_REASON:
            fault = f"Write the ground, in at most {MOST_REASON} characters."
            return await self._suspend_page(
                request, session, status=400, fault=fault, written=reason[:MOST_REASON]
            )
        at_us = self._clock.now_us() // SECOND_US * SECOND_US
        id_ = new_id("suspension", at_us, secrets.token_hex(3))
        draft = bind(
            draft_stop("suspension", authority.name, id_=id_, at_us=at_us, reason=reason),
            self._moment().charter.origin,
        )
        text = dump_toml(draft, "Read it, `wicketgate check` it, sign it and submit it.")
        try:
            parse_act("suspension", parse_toml(text.encode()))
        except (DocumentRefused, InputError):
            fault = "The ground has characters that a document cannot have."
            return await self._suspend_page(request, session, status=400, fault=fault, written=reason)
        return Response(
            text,
            media_type="application/toml",
            headers={
                **HEADERS,
                "Content-Disposition": f'attachment; filename="suspension-{authority.name}.toml"',
            },
        )

    def _suspendable(self, request: Request, session: Session) -> tuple[Authority, tuple[Requirement, ...]]:
        """Return the authority of the request's path, and who must sign its suspension.

        Raises
        ------
        InputError
            `not-found` where there is none that is not over, or the charter gives the office no part in it.
        """
        moment = self._moment()
        named = moment.regime.authorities.get(request.path_params["name"])
        if named is not None:
            number, status = moment.current_status(named)
            authority = moment.authority(named.versions[number])
            signers = self._signers(authority, moment)
            if status not in _OVER and _can_suspend(session.unit, signers):
                return authority, signers
        raise InputError("there is no such authority that your office can suspend", code="not-found")

    @staticmethod
    def _signers(authority: Authority, moment: RegimeAt) -> tuple[Requirement, ...]:
        try:
            return act_requirements("suspension", authority, moment.charter)
        except DocumentRefused:
            return ()

    def _moment(self) -> RegimeAt:
        return self._commits.committed_at(self._clock.now_us())


def _officer(request: Request) -> Session:
    return person_at(request, "office", "data-protection-officer")


def _can_suspend(office: str, signers: tuple[Requirement, ...]) -> str:
    """Return in words whether an office has a part in a suspension; empty where it has none."""
    if not any(office in one.offices for one in signers):
        return ""
    alone = all(office in one.offices and (one.need == "any" or len(one.offices) == 1) for one in signers)
    return "Your office signs it alone." if alone else "Others must sign it too."
