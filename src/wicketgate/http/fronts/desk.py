"""The gateway's desk for one front: it says what there is to see, and takes what was checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.gateway.node import Gateway
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Counted,
    FrontReady,
    NotTaken,
    Take,
    TakeAnswered,
    TakePushed,
    View,
    checked_of,
    decode_at_gateway,
    encode,
    parsed_of,
)
from wicketgate.http.problems import log_unforeseen
from wicketgate.reads.parse import FEW

_PAST: Final = "cameras or tokens have changed just now: post again"


class Viewing:
    """What fronts see of the committed state, made anew when it changes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._changed: dict[str, int] = {}
        self._limits_changed = 0
        self.view = self._made(1)

    def renew(self) -> None:
        """Look at the state again."""
        former, self.view = self.view, self._made(self.view.number + 1)
        if former.clock_ahead_us != self.view.clock_ahead_us or former.too_old_us != self.view.too_old_us:
            self._limits_changed = self.view.number
        changed = former.tokens.items() ^ self.view.tokens.items()
        self._changed |= {name.removeprefix("source:"): self.view.number for _, name in changed}

    def now(self) -> View:
        """Return the view, with the present time."""
        return msgspec.structs.replace(self.view, at_us=self._gateway.clock.now_us())

    def same_tokens(self, source: str, number: int) -> bool:
        """Return whether a source has the tokens that it had in the view of a number."""
        return number >= self._changed.get(source, 0)

    def same_limits(self, number: int) -> bool:
        """Return whether the limits of cameras' clocks are those of the view of a number."""
        return number >= self._limits_changed

    def _made(self, number: int) -> View:
        gateway = self._gateway
        state, limits = gateway.commits.committed, gateway.limits()
        sources = {digest: name for digest, name in state.tokens.items() if name.startswith("source:")}
        return View(
            number=number,
            at_us=gateway.clock.now_us(),
            tokens=sources,
            others=[digest for digest in state.tokens if digest not in sources],
            cameras=list(state.cameras),
            clock_ahead_us=limits.clock_ahead_us,
            too_old_us=limits.too_old_us,
        )


class FrontDesk:
    """The gateway's side of the link to one front.

    Parameters
    ----------
    ready : callable
        Told when the front accepts connections.

    Attributes
    ----------
    counted : Counted or None
        What it counted last.
    heard_s : float
        When it was heard of, by the loop's clock: it counts each second.
    """

    def __init__(self, gateway: Gateway, viewing: Viewing, ready: Callable[[], None]) -> None:
        self._gateway = gateway
        self._viewing = viewing
        self._ready = ready
        self.counted: Counted | None = None
        self.heard_s = 0.0
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
        self.heard_s = asyncio.get_running_loop().time()
        message = decode_at_gateway(frame)
        if isinstance(message, FrontReady):
            self._ready()
        elif isinstance(message, Counted):
            self.counted = message
        elif isinstance(message, Take):
            self._do(message.number, self._take(message))
        else:
            self._do(message.number, self._take_pushed(message))

    def _do(self, number: int, taking: Coroutine[Any, Any, TakeAnswered]) -> None:
        async def answered() -> None:
            try:
                answer: TakeAnswered | NotTaken = await taking
            except WicketgateError as error:
                answer = NotTaken.of(number, error)
            except Exception as error:  # noqa: BLE001 - the front answers it, as the ordinary way does
                log_unforeseen(error)
                answer = NotTaken(
                    number=number, error="StreamError", detail="something is wrong", code="internal"
                )
            self.send(answer)

        self._taking.begin(answered())

    async def _take(self, take: Take) -> TakeAnswered:
        if take.view != self._viewing.view.number and not self._holds(take):
            raise StreamError(_PAST, code="busy")
        if len(take.camera_id) > FEW:
            await self._gateway.intake.turns.turn(take.source)
        answer = await self._gateway.intake.take(checked_of(take), take.source, have_waited=True)
        return TakeAnswered(number=take.number, answer=answer)

    async def _take_pushed(self, take: TakePushed) -> TakeAnswered:
        if not self._viewing.same_tokens(take.source, take.view):
            raise StreamError(_PAST, code="busy")
        parsed = parsed_of(take.items)
        answer = await self._gateway.pushes.take(take.source, parsed, camera=take.camera)
        return TakeAnswered(number=take.number, answer=answer)

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
