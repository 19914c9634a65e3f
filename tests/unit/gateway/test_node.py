"""A whole gateway in this process: founding, starts and stops, what people do, and what it refuses to begin with."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.matching import MovableClock
from tests.simulator import CAMERAS, CT, OWN, OWN_SIGNERS, VKEY, envelope, founding
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError, StreamError
from wicketgate.base.settings import load_settings
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.transactions import CameraSet
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.writer import Ledger
from wicketgate.reads.checks import ClockLimits, check
from wicketgate.reads.images.store import Images
from wicketgate.reads.intake import Intake
from wicketgate.reads.parse import parse
from wicketgate.reads.repeats import Seen
from wicketgate.reads.takers import PostAnswer

ORIGIN = "tfl.example/wicketgate"


CLOCK = MovableClock()


async def made(folder: Path) -> str:
    """Make a deployment; return the admin's token."""
    deployment = Deployment(folder)
    key = deployment.lay()
    Ledger.create(deployment.log, note_signer(key, ORIGIN), ORIGIN).close()
    return await Gateway.found(load_settings(folder), founding(), CLOCK)


@pytest.fixture
async def gateway(folder: Path) -> AsyncIterator[Gateway]:
    """A running gateway."""
    running = await start(folder)
    yield running
    await running.stop()


async def start(folder: Path) -> Gateway:
    return await Gateway.start(load_settings(folder), CLOCK)


async def equip(gateway: Gateway) -> None:
    """Register cameras and let two authorities take effect."""
    await gateway.camera_lists.register_cameras("tfl", CAMERAS)
    await gateway.filing.submit(envelope("authority-own-use", OWN_SIGNERS))
    await gateway.filing.submit(envelope("authority", documents.CT_OFFICES))


async def post(gateway: Gateway, *numbers: int) -> PostAnswer:
    """Post reads of one camera."""
    now_us = CLOCK.now_us()
    reads = [
        {
            "id": f"r{n}",
            "camera": "c0",
            "captured_at": rfc3339(MOMENT_US + n),
            "plate": f"P{n}",
            "confidence": 1,
        }
        for n in numbers
    ]
    checked = check(
        parse(json.dumps(reads).encode(), "application/json"),
        source="tfl",
        cameras={"c0": 0}.get,
        limits=ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US),
        now_us=now_us,
    )
    return await gateway.intake.take(checked, "tfl")


MOMENT_US = CLOCK.now_us()


async def until(condition: Callable[[], object], patience_s: float = 15.0) -> None:
    ends = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < ends, "it does not come about"
        await asyncio.sleep(0.01)


def rows(gateway: Gateway, name: str) -> int:
    return gateway.commits.committed.feeds[name].rows


async def test_what_was_founded_has_its_charter_its_log_and_one_token(gateway: Gateway) -> None:
    state = gateway.commits.committed
    assert gateway.commits.parsed.charter(state).origin == ORIGIN
    assert list(state.tokens.values()) == ["admin"]
    entries = [json.loads(gateway.ledger.entry(n)) for n in range(2)]
    assert [entry["kind"] for entry in entries] == ["document", "operation"]
    assert entries[1]["operation"] == "init"
    assert entries[1]["log_key"] == gateway.ledger_vkey != VKEY
    assert entries[1]["settings"]


async def test_a_read_goes_its_way_and_is_proved(gateway: Gateway) -> None:
    await equip(gateway)
    assert (await post(gateway, 1, 2)).accepted == 2
    assert (await post(gateway, 2)).repeated == 1
    feed = gateway.projections.feeds[OWN]
    await until(lambda: feed.last >= 1)
    await until(lambda: gateway.commits.committed.seconds >= 2)
    await until(lambda: gateway.projections.openings.last >= 2)
    assert rows(gateway, OWN) == rows(gateway, CT) == 2
    assert not gateway.failed.is_set()


