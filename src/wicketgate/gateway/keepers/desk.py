"""The keeper desk: what was shown is checked, the fact committed, and only then a register asked.

Nothing of a name, an address or a plate is kept: an answer is made, sent, and forgotten. docs/spec/keepers.md.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from wicketgate.base.clock import SECOND_US, Clock, rfc3339
from wicketgate.base.errors import InputError, NotEntitled, StreamError, WicketgateError
from wicketgate.commits.keepers import HeldLink
from wicketgate.commits.state import State
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.links import LinkFiling
from wicketgate.gateway.keepers.adapters import Enquiry, KeeperOfRegister, VehicleOfRegister
from wicketgate.gateway.keepers.registers import KeeperRegister, Registers
from wicketgate.gateway.keepers.showing import MOST_LINE, LinkRow, ShownRows, hashes_in
from wicketgate.gateway.keepers.values import (
    MOST_CASE,
    MOST_DECIDED,
    MOST_REF,
    KeeperShown,
    LinkAnswer,
    LinkSaid,
    ListedLink,
    RegisteredVehicle,
)
from wicketgate.gateway.searching.reach import standing_of
from wicketgate.hotlists.vehicle_names import contradicts
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.keepers.rules import LinkCode, LinkQuestion, RowShown, refusal_of
from wicketgate.regime.keepers.values import Became, LinkAsked, LinkEnded, LinkEvent, LinkRefused
from wicketgate.regime.moment import RegimeAt

_ID_BYTES: Final = 16
_WORDS: Final[dict[str, str]] = {
    "no-authority": "this unit has no such authority",
    "reason-missing": "`case` is empty: say which case it is for",
    "cause-not-allowed": "the authority, or the charter, names no such cause for this row",
    "row-unknown": "this row does not stand in the feed as it was shown: it was never released, is past its term, or "
    "an erratum says that it was wrong",
    "erased": "the row was erased",
    "not-confirmed": "only a confirmed hit can be linked",
    "image-needed": "show the `ref` of an image that stands in the row: the source is the recipient itself",
    "not-before": "it is too early: the keeper may be asked for only once the authority's time has passed",
    "limit-reached": "this row has its link for this cause, or the authority's links of today are used up",
    "person-needed": "named people alone decide that a name is asked for although the vehicles differ",
    "not-in-force-yet": "the authority is not in force yet",
}


class LinkRefusal(NotEntitled):
    """A link that is refused.

    `link` is its id, where a register was asked.
    """

    def __init__(self, code: str, detail: str = "", *, link: str = "") -> None:
        super().__init__(detail or _WORDS.get(code, f"the authority is stopped: {code}"), code=code)
        self.link = link


class UnknownKeeper(InputError):
    """A vehicle of which the register knows no keeper on that day."""

    code = "unknown-keeper"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAsker:
    """Who asks: as facts name them, of which unit, and whether a person who is signed in."""

    by: str
    unit: str
    is_person: bool


class KeeperDesk:
    """The keeper desk of one gateway."""

    def __init__(
        self, commits: Commits, clock: Clock, filing: LinkFiling, rows: ShownRows, registers: Registers
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._filing = filing
        self._rows = rows
        self._registers = registers
        self._under_way: set[tuple[str, str, int]] = set()
        self._tasks: set[asyncio.Task[LinkAnswer]] = set()

    async def close(self) -> None:
        """Wait for links under way, and close the registers' connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._registers.close()

    async def link(self, said: LinkSaid, who: LinkAsker) -> LinkAnswer:
        """Return the keeper of one shown row for one cause.

        Raises
        ------
        NotEntitled
            `LinkRefusal` with the law's code; `not-entitled` where the unit has no such authority.
        InputError
            `malformed`, `unknown-keeper`.
        HitRefused
            `unknown-hit`.
        Unreachable
            `register-unavailable`.
        StreamError
            `busy`: this very link is under way, or the register is asked as often as it may be.
        """
        path = _demand_form(said)
        moment = self._commits.committed_at(self._clock.now_us())
        standing = standing_of(self._commits.committed, moment, who.unit, said.authority)
        if standing.authority is None:
            raise NotEntitled(_WORDS["no-authority"])
        found = await self._found(said, path, moment)
        key = said.authority, said.cause, found.seq
        if found.seq and key in self._under_way:
            raise StreamError("this very link is under way: wait for it", code="busy")
        self._under_way.add(key)
        task = asyncio.create_task(self._link(said, who, found, standing.authority))
        self._tasks.add(task)

        def ended(task: asyncio.Task[LinkAnswer]) -> None:
            self._under_way.discard(key)
            self._tasks.discard(task)
            if not task.cancelled():
                task.exception()  # whoever asked may have gone: then nobody else looks at it

        task.add_done_callback(ended)
        # It is done to its end, whoever has gone meanwhile: what a register answered is recorded, and asked once.
        return await asyncio.shield(task)

    async def _found(self, said: LinkSaid, path: list[bytes], moment: RegimeAt) -> LinkRow:
        if isinstance(said.hit, str):
            return self._rows.hit(said.authority, said.hit, moment)
        assert isinstance(said.row, str)
        assert isinstance(said.header, dict)
        return await self._rows.row(said.authority, said.header, said.row.encode(), path, moment)

    async def _link(self, said: LinkSaid, who: LinkAsker, found: LinkRow, authority: Authority) -> LinkAnswer:
        code = self._judged(self._commits.staged, self._clock.now_us(), said, who, found)
        if code is not None:
            raise await self._refused(said, who, found)
        assert authority.keeper is not None
        register = self._registers.first_of(authority.keeper.registers)
        with register.turn():
            # Nobody is asked before this is committed. A crash behind it leaves a link of which nothing is known.
            asked = await self._asked(said, who, found, register.settings.name)
            return await self._ask(asked, found, register)

    # --- the law, and its facts -----------------------------------------------------------------------------------

    def _judged(
        self, state: State, at_us: int, said: LinkSaid, who: LinkAsker, found: LinkRow
    ) -> LinkCode | None:
        """Return why the law refuses a link at a moment; None where it lets it be."""
        moment = RegimeAt(state.regime, self._commits.parsed, at_us)
        standing = standing_of(state, moment, who.unit, said.authority)
        return refusal_of(
            LinkQuestion(
                unit=who.unit,
                authority=standing.authority,
                stopped=standing.stopped,  # type: ignore[arg-type]  # the codes of how an authority stands are among these
                cause=said.cause,
                case=said.case,
                shown=found.shown,
                image=said.image,
                causes=moment.charter.causes,
                today=state.links.today(said.authority, at_us),
                before=state.links.before(said.authority, said.cause, found.seq),
                at_us=at_us,
                decided=said.decided,
                is_person=who.is_person,
            )
        )

    async def _refused(self, said: LinkSaid, who: LinkAsker, found: LinkRow) -> LinkRefusal:
        """Commit that a link was refused, and return the refusal."""
        event = await self._record(said, who, found, "")
        if isinstance(event, LinkRefused):
            return LinkRefusal(event.code)
        raise StreamError("what the link rests on changed meanwhile: ask again", code="busy")

    async def _asked(self, said: LinkSaid, who: LinkAsker, found: LinkRow, register: str) -> LinkAsked:
        """Commit that a link is asked; the law is looked at as it stands with that commit."""
        event = await self._record(said, who, found, register)
        if isinstance(event, LinkRefused):
            raise LinkRefusal(event.code)
        assert isinstance(event, LinkAsked)
        return event

    async def _record(self, said: LinkSaid, who: LinkAsker, found: LinkRow, register: str) -> LinkEvent:
        def make(state: State, at_us: int) -> LinkEvent:
            code = self._judged(state, at_us, said, who, found)
            moment = RegimeAt(state.regime, self._commits.parsed, at_us)
            authority = standing_of(state, moment, who.unit, said.authority).authority
            reference = "" if authority is None else authority.reference
            if code is not None:
                return LinkRefused(
                    authority=reference,
                    unit=who.unit,
                    by=who.by,
                    cause=said.cause,
                    case=said.case,
                    code=code,
                )
            if not register:
                raise StreamError("what the link rests on changed meanwhile: ask again", code="busy")
            assert isinstance(found.shown, RowShown)
            known = state.links.id_of(said.authority, said.cause, found.seq)
            return LinkAsked(
                id=known or secrets.token_hex(_ID_BYTES),
                authority=reference,
                unit=who.unit,
                by=who.by,
                cause=said.cause,
                case=said.case,
                register=register,
                seq=found.seq,
                source=found.shown.source,
                event_us=found.shown.captured_us,
                hit=found.hit,
                image=said.image,
                decided=said.decided,
            )

        _, transaction = await self._filing.record(make)
        return transaction.links[0]

    async def _ended(self, asked: LinkAsked, became: Became) -> None:
        ended = LinkEnded(
            id=asked.id, authority=asked.authority, cause=asked.cause, seq=asked.seq, became=became
        )
        await self._filing.record(lambda state, at_us: ended)

    # --- the register ---------------------------------------------------------------------------------------------

    async def _ask(self, asked: LinkAsked, found: LinkRow, register: KeeperRegister) -> LinkAnswer:
        try:
            vehicle, keeper, became = await self._answered(asked, found, register)
        except WicketgateError:
            await self._ended(asked, "unanswered")
            raise
        stopped = None if keeper is None else self._stopped(asked)
        if stopped is not None:
            became = "stopped"
        # Nobody is told a name before it is committed that one was answered: it is never asked again.
        await self._ended(asked, became)
        if stopped is not None:
            raise LinkRefusal(stopped, link=asked.id)
        if became == "vehicle-differs":
            raise LinkRefusal("vehicle-differs", _differs(vehicle, found.vehicle), link=asked.id)
        if vehicle is None or keeper is None:
            raise UnknownKeeper("the register knows no keeper of this vehicle on that day")
        return LinkAnswer(
            id=asked.id,
            keeper=KeeperShown(name=keeper.name, address=list(keeper.address), date=keeper.date),
            vehicle=RegisteredVehicle(**msgspec.structs.asdict(vehicle)),
        )

    async def _answered(
        self, asked: LinkAsked, found: LinkRow, register: KeeperRegister
    ) -> tuple[VehicleOfRegister | None, KeeperOfRegister | None, Became]:
        """Ask of the vehicle first, and of its keeper where make and colour do not contradict the camera."""
        vehicle = await register.vehicle(found.plate)
        if vehicle is None:
            return None, None, "unknown"
        differs = contradicts({"make": vehicle.make, "colour": vehicle.colour}, found.vehicle)
        if differs and not self._is_decided(asked):
            return vehicle, None, "vehicle-differs"
        keeper = await register.keeper(
            Enquiry(
                plate=found.plate,
                cause=asked.cause,
                enquirer=register.settings.enquirer,
                reference=asked.id,
                date=_day(asked.event_us, register.settings.zone),
            )
        )
        return vehicle, keeper, "unknown" if keeper is None else "answered"

    def _is_decided(self, asked: LinkAsked) -> bool:
        """Return whether a person lets it go on, having been told before that the vehicles differ."""
        before = self._commits.committed.links.before(
            asked.authority.partition("@")[0], asked.cause, asked.seq
        )
        return bool(asked.decided) and before.differs

    def _stopped(self, asked: LinkAsked) -> str | None:
        """Return why the authority lets nothing be told any more; None where it does."""
        moment = self._commits.committed_at(self._clock.now_us())
        name = asked.authority.partition("@")[0]
        return standing_of(self._commits.committed, moment, asked.unit, name).stopped

    # --- what is listed -------------------------------------------------------------------------------------------

    def on_cameras_of(self, source: str) -> list[ListedLink]:
        """Return the links of rows of a source's cameras, the newest first: never what a register answered."""
        held = self._commits.committed.links.listed
        return [_listed(one, opened=False) for one in reversed(held.values()) if one.asked.source == source]

    def to_be_sampled(self) -> list[ListedLink]:
        """Return the links whose source and recipient are one organisation, the newest first, for the overseer."""
        held = self._commits.committed.links.listed
        return [
            _listed(one, opened=True)
            for one in reversed(held.values())
            if one.asked.source == one.asked.unit.partition("/")[0]
        ]


