"""Readers of a gateway in this process: what they fold and derive, whose word they need, and which keys they hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig

from tests.simulator import OWN
from tests.unit.gateway.test_node import equip, post, until
from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import ConfigurationError, LedgerError, NotEntitled, StreamError
from wicketgate.base.roles import READER, RoleCredential
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import dump_state
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.readers import shown as shown_module
from wicketgate.gateway.readers.reader import Reader, ReaderSettings
from wicketgate.gateway.readers.words import TOLD_KINDS
from wicketgate.gateway.roles import Roles
from wicketgate.ledger.facts import FactAnswer, release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.ledger.writer import Ledger


class Followed:
    """A gateway with roles, and readers that begin and end."""

    def __init__(self, gateway: Gateway, roles: Roles, folder: Path) -> None:
        self.gateway = gateway
        self.roles = roles
        self.folder = folder

    def credential(self, name: str = "west") -> RoleCredential:
        return self.roles.book.admit(READER, name, self.gateway.ledger.origin)

    async def reader(
        self, credential: RoleCredential | None = None, folder: str = "reader", *, local: bool = True
    ) -> Reader:
        """Begin a reader; it has caught up."""
        assert self.gateway.server is not None
        settings = ReaderSettings(
            folder=self.folder / folder,
            streams=self.gateway.server.for_readers,
            credential=credential
            or self.roles.book.admit_child(READER, "reader-1", self.gateway.ledger.origin),
            shown=self.folder,
            log=folder_fetch(self.gateway.deployment.log) if local else None,
        )
        reader = await Reader.start(settings)
        await self.caught_up(reader)
        return reader

    @property
    def unit(self) -> str:
        """The unit whose feed it is."""
        return self.gateway.commits.committed.feeds[OWN].whose

    async def caught_up(self, reader: Reader) -> None:
        gateway = self.gateway

        def has() -> bool:
            return (
                reader.commits.committed.sequence == gateway.commits.committed.sequence
                and not gateway.commits.under_way
                and reader.projections.ledger.size == gateway.ledger.size
                and not reader.behind()
            )

        await until(has)


@pytest.fixture
async def followed(folder: Path, tmp_path: Path) -> AsyncIterator[Followed]:
    from tests.unit.gateway.test_node import start

    gateway = await start(folder)
    await equip(gateway)
    roles = await Roles.open(gateway)
    yield Followed(gateway, roles, tmp_path)
    await roles.close()
    await gateway.stop()


@pytest.fixture
async def reader(followed: Followed) -> AsyncIterator[Reader]:
    started = await followed.reader()
    yield started
    await started.stop()


async def batches(side: Gateway | Reader, name: str = OWN) -> list[bytes]:
    return list(await side.projections.feeds[name].batches(0, 1000, 1 << 30))


async def whole(followed: Followed, *numbers: int) -> None:
    """Post reads, and wait until they are in the feed."""
    feed = followed.gateway.projections.feeds[OWN]
    last = feed.last
    assert (await post(followed.gateway, *numbers)).accepted == len(numbers)
    await until(lambda: feed.last > last)


async def within(seconds: float, condition: Callable[[], object]) -> None:
    begun = time.monotonic()
    await until(condition, seconds + 2)
    assert time.monotonic() - begun < seconds


async def test_a_reader_comes_to_the_gateways_state_log_and_feeds(followed: Followed, reader: Reader) -> None:
    for n in range(5):
        await whole(followed, n)
    await followed.caught_up(reader)
    gateway = followed.gateway
    assert dump_state(reader.commits.committed) == dump_state(gateway.commits.committed)
    assert await batches(reader) == await batches(gateway)
    assert reader.projections.ledger.checkpoint == gateway.ledger.checkpoint
    assert reader.projections.ledger.inclusion(3) == gateway.ledger.inclusion(3)
    assert abs(reader.clock.now_us() - gateway.clock.now_us()) < 500_000
    assert reader.ledger_vkey == gateway.ledger_vkey


@pytest.mark.parametrize("local", [True, False])
async def test_a_reader_that_was_away_takes_what_it_lacks(followed: Followed, local: bool) -> None:
    credential = followed.credential()
    await whole(followed, 1)
    first = await followed.reader(credential, local=local)
    await whole(followed, 2)
    await followed.caught_up(first)
    await first.stop()
    for n in range(3, 8):
        await whole(followed, n)
    await followed.gateway.housekeeping.purge()
    await whole(followed, 8)
    again = await followed.reader(credential, local=local)
    try:
        assert await batches(again) == await batches(followed.gateway)
        assert again.projections.feeds[OWN].first == 1
        assert again.projections.ledger.checkpoint == followed.gateway.ledger.checkpoint
    finally:
        await again.stop()


async def test_a_reader_with_a_gap_begins_again_while_others_wait_at_its_feeds(
    followed: Followed, reader: Reader
) -> None:
    await whole(followed, 1)
    await followed.caught_up(reader)
    feed = reader.projections.feeds[OWN]
    waits = asyncio.create_task(feed.wait(feed.last, 20))
    await reader._begin()  # with a snapshot from before: what comes next does not follow on it
    await whole(followed, 2)
    await waits
    await whole(followed, 3)
    await followed.caught_up(reader)
    assert reader.projections.feeds[OWN] is feed
    assert await batches(reader) == await batches(followed.gateway)
    assert dump_state(reader.commits.committed) == dump_state(followed.gateway.commits.committed)


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_reader_has_keys_of_rows_and_acts_in_memory_alone(followed: Followed, reader: Reader) -> None:
    await whole(followed, 1)
    await followed.caught_up(reader)
    assert reader.keys.known().keys() == set(TOLD_KINDS)
    raw = [key for kind in (*TOLD_KINDS, "reads") for key in followed.gateway.keys.of(kind).held(()).values()]
    assert len(raw) >= 3
    written = b"".join(
        path.read_bytes() for path in (followed.folder / "reader").rglob("*") if path.is_file()
    )
    assert not [key for key in raw if key in written]
    assert not list((followed.folder / "reader").rglob("*.key"))
    log_key = followed.gateway.deployment.log_key.read_bytes()
    assert log_key not in written


async def test_a_key_that_ends_is_gone_from_a_reader_within_a_second(
    followed: Followed, reader: Reader
) -> None:
    await whole(followed, 1)
    await followed.caught_up(reader)
    hour = followed.gateway.clock.now_us() // HOUR_US
    followed.gateway.keys.go_on((hour + 1) * HOUR_US)
    await within(1, lambda: hour + 1 in reader.keys.known()["rows"])
    assert hour in reader.keys.known()["rows"]
    followed.gateway.keys.end_before("rows", (hour + 1) * HOUR_US)
    await within(1, lambda: hour not in reader.keys.known()["rows"])
    assert hour in reader.keys.known()["acts"]


async def test_a_reader_seals_nothing(reader: Reader) -> None:
    with pytest.raises(StreamError):
        reader.keys.seal("rows", b"x", 0)


# --- the sequencer's word ---------------------------------------------------------------------------------------------


async def test_a_reader_that_is_cut_off_refuses_drops_its_keys_and_says_so(
    followed: Followed, reader: Reader
) -> None:
    await whole(followed, 1)
    await followed.caught_up(reader)
    assert reader.entitlement.entitled(followed.unit, OWN).name == OWN
    feed = reader.projections.feeds[OWN]
    waits = asyncio.create_task(feed.wait(feed.last, 20))
    await followed.roles.answering.close()
    await within(4.5, lambda: not reader.keys.known())
    await waits  # whoever waits looks again, and is refused
    for refused in (
        lambda: reader.entitlement.entitled(followed.unit, OWN),
        lambda: reader.entitlement.demand_own(followed.unit, OWN),
    ):
        with pytest.raises(StreamError, match="without its word"):
            refused()
    assert [one.part for one in reader.behind()] == ["sequencer"]
    with pytest.raises(StreamError):
        await reader.projections.prove(bytes(32))
    followed.roles = await Roles.open(followed.gateway)
    # It is another sequencer's life, with the same book on the disk; the child is not in it.
    await until(reader.failed.is_set)


async def test_a_sequencer_that_does_not_know_whether_it_leads_gives_readers_no_word(
    followed: Followed, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole(followed, 1)
    await followed.caught_up(reader)
    monkeypatch.setattr(followed.gateway.commits, "leads", lambda: False)
    await within(4.5, lambda: not reader.keys.known())
    with pytest.raises(StreamError, match="without its word"):
        reader.entitlement.entitled(followed.unit, OWN)
    monkeypatch.setattr(followed.gateway.commits, "leads", lambda: True)
    await until(lambda: not reader.behind() or None)
    assert reader.entitlement.entitled(followed.unit, OWN).name == OWN


async def test_a_reader_goes_on_with_a_sequencer_that_has_begun_anew(followed: Followed) -> None:
    reader = await followed.reader(followed.credential())
    try:
        await whole(followed, 1)
        await followed.caught_up(reader)
        await followed.roles.close()
        await until(lambda: not reader.keys.known())
        await post(followed.gateway, 2)
        followed.roles = await Roles.open(followed.gateway)
        await whole(followed, 3)
        await followed.caught_up(reader)
        assert reader.entitlement.entitled(followed.unit, OWN).name == OWN
        assert await batches(reader) == await batches(followed.gateway)
    finally:
        await reader.stop()


async def test_a_reader_that_is_withdrawn_ends_within_a_second(followed: Followed) -> None:
    reader = await followed.reader(followed.credential("west"))
    try:
        followed.roles.book.withdraw("west")
        await within(1, reader.failed.is_set)
        assert isinstance(reader.failure, NotEntitled)
        assert reader.failure.code == "role-withdrawn"
    finally:
        await reader.stop()
    with pytest.raises(NotEntitled):
        await Reader.start(reader.settings)


async def test_a_role_of_another_log_is_refused(followed: Followed) -> None:
    credential = msgspec.structs.replace(followed.credential(), origin="gateway.example/other")
    with pytest.raises(ConfigurationError, match="another one"):
        await followed.reader(credential)


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_a_reader_whose_log_differs_from_the_signed_one_stops_and_says_so(
    followed: Followed, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    await followed.caught_up(reader)
    size = reader.projections.ledger.size
    reader.projections._entries.append(b"what nobody has committed")
    reader.projections._known += 1
    await until(reader.failed.is_set)
    assert getattr(reader.failure, "code", "") == "log-differs"
    assert reader.projections.ledger.size == size
    assert "not the signed one" in caplog.text


async def test_a_reader_does_not_follow_a_log_that_was_taken_back(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = followed.credential()
    reader = await followed.reader(credential)
    await reader.stop()
    monkeypatch.setattr(shown_module, "_LOOKS", 1)
    gateway = followed.gateway

    async def shorter(least: int, timeout_s: float) -> bytes:
        return b""

    monkeypatch.setattr(gateway.projections, "log_beyond", shorter)
    with pytest.raises(LedgerError) as raised:
        await followed.reader(credential)
    assert raised.value.code == "log-differs"

    async def forked(least: int, timeout_s: float) -> bytes:
        folder = followed.folder / f"other-{least}"
        with Ledger.create(folder, gateway.deployment.log_signer(), gateway.ledger.origin) as other:
            other.append([b"another history"] * (least + 1))
            return other.checkpoint

    monkeypatch.setattr(gateway.projections, "log_beyond", forked)
    with pytest.raises(LedgerError) as differs:
        await followed.reader(credential)
    assert differs.value.code == "log-differs"


async def proof_of(side: Gateway | Reader, data: bytes) -> FactAnswer | None:
    header = msgspec.json.decode(data[: data.index(b"\n")])
    return await side.projections.prove(leaf_hash(release_fact(header)))


async def test_a_proof_from_before_a_reader_is_asked_for_and_verified(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole(followed, 1)
    (data,) = await batches(followed.gateway)
    seconds = followed.gateway.commits.committed.seconds
    await until(lambda: followed.gateway.commits.committed.seconds > seconds + 1)
    wanted = await proof_of(followed.gateway, data)
    assert wanted is not None
    reader = await followed.reader()
    try:
        assert await proof_of(reader, data) == wanted
        ask = reader.sequencer.proof

        async def another(leaf: bytes) -> FactAnswer | None:
            told = await ask(leaf)
            assert told is not None
            return msgspec.structs.replace(told, root="00" * 32)

        monkeypatch.setattr(reader.sequencer, "proof", another)
        with pytest.raises(StreamError, match="does not hold"):
            await proof_of(reader, data)
        await whole(followed, 2)
        second = (await batches(followed.gateway))[1]
        seconds = followed.gateway.commits.committed.seconds
        await until(lambda: followed.gateway.commits.committed.seconds > seconds + 1)
        await followed.caught_up(reader)
        assert await proof_of(reader, second) == await proof_of(followed.gateway, second)  # its own
    finally:
        await reader.stop()


# --- what ends --------------------------------------------------------------------------------------------------------


async def test_an_erased_row_is_hidden_and_then_read_from_where_it_was_rewritten(
    followed: Followed, reader: Reader
) -> None:
    gateway = followed.gateway
    for n in range(3):
        await whole(followed, n)
    await followed.caught_up(reader)
    await gateway._project_all()
    place = gateway.projections.index.places(OWN, 1, 1)[0]
    erased = (RowErased(number=place.sequence, feed=OWN, row=2),)
    await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=erased))
    await followed.caught_up(reader)
    assert b'"erased"' in (await batches(reader))[1]
    assert await batches(reader) == await batches(gateway)
    await gateway._project_all()
    await gateway.rewriting.carry_out(gateway.commits.committed.sequence)
    assert await gateway.stored.original(place.sequence) is None
    feed = reader.projections.feeds[OWN]
    feed._recent.clear()
    feed._recent_bytes = 0
    await until(lambda: reader.projections._index.held(OWN).last == 3)
    assert await batches(reader) == await batches(gateway)
    assert reader.projections._index.places(OWN, 1, 1)[0].rewritten > 0


async def test_the_user_for_readers_appends_to_nothing(followed: Followed, reader: Reader) -> None:
    gateway = followed.gateway
    assert gateway.server is not None
    link = await Link.open(gateway.server.for_readers, follows=True)
    before = (await gateway.link.info(COMMITS)).state.last_seq
    try:
        for subject in ("COMMITS", "REWRITTEN.1", "OPENINGS", "$JS.API.STREAM.PURGE.COMMITS"):
            await link.client.publish(subject, b"{}")
        await link.client.flush()
        for call in (
            link.jetstream.delete_msg(COMMITS, 1),
            link.jetstream.delete_stream(COMMITS),
            link.jetstream.purge_stream(COMMITS),
            link.jetstream.stream_info("OPENINGS"),
            link.jetstream.add_consumer("OPENINGS", ConsumerConfig()),
        ):
            with pytest.raises((NatsError, TimeoutError)):
                await asyncio.wait_for(call, 0.5)
    finally:
        await link.close()
    now = (await gateway.link.info(COMMITS)).state
    assert now.first_seq == 1
    assert now.last_seq - before < 10  # seconds that closed meanwhile
    assert await gateway.stored.original(1) is not None
