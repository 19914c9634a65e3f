"""The public's responses: what is taken, how they are numbered, that none is lost or seen too soon."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import decode, encode
from tests.matching import ORIGIN, MovableClock
from tests.simulator import charter
from tests.vectors import make_documents as documents
from wicketgate.base.clock import MINUTE_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, add
from wicketgate.base.settings import load_settings
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.stored import decode_held
from wicketgate.commits.transactions import ResponseGiven, Transaction
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.filing.responses import MOST_TEXT, SaidInPublic, digest, parse_said
from wicketgate.gateway.node import Gateway
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.writer import Ledger
from wicketgate.pages.responses import publish as published_form
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.fold import ConsultationTaken, DecisionTaken
from wicketgate.regime.standing import responses_until

NAME = "c-test"


def given_response(number: int, **more: Any) -> ResponseGiven:
    members: dict[str, Any] = {
        "consultation": NAME,
        "number": number,
        "id": f"{number:032x}",
        "received_us": 1,
        "text": "No.",
    }
    return ResponseGiven(**{**members, **more})


# --- what is taken ------------------------------------------------------------------------------------------------


def test_what_is_said_is_read() -> None:
    assert parse_said({"text": "a\r\nb"}) == SaidInPublic(text="a\nb")
    assert parse_said({"text": "a", "name": "", "organisation": None}) == SaidInPublic(text="a")
    whole = parse_said({"text": "x" * MOST_TEXT, "name": " A B ", "organisation": "C", "publish": False})
    assert (whole.name, whole.organisation, whole.publish) == ("A B", "C", False)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"text": ""},
        {"text": " \n"},
        {"text": 1},
        {"text": ["a"]},
        {"text": "x" * (MOST_TEXT + 1)},
        {"text": "a\x00"},
        {"text": "a\rb"},
        {"text": "a\u202eb"},
        {"text": "\ud800"},
        {"text": "a\ue000address\ue001"},
        {"text": "a", "name": "\U000f0000"},
        {"text": "a", "organisation": "\uf8ff"},
        {"text": "a", "name": "b\nc"},
        {"text": "a", "name": "b" * 101},
        {"text": "a", "organisation": "b" * 201},
        {"text": "a", "publish": "yes"},
        {"text": "a", "email": "me@example.org"},
        {"text": "a", "id": "mine"},
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        parse_said(members)
    assert refused.value.code == "malformed"
    assert "me@example.org" not in str(refused.value)


@given(
    st.dictionaries(
        st.sampled_from(["text", "name", "organisation", "publish", "other"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
    )
)
def test_anything_is_taken_or_refused(members: dict[str, Any]) -> None:
    try:
        said = parse_said(members)
    except InputError:
        return
    assert 1 <= len(said.text) <= MOST_TEXT
    assert parse_said(
        {"text": said.text, "name": said.name, "organisation": said.organisation, "publish": said.publish}
    )


def test_what_is_published_is_masked_and_has_the_day_alone() -> None:
    response = given_response(
        1, text="AB12 CDE", name="KLM 3", organisation="a@b.example", received_us=1_783_512_000_000_000
    )
    shown = published_form(response)
    assert (shown.text, shown.name, shown.organisation) == (
        "[number plate]",
        "[number plate]",
        "[e-mail address]",
    )
    assert shown.received_on == "2026-07-08"


def test_the_hash_is_of_all_that_was_said() -> None:
    one = given_response(1)
    others = [
        given_response(1, text="Yes."),
        given_response(1, name="a"),
        given_response(1, organisation="a"),
        given_response(1, publish=False),
        given_response(1, consultation="c-other"),
    ]
    assert len({digest(each) for each in (one, *others)}) == 6
    assert digest(one) == digest(given_response(7, id="ff", received_us=9))


# --- the fold -----------------------------------------------------------------------------------------------------


def test_the_fold_counts_and_keeps_no_text() -> None:
    state = State()
    state.apply(Transaction(at_us=1, responses=(given_response(1, text="Secret words"),)), 1)
    both = (given_response(2, publish=False), given_response(1, consultation="c-b"))
    state.apply(Transaction(at_us=1, responses=both), 2)
    assert state.responses == {NAME: 2, "c-b": 1}
    assert state.responses_withheld == {NAME: 1}
    assert b"Secret words" not in dump_state(state)
    assert load_state(dump_state(state)).responses == state.responses


@pytest.mark.parametrize("numbers", [(2,), (0,), (1, 1), (1, 3)])
def test_a_transaction_that_does_not_continue_the_count_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="does not continue the responses"):
        State().apply(Transaction(at_us=1, responses=tuple(given_response(n) for n in numbers)), 1)


def test_a_response_is_a_part_of_its_transaction() -> None:
    transaction = Transaction(at_us=1, responses=(given_response(1, name="A", publish=False),))
    assert decode(encode(transaction)) == transaction


# --- a gateway ----------------------------------------------------------------------------------------------------


def found(folder: Path, *changes: Callable[[dict[str, Any]], object]) -> Path:
    """Make a deployment whose charter lets a consultation be a minute long, and is changed otherwise too."""
    document = documents.changed(charter(), documents.put("consulting.shortest", "PT1M"), *changes)
    offices = next(rule["offices"] for rule in document["signatures"] if rule["kind"] == "charter")
    envelope = dump_envelope(sign_document(document, documents.keys_of(offices)))

    async def make() -> None:
        deployment = Deployment(folder)
        key = deployment.lay()
        Ledger.create(deployment.log, note_signer(key, ORIGIN), ORIGIN).close()
        await Gateway.found(load_settings(folder), envelope, MovableClock())

    asyncio.run(make())
    return folder


def proposal(clock: MovableClock, name: str = NAME, *, opens_in_us: int = 0) -> bytes:
    """Return a consultation of two minutes, signed."""
    opens_us = clock.now_us() + opens_in_us
    document = documents.changed(
        documents.example("consultation"),
        documents.put("consultation.id", name),
        documents.put("consultation.at", rfc3339(clock.now_us())),
        documents.put("consultation.opens_at", rfc3339(opens_us)),
        documents.put("consultation.closes_at", rfc3339(opens_us + 2 * MINUTE_US)),
    )
    return dump_envelope(sign_document(document, documents.keys_of(["tfl/data-protection"])))


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("laid") / "gateway")


class Life:
    """One gateway in several lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovableClock()
        self.gateway: Gateway

    async def start(self) -> Gateway:
        self.gateway = await Gateway.start(load_settings(self.folder), self.clock)
        return self.gateway


