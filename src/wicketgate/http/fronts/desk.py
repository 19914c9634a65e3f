"""The gateway's desk for one front: it says what there is to see, and takes what was checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.gateway.node import Gateway
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Counted,
    FollowedTaken,
    FollowRead,
    FrontReady,
    NotTaken,
    ReadFollowed,
    Take,
    TakeAnswered,
    TakeFollowed,
    TakeImaged,
    Taken,
    View,
    checked_of,
    decode_at_gateway,
    encode,
)
from wicketgate.http.problems import log_unforeseen
from wicketgate.reads.checks import Checked
from wicketgate.reads.images.takers import Bodies
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.parse import FEW

_PAST: Final = "cameras or tokens have changed just now: post again"


_Answer: TypeAlias = TakeAnswered | FollowedTaken | ReadFollowed


class Viewing:
    """What fronts see of the committed state, made anew when it changes.

    A view has the number of the transaction that made it so: with the sequencer that takes over, which puts a fence
    first, every number of its is above those of the one before. What was checked by a view of that one is past.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.view = self._made()
        self._first = self._limits_changed = self._cameras_changed = self.view.number
        self._changed: dict[str, int] = {}

    def renew(self) -> None:
        """Look at the state again."""
        former, self.view = self.view, self._made()
        limits = [(one.clock_ahead_us, one.too_old_us, one.excluded) for one in (former, self.view)]
        if limits[0] != limits[1]:
            self._limits_changed = self.view.number
        if former.cameras != self.view.cameras:
            self._cameras_changed = self.view.number
        changed = former.tokens.items() ^ self.view.tokens.items()
        self._changed |= {name.removeprefix("source:"): self.view.number for _, name in changed}

    def now(self) -> View:
        """Return the view, with the present time."""
        return msgspec.structs.replace(self.view, at_us=self._gateway.clock.now_us())

    def same_tokens(self, source: str, number: int) -> bool:
        """Return whether a source has the tokens that it had in the view of a number."""
        return number >= self._changed.get(source, self._first)

    def same_limits(self, number: int) -> bool:
        """Return whether the limits of cameras' clocks are those of the view of a number."""
        return number >= self._limits_changed

    def same_cameras(self, number: int) -> bool:
        """Return whether all cameras are as they were in the view of a number."""
        return number >= self._cameras_changed

    def _made(self) -> View:
        gateway = self._gateway
        state, limits = gateway.commits.committed, gateway.limits()
        sources = {digest: name for digest, name in state.tokens.items() if name.startswith("source:")}
        return View(
            number=state.sequence,
            at_us=gateway.clock.now_us(),
            tokens=sources,
            others=[digest for digest in state.tokens if digest not in sources],
            cameras=list(state.cameras),
            clock_ahead_us=limits.clock_ahead_us,
            too_old_us=limits.too_old_us,
            excluded=limits.excluded,
            adapters=dict(gateway.settings.adapters),
        )


