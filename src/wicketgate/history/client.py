"""A client of a history's process: what is handed to it, and asked of it, over its socket."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from wicketgate.base.errors import HistoryError, InputError
from wicketgate.history.messages import (
    AnsweredPage,
    AskOrder,
    BeginOrder,
    DueReads,
    HideOrder,
    HistoryFault,
    HistoryGap,
    HistoryMeasures,
    HistoryPosition,
    TakeOrder,
    TermsOrder,
    VehiclesCounted,
)

_PATIENCE_S: Final = 90.0
_ARROW: Final = "application/vnd.apache.arrow.stream"
_encode = msgspec.msgpack.Encoder().encode
_Answer = TypeVar("_Answer")


class HistoryClient:
    """A client of one history.

    Every method raises HistoryError where the history does not answer or its engine failed, and InputError where it
    refuses what it was sent.

    Parameters
    ----------
    socket : Path
        Where it listens.
    """

    def __init__(self, socket: Path) -> None:
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://history",
            timeout=httpx.Timeout(_PATIENCE_S, connect=5.0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def position(self) -> HistoryPosition | None:
        """Return how far the history has come; None where it has not begun."""
        return await self._ask("/position", None, HistoryPosition | None)  # type: ignore[arg-type]

    async def measures(self) -> HistoryMeasures:
        """Return how much it holds."""
        return await self._ask("/measures", None, HistoryMeasures)

    async def begin(self, done: int) -> None:
        """Begin it behind a transaction."""
        await self._ask("/begin", BeginOrder(done=done), type(None))

    async def take(self, order: TakeOrder) -> HistoryPosition:
        """Hand over transactions; return how far it has come then, durably."""
        return await self._ask("/take", order, HistoryPosition)

    async def miss(self, gap: HistoryGap) -> None:
        """Let it note what it cannot have any more."""
        await self._ask("/miss", gap, type(None))

    async def hide(self, read_ids: Collection[int]) -> None:
        """Show some reads to nobody from now on."""
        await self._ask("/hide", HideOrder(read_ids=sorted(read_ids)), type(None))

    async def due_terms(self, horizons_us: Mapping[str, int]) -> list[DueReads]:
        """Return of each source how many reads `end_terms` would let go of now."""
        return await self._ask("/due", TermsOrder(horizons_us=horizons_us), list[DueReads])

    async def end_terms(self, horizons_us: Mapping[str, int]) -> None:
        """Let go of what is past its term, and of what is hidden."""
        await self._ask("/terms", TermsOrder(horizons_us=horizons_us), type(None))

    async def count(self, order: AskOrder) -> VehiclesCounted:
        """Return how many vehicles a question means."""
        return await self._ask("/count", order, VehiclesCounted)

    async def page(self, order: AskOrder) -> AnsweredPage:
        """Return a page of a question's rows."""
        return await self._ask("/page", order, AnsweredPage)

    async def arrow_page(self, order: AskOrder) -> bytes:
        """Return a page of a question's rows as an Arrow stream; its metadata `gaps` holds what the history lacks."""
        return await self._post("/page", order, accept=_ARROW)

    async def _ask(self, path: str, order: Any, kind: type[_Answer]) -> _Answer:
        try:
            return msgspec.msgpack.decode(await self._post(path, order), type=kind)
        except msgspec.DecodeError as error:
            raise HistoryError("the history answered something else than this version's") from error

    async def _post(self, path: str, order: Any, accept: str = "application/msgpack") -> bytes:
        try:
            answer = await self._http.post(path, content=_encode(order), headers={"accept": accept})
        except httpx.HTTPError as error:
            raise HistoryError(f"the history does not answer: {type(error).__name__}") from error
        if answer.status_code == 200:
            return answer.content
        try:
            fault = msgspec.msgpack.decode(answer.content, type=HistoryFault)
        except msgspec.DecodeError:
            fault = HistoryFault(
                code="history-unavailable", detail=f"the history answered {answer.status_code}"
            )
        if answer.status_code == 400:
            raise InputError(fault.detail, code=fault.code)
        raise HistoryError(fault.detail, code=fault.code)