@pytest.fixture
async def life(laid: Path, tmp_path: Path) -> AsyncIterator[Life]:
    shutil.copytree(laid, tmp_path / "gateway")
    living = Life(tmp_path / "gateway")
    await living.start()
    await living.gateway.filing.submit(proposal(living.clock))
    yield living
    await living.gateway.stop()


async def test_a_response_is_acknowledged_once_it_is_committed(life: Life) -> None:
    responses = life.gateway.responses
    taken = await responses.give(NAME, SaidInPublic(text="I object."))
    fact = json.loads(taken.fact)
    assert set(fact) == {"kind", "consultation", "id", "sha256", "salt"}, "it tells neither count nor commit"
    assert leaf_hash(taken.fact).hex() == taken.leaf
    assert life.gateway.commits.committed.responses == {NAME: 1}
    with pytest.raises(InputError) as early:
        responses.count(NAME)
    assert early.value.code == "consultation-not-closed"
    life.clock.shift_us += 3 * MINUTE_US
    assert responses.count(NAME) == (1, 0)
    held = await responses.read(NAME, 1, 1)
    assert (held[0].text, held[0].id) == ("I object.", taken.id)


async def test_those_that_come_at_the_same_time_are_all_kept_in_order(life: Life) -> None:
    responses = life.gateway.responses
    texts = [f"Voice {n}" for n in range(60)]
    taken = await asyncio.gather(
        *(responses.give(NAME, SaidInPublic(text=text, publish=n % 3 != 0)) for n, text in enumerate(texts))
    )
    assert len({one.id for one in taken}) == 60
    life.clock.shift_us += 3 * MINUTE_US
    assert responses.count(NAME) == (60, 20)
    held = await responses.read(NAME, 1, 60)
    assert [one.number for one in held] == list(range(1, 61))
    assert {one.text for one in held} == set(texts)
    assert {one.id for one in held} == {one.id for one in taken}
    part = await responses.read(NAME, 11, 20)
    assert [one.number for one in part] == list(range(11, 21))
    assert await responses.read(NAME, 1, 0) == ()


async def test_it_is_taken_from_the_opening_to_the_closing(life: Life) -> None:
    responses = life.gateway.responses
    await life.gateway.filing.submit(proposal(life.clock, "c-later", opens_in_us=MINUTE_US))
    for name, code in (("c-later", "consultation-not-open"), ("c-none", "unknown-consultation")):
        with pytest.raises(InputError) as refused:
            await responses.give(name, SaidInPublic(text="a"))
        assert refused.value.code == code
        with pytest.raises(InputError) as asked:
            responses.demand_open(name)
        assert asked.value.code == code
    life.clock.shift_us += 2 * MINUTE_US - 20_000_000
    await responses.give("c-later", SaidInPublic(text="In time."))
    await responses.give(NAME, SaidInPublic(text="At the last moment."))
    life.clock.shift_us += 30_000_000
    with pytest.raises(InputError) as late:
        await responses.give(NAME, SaidInPublic(text="Late."))
    assert late.value.code == "consultation-closed"
    assert responses.count(NAME) == (1, 0)


