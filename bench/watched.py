"""`wicketgate serve` under a finer watch than its own: each pause of the loop's thread, and what it was of.

`bench tail` starts it in the gateway's place. At its end it writes what it saw to the file that
`WICKETGATE_BENCH_WATCHED` names.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import threading
import time
from array import array
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

BEAT_S = 0.002
LONG_S = 0.01
"""A pause from here on is kept, with what it was of."""
_LOOK_S = 0.005
_WATCHED = "WICKETGATE_BENCH_WATCHED"


class Work(NamedTuple):
    """A stretch of named work: collections of the garbage collector, snapshots, proofs.

    `held_s` is its time by the clock but for what its thread waited for a processor.
    """

    name: str
    on_loop: bool
    begun_s: float
    ended_s: float
    held_s: float


class Pauses:
    """The pauses of a loop's thread.

    A timer looks each `BEAT_S`. As late as it comes, so long took one round of the loop; what of it the thread waited
    for a processor is other programs' doing and is taken off. The rest is its own work, a wait for the disk, or a wait
    for the interpreter's lock. Where that lock was held by a thread that waited for a processor itself, the wait of the
    thread that waited longest is taken off too.
    """

    def __init__(self) -> None:
        self.held_s = array("d")
        self.long: list[tuple[float, float, float, float]] = []
        self.works: list[Work] = []
        self.looks: list[tuple[float, str]] = []
        self._beaten_s = self._waited_s = self._used_s = 0.0
        self._threads: dict[str, int] = {}
        self._waits_s: dict[str, float] = {}
        self._listed_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._collecting: tuple[float, float] = (0.0, 0.0)
        self.full: dict[str, float] = {}

    def start(self) -> None:
        """Begin to look, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        gc.callbacks.append(self._collected)
        threading.Thread(target=self._look_in, daemon=True).start()
        self._again()

    def _again(self) -> None:
        assert self._loop is not None
        self._used_s, self._waited_s = scheduled()
        self._beaten_s = time.perf_counter()
        if self._beaten_s - self._listed_s > 1:
            self._listed_s = self._beaten_s
            self._list_threads()
        self._waits_s = self._threads_waits_s()
        self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        late_s = time.perf_counter() - self._beaten_s - BEAT_S
        used_s, waited_s = scheduled()
        held_s = max(0.0, late_s - (waited_s - self._waited_s))
        if held_s >= LONG_S:
            waits_s = self._threads_waits_s()
            others_s = max((s - self._waits_s.get(name, s) for name, s in waits_s.items()), default=0.0)
            held_s = max(min(held_s, used_s - self._used_s), held_s - others_s)
        self.held_s.append(held_s)
        if held_s >= LONG_S:
            self.long.append((self._beaten_s, late_s, held_s, used_s - self._used_s))
        self._again()

    def _list_threads(self) -> None:
        running, own = set(os.listdir("/proc/self/task")), str(threading.get_native_id())
        for name in self._threads.keys() - running:
            os.close(self._threads.pop(name))
        for name in running - self._threads.keys() - {own}:
            with contextlib.suppress(FileNotFoundError):
                self._threads[name] = os.open(f"/proc/self/task/{name}/schedstat", os.O_RDONLY)

    def _threads_waits_s(self) -> dict[str, float]:
        """Return the seconds that each other thread has waited for a processor."""
        waits_s = {}
        for name, fd in self._threads.items():
            with contextlib.suppress(OSError, ValueError):
                waits_s[name] = int(os.pread(fd, 64, 0).split()[1]) / 1e9
        return waits_s

    def _look_in(self) -> None:
        # Another thread gets the interpreter's lock within some milliseconds, but for what holds it in one piece:
        # then it sees the line behind.
        while True:
            time.sleep(_LOOK_S)
            now_s = time.perf_counter()
            if now_s - self._beaten_s > LONG_S:
                frame = sys._current_frames().get(self._thread)
                names = []
                while frame is not None:
                    if "wicketgate" in frame.f_code.co_filename:
                        names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
                    frame = frame.f_back
                self.looks.append((now_s, " < ".join(names[:3]) or "the loop itself"))

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        now_s, used_s = time.perf_counter(), scheduled()[0]
        if phase == "start":
            self._collecting = now_s, used_s
            return
        begun_s, before_s = self._collecting
        # A collection holds the interpreter's lock, in whichever thread it is, but for what it ends of others.
        held_s = used_s - before_s
        self.works.append(Work(f"gc {info['generation']}", True, begun_s, now_s, held_s))

    def watch(self, owner: Any, function: str, name: str) -> None:
        """Note each call of a function from now on."""
        made: Callable[..., Any] = getattr(owner, function)

        @wraps(made)
        def noted(*args: Any, **kwargs: Any) -> Any:
            begun_s, before_s = time.perf_counter(), scheduled()[1]
            try:
                return made(*args, **kwargs)
            finally:
                ended_s, after_s = time.perf_counter(), scheduled()[1]
                on_loop = threading.get_ident() == self._thread
                held_s = ended_s - begun_s - (after_s - before_s)
                self.works.append(Work(name, on_loop, begun_s, ended_s, held_s))

        setattr(owner, function, noted)

    def stop(self) -> None:
        """Look no longer, and note what a full collection would take now."""
        gc.callbacks.remove(self._collected)
        tracked, begun_s, found = len(gc.get_objects()), time.thread_time(), gc.collect()
        took_s = time.thread_time() - begun_s
        self.full = {"objects": tracked, "frozen": gc.get_freeze_count(), "found": found, "ms": took_s * 1000}

    def causes(self, begun_s: float, ended_s: float) -> dict[str, float]:
        """Return what went on in a stretch of time, in seconds of it; where nothing named did, what was seen."""
        found: dict[str, float] = {}
        for work in self.works:
            within_s = min(work.ended_s, ended_s) - max(work.begun_s, begun_s)
            if within_s > 0:
                name = work.name if work.on_loop else f"beside {work.name}"
                found[name] = found.get(name, 0.0) + within_s
        for at_s, what in self.looks:
            if begun_s <= at_s <= ended_s:
                found[what] = found.get(what, 0.0) + _LOOK_S
        return found

    def told(self) -> dict[str, Any]:
        """Return what was seen, in milliseconds."""
        ordered = sorted(self.held_s)
        works: dict[str, list[float]] = {}
        for work in self.works:
            where = work.name if work.on_loop else f"{work.name}, in a thread"
            works.setdefault(where, []).append(work.held_s * 1000)
        return {
            "beats": len(ordered),
            "p50_ms": _share(ordered, 0.5) * 1000,
            "p99_ms": _share(ordered, 0.99) * 1000,
            "p999_ms": _share(ordered, 0.999) * 1000,
            "worst_ms": ordered[-1] * 1000 if ordered else 0.0,
            "over_20_ms": sum(held_s >= 0.02 for held_s in ordered),
            "full_collection": self.full,
            "works": {
                name: {"times": len(all_ms), "worst_ms": max(all_ms), "total_ms": sum(all_ms)}
                for name, all_ms in sorted(works.items())
            },
            "long": [
                {
                    "at_s": begun_s,
                    "held_ms": held_s * 1000,
                    "cpu_ms": cpu_s * 1000,
                    "causes_ms": {
                        name: round(within_s * 1000, 1)
                        for name, within_s in sorted(
                            self.causes(begun_s, begun_s + BEAT_S + late_s).items(), key=lambda one: -one[1]
                        )[:4]
                    },
                }
                for begun_s, late_s, held_s, cpu_s in sorted(self.long, key=lambda one: -one[2])[:200]
            ],
        }


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def scheduled() -> tuple[float, float]:
    """Return the seconds that this thread has run, and those that it has waited for a processor."""
    fd = getattr(_local, "fd", None)
    if fd is None:
        fd = _local.fd = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    ran, waited, _ = os.pread(fd, 64, 0).split()
    return int(ran) / 1e9, int(waited) / 1e9


