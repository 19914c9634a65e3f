"""`bench growth`: a deployment grown large beside a small one: start, feed page, proof, pages, `verify`.

Both are made by the program's own writers, under a clock that is set by hand. Their logs are true: founded and enrolled
long ago, with each second since, figures each hour, and changes of standing when they are due; of seconds in which
nothing happens the entries are appended without a transaction for each. Transactions of a hundred batches each stand
for a hundred transactions: what a feed, its index and its proofs hold is the same, and COMMITS has a hundredth of the
messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.harness import WICKETGATE, Running, median
from bench.memory import memory_mb
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, SystemClock, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.clients.verify.journal import Journal, Verified
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.telling import next_change
from wicketgate.commits.state import dump_state
from wicketgate.commits.stored import encode
from wicketgate.commits.transactions import CameraSet, FeedBatch, Transaction
from wicketgate.feeds.index import BatchPlace
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import software
from wicketgate.ledger.facts import release_fact, second_entry, second_of
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.second import SecondClosed
from wicketgate.ledger.writer import Ledger
from wicketgate_demo.world import london

BATCHES = tuple(int(n) for n in os.environ.get("WICKETGATE_BENCH_FEED", "10000,500000").split(","))
LOG_S = tuple(int(n) for n in os.environ.get("WICKETGATE_BENCH_LOG", "3600,2592000").split(","))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
_IN_ONE = 100
_AT_ONCE = 20_000
_HELD_US = 27 * DAY_US
"""Over how long batches are spread at most: behind the term of feeds, of 28 days, they would end."""
_ENTRIES_AT_ONCE = 256 * 256
_FEED = london.CHARGING
_ROW = b'{"seq":0,"salt":"' + b"0" * 32 + b'","read":{"plate":"AB12CDE","camera":"ccz-0001"}}\n'
_HASH = hashlib.sha256(_ROW).hexdigest()


class Growing:
    """A deployment that is not running, opened with all its parts to be filled."""

    def __init__(self, gateway: Gateway, clock: ByHand) -> None:
        self._gateway = gateway
        self._clock = clock
        self._state = gateway.commits.committed
        self._random = random.Random(2007)
        self._journal = Journal()
        for index in range(gateway.ledger.size):
            self._journal.take(gateway.ledger.entry(index))
        self._append = gateway.ledger.append
        gateway.ledger.append = self._note  # type: ignore[method-assign]

    def _note(self, entries: Sequence[bytes]) -> None:
        self._append(entries)
        for entry in entries:
            self._journal.take(entry)

    def look(self, kept: KeptCheckpoints) -> None:
        """Keep what `verify` of the log so far would keep: it is made here, and read by none."""
        ledger, verifier = self._gateway.ledger, parse_vkey(self._gateway.ledger_vkey)
        kept.keep(verifier, ledger.checkpoint)
        figures = self._journal.fold(verifier.vkey).figures_kept()
        verified = Verified(edge=ledger._edge.copy(), journal=self._journal, figures=figures)
        kept.keep_verified(verifier, verified.dump(verifier.vkey))

    async def batches(self, count: int, since_us: int) -> None:
        """Add batches of one row to a feed, with the proofs of their releases, evenly from a time until now."""
        state, gateway = self._state, self._gateway
        through, feed = 0, state.feeds[_FEED]
        end = feed.batches + count + 1
        began_us, each_us = second_of(since_us), (self._clock.at_us - since_us) * _IN_ONE // count
        for begin in range(feed.batches + 1, end, _AT_ONCE):
            stored, written, seconds = [], [], []
            for first in range(begin, min(end, begin + _AT_ONCE), _IN_ONE):
                sequence = state.sequence + 1
                self._at_us = second_of(began_us + first // _IN_ONE * each_us)
                made = [self._batch(number) for number in range(first, first + _IN_ONE)]
                batches = tuple(batch for batch, _ in made)
                data, places = encode(Transaction(at_us=self._at_us, batches=batches), gateway.keys)
                for batch, (offset, length) in zip(batches, places, strict=True):
                    through += length
                    place = BatchPlace(sequence, offset, length, self._at_us, through)
                    written.append((_FEED, batch.number, place))
                stored.append(gateway.commits._writer.submit(data, f"growth-{sequence}"))
                facts = tuple(fact for _, fact in made)
                seconds.append(
                    SecondClosed(
                        number=1,
                        second_us=self._at_us,
                        entry=state.entries - 1 - (self._clock.at_us - self._at_us) // SECOND_US,
                        facts=facts,
                        seed=bytes(32),
                        sealed=b"",
                    )
                )
                state.sequence = sequence
                feed.batches, feed.rows = batches[-1].number, feed.rows + _IN_ONE
            await asyncio.gather(*stored)
            gateway.projections.index.write(written)
            gateway.projections.proofs.add(seconds, 0)

    def _batch(self, number: int) -> tuple[FeedBatch, bytes]:
        at = rfc3339(self._at_us)
        header = {
            "batch": number,
            "authority": f"{_FEED}@1",
            "commit": self._state.sequence + 1,
            "rows": 1,
            "root": "0" * 64,
            "sha256": _HASH,
            "released_at": at,
            "promise": {
                "salt": self._random.randbytes(16).hex(),
                "second": at,
                "merge_by": at,
                "signature": "A" * 88,
            },
        }
        line = json.dumps(header, separators=(",", ":")).encode() + b"\n"
        return FeedBatch(feed=_FEED, number=number, rows=1, data=line + _ROW), release_fact(header)

    async def enrol(self, offices: london.Offices) -> dict[str, str]:
        """Issue the tokens, register the cameras and submit the authorities; return the tokens by name."""
        gateway, at_us = self._gateway, self._clock.at_us
        await gateway.commits.start(software(gateway.settings.folder))
        tokens = {name: await gateway.tokens.issue_token(name) for name in london.TOKENS}
        cameras = msgspec.convert(london.cameras(1500), tuple[CameraSet, ...])
        await gateway.camera_lists.register_cameras("tfl", cameras)
        for name, document in (
            (_FEED, london.charging_authority(at_us)),
            (london.COUNTER_TERRORISM, london.counter_terrorism_authority(at_us)),
        ):
            await gateway.filing.submit(london.signed(document, offices, london.SIGNERS[name]))
        await self._told()
        return tokens

    async def live(self, until_us: int) -> None:
        """Let the seconds pass until a time, with what falls due in them."""
        commits = self._gateway.commits
        until_us = second_of(until_us)
        while commits.staged.second_us < until_us:
            now_us = commits.staged.second_us
            changes_us = next_change(commits.committed_at(now_us)) - 2 * SECOND_US
            hour_us = now_us - now_us % HOUR_US + HOUR_US
            end_us = min(until_us, hour_us, max(now_us, changes_us - changes_us % SECOND_US))
            if end_us > now_us:
                self._pass(range(now_us, end_us - SECOND_US, SECOND_US))
                self._clock.at_us = end_us
                commits.tick()  # the last second, and figures
                await self._settled()
            else:
                for _ in range(5):
                    self._clock.at_us += SECOND_US
                    commits.tick()
                    await self._told()

    async def _told(self) -> None:
        while self._gateway.filing.tell():
            await self._settled()
        await self._settled()

    async def _settled(self) -> None:
        commits = self._gateway.commits
        while commits.committed.sequence < commits.staged.sequence:
            await asyncio.sleep(0.001)
        await self._gateway._project_all()

    def _pass(self, seconds: range) -> None:
        """Append the entries of seconds in which nothing happens."""
        commits = self._gateway.commits
        for first in range(0, len(seconds), _ENTRIES_AT_ONCE):
            some = seconds[first : first + _ENTRIES_AT_ONCE]
            self._append([second_entry(at_us, self._random.randbytes(32)) for at_us in some])
            self._journal.pass_seconds(len(some))
        for state in (commits.staged, commits.committed):
            state.entries += len(seconds)
            state.second_us = state.at_us = seconds.stop

    async def keep(self) -> None:
        """Say to every part how far it has come, and keep two snapshots of the state."""
        gateway, state = self._gateway, self._state
        gateway.projections._taken = state.sequence
        gateway.seen.stored(b"", b"", state.sequence)
        gateway.seen.flush(gateway.seen.begin_flush(), 0)
        gateway.snapshots.save(dump_state(state), state.sequence, state.at_us)
        gateway.directory.reached(state.sequence)


class ByHand:
    """A clock that is set."""

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        """Return the time that is set."""
        return self.at_us

    async def sleep(self, seconds: float) -> None:
        """Wait for real seconds: nothing here waits for this clock."""
        await asyncio.sleep(seconds)


async def grow(running: Running, charter: bytes, batches: int, seconds: int, state: Path) -> None:
    """Found a deployment that is not running so long ago, and fill it; `state` gets what `verify` kept an hour ago."""
    clock, settings, now_us = ByHand(running.at_us), load_settings(running.folder), SystemClock().now_us()
    await Gateway.found(settings, charter, clock)
    gateway = Gateway(settings, clock)
    try:
        await gateway._open()
        growing = Growing(gateway, clock)
        running.tokens = await growing.enrol(running.offices)
        await growing.live(running.at_us + seconds * SECOND_US - HOUR_US)
        growing.look(KeptCheckpoints(state))
        await growing.live(now_us - SECOND_US)
        held_us = min(seconds * SECOND_US - HOUR_US // 60, _HELD_US)
        await growing.batches(batches, clock.at_us - held_us)
        await growing.keep()
    finally:
        await gateway.stop()


def grown(base: Path, batches: int, seconds: int) -> Running:
    """Return a deployment of a size, stopped."""
    base.mkdir()
    offices = london.appoint()
    at_us = SystemClock().now_us() - (seconds + 60) * SECOND_US
    charter = london.charter_document(offices, at_us)
    charter["limits"]["figures_every"] = "PT1H"
    del charter["charter"]["demonstration"]  # which would publish targeting with each period of traffic
    envelope = london.signed(charter, offices, charter["signatures"][0]["offices"])
    running = Running(base, offices, at_us)
    deployment = Deployment(running.folder)
    signer = note_signer(deployment.lay(TEMPLATE.encode()), london.ORIGIN)
    Ledger.create(deployment.log, signer, london.ORIGIN).close()
    former = os.umask(0o077)
    try:
        asyncio.run(grow(running, envelope, batches, seconds, base / "state"))
    finally:
        os.umask(former)
    return running


def verified(running: Running, *more: str) -> dict[str, float]:
    """Return how long `verify` takes, and its CPU, from what it kept an hour ago; milliseconds."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        state = Path(name) / "state"
        shutil.copytree(running.folder.parent / "state", state)
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*WICKETGATE, "verify", running.url, "--state", state, *more], capture_output=True, text=True
        )
        took_s, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"": took_s * 1000, ", CPU": cpu_s * 1000}