async def test_what_was_committed_and_not_projected_is_there_after_the_next_start(life: Life) -> None:
    """A crash between commit and projection: the stream is lost, COMMITS is replayed."""
    gateway = life.gateway
    taken = [await gateway.responses.give(NAME, SaidInPublic(text=f"Kept {n}")) for n in range(5)]
    await gateway.projections.settle()
    await gateway.link.jetstream.delete_stream(f"RESPONSES-{NAME}")
    # As a kill leaves it: no snapshot and no purge that came after.
    shutil.rmtree(life.folder / "snapshots")
    gateway.failed.set()
    await gateway.stop()
    gateway = await life.start()
    life.clock.shift_us += 3 * MINUTE_US
    held = await gateway.responses.read(NAME, 1, 5)
    assert [one.id for one in held] == [one.id for one in taken]
    assert gateway.responses.count(NAME) == (5, 0)


async def test_a_replay_writes_nothing_twice(life: Life) -> None:
    gateway = life.gateway
    await gateway.responses.give(NAME, SaidInPublic(text="Once."))
    await gateway.stop()
    gateway = await life.start()
    await gateway.responses.give(NAME, SaidInPublic(text="Twice."))
    life.clock.shift_us += 3 * MINUTE_US
    assert [one.text for one in await gateway.responses.read(NAME, 1, 2)] == ["Once.", "Twice."]
    stream = await gateway.projections.responses(NAME)
    assert stream.last == 2
    data = await stream.get(1)
    assert data is not None
    assert b"Once." not in data
    opened = gateway.projections.response_keys(NAME).open(data)
    assert msgspec.msgpack.decode(opened or b"", type=ResponseGiven).text == "Once."


async def test_the_proof_of_a_response_has_no_term(life: Life) -> None:
    gateway = life.gateway
    taken = await gateway.responses.give(NAME, SaidInPublic(text="Prove it."))
    life.clock.shift_us += 3_000_000
    gateway.commits.tick()
    await asyncio.wait_for(_settled(gateway), 20)
    gateway.projections.proofs.add([], 1 << 60)  # far past every term
    answer = gateway.projections.proofs.answer(leaf_hash(taken.fact))
    assert answer is not None
    assert answer.leaf == taken.leaf


async def _settled(gateway: Gateway) -> None:
    while gateway.commits.under_way:
        await asyncio.sleep(0.005)
    await gateway.projections.settle()


async def test_responses_end_with_their_term_and_stay_ended(life: Life) -> None:
    gateway = life.gateway
    for publish in (True, False):
        await gateway.responses.give(NAME, SaidInPublic(text="My secret.", name="A", publish=publish))
    until_us = gateway.responses.kept_until(NAME)
    closes_us = gateway.commits.committed.regime.consultations[NAME].closes_us
    covers_for = gateway.commits.parsed.charter(gateway.commits.committed).consulting.covers_for
    assert until_us == add(closes_us, covers_for)
    life.clock.shift_us += 3 * MINUTE_US
    assert await gateway.responses.end() == []
    assert len(await gateway.responses.read(NAME, 1, 2)) == 2
    stored = [path.read_bytes() for path in (life.folder / "nats").rglob("*") if path.is_file()]
    assert not any(b"My secret." in data for data in stored)
    assert [*(life.folder / "content-keys" / f"responses-{NAME}").iterdir()]
    life.clock.shift_us += until_us - life.clock.now_us() + 1
    for _ in range(2):
        with pytest.raises(InputError) as past:
            await gateway.responses.read(NAME, 1, 2)
        assert past.value.code == "responses-past-term", "from the first moment, deleted or not"
        # A gateway that was away for so long deletes them at its start, and tells how many first.
        await gateway.stop()
        gateway = await life.start()
    told: list[Any] = []
    for number in range(1, gateway.commits.committed.sequence + 1):
        data = await gateway.stored.original(number)
        if data is not None:
            told += [json.loads(fact) for fact in decode_held(data, gateway.keys)[0].facts]
    purges = [one for one in told if one.get("of") == "responses"]
    assert [(one["whose"], one["count"], one["until"]) for one in purges] == [(NAME, 2, rfc3339(until_us))]
    await gateway.projections.settle()
    stream = await gateway.projections.responses(NAME)
    assert [await stream.get(number) for number in (1, 2)] == [None, None]
    assert gateway.responses.count(NAME) == (2, 1), "how many there were is still said"
    await gateway.stop()
    gateway = await life.start()
    assert (await gateway.projections.responses(NAME)).last == 2
    assert not [*(life.folder / "content-keys" / f"responses-{NAME}").iterdir()]


def test_a_decision_that_covers_longer_keeps_them_longer() -> None:
    taken = ConsultationTaken(envelope=b"", entry=1, at_us=0, opens_us=0, closes_us=10)
    assert responses_until(taken, Period(us=5)) == 15
    decided = DecisionTaken(envelope=b"", entry=2, at_us=12, approved=True, until_us=99)
    assert responses_until(msgspec.structs.replace(taken, decision=decided), Period(us=5)) == 99
    rejected = msgspec.structs.replace(decided, approved=False, until_us=None)
    assert responses_until(msgspec.structs.replace(taken, decision=rejected), Period(us=5)) == 15