async def test_a_stop_and_a_start_lose_nothing_and_repeat_nothing(folder: Path) -> None:
    gateway = await start(folder)
    await equip(gateway)
    await post(gateway, *range(10))
    await gateway.stop()
    for life in range(2):
        gateway = await start(folder)
        assert (await post(gateway, *range(10))).repeated == 10
        await post(gateway, 100 + life)
        await gateway.stop()
    gateway = await start(folder)
    await until(lambda: rows(gateway, OWN) == 12)
    await gateway._project_all()
    batches = await gateway.projections.feeds[OWN].batches(0, 100, 10**8)
    assert b"".join(batches).count(b'"plate"') == 12
    entries = [gateway.ledger.entry(n) for n in range(gateway.ledger.size)]
    assert sum(b'"operation":"start"' in entry for entry in entries) == 4
    await gateway.stop()


async def test_the_streams_are_killed_under_it(gateway: Gateway) -> None:
    await equip(gateway)
    assert gateway.server is not None
    posted = 0
    for _ in range(3):
        assert gateway.server.pid is not None
        os.kill(gateway.server.pid, signal.SIGKILL)
        posted += (await asyncio.wait_for(post(gateway, *range(posted, posted + 5)), 30)).accepted
        pid = gateway.server.pid
        await until(lambda pid=pid: gateway.server is not None and gateway.server.pid is not None)
    await until(lambda: rows(gateway, OWN) == posted == 15)
    assert not gateway.failed.is_set()


