"""The host of fronts elsewhere: it alone has the role's key, and passes what fronts checked to the sequencer, unread.

Fronts are its children, as they are the gateway's beside it: what parses has no key and no way to the streams.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import NoAnswer, NotEntitled, StreamError, WicketgateError
from wicketgate.base.settings import Settings
from wicketgate.base.streams.calls import Asking
from wicketgate.base.word import HeldWord
from wicketgate.http.fronts.crew import Crew, Member
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Begin,
    Counted,
    FrontReady,
    FrontWordAsked,
    FrontWordTold,
    Leave,
    MqttBegin,
    NotTaken,
    Now,
    View,
    decode_at_host,
    encode,
)
from wicketgate.http.fronts.passing import passage
from wicketgate.reads.signs import LifeSigns

log = logging.getLogger(__name__)

_WORD_S: Final = 2.0
_TAKE_S: Final = 10.0
_PAUSE_S: Final = 0.1
_MODULE: Final = "wicketgate.http.fronts.process"
_decode_word = msgspec.msgpack.Decoder(FrontWordTold).decode


class FrontWord:
    """The sequencer's word, as a host of fronts has it.

    Parameters
    ----------
    told : callable
        Gets the time of each word, and the view where it is another.

    Attributes
    ----------
    view : View or None
        The newest.
    signs : LifeSigns
        What fronts have counted and the sequencer does not know yet.
    """

    def __init__(self, asking: Asking, told: Callable[[int, View | None], None]) -> None:
        self._asking = asking
        self._told = told
        self._held = HeldWord()
        self.view: View | None = None
        self.clock = self._held.clock
        self.signs = LifeSigns()

    @property
    def holds(self) -> bool:
        """Whether the sequencer's word holds."""
        return self._held.holds

    async def run(self) -> None:
        """Ask for it for ever: an answer comes at once where there is a new view, else after a moment.

        Raises
        ------
        NotEntitled
            Where the sequencer does not know this role any more.
        """
        loop = asyncio.get_running_loop()
        while True:
            asked_s = loop.time()
            number = -1 if self.view is None else self.view.number
            try:
                said = await self._asking.ask(
                    "front",
                    encode(FrontWordAsked(view=number, signs=self.signs.taken())),
                    _WORD_S,
                    again=True,
                )
                word = _decode_word(said)
            except NotEntitled:
                raise
            except (WicketgateError, msgspec.DecodeError) as error:
                log.warning(
                    "no word of the sequencer: %s", getattr(error, "detail", "it is of another version")
                )
                await asyncio.sleep(_PAUSE_S)
                continue
            self._held.heard(asked_s)
            self.view = word.view or self.view
            self.clock.set(word.at_us)
            self._told(word.at_us, word.view)


class HostedFront(Member):
    """A front that runs.

    Parameters
    ----------
    beginning : callable
        Returns its first word.
    ask : callable
        Has what it checked taken, and returns the answer.
    changed : callable
        Told that it accepts connections.
    signs : LifeSigns
        Gets the signs of life that it counts.
    """

    def __init__(
        self,
        beginning: Callable[[], Begin],
        ask: Callable[[bytes], Awaitable[bytes]],
        changed: Callable[[], None],
        signs: LifeSigns,
    ) -> None:
        super().__init__()
        self._signs = signs
        self._beginning = beginning
        self._ask = ask
        self._changed = changed
        self._frames: Frames | None = None
        self._passing = TasksAside()

    async def open(self, link: socket.socket) -> None:
        """Take the link's end."""
        self._frames = await Frames.over(link, self._got, lambda: None)  # its process ends, and that is seen

    def begin(self) -> None:
        """Send the first word."""
        self.send(encode(self._beginning()))

    def tell(self) -> None:
        """Tell it nothing: each word of the sequencer is told as it comes."""

    def leave(self) -> None:
        """Send the last word."""
        self.send(encode(Leave()))

    def close(self) -> None:
        """End the link."""
        if self._frames is not None:
            self._frames.close()

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        if self._frames is not None:
            self._frames.send(frame)

    def _got(self, frame: bytes) -> None:
        self.heard_s = asyncio.get_running_loop().time()
        message = decode_at_host(frame)
        if isinstance(message, FrontReady):
            self.ready = True
            self._changed()
        elif isinstance(message, Counted):
            self._signs.add(message.signs)
        else:
            self._passing.begin(self._pass(frame, message.number))

    async def _pass(self, frame: bytes, number: int) -> None:
        try:
            answer = await self._ask(frame)
        except NotEntitled as error:  # this role is withdrawn, and ends; the source has done nothing wrong
            answer = encode(NotTaken.of(number, StreamError(error.detail)))
        except WicketgateError as error:
            answer = encode(NotTaken.of(number, error))
        self.send(answer)


class HostedFronts(Crew[HostedFront]):
    """The fronts of this host, all at the same sockets.

    Parameters
    ----------
    listening : sequence of socket
        Where they accept over HTTP.
    mqtt : tuple of socket and MqttBegin, optional
        Where they accept over MQTT, and what each may have.
    accept : callable
        Told whether whoever begins them has to accept by itself, because there is none.
    """

    def __init__(
        self,
        settings: Settings,
        asking: Asking,
        listening: Sequence[socket.socket],
        *,
        connections: int,
        mqtt: tuple[socket.socket, MqttBegin] | None,
        accept: Callable[[bool], None],
    ) -> None:
        super().__init__("front", _MODULE, max(1, settings.front_processes), lambda count: None)
        self._settings = settings
        self._asking = asking
        self._listening = listening
        self._connections = connections
        self._over_mqtt = mqtt
        self._accept = accept
        self.word = FrontWord(asking, self._tell_word)

    def _tell_word(self, at_us: int, view: View | None) -> None:
        frame = encode(Now(at_us=at_us) if view is None else view)
        for front in self._members.values():
            front.send(frame)

    async def _take(self, frame: bytes) -> bytes:
        if not self.word.holds:
            raise NoAnswer("the sequencer does not answer: post again")
        return await self._asking.ask("take", frame, _TAKE_S)

    def _recruit(self, number: int) -> tuple[HostedFront, Sequence[socket.socket], Sequence[socket.socket]]:
        # It gives nothing away here: the socket for that leads nowhere.
        nowhere, giving = passage()
        nowhere.close()
        over_mqtt = [] if self._over_mqtt is None else [self._over_mqtt[0]]
        member = HostedFront(self._begin, self._take, self._changed, self.word.signs)
        return member, [giving], [*self._listening, *over_mqtt]

    def _begin(self) -> Begin:
        view, settings = self.word.view, self._settings
        assert view is not None, "fronts begin once there is a word"
        return Begin(
            limits=settings.limits,
            connections=self._connections,
            proxies=tuple(str(one) for one in settings.proxies),
            view=msgspec.structs.replace(view, at_us=self.word.clock.now_us()),
            mqtt=None if self._over_mqtt is None else self._over_mqtt[1],
            elsewhere=settings.address,
        )

    def _changed(self) -> None:
        self._accept(self.ready == 0 and not self._left.is_set())

    def _ended(self, member: HostedFront) -> None:
        pass
