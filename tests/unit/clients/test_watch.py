"""The log behind a recipient's feed: cut, rewritten, standing still, or of another time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import VKEY, World, serve
from tests.simulator import HandClock
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import LedgerError, VerificationError
from wicketgate.clients.recipient import watch
from wicketgate.clients.recipient.watch import LogWatch
from wicketgate.clients.verify import verify_folder, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.tiles import folder_fetch

VERIFIER = parse_vkey(VKEY)


def in_earnest() -> dict[str, Any]:
    """Return a charter that is no demonstration's."""
    return documents.changed(made.charter(every="PT1H"), documents.put("charter.demonstration", False))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made_world = World(tmp_path / "log", founding=in_earnest())
    made_world.at_us += 200_000
    made_world.live(20)
    made_world.flush()
    yield made_world
    made_world.close()


def log_of(world: World) -> TrustedLog:
    return TrustedLog.open(folder_fetch(world.folder), VERIFIER)


def watcher(world: World, **more: Any) -> LogWatch:
    said: list[str] = more.pop("said", [])
    members = {"seen": (), "kept": None, "clock": HandClock(world.at_us), "say": said.append} | more
    return LogWatch(VERIFIER, **members)


@pytest.mark.parametrize("off_s", [61, 1200, 86_400, -62, -1200])
def test_a_log_of_another_time_than_this_machine_is_refused(world: World, off_s: int) -> None:
    clock = HandClock(world.at_us + off_s * SECOND_US)
    with pytest.raises(VerificationError, match="clock stands still or is wrong"):
        watcher(world, clock=clock).begin(log_of(world))
    watcher(world, clock=HandClock(world.at_us + 50 * SECOND_US)).begin(log_of(world))


def test_a_demonstration_may_have_a_simulated_clock(tmp_path: Path) -> None:
    world = World(tmp_path / "demo")
    world.live(5)
    world.flush()
    said: list[str] = []
    watcher(world, clock=HandClock(world.at_us + 86_400 * SECOND_US), said=said).begin(log_of(world))
    assert any("the log of a demonstration" in words for words in said)
    world.close()


@pytest.mark.parametrize(("entries", "words"), [(100, "clock stands still"), (129, "hold no second")])
def test_entries_behind_the_last_second_hide_no_clock_that_stands_still(
    world: World, monkeypatch: pytest.MonkeyPatch, entries: int, words: str
) -> None:
    monkeypatch.setattr(watch, "_SECOND_WITHIN", 128)
    for _ in range(entries):
        world.entry(kind="operation", operation="start", software="wicketgate")
    world.flush()
    with pytest.raises(VerificationError, match=words):
        watcher(world, clock=HandClock(world.at_us + 86_400 * SECOND_US)).begin(log_of(world))


def test_a_log_that_stands_still_is_refused_while_the_gateway_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(watch.time, "monotonic", lambda: now_s)
    one, log = watcher(world), log_of(world)
    one.begin(log)
    assert not one.due
    now_s += watch.STANDS_STILL_S
    assert one.due
    one.look(log)
    world.live(1)
    world.flush()
    now_s += 2
    one.look(log)  # it goes on
    now_s += watch.STANDS_STILL_S + 1
    with pytest.raises(VerificationError, match="stands still: no entry for 61 s"):
        one.look(log)


def test_a_clock_that_is_set_back_while_the_feed_is_followed_is_found(world: World) -> None:
    clock = HandClock(world.at_us)
    one, log = watcher(world, clock=clock), log_of(world)
    one.begin(log)
    clock.at_us += 90 * SECOND_US  # this machine went on, and the log wrote seconds of the old time
    world.live(2)
    world.flush()
    with pytest.raises(VerificationError, match="clock stands still or is wrong"):
        one.look(log)


def test_what_was_kept_binds_the_next_run_and_verify_alike(world: World, tmp_path: Path) -> None:
    kept, said = KeptCheckpoints(tmp_path / "state"), []
    watcher(world, kept=kept, said=said).begin(log_of(world))
    assert "nothing was kept of this log before" in said[0]
    size = world.ledger.size
    shorter = World(tmp_path / "shorter", founding=in_earnest())
    shorter.at_us += 200_000
    shorter.live(5)
    shorter.flush()
    with pytest.raises(LedgerError, match="the log was shortened") as caught:
        watcher(shorter, kept=kept).begin(log_of(shorter))
    assert caught.value.code == "not-extended"
    shorter.decide()
    shorter.live(30)
    shorter.flush()
    assert shorter.ledger.size > size
    with pytest.raises(LedgerError, match="somebody cut or rewrote it") as caught:
        watcher(shorter, kept=kept).begin(log_of(shorter))
    assert caught.value.code == "not-extended"
    shorter.close()
    said.clear()
    watcher(world, kept=kept, said=said).begin(log_of(world))
    assert said == []
    assert verify_folder(world.folder, kept=kept, clock=HandClock(world.at_us)).ok


def test_a_checkpoint_of_somebody_else_binds_too(world: World, tmp_path: Path) -> None:
    note = (world.folder / "checkpoint").read_bytes()
    other = World(tmp_path / "other", founding=in_earnest())
    other.at_us += 300_000
    other.live(40)
    other.flush()
    with pytest.raises(LedgerError, match="somebody cut or rewrote it"):
        watcher(other, seen=(note,)).begin(log_of(other))
    other.close()


# --- verify -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off_s", "good"), [(0, True), (-59, True), (-70, False), (86_400 * 400, True)])
def test_a_folder_may_be_old_and_not_ahead(world: World, off_s: int, good: bool) -> None:
    report = verify_folder(world.folder, clock=HandClock(world.at_us + off_s * SECOND_US))
    assert [check.name for check in report.checked if not check.ok] == ([] if good else ["fresh"])


@pytest.mark.parametrize("off_s", [0, 59, -59, 61, -61, 1200, -1200])
def test_a_gateway_of_another_time_fails(world: World, off_s: int) -> None:
    with serve(world) as gateway:
        clock = HandClock(world.at_us + off_s * SECOND_US)
        report = verify_url(gateway.url, clock=clock)
    bad = [check.name for check in report.checked if not check.ok]
    assert bad == (["fresh"] if abs(off_s) > 60 else [])


def test_an_old_register_beside_a_new_log_fails(world: World) -> None:
    """The register of half an hour ago: an authority that ended since would still be shown as in force."""
    with serve(world) as gateway:
        register = world.register()
        gateway.lies["/register.json"] = lambda _served, _query: (200, json.dumps(register).encode())
        for _ in range(40):
            world.close_second()
        world.flush()
        report = verify_url(gateway.url, clock=HandClock(world.at_us))
    words = next(check.words for check in report.checked if check.name == "fresh")
    assert "an old one is shown" in words