def looked(running: Running, batches: int, chance: random.Random, *, whole: bool = False) -> dict[str, float]:
    """Start a deployment, ask it, and stop it; return what took how long, in milliseconds."""
    started = time.perf_counter()
    running.start()
    found = {"start": (time.perf_counter() - started) * 1000, "start, CPU": running.cpu_s()["gateway"] * 1000}
    bearer = {"Authorization": f"Bearer {running.tokens[london.READERS[_FEED]]}"}
    with httpx.Client(base_url=running.url, timeout=60) as client:

        def timed(name: str, path: Callable[[], str], times: int = 9, headers: Any = None) -> None:
            taken = []
            for _ in range(times):
                begun = time.perf_counter()
                client.get(path(), headers=headers).raise_for_status()
                taken.append((time.perf_counter() - begun) * 1000)
            found[name] = median(taken)

        def anywhere() -> int:
            return chance.randrange(1, batches - 1000)

        timed("first page, the first time", lambda: "/", times=1)
        timed("first page", lambda: "/")
        timed("figures", lambda: "/figures", times=3)
        timed("register", lambda: "/register.json", times=3)
        timed(
            "1,000 batches of a feed",
            lambda: f"/v1/feeds/{_FEED}?after={anywhere()}&limit=1000",
            headers=bearer,
        )
        timed("a proof", lambda: f"/v1/feeds/{_FEED}/proofs?batch={anywhere()}", times=30, headers=bearer)
        timed("checkpoint", lambda: "/log/checkpoint")
        for what, took_ms in verified(running).items():
            found[f"verify of the newest hour{what}"] = took_ms
        if whole:
            found["verify of all, CPU"] = verified(running, "--whole")[", CPU"]
        time.sleep(12)  # a snapshot is kept
        found["memory, MB"] = sum(size for name, size in memory_mb(running).items() if "," not in name)
        found["snapshot, KB"] = max(
            path.stat().st_size / 1e3 for path in (running.folder / "snapshots").glob("*.snapshot")
        )
    running.stop()
    return found


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the medians of what was looked at in one or more rounds."""
    return {one: median([found[one] for found in rounds if one in found]) for one in rounds[0]}


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds of each size, in turns."""
    chance = random.Random(2007)
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        sizes: dict[str, tuple[Running, int]] = {}
        made_s = {}
        for batches, seconds in zip(BATCHES, LOG_S, strict=True):
            started = time.perf_counter()
            what = f"{batches:,} batches, {seconds:,} s of log"
            sizes[what] = grown(Path(name) / str(batches), batches, seconds), batches
            made_s[what] = time.perf_counter() - started
        rounds: dict[str, list[dict[str, float]]] = {what: [] for what in sizes}
        for number in range(ROUNDS):
            for what, (running, batches) in sizes.items():
                rounds[what].append(looked(running, batches, chance, whole=number == 0))
    return {
        "made_s": made_s,
        "medians": {what: medians(of) for what, of in rounds.items()},
    }


def main() -> None:
    """Print the result."""
    result = run()
    sides = list(result["medians"].values())
    print(" beside ".join(f"{what} (made in {s:.0f} s)" for what, s in result["made_s"].items()))
    for one in sides[0]:
        values = [side[one] for side in sides]
        print(
            f"{one:<28}" + "".join(f"{value:>12,.1f}" for value in values) + f"{values[-1] / values[0]:>9.2f}"
        )


if __name__ == "__main__":
    main()
