"""The sequencer's answers to fronts on other hosts: what there is to see, and what became of what they checked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.roles import FRONT, KnownRole
from wicketgate.base.streams.calls import Answering
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.http.fronts.desk import FrontTaking, Viewing
from wicketgate.http.fronts.messages import FrontWordAsked, FrontWordTold, decode_taken, encode
from wicketgate.http.fronts.sound import sound

_HELD_S: Final = 0.4
"""For so long a word waits for a view that is new: a withdrawn role ends at its next ask."""
_decode_asked = msgspec.msgpack.Decoder(FrontWordAsked).decode


class FrontAnswers:
    """What a running gateway answers to fronts on other hosts."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._viewing = Viewing(gateway)
        self._taking = FrontTaking(gateway, self._viewing)
        self._renewed = asyncio.Event()

    def begin(self, answering: Answering) -> None:
        """Answer from now on."""
        self._gateway.commits.followers.append(self._follow)
        answering.answer("front", self._while_leading(self._word), {FRONT})
        answering.answer("take", self._while_leading(self._take), {FRONT})

    def _follow(self, transaction: Transaction) -> None:
        if transaction.cameras is None and transaction.token is None and transaction.document is None:
            return
        self._viewing.renew()
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def _word(self, data: bytes) -> bytes:
        asked = _decode_asked(data)
        self._gateway.pushes.signs.add(asked.signs)
        if asked.view == self._viewing.view.number:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._renewed.wait(), _HELD_S)
        view = self._viewing.now()
        return encode(
            FrontWordTold(at_us=view.at_us, view=None if asked.view == view.number else view),
        )

    async def _take(self, data: bytes) -> bytes:
        message = decode_taken(data)
        view = self._viewing.view
        return encode(await self._taking.answer(sound(message, view, self._gateway.clock.now_us())))

    def _while_leading(
        self, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> Callable[[KnownRole, bytes], Awaitable[bytes]]:
        async def answered(role: KnownRole, data: bytes) -> bytes:
            if not self._gateway.commits.leads():
                raise StreamError("this sequencer does not know whether it still leads", code="standby")
            try:
                said = await answer(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InputError("what is asked has another form") from error
            if not self._gateway.commits.leads():
                raise StreamError("this sequencer does not know whether it still leads", code="standby")
            return said

        return answered
