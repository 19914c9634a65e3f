"""The handler of `POST /v1/why`, for overseers' questions about a read.

Overseers ask why a read was let go, or was not. Each question is committed before it is answered.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.shapes import Time, about, shape
from wicketgate.base.signing import parse_json
from wicketgate.commits.durable import Durable
from wicketgate.commits.past import rewind
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.gate.decide import Looks
from wicketgate.gate.why import Listed, WhyQuestion, answer
from wicketgate.gateway.filing.facts import FactFiling, why_fact
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.http.answers import Answered, QuestionRead
from wicketgate.http.gatekeeper import require
from wicketgate.http.presence import require_presence
from wicketgate.http.requests import MAX_MEMBERS, decoded, private_answer, read_body
from wicketgate.http.roles import OVERSEE
from wicketgate.reads.plates import PlateFault, read_plate
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

_PATIENCE = 1_000
_ID = re.compile(r"[\w.: -]{1,64}", re.ASCII)
_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_UNIT = re.compile(r"[a-z0-9-]{1,64}/[a-z0-9-]{1,64}", re.ASCII)


class ReadAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A read as an overseer describes it."""

    source: Annotated[str, shape(pattern=f"^{_NAME.pattern}$")]
    camera: Annotated[str, about("The camera's id at its source.", pattern=f"^{_ID.pattern}$")]
    captured_at: Time
    received_at: Annotated[
        Time | None, about("When the gateway took it; without it nothing is said of lateness.")
    ] = None
    plate: Annotated[str | None, about("Here and nowhere else. Without it nothing is said of hotlists.")] = (
        None
    )


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question of an overseer."""

    read: ReadAsked
    authority: Annotated[
        str | None, about("An authority's name, or else `recipient`.", pattern=f"^{_NAME.pattern}$")
    ] = None
    recipient: Annotated[
        str | None, about("`organisation/unit`: all authorities that it has.", pattern=f"^{_UNIT.pattern}$")
    ] = None
    as_of_entry: Annotated[
        int | None,
        about("The state after this entry of the ledger, at its time; of a second at its end.", minimum=0),
    ] = None
    as_of: Annotated[Time | None, about("Or the state at a time that is past. Without either: now.")] = None


_decoder = msgspec.json.Decoder(Asked)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The moment and the state of a decision.

    `past` False is now.
    """

    state: State
    at_us: int
    past: bool