_local = threading.local()


async def alone() -> None:
    """Watch an empty loop until standard input ends, and tell of it."""
    pauses = Pauses()
    pauses.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(pauses.told()))


def main() -> int:
    """Run the command line with the watch in it."""
    import uvloop

    from wicketgate.base.loop import LoopGuard
    from wicketgate.cli import main as wicketgate
    from wicketgate.commits import snapshots, writer
    from wicketgate.feeds.index import FeedIndex
    from wicketgate.ledger.proofs import Proofs
    from wicketgate.ledger.writer import Ledger
    from wicketgate.reads.repeats import Seen

    if sys.argv[1:] == ["--alone"]:
        uvloop.run(alone())
        return 0
    pauses = Pauses()
    for owner, function, name in (
        (snapshots.StateDump, "of", "snapshot: encoded"),
        (snapshots.Snapshots, "save", "snapshot: written"),
        (Proofs, "add", "proofs"),
        (writer.Commits, "_close_second", "a second closed"),
        (Ledger, "append", "log written"),
        (FeedIndex, "write", "feeds' index written"),
        (Seen, "begin_flush", "repeats: flush begun"),
        (Seen, "flush", "repeats: flushed"),
        (Seen, "end_flush", "repeats: flush ended"),
    ):
        pauses.watch(owner, function, name)
    begin, end = LoopGuard.start, LoopGuard.stop

    def start(guard: LoopGuard) -> None:
        begin(guard)
        pauses.start()

    def stop(guard: LoopGuard) -> None:
        end(guard)
        pauses.stop()

    LoopGuard.start, LoopGuard.stop = start, stop  # type: ignore[method-assign,assignment]
    try:
        return wicketgate(sys.argv[1:])
    finally:
        Path(os.environ.get(_WATCHED, os.devnull)).write_text(json.dumps(pauses.told()))


if __name__ == "__main__":
    main()
