"""A document on its way in: opened once, parsed once and compared once, whoever reads it afterwards."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.registers import DECIDERS, FOUNDERS, Chancery, moved, sign
from tests.simulator import CAMERAS, charter
from tests.unit.gateway.test_node import CLOCK, start
from tests.vectors.make_documents import CT_OFFICES, MATCH_OFFICES, changed, example, put
from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import DocumentRefused, StreamError
from wicketgate.base.signing import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    PrivateKey,
    dump_envelope,
    parse_canonical,
    parse_envelope,
    sign_payload,
    verify_signature,
)
from wicketgate.commits.register import build_register
from wicketgate.commits.state import State
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, Transaction
from wicketgate.gateway.filing.documents import Taking
from wicketgate.gateway.node import Gateway
from wicketgate.ledger.tiles import MAX_ENTRY_BYTES
from wicketgate.regime.admission.comparing import compare
from wicketgate.regime.admission.widening import compare_powers, coverage
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.acts import parse_act
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.consultations import parse_consultation
from wicketgate.regime.documents.document import open_document

OPENING = (parse_envelope, parse_charter, parse_authority, parse_act, parse_consultation)
COMPARING = (compare, compare_powers, coverage)


@contextmanager
def counted(*functions: Callable[..., Any]) -> Iterator[Counter[str]]:
    """Count the calls of functions in this thread, by whatever name they are known to who calls them."""
    codes = {function.__code__: function.__name__ for function in functions}
    found: Counter[str] = Counter()

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in codes:
            found[codes[frame.f_code]] += 1

    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)


@pytest.fixture
async def gateway(folder: Path) -> AsyncIterator[Gateway]:
    """A running gateway with cameras."""
    running = await start(folder)
    await running.camera_lists.register_cameras("tfl", CAMERAS)
    yield running
    await running.stop()


async def submit_and_show(gateway: Gateway, envelope: bytes) -> Counter[str]:
    """Submit a document, and read it wherever a gateway reads it; return how often what was called."""
    with counted(*OPENING, *COMPARING, verify_signature) as calls:
        await gateway.filing.submit(envelope)
        await asyncio.wait_for(gateway.projections.settle(), 20)
        gateway.filing.tell()
        build_register(
            gateway.commits.committed_at(CLOCK.now_us()),
            gateway.commits.committed,
            checkpoint=gateway.ledger.checkpoint,
            log_key=gateway.ledger_vkey,
        )
    return calls


# --- opened, parsed and compared once ---------------------------------------------------------------------


async def test_a_document_is_opened_parsed_and_compared_once(gateway: Gateway) -> None:
    authority, later = example("authority"), changed(example("authority"), put("authority.version", 2))
    amended = changed(charter(), put("charter.version", 2), put("charter.title", "The same, once more"))
    now_us = CLOCK.now_us()
    consultation = changed(
        example("consultation"),
        put("consultation.at", rfc3339(now_us)),
        put("consultation.opens_at", rfc3339(now_us)),
        put("consultation.closes_at", rfc3339(now_us + 60 * DAY_US)),
    )
    opened = {"parse_envelope": 1}
    as_authority = {"parse_authority": 1, "coverage": 1}
    for document, offices, called in (
        (authority, CT_OFFICES, as_authority | {"compare_powers": 1}),
        (later, CT_OFFICES, as_authority | {"compare_powers": 1}),
        (example("suspension"), ("ico/deputy",), {"parse_act": 1}),
        (consultation, ("tfl/data-protection",), as_authority | {"parse_consultation": 1}),
        (amended, FOUNDERS, {"parse_charter": 1, "compare": 1}),
    ):
        calls = await submit_and_show(gateway, sign(document, offices))
        assert calls == opened | called | {"verify_signature": len(offices) + 1}, "one before it is opened"
    assert not gateway.failed.is_set()


async def test_what_no_officer_signed_is_not_looked_into(gateway: Gateway) -> None:
    """On 0.3 it was made canonical and compared: up to a second for each megabyte."""
    payload = b'{"authority":{"a":[' + b"[]," * 14_000 + b"1]}}"
    envelope = Envelope(payload_type="application/vnd.wicketgate.authority+json", payload=payload)
    nobodys = sign_payload(envelope.payload_type, payload, [PrivateKey.generate()])
    known = parse_envelope(sign(example("authority"), CT_OFFICES)).signatures
    forged = replace(envelope, signatures=known)
    with counted(parse_canonical) as calls:
        for one, code in ((envelope, "missing"), (nobodys, "invalid"), (forged, "invalid")):
            with pytest.raises(DocumentRefused) as refused:
                await gateway.filing.submit(dump_envelope(one))
            assert refused.value.code == f"signature-{code}"
        with pytest.raises(DocumentRefused) as refused:
            await gateway.filing.submit(b" " * (MAX_ENVELOPE_BYTES + 1))
        assert refused.value.code == "malformed"
    assert calls == {}


async def test_an_entry_that_the_log_cannot_hold_is_never_committed(gateway: Gateway) -> None:
    """On 0.3 cameras in 2,000 groups ended the gateway, and each later start of it."""
    for size, code in ((MAX_ENTRY_BYTES + 1, "too-large"), (MAX_ENTRY_BYTES, "")):

        def build(state: State, at_us: int, sequence: int, size: int = size) -> Transaction:
            return Transaction(at_us=at_us, first_entry=state.entries, entries=(b"x" * size,))

        if code:
            with pytest.raises(StreamError) as refused:
                gateway.commits.commit(build)
            assert refused.value.code == code
        else:
            await gateway.commits.commit(build)
    await gateway.projections.settle()
    assert not gateway.failed.is_set()


async def test_a_document_that_is_refused_is_not_kept(gateway: Gateway) -> None:
    envelope = sign(example("authority"), CT_OFFICES[1:])
    with counted(*OPENING) as calls:
        for _ in range(2):
            with pytest.raises(DocumentRefused) as refused:
                await gateway.filing.submit(envelope)
            assert refused.value.code == "signature-missing"
    assert calls == {"parse_envelope": 2, "parse_authority": 2}


@pytest.mark.parametrize("snapshots", [True, False], ids=["from-a-snapshot", "from-the-first-commit"])
async def test_a_start_opens_each_document_once(
    folder: Path, snapshots: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.gateway.housekeeping._SNAPSHOT_S", 3600.0)  # COMMITS is left whole
    gateway = await start(folder)
    await gateway.camera_lists.register_cameras("tfl", CAMERAS)
    for document, offices in (
        (example("authority"), CT_OFFICES),
        (example("suspension"), ("ico/deputy",)),
        (changed(charter(), put("charter.version", 2)), FOUNDERS),
    ):
        await gateway.filing.submit(sign(document, offices))
    await gateway.stop()
    if not snapshots:
        for path in (folder / "snapshots").iterdir():
            path.unlink()
    with counted(*OPENING) as calls:
        gateway = await start(folder)
        await asyncio.wait_for(gateway.projections.settle(), 20)
        gateway.filing.tell()
    await gateway.stop()
    expected = {"parse_envelope": 4, "parse_charter": 2, "parse_authority": 1, "parse_act": 1}
    if snapshots:
        del expected["parse_act"]  # the fold has it already, and nobody has asked what it says
    assert calls == expected


# --- judged before its feed is opened, and once more when it is committed ----------------------------------


class Desk:
    """A document on its way in to a fold."""

    def __init__(self, document: dict[str, Any], offices: tuple[str, ...]) -> None:
        self.chancery = Chancery()
        envelope = sign(document, offices)
        self.taking = Taking(envelope, open_document(envelope), self.chancery.parsed)
        self.fresh = lambda: Taking(envelope, open_document(envelope), self.chancery.parsed)

    def judge(self, at_us: int) -> Transaction:
        """Judge it; what was found before makes no difference."""
        state = self.chancery.state
        judged = self.taking.judge(state, at_us)
        assert judged == self.fresh().judge(state, at_us)
        return judged


def test_what_hangs_on_the_time_is_judged_anew() -> None:
    desk = Desk(example("authority-match"), MATCH_OFFICES)
    at_us = desk.chancery.at_us
    dues = []
    for later_us in (0, DAY_US):
        taken = desk.judge(at_us + later_us).document
        assert taken is not None
        assert taken.admitted.need == "within"
        dues.append(taken.admitted.due_us)
    assert dues == [at_us + 90 * DAY_US, at_us + 91 * DAY_US]
    with counted(compare_powers, verify_signature) as calls:
        with pytest.raises(DocumentRefused) as refused:
            desk.taking.judge(desk.chancery.state, parse_rfc3339("2027-07-04T00:00:00Z"))
        desk.taking.judge(desk.chancery.state, at_us)
    assert refused.value.code == "already-expired"
    assert calls == {}


def test_cameras_that_came_in_between_are_counted() -> None:
    desk = Desk(example("authority"), CT_OFFICES)
    state = desk.chancery.state
    before = desk.judge(desk.chancery.at_us).document
    listed = tuple(CameraSet(id=f"n{number}", groups=("ccz-boundary",)) for number in range(100))
    cameras = CamerasRegistered(source="tfl", cameras=listed)
    state.apply(Transaction(at_us=desk.chancery.at_us, cameras=cameras), state.sequence + 1)
    with counted(compare_powers) as calls:
        after = desk.taking.judge(state, desk.chancery.at_us).document
    assert calls == {"compare_powers": 1}
    assert before is not None
    assert after is not None
    assert [(one.admitted.cameras, one.admitted.cap) for one in (before, after)] == [(3, 4), (100, 110)]
    assert after == desk.judge(desk.chancery.at_us).document


def test_a_key_that_was_withdrawn_in_between_does_not_count() -> None:
    desk = Desk(example("authority"), CT_OFFICES)
    desk.judge(desk.chancery.at_us)
    office = CT_OFFICES[0]
    desk.chancery.submit(moved(charter(), office), dict.fromkeys((*FOUNDERS, office, "successor")))
    with pytest.raises(DocumentRefused) as refused:
        desk.taking.judge(desk.chancery.state, desk.chancery.at_us)
    assert refused.value.code == "signature-invalid"


def test_a_consultation_that_was_decided_in_between_covers_it() -> None:
    draft = example("consultation")["draft"]
    desk = Desk(changed(draft, put("authority.consultation", "c-2026-002")), CT_OFFICES)
    chancery = desk.chancery
    chancery.submit(example("consultation"), ("tfl/data-protection",))
    chancery.at_us += 60 * DAY_US
    with pytest.raises(DocumentRefused) as refused:
        desk.taking.judge(chancery.state, chancery.at_us)
    assert refused.value.code == "consultation-open"
    chancery.submit(changed(example("decision"), put("decision.answers", [])), DECIDERS)
    taken = desk.judge(chancery.at_us).document
    assert taken is not None
    assert taken.admitted.need == "covered"