class WhyApi:
    """The handler of questions, over the committed state and its past."""

    def __init__(
        self, commits: Durable, projections: Projections, lists: Hotlists, facts: FactFiling, clock: Clock
    ) -> None:
        self._commits = commits
        self._projections = projections
        self._lists = lists
        self._facts = facts
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/why", self.post_why, methods=["POST"])]

    async def post_why(self, request: Request) -> Response:
        """`POST /v1/why` `{"read", "authority" | "recipient", "as_of_entry"? | "as_of"?}`."""
        who = require(request, "overseer", *OVERSEE)
        office = who.by if who.person else who.name
        asked = _decoded(await read_body(request, MAX_MEMBERS))
        question = _question(asked)
        moment = await self._moment(asked)
        require(request, "overseer", *OVERSEE)  # the body may have taken long
        require_presence(request)
        fact = partial(
            why_fact,
            by=office,
            source=question.source,
            camera=question.camera,
            captured_us=question.captured_us,
            plate=question.plate is not None,
            authority=question.authority,
            recipient=question.recipient,
            as_of_us=moment.at_us if moment.past else None,
        )
        await self._facts.record(fact)
        if not moment.past:
            moment = self._now()
        asked_of = RegimeAt(moment.state.regime, self._commits.parsed, moment.at_us)
        answers = answer(question, asked_of, moment.state.cameras, self._listed(moment), self._full(moment))
        notes = [
            f"No authority for `{question.recipient}` had been committed: without one nothing leaves."
            for _ in range(not answers)
        ]
        if moment.past:
            notes.append(
                "Whether a feed was full then is not kept: the openings of that second say what was refused for it."
            )
        late_after_us = asked_of.charter.limits.late_after_us
        received_us = question.received_us
        return private_answer(
            Answered(
                at=rfc3339(moment.at_us),
                as_of_entry=asked.as_of_entry,
                read=QuestionRead(
                    source=question.source,
                    camera=question.camera,
                    captured_at=rfc3339(question.captured_us),
                ),
                late=None if received_us is None else received_us - question.captured_us > late_after_us,
                answers=answers,
                notes=notes,
            )
        )

    # --- when ----------------------------------------------------------------------------------------------------

    def _now(self) -> _Moment:
        state = self._commits.committed
        return _Moment(state, max(self._clock.now_us(), state.at_us), False)

    async def _moment(self, asked: Asked) -> _Moment:
        state, parsed = self._commits.committed, self._commits.parsed
        if asked.as_of_entry is not None:
            last_us = await self._time_of(asked.as_of_entry)
            past = await _rewound(state, parsed, entries=asked.as_of_entry + 1)
            return _Moment(past, max(last_us, past.at_us), True)
        if asked.as_of is not None:
            at_us = _time("as_of", asked.as_of)
            if at_us > self._now().at_us:
                raise InputError(
                    "`as_of` lies ahead: nobody knows how it will stand then", code="unknown-moment"
                )
            return _Moment(await _rewound(state, parsed, until_us=at_us), at_us, True)
        return self._now()

    async def _time_of(self, entry: int) -> int:
        """Return the last microsecond of an entry's subject.

        Of a second it is the end.
        """
        entries, ledger = self._commits.committed.entries, self._projections.ledger
        if not 0 <= entry < entries:
            raise InputError(
                f"the ledger has {entries} entries: there is no entry `{entry}`", code="unknown-moment"
            )
        for _ in range(_PATIENCE):  # what is committed is projected a moment later
            if ledger.size > entry:
                break
            await asyncio.sleep(0.005)
        else:
            raise StreamError("the entry is committed and not in the log yet: ask again", code="busy")
        body: Any = parse_json(await asyncio.to_thread(ledger.entry, entry))
        at_us = parse_rfc3339(body["at"])
        return at_us + SECOND_US - 1 if body["kind"] == "second" else at_us

    # --- what is not in a rewound state ----------------------------------------------------------------------------

    def _listed(self, moment: _Moment) -> Listed:
        state = self._commits.committed

        def listed(name: str, terms: MatchTerms | UnlistedTerms) -> Looks | None:
            known = state.hotlists.get(name)
            if moment.past and known is not None and known.changed_us > moment.at_us:
                return None
            return self._lists.under(name, state, terms)

        return listed

    def _full(self, moment: _Moment) -> frozenset[str]:
        if moment.past:
            return frozenset()
        feeds = self._projections.feeds
        return frozenset(name for name, feed in feeds.items() if feed.is_full)


async def _rewound(
    state: State, parsed: Parsed, *, entries: int | None = None, until_us: int | None = None
) -> State:
    """Return a state as it stood.

    It is folded in a thread, from a copy, since the committed one goes on.
    """
    kept = dump_state(State(regime=state.regime, camera_log=state.camera_log))
    # `parsed` stays shared with the loop: what both open at once is opened twice, and comes to the same.
    return await asyncio.to_thread(
        lambda: rewind(load_state(kept), parsed, entries=entries, until_us=until_us)
    )


def _decoded(body: bytes) -> Asked:
    asked = decoded(
        _decoder, body, 'send `{"read": {"source", "camera", "captured_at"}, "authority" or "recipient"}`'
    )
    if (asked.authority is None) == (asked.recipient is None):
        raise InputError("name either `authority` or `recipient`")
    if asked.as_of is not None and asked.as_of_entry is not None:
        raise InputError("name either `as_of_entry` or `as_of`, or neither for now")
    return asked


def _question(asked: Asked) -> WhyQuestion:
    read = asked.read
    for member, text, form in (
        ("read.source", read.source, _NAME),
        ("read.camera", read.camera, _ID),
        ("authority", asked.authority, _NAME),
        ("recipient", asked.recipient, _UNIT),
    ):
        if text is not None and not form.fullmatch(text):
            raise InputError(f"`{member}` has not the form of one")
    plate = None if read.plate is None else read_plate(read.plate)
    if isinstance(plate, PlateFault):
        raise InputError("`read.plate` is no plate: leave it out to ask about the rest")
    return WhyQuestion(
        source=read.source,
        camera=read.camera,
        captured_us=_time("read.captured_at", read.captured_at),
        received_us=None if read.received_at is None else _time("read.received_at", read.received_at),
        plate=plate,
        authority=asked.authority,
        recipient=asked.recipient,
    )


def _time(member: str, text: str) -> int:
    try:
        return parse_rfc3339(text)
    except InputError as error:
        # What was sent there is not shown: it may be a plate in the wrong place.
        raise InputError(f"`{member}` is not an RFC 3339 time with a zone") from error