def _demand_form(said: LinkSaid) -> list[bytes]:
    """Return the path that was shown; InputError for what is neither a row nor a hit, or out of bounds."""
    row = (said.header, said.row, said.path)
    if (said.hit is UNSET) == any(one is UNSET for one in row) or (
        said.hit is not UNSET and any(one is not UNSET for one in row)
    ):
        raise InputError("show `header`, `row` and `path`, or `hit`, and not both")
    texts = ((said.authority, 64), (said.cause, 64), (said.case, MOST_CASE), (said.image, MOST_REF))
    if any(len(text) > most for text, most in (*texts, (said.decided, MOST_DECIDED))):
        raise InputError("a member is longer than `/docs` says")
    if isinstance(said.hit, str) and len(said.hit) > 64:
        raise InputError("`hit` is no id of a hit")
    if isinstance(said.row, str) and len(said.row) > MOST_LINE:
        raise InputError("`row` is longer than a line can be")
    return hashes_in(said.path) if isinstance(said.path, list) else []


def _day(at_us: int, zone: str) -> str:
    """Return the day of a time in a zone."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def _differs(vehicle: VehicleOfRegister | None, seen: str | None) -> str:
    """Return in words what the register has and what the camera saw; of the register's words the printable ones."""
    camera = msgspec.json.decode(seen or "{}")
    there = ("", "") if vehicle is None else (vehicle.colour, vehicle.make)
    has, saw = (_words(one) for one in (there, (camera.get("colour"), camera.get("make"))))
    return (
        f"the register has a {has}, and the camera saw a {saw}: look at the image; a person who is sure asks again "
        "with `decided`"
    )


def _words(parts: Iterable[object]) -> str:
    texts = ("".join(one for one in str(part or "")[:60] if one.isprintable()) for part in parts)
    return " ".join(text for text in texts if text).lower() or "vehicle"


def _listed(held: HeldLink, *, opened: bool) -> ListedLink:
    asked = held.asked
    return ListedLink(
        id=asked.id,
        asked_at=rfc3339(held.asked_us),
        authority=asked.authority,
        unit=asked.unit,
        by=asked.by,
        cause=asked.cause,
        register=asked.register,
        source=asked.source,
        times=held.times,
        became=held.became or "",
        case=asked.case if opened else UNSET,
        seq=asked.seq if opened else UNSET,
        hit=asked.hit or UNSET if opened else UNSET,
        image=asked.image or UNSET if opened else UNSET,
        decided=asked.decided or UNSET if opened else UNSET,
    )
