"""Which questions custody answers, and that one that it cannot answer holds up no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import HistoryError, InputError
from wicketgate.clients.custody import asking
from wicketgate.clients.custody.asking import CustodyAsking
from wicketgate.clients.custody.feeding import CustodyCameras, CustodyFeeding
from wicketgate.clients.custody.gateway import CustodyGateway, WaitingQuestion
from wicketgate.clients.custody.sealing import CustodySeal
from wicketgate.clients.custody.showing import _number
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.clients.custody.versions import FeedVersions
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AskOrder
from wicketgate.ledger.merkle import root

SPAN = {"from": "2026-07-07T00:00:00Z", "to": "2026-07-08T00:00:00Z"}
AUTHORITY = SimpleNamespace(search=SimpleNamespace(hours=()), scope=SimpleNamespace(hours=()))


class Engine:
    """A history as custody asks it: of one plate without end, of another not at all, and of all others two rows."""

    async def page(self, order: AskOrder) -> Any:
        plate, count = order.question.get("plates", [""])[0], 2
        if plate == "BR11KEN":
            raise HistoryError("the history does not answer")
        if plate == "MA11NYY":
            count = order.limit
        row = {"read_id": 1, "captured_us": 1, "plate": plate, "camera": 0}
        return SimpleNamespace(rows=[row] * count)


class Told:
    """What custody says to the gateway."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Mapping[str, object]]] = []

    def post(self, path: str, body: bytes, most: int) -> Any:
        self.said.append((path.rpartition("/v1/custody/f/searches/")[2], msgspec.json.decode(body)))
        standing = b'{"id":"x","status":"counted"}'
        return SimpleNamespace(status=200, body=standing, code="")


def waiting(id_: str, plate: str, step: str = "count") -> WaitingQuestion:
    question = {"plates": [plate], **SPAN}
    return WaitingQuestion(id=id_, step=step, authority="f@1", question=question, cameras=[["tfl/c0"]])


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def custody(tmp_path: Path, told: Told) -> Iterator[CustodyAsking]:
    store = CustodyStore(tmp_path, "f", "log.example/wicketgate", CustodySeal(bytes(32)))
    feeding = SimpleNamespace(cameras=CustodyCameras(store), labelled=dict)
    remote = SimpleNamespace(base_url="http://gateway.example", post=told.post)
    yield CustodyAsking(
        store,
        cast(CustodyFeeding, feeding),
        cast(HistoryClient, Engine()),
        cast(FeedVersions, SimpleNamespace(get=lambda version: AUTHORITY)),
        CustodyGateway(cast(Any, remote), "f"),
        SystemClock(),
        lambda words: None,
    )
    store.close()


async def went_on(custody: CustodyAsking, *some: WaitingQuestion) -> Sequence[str]:
    failed = await custody._go_on_with(some)
    return [] if failed is None else [failed.code]


@pytest.mark.asyncio
async def test_a_question_that_cannot_be_answered_holds_up_no_other(
    custody: CustodyAsking, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asker of a unit asked for a whole day: custody tried that again for a week, and answered nobody."""
    monkeypatch.setattr(asking, "MOST_ROWS", 12_000)
    some = [
        waiting("m", "MA11NYY"),
        waiting("b", "BR11KEN"),
        waiting("r", "MA11NYY", "run"),
        waiting("f", "FE11WWW"),
    ]
    assert await went_on(custody, *some) == ["history-unavailable"]
    refused = {"vehicles": 0, "rows": 12_001}
    assert told.said == [
        ("m/count", refused),
        ("r/run", {**refused, "root": root([]).hex()}),
        ("f/count", {"vehicles": 1}),
    ]


@pytest.mark.parametrize("text", ["0" * 15 + "9" * 5000, "9" * 5000, "-1", "1.0", "²", ""])
def test_no_cursor_is_more_than_a_number(text: str) -> None:
    with pytest.raises(InputError):
        _number({"after": [text]}, "after", 0, most=1 << 40)
    assert _number({"after": ["12"]}, "after", 0, most=1 << 40) == 12
