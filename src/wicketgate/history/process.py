"""A history's process: `python -m wicketgate.history.process FOLDER KEY SOCKET`; SOCKET is a descriptor that listens.

It owns the engine and its folder. Whoever began it hands it reads and asks it, over HTTP on that socket. It decides
nothing: who may ask what is decided before it is asked. It ends with whoever began it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pyarrow as pa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import ConfigurationError, HistoryError, InputError, WicketgateError
from wicketgate.base.files import keep_private
from wicketgate.base.settings import read_secret
from wicketgate.history.asking import ClampedQuestion, Cursor
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import (
    AnsweredPage,
    AskOrder,
    BeginOrder,
    HideOrder,
    HistoryFault,
    HistoryGap,
    TakeOrder,
    TermsOrder,
    VehiclesCounted,
)
from wicketgate.history.questions import parse_question
from wicketgate.history.rows import history_rows
from wicketgate.history.schema import KEY_BYTES

log = logging.getLogger(__name__)

ARROW: Final = "application/vnd.apache.arrow.stream"
MSGPACK: Final = "application/msgpack"
QUESTIONS: Final = 4
"""Questions that are answered at once."""
_WAITING: Final = 64
GIVES_WAY: Final = 5
"""How nice the process is."""
_MOST_BYTES: Final = 256 << 20
_encode = msgspec.msgpack.Encoder().encode

_Order = TypeVar("_Order")


class HistoryServer:
    """The handlers of one history."""

    def __init__(self, engine: HistoryEngine) -> None:
        self._engine = engine
        # Each thread keeps its client of the engine, and ends with the process.
        self._asking = ThreadPoolExecutor(QUESTIONS, thread_name_prefix="question")
        self._changing = ThreadPoolExecutor(1, thread_name_prefix="change")
        self._waiting = 0

    def app(self) -> Starlette:
        """Return the application."""

        def changes(path: str, kind: type[_Order], work: Callable[[_Order], Any]) -> Route:
            return Route(path, self._handler(kind, work, self._changing), methods=["POST"])

        def asks(path: str, kind: type[_Order], work: Callable[[_Order], Any]) -> Route:
            return Route(path, self._handler(kind, work, self._asking), methods=["POST"])

        engine = self._engine
        return Starlette(
            routes=[
                asks("/position", type(None), lambda _: engine.position),
                asks("/measures", type(None), lambda _: engine.measures()),
                asks("/count", AskOrder, self._count),
                asks("/page", AskOrder, self._page),
                changes("/begin", BeginOrder, lambda order: engine.begin(order.done)),
                changes("/take", TakeOrder, self._take),
                changes("/miss", HistoryGap, engine.miss),
                changes("/hide", HideOrder, lambda order: engine.hide(order.read_ids)),
                changes("/due", TermsOrder, lambda order: engine.due_terms(order.horizons_us)),
                changes("/terms", TermsOrder, self._terms),
            ]
        )

    def _handler(self, kind: type[_Order], work: Callable[[_Order], Any], threads: ThreadPoolExecutor) -> Any:
        decoder = msgspec.msgpack.Decoder(kind)

        async def handle(request: Request) -> Response:
            body = await request.body()
            try:
                if len(body) > _MOST_BYTES:
                    raise InputError("an order is too large")
                if self._waiting >= _WAITING:
                    raise HistoryError("too many questions wait for the history", code="busy")
                order = decoder.decode(body)
                self._waiting += 1
                try:
                    found = await asyncio.get_running_loop().run_in_executor(threads, work, order)
                finally:
                    self._waiting -= 1
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return _fault(400, InputError(f"an order cannot be read: {type(error).__name__}"))
            except InputError as error:
                return _fault(400, error)
            except WicketgateError as error:
                log.error("%s", error.detail)
                return _fault(503, error)
            if isinstance(found, pa.Table):
                return _table(found, wants_arrow=ARROW in request.headers.get("accept", ""))
            return Response(_encode(found), media_type=MSGPACK)

        return handle

    def _take(self, order: TakeOrder) -> Any:
        # Hidden before its transaction counts as taken: a kill in between has it handed over again.
        if order.hidden:
            self._engine.hide(order.hidden)
        rows = history_rows(order.items, order.sources, order.periods(), order.now_us)
        self._engine.take(order.first, order.last, rows, order.at_us)
        return self._engine.position

    def _terms(self, order: TermsOrder) -> None:
        self._engine.end_terms(order.horizons_us)
        self._engine.purge()

    def _count(self, order: AskOrder) -> VehiclesCounted:
        asking = asking_of(order)
        question = asking.question
        # How far it has come is looked up before what it has, and what it lacks behind it: a gap that is noted
        # meanwhile is told.
        at_us = self._reached_us()
        found = self._engine.count(asking)
        gaps = self._engine.gaps(question.from_us, question.until_us)
        return VehiclesCounted(vehicles=found.vehicles, reads=found.reads, gaps=gaps, at_us=at_us)

    def _page(self, order: AskOrder) -> pa.Table:
        asking = asking_of(order)
        question, at_us = asking.question, self._reached_us()
        found = self._engine.page(asking)
        gaps = self._engine.gaps(question.from_us, question.until_us)
        said: dict[str, bytes] = {"gaps": msgspec.json.encode(gaps), "at_us": b"%d" % at_us}
        return found.replace_schema_metadata(said)

    def _reached_us(self) -> int:
        position = self._engine.position
        return 0 if position is None else position.at_us


def asking_of(order: AskOrder) -> ClampedQuestion:
    """Return what an order asks.

    InputError for what is no question.
    """
    question = parse_question(order.question)
    wanted = len(question.scenes) or 1
    if len(order.cameras) != wanted:
        raise InputError(f"a question has cameras for {len(order.cameras)} places, and {wanted} of them")
    if any(not 0 <= number < 2**32 for numbers in order.cameras for number in numbers):
        raise InputError("a camera's number is out of range")
    return ClampedQuestion(
        question=question,
        cameras=order.cameras,
        horizons_us=order.horizons_us,
        after=None if order.after is None else Cursor(*order.after),
        limit=order.limit,
    )


def _table(found: pa.Table, *, wants_arrow: bool) -> Response:
    if wants_arrow:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, found.schema) as writer:
            writer.write_table(found)
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW)
    said = found.schema.metadata or {}
    gaps = msgspec.json.decode(said.get(b"gaps", b"[]"), type=list[HistoryGap])
    page = AnsweredPage(rows=found.to_pylist(), gaps=gaps, at_us=int(said.get(b"at_us", b"0")))
    return Response(_encode(page), media_type=MSGPACK)


def _fault(status: int, error: WicketgateError) -> Response:
    fault = HistoryFault(code=error.code, detail=error.detail)
    return Response(_encode(fault), status_code=status, media_type=MSGPACK)


def main(arguments: Sequence[str]) -> int:
    """Run a history."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends it to all: whoever began this says when to end
    logging.basicConfig(format="history: %(message)s", level=logging.WARNING)
    keep_private()
    os.nice(GIVES_WAY)  # what must be decided goes first
    folder, key, descriptor = arguments
    try:
        secret = bytes.fromhex(read_secret(Path(key)))
        if len(secret) != KEY_BYTES:
            raise ValueError
        engine = HistoryEngine(Path(folder), secret)
    except ConfigurationError as error:
        log.error("%s", error.detail)
        return 1
    except ValueError:
        log.error("`%s` is no key of %d bytes in hexadecimal", Path(key).name, KEY_BYTES)
        return 1
    config = uvicorn.Config(
        HistoryServer(engine).app(),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        use_colors=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        # Longer than its clients keep a connection: else one is closed just as something is asked over it.
        timeout_keep_alive=60,
    )
    listening = socket.socket(fileno=int(descriptor))
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