async def test_a_second_gateway_on_one_deployment_is_refused(
    gateway: Gateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.gateway.deployment._LOCK_PATIENCE_S", 0.2)
    with pytest.raises(ConfigurationError, match="another gateway"):
        await start(folder)
    assert (await gateway.tokens.issue_token("source:tfl")) != ""  # the first goes on


async def test_a_folder_that_is_no_deployment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a deployment"):
        await start(tmp_path)
    Deployment(tmp_path / "d").lay()
    with pytest.raises(ConfigurationError, match="not a whole deployment"):
        await start(tmp_path / "d")


@pytest.mark.parametrize("part", ["nats", "log", "index", "proofs"])
async def test_a_part_that_was_lost_is_never_begun_anew(folder: Path, part: str) -> None:
    gateway = await start(folder)
    await equip(gateway)
    await post(gateway, 1)
    await gateway.stop()
    shutil.rmtree(folder / part)
    with pytest.raises((ConfigurationError, StreamError)):
        await start(folder)


async def test_snapshots_are_made_again_from_commits_that_are_whole(folder: Path) -> None:
    gateway = await start(folder)
    await equip(gateway)
    await gateway.stop()
    shutil.rmtree(folder / "snapshots")
    gateway = await start(folder)
    assert sorted(gateway.commits.committed.authorities) == [OWN, CT]
    await gateway.link.purge_below("COMMITS", 3)
    await gateway.stop()
    shutil.rmtree(folder / "snapshots")
    with pytest.raises(ConfigurationError, match="COMMITS, which begins at 3"):
        await start(folder)


async def test_an_older_store_beside_newer_parts_is_refused(folder: Path, tmp_path: Path) -> None:
    gateway = await start(folder)
    await equip(gateway)
    await gateway.stop()
    shutil.copytree(folder / "nats", tmp_path / "older")
    gateway = await start(folder)
    await post(gateway, 1)
    await gateway.stop()
    shutil.rmtree(folder / "nats")
    shutil.copytree(tmp_path / "older", folder / "nats")
    with pytest.raises(ConfigurationError):
        await start(folder)


async def test_commits_that_were_lost_are_not_begun_anew(folder: Path) -> None:
    """The index would take repeats for new reads, and feeds would begin again."""
    gateway = await start(folder)
    await equip(gateway)
    await post(gateway, 1)
    await until(lambda: rows(gateway, OWN) == 1)
    await gateway.link.jetstream.delete_stream("COMMITS")
    await gateway.stop()
    with pytest.raises(ConfigurationError, match="COMMITS"):
        await start(folder)


CLOSING = (
    (Intake, "close"),
    (Images, "close"),
    (Projections, "settle"),
    (Projections, "close"),
    (StreamWriter, "close"),
    (Link, "close"),
    (Seen, "close"),
    (Proofs, "close"),
    (HitQueue, "close"),
    (Ledger, "close"),
    (NatsServer, "stop"),
)
"""How the parts of a gateway stop, in their order; feeds have no writer of their own among them."""


def record_stops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every part adds its name when it is stopped."""
    stopped: list[str] = []

    def spied(part: type, method: str) -> None:
        original = getattr(part, method)

        def spy(self: object, *args: object, **named: object) -> object:
            stopped.append(f"{part.__name__}.{method}")
            return original(self, *args, **named)

        monkeypatch.setattr(part, method, spy)

    for part, method in CLOSING:
        spied(part, method)
    return stopped


async def test_parts_stop_in_order_and_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = record_stops(monkeypatch)
    gateway = await start(folder)
    assert not stopped
    await gateway.stop()
    once = [name for number, name in enumerate(stopped) if name not in stopped[:number]]
    assert once == [f"{part.__name__}.{method}" for part, method in CLOSING]
    assert stopped.count("Intake.close") == stopped.count("Ledger.close") == 1
    await gateway.stop()
    assert stopped.count("Intake.close") == stopped.count("Ledger.close") == 1


@pytest.mark.parametrize(
    ("broken", "stopped"),
    [
        ("NatsServer.start", ["NatsServer.stop"]),
        ("Link.open", ["NatsServer.stop"]),
        ("HitQueue.__init__", ["Link.close", "Ledger.close", "NatsServer.stop"]),
        (
            "Following.fold",
            ["Projections.close", "Link.close", "Seen.close", "Proofs.close", "HitQueue.close"],
        ),
        ("Images.__init__", ["Projections.settle", "Projections.close", "Link.close", "Seen.close"]),
        ("RowMaker.__init__", ["Images.close", "Projections.settle", "Projections.close", "Link.close"]),
    ],
)
async def test_a_start_that_fails_closes_what_it_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str, stopped: list[str]
) -> None:
    monkeypatch.setattr("wicketgate.gateway.deployment._LOCK_PATIENCE_S", 0.2)

    def fail(*_args: object, **_named: object) -> None:
        raise ConfigurationError("broken")

    with monkeypatch.context() as patched:
        record = record_stops(patched)
        patched.setattr(f"wicketgate.gateway.node.{broken}", fail)
        with pytest.raises(ConfigurationError, match="broken"):
            await start(folder)
    opened = [name for name in record if name != "StreamWriter.close"]
    assert opened[: len(stopped)] == stopped
    assert opened[-1] == "NatsServer.stop"
    gateway = await start(folder)  # the lock, the ledger and the environments are free again
    await gateway.stop()


async def test_a_part_that_cannot_stop_keeps_no_other_from_stopping(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def fail(_self: Intake) -> None:
            raise StreamError("it does not stop")

        patched.setattr(Intake, "close", fail)
        gateway = await start(folder)
        with pytest.raises(StreamError, match="does not stop"):
            await gateway.stop()
    await (await start(folder)).stop()


async def test_documents_take_effect_or_change_nothing(gateway: Gateway) -> None:
    await gateway.camera_lists.register_cameras("tfl", CAMERAS)
    with pytest.raises(DocumentRefused) as caught:
        await gateway.filing.submit(envelope("authority", documents.CT_OFFICES[:2]))
    assert caught.value.code == "signature-missing"
    assert not gateway.commits.committed.authorities
    assert CT not in gateway.projections.feeds  # no stream for what was refused
    with pytest.raises(DocumentRefused) as caught:
        await gateway.filing.submit(founding())
    assert caught.value.code == "version-not-next"
    for malformed in (b"", b"{}", b"\xff"):
        with pytest.raises(DocumentRefused):
            await gateway.filing.submit(malformed)
    entry, in_force_us = await gateway.filing.submit(envelope("authority", documents.CT_OFFICES))
    await until(lambda: gateway.ledger.size > entry)
    assert json.loads(gateway.ledger.entry(entry))["kind"] == "document"
    assert abs(in_force_us - CLOCK.now_us()) < 5 * SECOND_US
    with pytest.raises(DocumentRefused) as caught:
        await gateway.filing.submit(envelope("authority", documents.CT_OFFICES))
    assert caught.value.code == "version-not-next"


async def test_a_revocation_stops_the_feed_and_wakes_who_waits(gateway: Gateway) -> None:
    await equip(gateway)
    feed = gateway.projections.feeds[CT]
    waiting = asyncio.create_task(feed.wait(0, 30))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await gateway.filing.submit(envelope("revocation", ("tfl/data-protection",)))
    await asyncio.wait_for(waiting, 5)
    assert time.monotonic() - begun < 1
    await post(gateway, 1)
    await until(lambda: rows(gateway, OWN) == 1)
    state = gateway.commits.committed
    assert rows(gateway, CT) == 0
    assert state.totals.refused[f"{CT}@1"] == {"revoked": 1}
    assert gateway.commits.committed_at(CLOCK.now_us()).status(state.authorities[CT], 0) == "revoked"


async def test_cameras_are_committed_as_a_list(gateway: Gateway) -> None:
    entry = await gateway.camera_lists.register_cameras("tfl", CAMERAS)
    await until(lambda: gateway.ledger.size > entry)
    body = json.loads(gateway.ledger.entry(entry))
    assert (body["count"], body["groups"]) == (3, {"ccz-boundary": 2, "outside": 1})
    assert b'"c0"' not in gateway.ledger.entry(entry)
    for wrong in ((CAMERAS[0], CAMERAS[0]), tuple(CameraSet(id=f"c{n}") for n in range(100_001))):
        with pytest.raises(InputError):
            await gateway.camera_lists.register_cameras("tfl", wrong)


async def test_tokens(gateway: Gateway) -> None:
    first, second = (
        await gateway.tokens.issue_token("source:tfl"),
        await gateway.tokens.issue_token("source:tfl"),
    )
    assert first != second
    assert len(first) > 30
    state = gateway.commits.committed
    assert sorted(state.tokens.values()) == ["admin", "source:tfl", "source:tfl"]
    assert first not in str(state.tokens)
    await gateway.tokens.withdraw_tokens("source:tfl")
    assert list(gateway.commits.committed.tokens.values()) == ["admin"]


async def test_what_every_part_has_is_let_go(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    await equip(gateway)
    await post(gateway, 1, 2, 3)
    await until(lambda: rows(gateway, OWN) == 3)
    await gateway._project_all()
    await gateway.housekeeping.purge()
    commits = (await gateway.link.info("COMMITS")).state
    assert commits.first_seq <= gateway.seen.position + 1  # the index has not been flushed further
    assert commits.first_seq <= gateway.projections.position + 1


async def test_a_failure_inside_ends_the_gateway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await start(folder)

    def broken() -> None:
        raise InputError("broken")

    monkeypatch.setattr(gateway.commits, "tick", broken)
    await asyncio.wait_for(gateway.failed.wait(), 5)
    assert isinstance(gateway.failure, InputError)
    await gateway.stop()


async def test_it_stops_in_the_middle_of_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.gateway.housekeeping._FLUSH_S", 0.001)
    monkeypatch.setattr("wicketgate.gateway.housekeeping._SNAPSHOT_S", 0.01)
    for pause_s in (0.0, 0.05, 0.3):
        gateway = await start(folder)
        if not gateway.commits.committed.cameras:
            await equip(gateway)
        posts = [asyncio.create_task(post(gateway, n)) for n in range(50)]
        await asyncio.sleep(pause_s)
        await gateway.stop()
        results = await asyncio.gather(*posts, return_exceptions=True)
        assert all(isinstance(result, PostAnswer | StreamError) for result in results)
    gateway = await start(folder)
    await post(gateway, *range(50))
    await until(lambda: rows(gateway, OWN) == 50)
    await gateway.stop()
