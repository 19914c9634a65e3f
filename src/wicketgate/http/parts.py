"""Answers on their way: large ones go in parts, and count until their client has taken them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from wicketgate.http.underway import UnderWay

PART = 64 * 1024
"""Bytes that are given to a connection at once; a larger body is counted."""


class AnswerParts:
    """What one request is answered with, written as its client takes it.

    A body is made whole in memory. Written at once it would stay there, beside the server's own copy, for as long as
    the client likes: so it is written in parts, and where too many bytes wait for their clients it is refused instead.

    Parameters
    ----------
    turn : callable, optional
        Waits for a stranger's turn, which each further part takes: to copy one into the kernel costs as much as to
        answer with a small page.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        under_way: UnderWay,
        turn: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._under_way = under_way
        self._turn = turn
        self._start: Message | None = None
        self._refused = False

    async def send(self, message: Message) -> None:
        """Send a message of ASGI; the beginning of a response is held back until its body is seen."""
        if message["type"] != "http.response.body":
            self._start = message
            return
        body = message.get("body", b"")
        if self._start is not None:
            start, self._start = self._start, None
            if len(body) > PART and self._scope["method"] != "HEAD":
                refused = self._under_way.hold_answer(self._scope, len(body))
                if refused is not None:
                    self._refused = True
                    await refused(self._scope, self._receive, self._send)
                    return
            await self._send(start)
        if self._refused:
            return
        begin = 0
        while len(body) - begin > PART:
            part = body[begin : begin + PART]
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
            begin += PART
            if self._turn is not None:
                await self._turn()
        await self._send({**message, "body": body[begin:]})