class FrontTaking:
    """What fronts have checked, taken.

    Parameters
    ----------
    viewing : Viewing
        By which it was checked, or by a former view of it.
    """

    def __init__(self, gateway: Gateway, viewing: Viewing) -> None:
        self._gateway = gateway
        self._viewing = viewing

    async def answer(self, message: Taken) -> _Answer | NotTaken:
        """Take it; return what tells its front of that, or why nothing of it was taken."""
        number = message.take.number if isinstance(message, TakeImaged) else message.number
        try:
            if isinstance(message, FollowRead):
                return await self._follow_read(message)
            if isinstance(message, Take):
                return await self._take(message)
            if isinstance(message, TakeImaged):
                return await self._take_imaged(message)
            return await self._take_followed(message)
        except Exception as error:  # noqa: BLE001 - the front answers it, as the ordinary way does
            return _not_taken(number, error)

    async def _take(self, take: Take) -> TakeAnswered:
        if take.view != self._viewing.view.number and not self._holds(take):
            raise StreamError(_PAST, code="busy")
        if len(take.camera_id) > FEW:
            await self._gateway.intake.turns.turn(take.source)
        checked = checked_of(take)
        self._demand_allowed(checked)
        answer = await self._gateway.intake.take(checked, take.source, have_waited=True)
        return TakeAnswered(number=take.number, answer=answer)

    async def _take_imaged(self, message: TakeImaged) -> TakeAnswered:
        take = message.take
        self._demand_same(take.source, take.view)
        bodies: dict[int, dict[ImageKind, tuple[int, bytes]]] = {}
        for index, kind, number, body in message.bodies:
            bodies.setdefault(index, {})[kind] = number, body
        images: dict[int, Bodies] = {**bodies}
        checked = checked_of(take)
        self._demand_allowed(checked)
        answer = await self._gateway.joining.take(checked, take.source, images, message.left)
        return TakeAnswered(number=take.number, answer=answer)

    async def _take_followed(self, message: TakeFollowed) -> FollowedTaken:
        self._demand_same(message.source, message.view)
        pushes = self._gateway.pushes
        told = await pushes.take_followed(message.source, message.sightings, have_waited=True)
        return FollowedTaken(
            number=message.number,
            answers=[None if isinstance(one, BaseException) else one for one in told],
            errors={n: _not_taken(n, one) for n, one in enumerate(told) if isinstance(one, BaseException)},
        )

    async def _follow_read(self, message: FollowRead) -> ReadFollowed:
        if not self._viewing.same_tokens(message.source, message.view):
            raise StreamError(_PAST, code="busy")
        joined = await self._gateway.joining.follow(message.source, message.given, message.kind, message.body)
        return ReadFollowed(number=message.number, answer=joined)

    def _demand_allowed(self, checked: Checked) -> None:
        """Refuse reads of excluded places: no front sends any, but one that checks by a day that has just ended."""
        excluded = self._viewing.view.excluded
        if excluded.edges and any(map(excluded.has, checked.reads["camera"], checked.reads["captured_us"])):
            raise StreamError(_PAST, code="busy")

    def _demand_same(self, source: str, number: int) -> None:
        """Refuse what was checked by a view that differs from the present one in what it was checked by."""
        viewing = self._viewing
        if not (
            viewing.same_tokens(source, number)
            and viewing.same_limits(number)
            and viewing.same_cameras(number)
        ):
            raise StreamError(_PAST, code="busy")

    def _holds(self, take: Take) -> bool:
        """Return whether what was checked by a former view would be found the same by the present one."""
        now = self._gateway.cameras.ids(take.source)
        numbers = checked_of(take).reads["camera"]
        return (
            not take.quarantined
            and self._viewing.same_tokens(take.source, take.view)
            and self._viewing.same_limits(take.view)
            and all(now.get(one) == number for one, number in zip(take.camera_id, numbers, strict=True))
        )


class FrontDesk:
    """The gateway's side of the link to one front.

    Parameters
    ----------
    ready : callable
        Told when the front accepts connections.
    heard : callable
        Told whenever the front says something.

    Attributes
    ----------
    counted : Counted or None
        What it counted last.
    """

    def __init__(
        self, gateway: Gateway, viewing: Viewing, ready: Callable[[], None], heard: Callable[[], None]
    ) -> None:
        self._front = FrontTaking(gateway, viewing)
        self._signs = gateway.pushes.signs
        self._ready = ready
        self._heard = heard
        self.counted: Counted | None = None
        self._frames: Frames | None = None
        self._taking = TasksAside()

    async def open(self, link: Any) -> None:
        """Take the link's end."""
        self._frames = await Frames.over(link, self._got, lambda: None)  # its process ends, and that is seen

    def send(self, message: msgspec.Struct) -> None:
        """Send a message; before the link is open, and once it has ended, it goes nowhere."""
        if self._frames is not None:
            self._frames.send(encode(message))

    def close(self) -> None:
        """End the link."""
        if self._frames is not None:
            self._frames.close()

    def _got(self, frame: bytes) -> None:
        self._heard()
        message = decode_at_gateway(frame)
        if isinstance(message, FrontReady):
            self._ready()
        elif isinstance(message, Counted):
            self.counted = message
            self._signs.add(message.signs)
        else:
            self._taking.begin(self._answered(message))

    async def _answered(self, message: Taken) -> None:
        self.send(await self._front.answer(message))


def _not_taken(number: int, error: BaseException) -> NotTaken:
    """Return what tells a front why something was not taken."""
    if isinstance(error, WicketgateError):
        return NotTaken.of(number, error)
    if isinstance(error, Exception):
        log_unforeseen(error)
    return NotTaken(number=number, error="StreamError", detail="something is wrong", code="internal")
