"""A machine whose clock is wrong: seconds close, reads are decided, authorities end, and the log tells of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import enrol, make, take_stalls
from tests import running as tools
from tests.running import arrived, entries, feed, get, plates, plates_in, post, read, until
from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate_demo.world import london

pytestmark = pytest.mark.needs("faketime")
ENDS = "tfl-ends"


@pytest.fixture(autouse=True)
def loops_were_free() -> Iterator[None]:
    """Not asked here: under faketime each look at a clock costs many times what it costs."""
    yield
    take_stalls()


class Moved:
    """A deployment on a machine whose clock is moved: of the gateway's process alone, and not of its child."""

    def __init__(self, base: Path) -> None:
        self.running = make(base)
        self._offset = base / "offset"
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.running.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            # Once a second: without it each look at any clock reads the file, and the loop does little else.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Its fix for another C library ends each wait of a thread for the interpreter at once, so that all spin.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self.move(0)

    def move(self, seconds: int) -> None:
        """Set the machine's clock so far from the true time."""
        self._offset.write_text(f"{seconds:+d}\n")

    def start(self, *arguments: str) -> None:
        self.running.start(*arguments)

    def equip(self) -> None:
        """Issue tokens, register cameras, let the authorities take effect."""
        admin = (self.running.folder / "keys" / "admin.token").read_text().strip()
        self.running.tokens = enrol(self.running.url, admin, self.running.offices, 60, self.running.at_us)

    def refused(self, *arguments: str) -> str:
        """Return what a start that is refused says."""
        begin = self.running.log.stat().st_size if self.running.log.exists() else 0
        with pytest.raises(RuntimeError):
            self.running.start(*arguments)
        assert self.running.wait(30) == 2
        return self.running.log.read_bytes()[begin:].decode()

    def size(self) -> int:
        return tools.log_of(self.running.url)[1].size

    def steps(self) -> list[int]:
        """Return how far the machine's clock stood off, in whole seconds, by each step that the log tells of."""
        return [
            round((parse_rfc3339(one["machine"]) - parse_rfc3339(one["at"])) / SECOND_US)
            for one in entries(self.running.url)
            if one.get("operation") == "clock-step"
        ]

    def decides(self, plate: str) -> None:
        """Assert that a read is acknowledged, decided and delivered."""
        post(self.running, read(plate))
        arrived(self.running, london.CHARGING, [plate])


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Moved]:
    world = Moved(tmp_path)
    try:
        yield world
    finally:
        world.running.stop()


def test_steps_while_running_stop_nothing_and_are_told(moved: Moved) -> None:
    moved.start()
    moved.equip()
    fresh = iter(plates(20, 6))
    for seconds in (1800, -1200):
        moved.move(seconds)
        before, before_s = moved.size(), time.monotonic()
        until(lambda seconds=seconds: moved.steps()[-1:] == [seconds] or None)  # type: ignore[misc]
        moved.decides(next(fresh))
        assert moved.size() - before >= int(time.monotonic() - before_s) - 6  # the merge delay, and one
        assert get(f"{moved.running.url}/healthz").status_code == 200
        assert get(f"{moved.running.url}/readyz").json() == {"status": "ready"}
        shown_us = parse_rfc3339(get(f"{moved.running.url}/register.json").json()["as_of"])
        assert abs(shown_us - tools.now_us()) < 5 * SECOND_US
    assert moved.steps() == [1800, -1200]
    checked = tools.wicketgate("verify", moved.running.url)
    assert checked.returncode == 0, checked.stdout
    assert "the machine's clock was moved 2 times" in checked.stdout


def test_an_authority_ends_when_it_is_due_though_the_clock_was_set_back(moved: Moved) -> None:
    moved.start()
    moved.equip()
    document = london.charging_authority(moved.running.at_us)
    ends_us = (tools.now_us() // SECOND_US + 8) * SECOND_US
    document["authority"] |= {"name": ENDS, "valid_until": rfc3339(ends_us)}
    answer = tools.submit(moved.running, document, *london.SIGNERS[london.CHARGING])
    assert answer.status_code == 201, answer.text
    first, last = plates(2, 7)
    post(moved.running, read(first))
    arrived(moved.running, ENDS, [first])
    moved.move(-1200)
    time.sleep(max(0.0, (ends_us - tools.now_us()) / SECOND_US) + 1)
    moved.decides(last)
    register = get(f"{moved.running.url}/register.json").json()
    assert {one["name"]: one["status"] for one in register["authorities"]}[ENDS] == "expired"
    assert plates_in(feed(moved.running, ENDS)) == [first]


@pytest.mark.timeout(900)  # it starts the gateway seven times
def test_a_start_by_a_wrong_clock_needs_a_word_and_nothing_freezes_afterwards(moved: Moved) -> None:
    moved.start()
    moved.equip()
    fresh = iter(plates(20, 8))
    moved.decides(next(fresh))
    assert moved.running.stop() == 0
    moved.move(-1200)
    said = moved.refused()
    assert "--accept-clock REASON" in said
    assert "[clock-leap]" in said
    moved.move(86_400)
    moved.start("--accept-clock", "a day ahead, for the test")
    post(moved.running, read(next(fresh)))
    assert moved.running.stop() == 0
    # The log holds seconds of tomorrow now: without a word nobody goes on from there.
    moved.move(0)
    assert "[clock-leap]" in moved.refused()
    moved.start("--accept-clock", "set right again")
    before, before_s = moved.size(), time.monotonic()
    for _ in range(3):
        moved.decides(next(fresh))
        assert get(f"{moved.running.url}/healthz").status_code == 200
    time.sleep(4)
    passed_s = time.monotonic() - before_s
    assert moved.size() - before >= passed_s / 2 - 5
    # A crash needs no second word.
    moved.running.kill()
    moved.start()
    moved.decides(next(fresh))
    starts = [one for one in entries(moved.running.url) if one.get("operation") == "start"]
    assert [one.get("accepted_clock") for one in starts] == [
        None,
        "a day ahead, for the test",
        "set right again",
        None,
    ]
    for one in starts[2:]:
        assert DAY_US - 5 * MINUTE_US < parse_rfc3339(one["at"]) - parse_rfc3339(one["machine"]) <= DAY_US
